"""A calculator of springs between all atoms, fast and exactly known, that counts what is asked of it."""

import numpy as np
from ase.calculators.calculator import Calculator, all_changes


class Springs(Calculator):
    """Every pair is a spring whose rest length is its distance in the first geometry seen since `forget`.

    With `memory` its energy depends on how often it was called since `forget`, as a warm-started SCF does.
    """

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 - ASE reads a plain list

    def __init__(self, stiffness: float = 5.0, memory: bool = False, bad: float | None = None):
        super().__init__()
        self.stiffness, self.memory, self.bad = stiffness, memory, bad
        self.calls = self.forgotten = 0
        self.forget()
        self.forgotten = 0

    def forget(self):
        self.reset()
        self.rest, self.since = None, 0
        self.forgotten += 1

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        self.since += 1
        first, second = np.triu_indices(len(atoms), 1)
        along = atoms.positions[second] - atoms.positions[first]
        length = np.linalg.norm(along, axis=1)
        if self.rest is None:
            self.rest = length + 0.01
        stretch = length - self.rest
        energy = 0.5 * self.stiffness * np.sum(stretch**2) + (1e-3 * self.since if self.memory else 0.0)
        pull = (self.stiffness * stretch / length)[:, None] * along
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, first, pull)
        np.add.at(forces, second, -pull)
        if self.bad is not None:
            forces[-1, 0] = self.bad
        self.results = {"energy": float(energy), "forces": forces}
