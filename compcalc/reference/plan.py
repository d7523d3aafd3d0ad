"""Which trajectories a data set holds, and how many frames each."""

from collections.abc import Iterable
from dataclasses import dataclass

from compcalc.molecules.families import family_table
from compcalc.records import Molecule
from compcalc.reference.sampler import CONTROL, CORE, SamplerSettings
from compcalc.tasks import Task

FILES = {"A": "train.h5", "B": "test.h5", "C": "control.h5"}
"""Trajectory letter -> file of the data set: A trains, B tests (ID and OOD), C is the control of the sampler."""

CONTROL_MOLECULES = ("alkane/04", "alcohol/03", "carboxylic_acid/03")


@dataclass(frozen=True)
class PlannedTrajectory:
    """One trajectory to sample.

    Attributes:
        molecule: of what.
        trajectory: `A`, `B` or `C`.
        n_frames: how many frames.
        settings: how.
    """

    molecule: Molecule
    trajectory: str
    n_frames: int
    settings: SamplerSettings


def plan_dataset(
    tasks: Iterable[Task],
    *,
    train_frames: int = 100,
    id_frames: int = 25,
    ood_frames: int = 50,
    control_frames: int = 500,
) -> list[PlannedTrajectory]:
    """Trajectories for `tasks`: A and B of training molecules, B of OOD molecules, C of the control molecules.

    A molecule that is OOD in one task and trains in another gets its test trajectory at the OOD length.
    """
    tasks = list(tasks)
    train = {m.name: m for t in tasks for m in t.train}
    ood = {m.name: m for t in tasks for m in t.ood}
    families = list(family_table())
    ordered = sorted({**train, **ood}.values(), key=lambda m: (families.index(m.name.split("/")[0]), m.name))
    plan = []
    for molecule in ordered:
        if molecule.name in train:
            plan.append(PlannedTrajectory(molecule, "A", train_frames, CORE))
        plan.append(PlannedTrajectory(molecule, "B", ood_frames if molecule.name in ood else id_frames, CORE))
    control = [m for m in ordered if m.name in CONTROL_MOLECULES and control_frames]
    return plan + [PlannedTrajectory(m, "C", control_frames, CONTROL) for m in control]
