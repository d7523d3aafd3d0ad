"""Linear least squares on energies and forces at once, from sums that are small however many frames there are.

Symbols: C coefficients, F rows.
"""

from dataclasses import dataclass

import numpy as np


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
    forces: Sums, energies: Sums, groups: np.ndarray, counts: np.ndarray, energy_weight: float, ridges: list[float]
) -> list[np.ndarray]:
    """Minimise mean squared force error + weight x mean squared energy error + ridge, for each ridge.

    The ridge penalises a coefficient as `ridge` more terms of its kind that pull it to zero would: it acts on types
    that are rare in the data, and leaves alone those that are frequent.

    Args:
        forces: of the training frames.
        energies: of the training frames, per atom.
        groups: index of the basis function of each coefficient, (C,).
        counts: number of terms in all frames with each coefficient, (C,).
        energy_weight: see `Choice`.
        ridges: see `Choice`.
    """
    gram = forces.gram / forces.rows + energy_weight * energies.gram / energies.rows
    moment = forces.moment / forces.rows + energy_weight * energies.moment / energies.rows
    strength = np.bincount(groups, np.diag(gram)) / np.bincount(groups, counts)
    scale = 1 / np.sqrt(np.maximum(strength, np.finfo(float).tiny)[groups])
    values, vectors = np.linalg.eigh(gram * scale[:, None] * scale)
    projected = vectors.T @ (moment * scale)
    return [scale * (vectors @ (projected / (np.maximum(values, 0.0) + ridge))) for ridge in ridges]
