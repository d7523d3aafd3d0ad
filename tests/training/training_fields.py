"""Frames labelled by a function whose parameters are known."""

from collections.abc import Callable

import numpy as np
from ase import Atoms

from compcalc.molecules.graph import bond_graph
from compcalc.records import Frames, Molecule
from compcalc.training.architecture import Job
from compcalc.training.split import TrainingSplit

Label = Callable[[Atoms], tuple[float, np.ndarray]]


def labelled(name: str, atoms: Atoms, label: Label, count: int, seed: int, scale: float = 0.04) -> Frames:
    """`count` geometries around `atoms`, with energies (eV) and forces (eV/angstrom) of `label`."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        images.append(atoms.copy())
        images[-1].positions += rng.normal(scale=scale, size=atoms.positions.shape)
    labels = [label(image) for image in images]
    return Frames(
        molecule=Molecule(name, ""),
        numbers=atoms.numbers,
        positions=np.array([image.positions for image in images]),
        energy=np.array([energy for energy, _ in labels]),
        forces=np.array([forces for _, forces in labels]),
        bonds=bond_graph(atoms.numbers, atoms.positions),
        start=np.zeros(count, dtype=int),
    )


def job(
    directory, molecules: dict[str, Atoms], label: Label, energies: dict[str, float], count: int = 40, scale=0.04
) -> Job:
    """A job of training frames and a third as many validation frames of each molecule."""
    sets = [
        tuple(labelled(name, atoms, label, n, seed, scale) for name, atoms in molecules.items())
        for n, seed in ((count, 1), (max(2, count // 3), 2))
    ]
    directory.mkdir(parents=True, exist_ok=True)
    return Job(TrainingSplit(*sets), energies, directory, seed=0)
