"""Delta-learning: a model of what a cheap potential lacks, and the potential that is the sum of both."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from compcalc.calculators import get_calculator
from compcalc.calculators.delta import FILE, save_delta
from compcalc.errors import CompcalcError, InputError
from compcalc.records import Frames
from compcalc.reference.atomic_energies import fit_atomic_energies
from compcalc.reference.labelling import Labeller
from compcalc.training.architecture import Architecture, Fit, Job, Progress, TrainingError
from compcalc.training.catalogue import get_architecture
from compcalc.training.split import TrainingSplit
from compcalc.units import SECONDS_PER_MINUTE


@dataclass(frozen=True)
class DeltaSettings:
    """What is corrected, and by what.

    Attributes:
        base: spec of the potential that is corrected, such as mmff94 or tblite:GFN1-xTB.
        arch: architecture of the correction.
        correction: settings of that architecture; default: its own.
    """

    base: str = "mmff94"
    arch: str = "mace"
    correction: Any = None

    def __post_init__(self):
        if self.arch == "delta":
            raise InputError("arch", self.arch, "any architecture but delta itself")
        if self.correction is None:
            object.__setattr__(self, "correction", get_architecture(self.arch).settings())
        if getattr(self.correction, "init", None) is not None:
            raise InputError(
                "init",
                self.correction.init,
                "nothing in a correction",
                "A foundation model gives whole energies: fine-tune it by itself, or correct it with --base.",
            )

    @property
    def label(self) -> str:
        """Tells corrections of different potentials apart, in the names of their folders."""
        return f"{self.base}-{self.arch}"


def fit_delta(job: Job, settings: DeltaSettings) -> Fit:
    """Fit a correction to the labels minus what the base gives for them.

    The energy scales of the base and the reference are brought together by element first, with energies E0 of the base
    from the same small molecules that those of the reference come from; a fit to the training molecules would not
    determine them.

    Raises:
        TrainingError: the base cannot be built, or fails on a frame.
        Exception: whatever the fit of the correction raises.
    """
    began = time.monotonic()
    architecture = get_architecture(settings.arch)
    architecture.refuse_missing()
    if not job.atomic_energies:
        raise TrainingError("the data set has no E0 of the elements, which the base's are compared with")
    labeller = _labeller(settings.base)
    missing = _residuals(job, labeller, settings.base)
    own = _base_energies(labeller, settings.base)
    shifts = {symbol: energy - own[symbol] for symbol, energy in job.atomic_energies.items() if symbol in own}
    inside = job.directory / settings.arch
    inside.mkdir(exist_ok=True)
    left = None if job.minutes is None else max(0.0, job.minutes - (time.monotonic() - began) / SECONDS_PER_MINUTE)
    fitted = architecture.fit(
        replace(job, split=missing, atomic_energies=shifts, directory=inside, minutes=left), settings.correction
    )
    correction = job.directory / f"correction{fitted.model.suffix}"
    correction.write_bytes(fitted.model.read_bytes())
    model = job.directory / FILE
    save_delta(model, base=settings.base, scheme=architecture.scheme, correction=correction)
    notes = (f"errors are those of {settings.base} and the correction together", *fitted.notes)
    return Fit(model, fitted.selection, (correction, *fitted.beside), {**fitted.details, "shifts_ev": shifts}, notes)


def _labeller(base: str) -> Labeller:
    try:
        return Labeller(get_calculator(base))
    except CompcalcError as error:
        raise TrainingError(f"the base {base} is not available. {error}") from error


def _base_energies(labeller: Labeller, base: str) -> dict[str, float]:
    try:
        return fit_atomic_energies(labeller)
    except Exception as error:
        raise TrainingError(
            f"the base {base} fails on the small molecules that its E0 come from ({type(error).__name__}: {error}). "
            "Choose another base."
        ) from error


def _residuals(job: Job, labeller: Labeller, base: str) -> TrainingSplit:
    """The split with energies and forces minus those of the base, which are kept in the job's directory."""
    total, done = job.split.count()[0] + job.split.count()[1], 0

    def told(frames: int) -> None:
        nonlocal done
        done += frames
        job.on_progress(Progress(done, total, f"frames with {base}"))

    kept = job.directory / "base"
    kept.mkdir(exist_ok=True)
    return TrainingSplit(
        _minus(job.split.train, labeller, base, kept / "train", told),
        _minus(job.split.valid, labeller, base, kept / "valid", told),
    )


def _minus(
    groups: Sequence[Frames], labeller: Labeller, base: str, kept: Path, told: Callable[[int], None]
) -> tuple[Frames, ...]:
    found = []
    for frames in groups:
        path = kept.with_name(f"{kept.name}-{frames.molecule.file_stem}.npz")
        if not path.is_file():
            _write(path, _labels(frames, labeller, base))
        with np.load(path, allow_pickle=False) as labels:
            energy, forces = frames.energy - labels["energy"], frames.forces - labels["forces"]
        found.append(replace(frames, energy=energy, forces=forces))
        told(len(frames))
    return tuple(found)


def _labels(frames: Frames, labeller: Labeller, base: str) -> dict[str, np.ndarray]:
    energies, forces = [], []
    for index, positions in enumerate(frames.positions):
        try:
            energy, force = labeller.label(frames.numbers, positions)
        except Exception as error:
            raise TrainingError(
                f"the base {base} fails on frame {index} of {frames.molecule.name} ({type(error).__name__}: {error}). "
                "Choose another base."
            ) from error
        energies.append(energy)
        forces.append(force)
    return {"energy": np.array(energies), "forces": np.array(forces)}


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    partial = path.with_name(f".{path.name}.partial.npz")
    np.savez(partial, **arrays)
    partial.replace(path)


ARCHITECTURE = Architecture(
    "delta",
    "a correction, of any other architecture, to a cheap potential",
    DeltaSettings,
    fit_delta,
    scheme="delta",
    file=FILE,
)
