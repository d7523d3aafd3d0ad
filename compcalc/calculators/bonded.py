"""Bonds that the first geometry of a molecule fixes, and when another geometry shows another molecule.

Symbols: N atoms, B bonds, P pairs.
"""

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from compcalc.errors import InputError

# Multiples of the sum of two covalent radii. MMFF94 bonds reach 1.4 at 1500 K; atoms with a common neighbour stand at
# 1.6 or more.
_STRETCHED, _TORN, _CLOSE = 1.5, 2.0, 1.25


class FixedBonds:
    """The bonds of one molecule.

    Args:
        numbers: atomic numbers, (N,).
        bonds: atom index pairs, (B, 2).
    """

    def __init__(self, numbers: np.ndarray, bonds: np.ndarray):
        self.numbers = np.array(numbers)
        self.bonds = np.array(bonds, dtype=int).reshape(-1, 2)
        bonded = np.zeros((len(numbers), len(numbers)), dtype=bool)
        bonded[tuple(self.bonds.T)] = True
        self._others = np.nonzero(np.triu(~(bonded | bonded.T), k=1))
        self._lengths = _radii(self.numbers, *self.bonds.T)
        self._distances = _radii(self.numbers, *self._others)

    def fit(self, numbers: np.ndarray, positions: np.ndarray) -> bool:
        """Whether a geometry (angstrom, (N, 3)) still shows this molecule.

        It does not where a bond is torn, or is stretched while another pair has come as close as a bond (an isomer).
        """
        if not np.array_equal(self.numbers, numbers):
            return False
        longest = _reduced(positions, *self.bonds.T, self._lengths).max(initial=0.0)
        if longest <= _STRETCHED:
            return True
        return not (longest > _TORN or _reduced(positions, *self._others, self._distances).min(initial=9.0) < _CLOSE)


def refuse_periodic(atoms: Atoms) -> None:
    """Refuse a cell that a potential for isolated molecules would ignore.

    Raises:
        InputError: a periodic direction.
    """
    if atoms.pbc.any():
        raise InputError("atoms.pbc", atoms.pbc.tolist(), "no periodic direction", "Call atoms.set_pbc(False).")


def _radii(numbers: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Sums of the covalent radii of the pairs `i`, `j`, angstrom, (P,)."""
    return covalent_radii[numbers[i]] + covalent_radii[numbers[j]]


def _reduced(positions: np.ndarray, i: np.ndarray, j: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Distances of the pairs `i`, `j` over `radii`, (P,)."""
    vectors = positions[i] - positions[j]
    return np.sqrt(np.einsum("pa,pa->p", vectors, vectors)) / radii
