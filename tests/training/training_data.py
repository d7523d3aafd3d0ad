"""Small data sets to train on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from compcalc.calculators import get_calculator
from compcalc.calculators.mmff_field import MMFF94Field
from compcalc.molecules.families import family_molecule
from compcalc.records import Frames
from compcalc.reference.dataset import DataSet
from compcalc.reference.labelling import Labeller
from compcalc.reference.sampler import SamplerSettings, sample
from compcalc.reference.store import write_frames
from compcalc.tasks import Task

METHANE, ETHANE, PROPANE = (family_molecule("alkane", n) for n in (1, 2, 3))
TASK = Task("tiny", "base", "Does it train?", (METHANE, ETHANE), (PROPANE,))
ENERGIES = {"H": -13.0, "C": -1000.0, "N": -1500.0, "O": -2000.0}


def random_data(directory: Path, starts: int = 10, per_start: int = 3) -> DataSet:
    """Meaningless but distinct numbers for trajectory A of the training molecules; no trajectory B at all."""
    rng = np.random.default_rng(8)
    groups = []
    for molecule, n in ((METHANE, 5), (ETHANE, 8)):
        t = starts * per_start
        groups.append(
            Frames(
                molecule=molecule,
                numbers=np.array([6] * (n // 4) + [1] * (n - n // 4)),
                positions=rng.normal(size=(t, n, 3)),
                energy=rng.normal(size=t),
                forces=rng.normal(size=(t, n, 3)),
                bonds=np.array([[0, 1]]),
                start=np.repeat(np.arange(starts), per_start),
                attributes={"trajectory": "A"},
            )
        )
    write_frames(directory / "train.h5", groups, {"atomic_energies_ev": ENERGIES})
    return DataSet(directory)


def mmff94_data(directory: Path) -> DataSet:
    """A few MMFF94 frames, trajectories A and B, on the energy scale of `ENERGIES`."""
    labeller = Labeller(get_calculator("mmff94"))
    settings = SamplerSettings(starts=4, torsion_fs=50.0, settle_fs=5.0, spacing_fs=5.0)
    plan = {"train.h5": ("A", TASK.train), "test.h5": ("B", TASK.train + TASK.ood)}
    for name, (letter, molecules) in plan.items():
        groups = [_shifted(sample(m, letter, 8, labeller, MMFF94Field, settings, 0)) for m in molecules]
        write_frames(directory / name, groups, {"method": "mmff94", "atomic_energies_ev": ENERGIES})
    return DataSet(directory)


def _shifted(frames: Frames) -> Frames:
    return replace(frames, energy=frames.energy + sum(ENERGIES[chemical_symbols[z]] for z in frames.numbers))
