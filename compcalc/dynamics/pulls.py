"""Net force and torque on molecules. Symbols in the shapes: M runs, A atoms of all, N atoms of one."""

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_masses

from compcalc.dynamics.sums import Sums


class Pulls:
    """Net forces and torques of runs that advance together; forces that are a gradient have neither.

    Args:
        numbers: atomic numbers of each run's molecule, M arrays (N,).
    """

    def __init__(self, numbers: Sequence[np.ndarray]):
        self._sizes = np.array([len(z) for z in numbers])
        self._masses = atomic_masses[np.concatenate([np.asarray(z) for z in numbers])][:, None]
        self._index()

    def __call__(self, positions: np.ndarray, forces: np.ndarray) -> np.ndarray:
        """Norm of the net force, eV/angstrom, and of the torque about the centre of mass, eV, (M, 2).

        Args:
            positions: angstrom, (A, 3).
            forces: eV/angstrom, (A, 3).
        """
        centres = self._sums.vectors(self._masses * positions) / self._totals
        torques = self._sums.vectors(np.cross(positions - np.repeat(centres, self._sizes, axis=0), forces))
        return np.linalg.norm([self._sums.vectors(forces), torques], axis=2).T

    def keep(self, runs: np.ndarray, atoms: np.ndarray) -> None:
        """Go on with the `runs` (M,) bool alone; `atoms` (A,) bool are theirs."""
        self._sizes, self._masses = self._sizes[runs], self._masses[atoms]
        self._index()

    def _index(self) -> None:
        self._sums = Sums(self._sizes)
        self._totals = self._sums.vectors(self._masses)
