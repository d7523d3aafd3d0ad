"""Calculators with known forces, and molecules made of springs, for the tests of dynamics."""

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from compcalc.dynamics.ase_engine import run_protocol
from compcalc.dynamics.protocols import Protocol
from compcalc.records import Molecule, Trajectory

OH, HH = 0.96, 1.52
WATER = np.array([[0.0, 0.0, 0.0], [HH / 2, 0.586, 0.0], [-HH / 2, 0.586, 0.0]])
WATER_NUMBERS = np.array([8, 1, 1])
WATER_BONDS = np.array([[0, 1], [0, 2]])


class Springs(Calculator):
    """Harmonic pairs: energy 1/2 k (r - r0)^2 in eV, with forces times `factor`.

    From call `fail_at` on (1 is the first) `fault` is asked what to do with (energy, forces).
    """

    implemented_properties = ("energy", "forces")

    def __init__(self, pairs, k, r0, factor=1.0, fail_at=None, fault: Callable | None = None):
        super().__init__()
        self.i, self.j = np.array(pairs, dtype=int).reshape(-1, 2).T
        self.k, self.r0, self.factor = np.array(k, dtype=float), np.array(r0, dtype=float), factor
        self.fail_at, self.fault, self.calls = fail_at, fault, 0

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        difference = atoms.positions[self.i] - atoms.positions[self.j]
        length = np.linalg.norm(difference, axis=1)
        pull = (self.k * (length - self.r0) / length)[:, None] * difference
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, self.i, -pull)
        np.add.at(forces, self.j, pull)
        energy, forces = 0.5 * float(np.sum(self.k * (length - self.r0) ** 2)), self.factor * forces
        if self.fail_at is not None and self.calls >= self.fail_at:
            energy, forces = self.fault(energy, forces)
        self.results = {"energy": energy, "forces": forces}


class Tethers(Calculator):
    """Each atom on a spring of its own, eV/angstrom^2, fixed in space; k=0 leaves it free."""

    implemented_properties = ("energy", "forces")

    def __init__(self, sites, k):
        super().__init__()
        self.sites, self.k = np.array(sites), k

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        away = atoms.positions - self.sites
        self.results = {"energy": 0.5 * self.k * float(np.sum(away**2)), "forces": -self.k * away}


def water_springs(**options) -> Springs:
    return Springs([[0, 1], [0, 2], [1, 2]], [8.0, 8.0, 4.0], [OH, OH, HH], **options)


def diatomic_springs(k: float, r0: float, **options) -> Springs:
    return Springs([[0, 1]], [k], [r0], **options)


def run(calculator, protocol: Protocol, numbers=WATER_NUMBERS, positions=WATER, bonds=WATER_BONDS, **options):
    """`run_protocol` on water, unless another molecule is given."""
    molecule = Molecule("test/1", "")
    trajectory = run_protocol(
        molecule, np.asarray(numbers), np.asarray(positions), bonds, calculator, protocol, **options
    )
    assert isinstance(trajectory, Trajectory)
    return trajectory


def masses(numbers) -> np.ndarray:
    return Atoms(np.asarray(numbers)).get_masses()
