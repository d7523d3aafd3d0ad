"""Training a MACE through mace-torch's own training program, in a process of its own."""

import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase.data import atomic_numbers

from compcalc.errors import InputError
from compcalc.reference.export import export
from compcalc.training.architecture import Architecture, Fit, Job, Progress
from compcalc.training.mace_program import History, Program
from compcalc.training.split import TrainingSplit
from compcalc.units import MEV_PER_EV

LEARNING_RATE, FINE_LEARNING_RATE = 0.01, 0.001


@dataclass(frozen=True)
class MACESettings:
    """Architecture and optimisation of a MACE.

    Attributes:
        init: what is fine-tuned, `default` or the path of a MACE file; it decides channels, cut-off and the other
            settings of the architecture. Loading such a file runs the code in it. Default: nothing, random weights.
        channels: of the hidden features.
        max_L: highest degree of the messages.
        max_ell: highest degree of the spherical harmonics.
        correlation: order of the many-body product.
        layers: number of message-passing layers.
        r_max: cut-off of one layer, angstrom.
        radial: width of the radial network's hidden layer.
        epochs: passes over the training frames, at most.
        patience: passes without a lower loss on the validation frames after which the training stops.
        batch_size: frames a step.
        learning_rate: at the start; it falls exponentially to 1%. Default: 0.01, and 0.001 where `init` is given.
        energy_weight: of the loss; errors per atom are small, so that even this leaves the forces 99% of it.
        forces_weight: of the loss.
        dtype: `float32` or `float64`.
        device: torch device.
    """

    init: str | None = None
    channels: int = 32
    max_L: int = 0
    max_ell: int = 2
    correlation: int = 2
    layers: int = 2
    r_max: float = 3.5
    radial: int = 32
    epochs: int = 60
    patience: int = 20
    batch_size: int = 5
    learning_rate: float | None = None
    energy_weight: float = 1000.0
    forces_weight: float = 100.0
    dtype: str = "float32"
    device: str = "cpu"

    def __post_init__(self):
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", LEARNING_RATE if self.init is None else FINE_LEARNING_RATE)
        for name in ("channels", "max_ell", "correlation", "layers", "radial", "epochs", "patience", "batch_size"):
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

    @property
    def label(self) -> str:
        """Tells trainings from different models apart, in the names of their folders."""
        return "" if self.init is None else f"from-{Path(self.init.partition('?')[0]).stem}"


def train_mace(
    split: TrainingSplit,
    atomic_energies: Mapping[str, float],
    directory: Path,
    settings: MACESettings,
    *,
    seed: int,
    on_epoch: Callable[[int, dict], None] = lambda epoch, errors: None,
) -> tuple[Path, History]:
    """Fit a MACE; a killed training goes on from its best checkpoint when called again with the same arguments.

    Args:
        split: training and validation frames.
        atomic_energies: element symbol -> E0, eV.
        directory: for everything the training program writes, its log included.
        settings: see `MACESettings`.
        seed: of weights and batches.
        on_epoch: told of each epoch and its validation errors (`mae_f` in eV/angstrom, `mae_e_per_atom` in eV).

    Returns:
        path of the model file; losses on the validation frames.

    Raises:
        TrainingError: the program failed; the message has the end of its log.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name, groups in (("train", split.train), ("valid", split.valid)):
        path = directory / f"{name}.xyz"
        if not path.exists():
            export(groups, path)
    atomic_energies, begun = _beginning(settings, split, atomic_energies, directory)
    # The model knows the elements it is trained on and no others.
    seen = {int(z) for frames in split.train for z in frames.numbers}
    energies = {atomic_numbers[s]: e for s, e in atomic_energies.items() if atomic_numbers[s] in seen}
    program = Program(directory, seed)
    arguments = _arguments(settings, energies, seed) + begun
    history = program.run(arguments, on_epoch, settings.patience)
    if history.exhausted(settings.patience):
        # The program has no end to its patience; its model is written from the best epoch in a session without any.
        program.keep_checkpoints_until(history.best)
        program.run([*arguments, f"--max_num_epochs={history.best - 1}"], lambda epoch, errors: None)
    model = directory / "model.model"
    program.refuse_failure(model)
    shutil.rmtree(directory / "checkpoints", ignore_errors=True)
    return model, history


def fit_mace(job: Job, settings: MACESettings) -> Fit:
    """Fit a MACE to the job's frames.

    Raises:
        TrainingError: the program failed; the message has the end of its log.
    """

    def on_epoch(epoch: int, errors: dict) -> None:
        words = f"validation force MAE {MEV_PER_EV * errors['mae_f']:.1f} meV/A"
        job.on_progress(Progress(epoch, settings.epochs, words))

    model, history = train_mace(
        job.split, job.atomic_energies, job.directory, settings, seed=job.seed, on_epoch=on_epoch
    )
    stopped = history.exhausted(settings.patience)
    epochs = {"best_epoch": history.best, "epochs": history.last} if history.losses else {}
    notes = ()
    if history.sessions > 1:
        notes = (f"the training was cut off and went on: only epochs from {history.first} on were chosen among",)
    return Fit(
        model,
        "epoch with the lowest loss on validation starts of the training molecules (in distribution only)"
        + (f"; stopped after {settings.patience} epochs without a lower one" if stopped else ""),
        details={**epochs, "stopped_early": stopped, **_init_details(job, settings)},
        notes=notes,
    )


def prepare_mace(settings: MACESettings, elements: Collection[str]) -> tuple[MACESettings, Mapping[str, Any]]:
    """The settings as they will be; a foundation model is looked at first, see `prepare_init`."""
    if settings.init is None:
        return settings, {}
    from compcalc.training.mace_init import prepare_init  # the first file to load a model

    return prepare_init(settings, elements)


def _beginning(
    settings: MACESettings, split: TrainingSplit, atomic_energies: Mapping[str, float], directory: Path
) -> tuple[Mapping[str, float], list[str]]:
    """E0 of the model, symbol -> eV, and arguments of the program that say what it begins with."""
    if settings.init is None:
        return atomic_energies, []
    from compcalc.training.mace_init import Foundation

    foundation = Foundation.of(settings, split, atomic_energies, directory)
    return foundation.energies, foundation.arguments


def _init_details(job: Job, settings: MACESettings) -> dict[str, Any]:
    if settings.init is None:
        return {}
    from compcalc.training.mace_init import Foundation

    return Foundation.of(settings, job.split, job.atomic_energies, job.directory).details(settings.init)


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
    flags = ["--ema", "--amsgrad", "--restart_latest", "--keep_checkpoints", "--save_cpu"]
    return [f"--{name}={value}" for name, value in values.items()] + flags


ARCHITECTURE = Architecture(
    "mace",
    "a small MACE, through mace-torch",
    MACESettings,
    fit_mace,
    scheme="mace",
    file="{name}.model",
    requires=("mace", "torch"),
    install="pip install mace-torch",
    prepare=prepare_mace,
)
