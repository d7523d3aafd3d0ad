"""Where a run begins."""

from dataclasses import dataclass

import numpy as np

from compcalc.records import Molecule


@dataclass(frozen=True)
class Start:
    """Where one run begins.

    Attributes:
        molecule: which molecule.
        numbers: atomic numbers, (N,).
        positions: starting geometry, angstrom, (N, 3).
        bonds: its bonded pairs, (B, 2).
        replica: index of the replica.
    """

    molecule: Molecule
    numbers: np.ndarray
    positions: np.ndarray
    bonds: np.ndarray
    replica: int = 0
