"""Training SchNet, PaiNN, TensorNet and NequIP through the package graph-pes, in a process of its own."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ase.data import chemical_symbols

import compcalc
from compcalc.errors import InputError
from compcalc.reference.export import export
from compcalc.training.architecture import Architecture, Fit, Job, Progress, TrainingError
from compcalc.training.process import command, end_of_log, environment
from compcalc.units import MEV_PER_EV

_OPTIMISATION = ("epochs", "patience", "batch_size", "learning_rate", "energy_weight", "forces_weight", "device")


@dataclass(frozen=True)
class GraphPESSettings:
    """What all models of graph-pes have in common.

    Attributes:
        r_max: cut-off of one layer, angstrom.
        layers: number of message-passing layers.
        epochs: passes over the training frames, at most.
        patience: passes without a lower loss on the validation frames after which the training stops.
        batch_size: frames a step.
        learning_rate: after the first epoch; it falls exponentially to 1%.
        energy_weight: of the squared error of the energy per atom in the loss.
        forces_weight: of the squared error of the forces in the loss.
        device: torch device.
    """

    model: ClassVar[str]
    """Name of the class in graph-pes."""

    r_max: float = 4.0
    layers: int = 3
    epochs: int = 100
    patience: int = 20
    batch_size: int = 5
    learning_rate: float = 0.002
    energy_weight: float = 10.0
    forces_weight: float = 1.0
    device: str = "cpu"

    def __post_init__(self):
        for name, value in vars(self).items():
            if isinstance(value, int) and value < 1:
                raise InputError(name, value, "1 or more")
        if not 1.0 < self.r_max <= 20.0:
            raise InputError("r_max", self.r_max, "1 to 20 angstrom")
        for name in ("learning_rate", "energy_weight", "forces_weight"):
            if not getattr(self, name) > 0:
                raise InputError(name, getattr(self, name), "above 0")

    def arguments(self, elements: Sequence[str]) -> dict[str, Any]:
        """Arguments of the model's class, JSON-able, for a model of these elements."""
        raise NotImplementedError


@dataclass(frozen=True)
class SchNetSettings(GraphPESSettings):
    """A SchNet.

    Attributes:
        channels: of an atom.
        radial: functions of the distance.
    """

    model = "SchNet"
    channels: int = 64
    radial: int = 50

    def arguments(self, elements: Sequence[str]) -> dict[str, Any]:
        """See `GraphPESSettings`."""
        return _sizes(self) | {"channels": self.channels, "expansion_features": self.radial}


@dataclass(frozen=True)
class PaiNNSettings(GraphPESSettings):
    """A PaiNN.

    Attributes:
        channels: of an atom, scalars and vectors each.
        radial: functions of the distance.
    """

    model = "PaiNN"
    layers: int = 2
    channels: int = 48
    radial: int = 20

    def arguments(self, elements: Sequence[str]) -> dict[str, Any]:
        """See `GraphPESSettings`."""
        return _sizes(self) | {"channels": self.channels, "radial_features": self.radial}


@dataclass(frozen=True)
class TensorNetSettings(GraphPESSettings):
    """A TensorNet.

    Attributes:
        channels: of an atom, each a matrix of 3 x 3.
        radial: functions of the distance.
    """

    model = "TensorNet"
    layers: int = 2
    channels: int = 16
    radial: int = 16

    def arguments(self, elements: Sequence[str]) -> dict[str, Any]:
        """See `GraphPESSettings`."""
        return _sizes(self) | {"channels": self.channels, "radial_features": self.radial}


@dataclass(frozen=True)
class NequIPSettings(GraphPESSettings):
    """A NequIP.

    Attributes:
        channels: of each degree.
        l_max: highest degree.
        radial: functions of the distance.
    """

    model = "NequIP"
    layers: int = 2
    learning_rate: float = 0.01
    channels: int = 16
    l_max: int = 1
    radial: int = 8

    def arguments(self, elements: Sequence[str]) -> dict[str, Any]:
        """See `GraphPESSettings`."""
        features = {"channels": self.channels, "l_max": self.l_max, "use_odd_parity": True}
        own = {"elements": list(elements), "features": features, "radial_features": self.radial}
        return _sizes(self) | own | {"self_interaction": "linear"}


