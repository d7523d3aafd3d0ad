"""The neighbour list of a batch."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Edges:
    """Directed pairs of atoms closer than a cutoff, each pair in both directions, sorted by the first atom.

    Attributes:
        index: the centre i in the first row and its neighbour j in the second, atoms of the whole batch, (2, E) int64.
        vectors: r_j - r_i + shift @ cell, in the type and unit of the positions, (E, 3).
        distances: lengths of the vectors, (E,).
        shifts: cells between the images of i and j, (E, 3) int32.
        counts: edges of each molecule, (M,) int64.
    """

    index: np.ndarray
    vectors: np.ndarray
    distances: np.ndarray
    shifts: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.distances)
