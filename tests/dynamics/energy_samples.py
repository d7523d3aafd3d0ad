"""Potentials whose energy is at fault in a known way, for the tests of the energy's books."""

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from dynamics_samples import Springs


class Morse(Calculator):
    """Bonds with energy depth (1 - exp(-a (r - r0)))^2 in eV, and a spring between the ends; smooth, conservative."""

    implemented_properties = ("energy", "forces")
    depth, steep = 4.8, 2.2

    def __init__(self, r0=0.96):
        super().__init__()
        self.r0 = r0
        self.bend = Springs([[1, 2]], [4.0], [1.52])

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.bend.calculate(atoms)
        energy, forces = self.bend.results["energy"], self.bend.results["forces"].copy()
        for other in (1, 2):
            away = atoms.positions[other] - atoms.positions[0]
            length = np.linalg.norm(away)
            fall = np.exp(-self.steep * (length - self.r0))
            energy += self.depth * (1 - fall) ** 2
            pull = 2 * self.depth * self.steep * fall * (1 - fall) / length * away
            forces[0] += pull
            forces[other] -= pull
        self.results = {"energy": energy, "forces": forces}


class Faulty(Morse):
    """The same with `fault(positions, energy, forces)` on top."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        energy, forces = self.fault(atoms.positions, self.results["energy"], self.results["forces"])
        self.results = {"energy": energy, "forces": forces}


def swirling(positions, energy, forces, strength=0.05, pull=0.01):
    """A curl about z, in eV/angstrom^2, and a net force along x, in eV/angstrom: no energy has them."""
    return energy, forces + strength * np.cross([0, 0, 1.0], positions) + [pull, 0, 0]


def jumping(size):
    """The energy is `size`, in eV, higher where the first bond is longer than 0.98 angstrom; the forces do not know."""

    def fault(positions, energy, forces):
        return energy + size * (np.linalg.norm(positions[1] - positions[0]) > 0.98), forces

    return fault


def climbing(size):
    """The energy is `size`, in eV, higher after every 200 calls: a staircase."""
    calls = iter(range(10**9))

    def fault(positions, energy, forces):
        return energy + size * (next(calls) // 200), forces

    return fault
