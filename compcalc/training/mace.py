"""Training a MACE through mace-torch's own training program, in a process of its own."""

import json
import math
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compcalc.errors import InputError
from compcalc.training.architecture import Architecture, Fit, Job, Progress, TrainingError
from compcalc.training.budget import epochs_within
from compcalc.training.mace_command import command_line
from compcalc.training.mace_program import History, Program
from compcalc.training.split import TrainingSplit
from compcalc.units import MEV_PER_EV, SECONDS_PER_MINUTE

LEARNING_RATE, FINE_LEARNING_RATE = 0.01, 0.001

PLANNED = 0.95
"""Share of a budget in which epochs are planned, and after which they are cut off: the model has to be written."""


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
        steps: optimisation steps, at most, instead of epochs: models of different tasks are then trained alike.
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
    steps: int | None = None
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
        if self.steps is not None and self.steps < 1:
            raise InputError("steps", self.steps, "1 or more")
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
    deadline: float = float("inf"),
) -> tuple[Path, History]:
    """Fit a MACE; a killed training goes on from its best checkpoint when called again with the same arguments.

    Args:
        split: training and validation frames.
        atomic_energies: element symbol -> E0, eV.
        directory: for everything the training program writes, its log included.
        settings: see `MACESettings`.
        seed: of weights and batches.
        on_epoch: told of each epoch and its validation errors (`mae_f` in eV/angstrom, `mae_e_per_atom` in eV).
        deadline: on `time.monotonic`, s; what is best by then is the model.

    Returns:
        path of the model file; losses on the validation frames.

    Raises:
        TrainingError: the program failed, and the message has the end of its log; or the deadline came before the end
            of the first epoch.
    """
    program = Program(directory, seed)
    arguments = command_line(settings, split, atomic_energies, directory, seed)
    history = program.run(arguments, on_epoch, settings.patience, deadline)
    if history.cut_off and not program.has_checkpoint():
        raise TrainingError("the time was over before the first epoch had ended. Give it a larger --budget.")
    if history.exhausted(settings.patience) or history.cut_off:
        # The program ends neither by patience nor by the clock; its model is written from the best epoch, in a session
        # without any.
        if history.losses:
            program.keep_checkpoints_until(history.best)
        last = history.best - 1 if history.losses else 0
        program.run([*arguments, f"--max_num_epochs={last}"], lambda epoch, errors: None)
    model = directory / "model.model"
    program.refuse_failure(model)
    shutil.rmtree(directory / "checkpoints", ignore_errors=True)
    return model, history


def fit_mace(job: Job, settings: MACESettings) -> Fit:
    """Fit a MACE to the job's frames.

    Raises:
        TrainingError: the program failed, and the message has the end of its log; or its time was too short for one
            epoch.
    """
    began = time.monotonic() - job.spent_seconds
    deadline = float("inf") if job.minutes is None else began + SECONDS_PER_MINUTE * PLANNED * job.minutes
    settings = replace(settings, epochs=_asked(job, settings))
    asked, settings = settings.epochs, replace(settings, epochs=_epochs(job, settings, began))

    def on_epoch(epoch: int, errors: dict) -> None:
        words = f"validation force MAE {MEV_PER_EV * errors['mae_f']:.1f} meV/A"
        job.on_progress(Progress(epoch, settings.epochs, words))

    model, history = train_mace(
        job.split, job.atomic_energies, job.directory, settings, seed=job.seed, on_epoch=on_epoch, deadline=deadline
    )
    stopped = history.exhausted(settings.patience)
    epochs = {"best_epoch": history.best, "epochs": history.last} if history.losses else {}
    notes = ()
    if settings.epochs < asked:
        notes += (f"{settings.epochs} of {asked} epochs fit into the budget of {job.minutes:g} min",)
    if history.cut_off:
        notes += (f"the budget of {job.minutes:g} min ended before the last epoch",)
    if history.sessions > 1:
        notes += (f"the training was cut off and went on: only epochs from {history.first} on were chosen among",)
    return Fit(
        model,
        "epoch with the lowest loss on validation starts of the training molecules (in distribution only)"
        + (f"; stopped after {settings.patience} epochs without a lower one" if stopped else ""),
        details={
            **epochs,
            "epochs_planned": settings.epochs,
            "stopped_early": stopped,
            **_init_details(job, settings),
        },
        notes=notes,
    )


def prepare_mace(settings: MACESettings, elements: Collection[str]) -> tuple[MACESettings, Mapping[str, Any]]:
    """The settings as they will be; a foundation model is looked at first, see `prepare_init`."""
    if settings.init is None:
        return settings, {}
    from compcalc.training.mace_init import prepare_init  # the first file to load a model

    return prepare_init(settings, elements)


def _steps_an_epoch(job: Job, settings: MACESettings) -> int:
    return math.ceil(job.split.count()[0] / settings.batch_size)


def _asked(job: Job, settings: MACESettings) -> int:
    """Epochs that the settings ask for; whole ones, so that the last may have more steps than were asked for."""
    if settings.steps is None:
        return settings.epochs
    return math.ceil(settings.steps / _steps_an_epoch(job, settings))


def _epochs(job: Job, settings: MACESettings, began: float) -> int:
    """Epochs that the budget allows, which the learning rate's fall follows; the same in every session of a job."""
    if job.minutes is None:
        return settings.epochs
    kept = job.directory / "epochs.json"
    if not kept.is_file():
        job.on_progress(Progress(0, settings.epochs, "timing the first steps"))
        place = job.directory / "pace"
        arguments = command_line(settings, job.split, job.atomic_energies, place, job.seed)
        timed = time.monotonic()
        seconds = Program(place, job.seed).epoch_seconds(arguments, _steps_an_epoch(job, settings))
        # The program starts twice more: to train, and to write the model of the best epoch.
        spent = time.monotonic() - began + 2.0 * (time.monotonic() - timed)
        shutil.rmtree(place)
        epochs = epochs_within(PLANNED * job.minutes, seconds, settings.epochs, spent)
        kept.write_text(json.dumps({"epochs": epochs, "epoch_seconds": round(seconds, 3)}))
    return int(json.loads(kept.read_text())["epochs"])


def _init_details(job: Job, settings: MACESettings) -> dict[str, Any]:
    if settings.init is None:
        return {}
    from compcalc.training.mace_init import Foundation

    return Foundation.of(settings, job.split, job.atomic_energies, job.directory).details(settings.init)


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
