"""Sums over the atoms of each of many runs. Symbols in the shapes: M runs, A atoms of all."""

import numpy as np


class Sums:
    """Adds up by run.

    Args:
        sizes: number of atoms of each run, (M,).
    """

    def __init__(self, sizes: np.ndarray):
        self._first = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int)
        self._component = 3 * self._first

    def vectors(self, values: np.ndarray) -> np.ndarray:
        """Sum of vectors, (A, 3), over the atoms of each run, (M, 3)."""
        return np.add.reduceat(values, self._first)

    def components(self, values: np.ndarray) -> np.ndarray:
        """Sum of everything in (A, 3) that belongs to a run, (M,); half the time of a product by einsum."""
        return np.add.reduceat(values.ravel(), self._component)
