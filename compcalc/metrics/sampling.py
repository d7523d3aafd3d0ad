"""Evidence that sampled frames belong to thermal equilibrium of the method that labelled them.

The mean acceleration of a bond length is zero at equilibrium. With r'' = u.(a_j - a_i) + v_perp^2 / r and equipartition
of the relative velocity across the bond, this gives, for every bond of every molecule and without any reference run,

    < mu u.(F_j/m_j - F_i/m_i) > = -2 kT < 1/r >,      mu = m_i m_j / (m_i + m_j),  u = (r_j - r_i) / r.

Frames whose bonds have another method's lengths miss it by the stretching force.
"""

from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols

from compcalc.units import KB_EV_PER_K


def bond_forces(positions: np.ndarray, forces: np.ndarray, masses: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Force along each bond, eV/angstrom, (T, B); negative where it contracts the bond.

    Args:
        positions: angstrom, (T, N, 3).
        forces: eV/angstrom, (T, N, 3).
        masses: u, (N,).
        bonds: atom index pairs, (B, 2).
    """
    i, j = np.asarray(bonds).T
    along = positions[:, j] - positions[:, i]
    along = along / np.linalg.norm(along, axis=2, keepdims=True)
    acceleration = forces[:, j] / masses[j][:, None] - forces[:, i] / masses[i][:, None]
    reduced = masses[i] * masses[j] / (masses[i] + masses[j])
    return reduced * (along * acceleration).sum(axis=2)


def equilibrium_bond_forces(positions: np.ndarray, bonds: np.ndarray, temperature_k: float) -> np.ndarray:
    """What `bond_forces` averages to at equilibrium, -2 kT / r, eV/angstrom, (T, B)."""
    i, j = np.asarray(bonds).T
    return -2 * KB_EV_PER_K * temperature_k / np.linalg.norm(positions[:, j] - positions[:, i], axis=2)


def bond_types(numbers: np.ndarray, bonds: np.ndarray) -> list[str]:
    """Type of each bond, carbon first and hydrogen last; `C=O` where the oxygen has one neighbour."""
    degree = np.bincount(np.asarray(bonds).ravel(), minlength=len(numbers))
    types = []
    for i, j in bonds:
        first, second = sorted((int(i), int(j)), key=lambda a: (numbers[a] == 1, numbers[a] != 6, numbers[a]))
        terminal = numbers[second] == 8 and degree[second] == 1
        types.append(f"{chemical_symbols[numbers[first]]}{'=' if terminal else '-'}{chemical_symbols[numbers[second]]}")
    return types


def start_means(values: np.ndarray, start: np.ndarray) -> list[float]:
    """Mean of `values` (T, ...) over the frames of each start: starts are independent, the frames of one are not."""
    return [float(values[start == s].mean()) for s in np.unique(start)]


def combine_means(values: Sequence[float]) -> tuple[float, float]:
    """Mean of independent values and its standard error; NaN error for a single one."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float(values.mean()) if len(values) else float("nan"), float("nan")
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
