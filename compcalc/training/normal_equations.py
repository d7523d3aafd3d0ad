"""Linear least squares on energies and forces at once, from sums that are small however many frames there are.

Symbols: C coefficients, F rows.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

_UNDETERMINED = 1e-12
"""Directions with less evidence than this, of the best determined one's, are lost in rounding whatever the ridge."""


@dataclass
class Sums:
    """Sums over the rows of a linear model y = A c of one quantity.

    Attributes:
        gram: sum of A^T A, (C, C).
        moment: sum of A^T y, (C,).
        square: sum of y^2.
        rows: F.
    """

    gram: np.ndarray
    moment: np.ndarray
    square: float = 0.0
    rows: int = 0

    @classmethod
    def empty(cls, size: int) -> "Sums":
        """Of no rows and `size` coefficients."""
        return cls(np.zeros((size, size)), np.zeros(size))

    def add(self, rows: np.ndarray, values: np.ndarray, columns: np.ndarray) -> None:
        """Add rows (F, c) of the coefficients `columns` (c,), with the values (F,) that they have to give."""
        self.gram[np.ix_(columns, columns)] += rows.T @ rows
        self.moment[columns] += rows.T @ values
        self.square += float(values @ values)
        self.rows += len(values)

    def rmse(self, coefficients: np.ndarray) -> float:
        """Root of the mean squared error with these coefficients (C,)."""
        total = self.square - 2 * self.moment @ coefficients + coefficients @ self.gram @ coefficients
        return float(np.sqrt(max(total, 0.0) / self.rows))


@dataclass(frozen=True)
class Choice:
    """A solution and what it was chosen by.

    Attributes:
        coefficients: (C,).
        energy_weight: of a squared error per atom of one eV, against one of forces of one eV/angstrom.
        ridge: number of terms whose evidence the prior weighs.
        force_rmse: on the validation frames, eV/angstrom.
        energy_rmse: on the validation frames, eV/atom.
    """

    coefficients: np.ndarray
    energy_weight: float
    ridge: float
    force_rmse: float
    energy_rmse: float


def solve(
    forces: Sums,
    energies: Sums,
    groups: np.ndarray,
    counts: np.ndarray,
    positive: np.ndarray,
    energy_weight: float,
    ridges: list[float],
) -> list[np.ndarray]:
    """Minimise mean squared force error + weight x mean squared energy error + ridge, for each ridge.

    The ridge penalises a coefficient as `ridge` more terms of its kind that pull it to zero would: it acts on types
    that are rare in the data, and leaves alone those that are frequent.

    Args:
        forces: of the training frames.
        energies: of the training frames, per atom.
        groups: index of the basis function of each coefficient, (C,).
        counts: number of terms in all frames with each coefficient, (C,).
        positive: indices of the coefficients that may not be negative, (P,).
        energy_weight: see `Choice`.
        ridges: see `Choice`.
    """
    gram = forces.gram / forces.rows + energy_weight * energies.gram / energies.rows
    moment = forces.moment / forces.rows + energy_weight * energies.moment / energies.rows
    strength = np.bincount(groups, np.diag(gram)) / np.bincount(groups, counts)
    scale = 1 / np.sqrt(np.maximum(strength, np.finfo(float).tiny)[groups])
    values, vectors = np.linalg.eigh(gram * scale[:, None] * scale)
    projected = vectors.T @ (moment * scale)
    solutions = []
    for ridge in ridges:
        inverse = 1 / (np.maximum(values, 0.0) + ridge)
        inverse = np.minimum(inverse, inverse.min() / _UNDETERMINED)
        free = vectors @ (inverse * projected)
        solutions.append(scale * _bounded(free, vectors, inverse, positive))
    return solutions


def _bounded(free: np.ndarray, vectors: np.ndarray, inverse: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """The minimum of a quadratic form where some variables are not negative, from its minimum where all are free.

    The best values of the other variables follow those of the bounded ones linearly, which leaves a small problem of
    the bounded ones alone: non-negative least squares.

    Args:
        free: minimum, (C,).
        vectors: eigenvectors of the form's matrix, (C, C).
        inverse: inverses of its eigenvalues, (C,).
        positive: indices of the bounded variables, (P,).
    """
    if not len(positive) or (free[positive] >= 0).all():
        return free
    covariance = (vectors * inverse) @ vectors[positive].T
    factor = np.linalg.cholesky(covariance[positive])
    root = np.linalg.inv(factor)
    bounded = nnls(root, root @ free[positive])[0]
    solution = free + covariance @ (root.T @ (root @ (bounded - free[positive])))
    solution[positive] = bounded  # exactly
    return solution
