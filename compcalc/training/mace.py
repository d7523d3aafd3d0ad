"""Training a MACE through mace-torch's own training program, in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ase.data import atomic_numbers

from compcalc.errors import CompcalcError, InputError
from compcalc.reference.export import export
from compcalc.training.split import TrainingSplit


class TrainingError(CompcalcError):
    """The training program ended without a model."""


@dataclass(frozen=True)
class MACESettings:
    """Architecture and optimisation of a MACE.

    Attributes:
        channels: of the hidden features.
        max_L: highest degree of the messages.
        max_ell: highest degree of the spherical harmonics.
        correlation: order of the many-body product.
        layers: number of message-passing layers.
        r_max: cut-off of one layer, angstrom.
        radial: width of the radial network's hidden layer.
        epochs: passes over the training frames.
        batch_size: frames a step.
        learning_rate: at the start; it falls exponentially to 1%.
        energy_weight: of the loss; errors per atom are small, so that even this leaves the forces 99% of it.
        forces_weight: of the loss.
        dtype: `float32` or `float64`.
        device: torch device.
    """

    channels: int = 32
    max_L: int = 0
    max_ell: int = 2
    correlation: int = 2
    layers: int = 2
    r_max: float = 3.5
    radial: int = 32
    epochs: int = 60
    batch_size: int = 5
    learning_rate: float = 0.01
    energy_weight: float = 1000.0
    forces_weight: float = 100.0
    dtype: str = "float32"
    device: str = "cpu"

    def __post_init__(self):
        for name in ("channels", "max_ell", "correlation", "layers", "radial", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(name, getattr(self, name), "1 or more")
        if self.max_L < 0:
            raise InputError("max_L", self.max_L, "0 or more")
        if not 1.0 < self.r_max <= 20.0:
            raise InputError("r_max", self.r_max, "1 to 20 angstrom")
        if not self.learning_rate > 0:
            raise InputError("learning_rate", self.learning_rate, "above 0")
        if self.dtype not in ("float32", "float64"):
            raise InputError("dtype", self.dtype, "float32, float64")


def train_mace(
    split: TrainingSplit,
    atomic_energies: Mapping[str, float],
    directory: Path,
    settings: MACESettings,
    *,
    seed: int,
    on_epoch: Callable[[int, dict], None] = lambda epoch, errors: None,
) -> Path:
    """Fit a MACE; a killed training goes on from its last checkpoint when called again with the same arguments.

    Args:
        split: training and validation frames.
        atomic_energies: element symbol -> E0, eV.
        directory: for everything the training program writes, its log included.
        settings: see `MACESettings`.
        seed: of weights and batches.
        on_epoch: told of each epoch and its validation errors (`mae_f` in eV/angstrom, `mae_e_per_atom` in eV).

    Returns:
        Path of the model file.

    Raises:
        TrainingError: the program failed; the message has the end of its log.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name, groups in (("train", split.train), ("valid", split.valid)):
        path = directory / f"{name}.xyz"
        if not path.exists():
            export(groups, path)
    # The model knows the elements it is trained on and no others.
    seen = {int(z) for frames in split.train for z in frames.numbers}
    energies = {atomic_numbers[s]: e for s, e in atomic_energies.items() if atomic_numbers[s] in seen}
    command = [sys.executable, "-m", "mace.cli.run_train", *_arguments(settings, energies, seed)]
    log = directory / "training.log"
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=subprocess.STDOUT, env=_environment())
        try:
            _follow(process, directory / "results" / f"model_run-{seed}_train.txt", on_epoch)
        except BaseException:
            process.kill()
            process.wait()  # nothing may write into the directory once this function has ended
            raise
    model = directory / "model.model"
    if process.returncode or not model.exists():
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise TrainingError(f"mace-torch ended with code {process.returncode} and no model. End of {log}:\n{tail}")
    shutil.rmtree(directory / "checkpoints", ignore_errors=True)
    return model


def _arguments(settings: MACESettings, atomic_energies: Mapping[int, float], seed: int) -> list[str]:
    energies = ", ".join(f"{z}: {energy!r}" for z, energy in sorted(atomic_energies.items()))
    values = {
        "name": "model",
        "model": "ScaleShiftMACE",
        "train_file": "train.xyz",
        "valid_file": "valid.xyz",
        "energy_key": "REF_energy",
        "forces_key": "REF_forces",
        "E0s": f"{{{energies}}}",
        "num_channels": settings.channels,
        "max_L": settings.max_L,
        "max_ell": settings.max_ell,
        "correlation": settings.correlation,
        "num_interactions": settings.layers,
        "r_max": settings.r_max,
        "radial_MLP": f"[{settings.radial}]",
        "scaling": "rms_forces_scaling",
        "loss": "weighted",
        "energy_weight": settings.energy_weight,
        "forces_weight": settings.forces_weight,
        "batch_size": settings.batch_size,
        "valid_batch_size": 4 * settings.batch_size,
        "max_num_epochs": settings.epochs,
        "lr": settings.learning_rate,
        "scheduler": "ExponentialLR",
        "lr_scheduler_gamma": 0.01 ** (1 / settings.epochs),
        "ema_decay": 0.99,
        "error_table": "PerAtomMAE",
        "default_dtype": settings.dtype,
        "device": settings.device,
        "seed": seed,
        "plot": False,
    }
    flags = ["--ema", "--amsgrad", "--restart_latest", "--save_cpu"]
    return [f"--{name}={value}" for name, value in values.items()] + flags


def _environment() -> dict[str, str]:
    # Threads that spin while they wait slow a shared machine down by a factor of ten and more.
    return {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONWARNINGS": "ignore", **os.environ}


def _follow(process: subprocess.Popen, results: Path, on_epoch: Callable[[int, dict], None]) -> None:
    """Report each epoch from the results file while the process runs."""
    position = 0
    while True:
        ended = process.poll() is not None
        if results.exists():
            with results.open() as file:
                file.seek(position)
                while (line := file.readline()).endswith("\n"):
                    position = file.tell()
                    entry = json.loads(line)
                    if entry.get("mode") == "eval" and entry.get("epoch") is not None:
                        on_epoch(int(entry["epoch"]) + 1, entry)
        if ended:
            return
        time.sleep(0.5)