def fit_graph_pes(job: Job, settings: GraphPESSettings) -> Fit:
    """Fit a model of graph-pes to the job's frames; what was cut off goes on from the end of its last whole epoch.

    Raises:
        TrainingError: an element has no E0, or the program failed; the message has the end of its log.
    """
    _write_files(job, settings)

    def told(entry: dict) -> None:
        words = f"validation force MAE {MEV_PER_EV * entry['force_mae']:.1f} meV/A"
        job.on_progress(Progress(entry["epoch"], entry["epochs"], words))

    _run(job.directory, told)
    result = json.loads((job.directory / "result.json").read_text())
    stopped = f"; stopped after {settings.patience} epochs without a lower one" if result["stopped_early"] else ""
    return Fit(
        job.directory / "model.pt",
        f"epoch with the lowest loss on validation starts of the training molecules (in distribution only){stopped}",
        details=result,
    )


def _write_files(job: Job, settings: GraphPESSettings) -> None:
    """What the program reads: frames and plan."""
    for name, groups in (("train", job.split.train), ("valid", job.split.valid)):
        path = job.directory / f"{name}.xyz"
        if not path.exists():
            export(groups, path)
    # The model knows the elements it is trained on and no others.
    elements = [chemical_symbols[z] for z in sorted({int(z) for frames in job.split.train for z in frames.numbers})]
    missing = [symbol for symbol in elements if symbol not in job.atomic_energies]
    if missing:
        raise TrainingError(f"the data set has no E0 of {', '.join(missing)}")
    plan = {
        "model": settings.model,
        "arguments": settings.arguments(elements),
        "cutoff": settings.r_max,
        "fit": {name: getattr(settings, name) for name in _OPTIMISATION},
        "atomic_energies": {symbol: job.atomic_energies[symbol] for symbol in elements},
        "seed": job.seed,
        "minutes": job.minutes,
    }
    (job.directory / "plan.json").write_text(json.dumps(plan, indent=1))


def _run(directory: Path, on_epoch: Callable[[dict], None]) -> None:
    """Run the program to its end.

    Raises:
        TrainingError: it failed.
    """
    path, result = directory / "training.log", directory / "result.json"
    result.unlink(missing_ok=True)
    # The program is a module of this package, wherever this process has found that.
    root = str(Path(compcalc.__file__).parents[1])
    variables = environment()
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [root, variables.get("PYTHONPATH", "")]))
    line = command("compcalc.training.graph_pes_program", [str(directory / "plan.json"), repr(time.time())])
    with path.open("a", buffering=1) as log:
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=log, env=variables, text=True)
        try:
            for text in process.stdout:
                log.write(text)
                entry = _entry(text)
                if entry is not None:
                    on_epoch(entry)
        finally:
            process.stdout.close()
            if process.poll() is None and not result.exists():
                process.kill()
            code = process.wait()  # nothing may write into the directory once this function has ended
    if code or not result.exists():
        raise TrainingError(f"graph-pes ended with code {code} and no model. End of {path}:\n{end_of_log(path)}")


def _entry(text: str) -> dict | None:
    """An epoch, of a line of the program's output; None for a line of something else."""
    try:
        entry = json.loads(text)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "force_mae" in entry else None


def _sizes(settings: GraphPESSettings) -> dict[str, Any]:
    return {"cutoff": settings.r_max, "layers": settings.layers}


def _architecture(name: str, what: str, settings: type[GraphPESSettings]) -> Architecture:
    return Architecture(
        name,
        f"a small {what}, through graph-pes",
        settings,
        fit_graph_pes,
        scheme="graph-pes",
        file="{name}.pt",
        requires=("graph_pes",),
        install="pip install 'compcalc[graph-pes]'",
    )


SCHNET = _architecture("schnet", "SchNet", SchNetSettings)
PAINN = _architecture("painn", "PaiNN", PaiNNSettings)
TENSORNET = _architecture("tensornet", "TensorNet", TensorNetSettings)
NEQUIP = _architecture("nequip", "NequIP", NequIPSettings)
