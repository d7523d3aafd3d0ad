"""Building a data set: trajectory by trajectory, then one HDF5 file for each trajectory letter."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from compcalc.records import Frames
from compcalc.reference.labelling import CalculatorFactory, Labeller
from compcalc.reference.plan import FILES, PlannedTrajectory
from compcalc.reference.sampler import TorsionField, sample
from compcalc.reference.store import write_frames

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
    """Builds the calculators once, then samples one planned trajectory after another."""

    settings: BuildSettings
    make_label: CalculatorFactory
    make_dynamics: CalculatorFactory
    torsion_field: TorsionField

    def __call__(self) -> Callable[[PlannedTrajectory], Frames]:
        labeller = Labeller(self.make_label(), self.make_dynamics())

        def work(planned: PlannedTrajectory) -> Frames:
            frames = sample(
                planned.molecule,
                planned.trajectory,
                planned.n_frames,
                labeller,
                self.torsion_field,
                planned.settings,
                self.settings.seed,
            )
            return replace(frames, attributes={**frames.attributes, "method": self.settings.method})

        return work


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
