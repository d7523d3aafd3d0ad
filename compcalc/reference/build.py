"""Building a data set: one work unit a trajectory, then one HDF5 file for each trajectory letter."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from compcalc.execution import Result, Unit, content_hash
from compcalc.records import Frames
from compcalc.reference.labelling import CalculatorFactory, Labeller
from compcalc.reference.plan import FILES, PlannedTrajectory
from compcalc.reference.sampler import TorsionField, sample
from compcalc.reference.store import write_frames

_ARRAYS = ("numbers", "positions", "energy", "forces", "bonds", "start")
_PACKAGES = ("compcalc", "ase", "numpy", "rdkit", "tblite")


@dataclass(frozen=True)
class BuildSettings:
    """What determines the labels of a data set.

    Attributes:
        method: name of the labelling method, recorded with the data.
        dynamics_method: name of what drives the sampling.
        seed: of the whole data set.
    """

    method: str
    dynamics_method: str
    seed: int


@dataclass(frozen=True)
class TrajectorySampler:
    """Worker factory: builds the calculators once, then samples one planned trajectory after another."""

    settings: BuildSettings
    make_label: CalculatorFactory
    make_dynamics: CalculatorFactory
    torsion_field: TorsionField

    def __call__(self):
        labeller = Labeller(self.make_label(), self.make_dynamics())

        def work(planned: PlannedTrajectory) -> Result:
            frames = sample(
                planned.molecule,
                planned.trajectory,
                planned.n_frames,
                labeller,
                self.torsion_field,
                planned.settings,
                self.settings.seed,
            )
            return Result({name: getattr(frames, name) for name in _ARRAYS}, dict(frames.attributes))

        return work


def build_units(plan: list[PlannedTrajectory], settings: BuildSettings) -> list[Unit]:
    """One unit a planned trajectory."""
    return [
        Unit(
            id=f"{p.trajectory}/{p.molecule.file_stem}",
            payload=p,
            hash=content_hash(asdict(settings), asdict(p)),
        )
        for p in plan
    ]


def to_frames(planned: PlannedTrajectory, result: Result, settings: BuildSettings) -> Frames:
    """The frames that a unit's result holds."""
    arrays = {name: np.asarray(result.arrays[name]) for name in _ARRAYS}
    return Frames(molecule=planned.molecule, attributes={**result.meta, "method": settings.method}, **arrays)


def write_dataset(
    directory: Path, groups: list[Frames], settings: BuildSettings, atomic_energies: Mapping[str, float]
) -> list[Path]:
    """Write one file a trajectory letter into `directory`; returns the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    description = {
        **asdict(settings),
        "atomic_energies_ev": dict(atomic_energies),
        "versions": {name: version(name) for name in _PACKAGES},
    }
    paths = []
    for letter, file_name in FILES.items():
        chosen = [frames for frames in groups if frames.attributes["trajectory"] == letter]
        if chosen:
            paths.append(directory / file_name)
            write_frames(paths[-1], chosen, {**description, "trajectory": letter})
    return paths
