"""Structure of a trajectory of one molecule: bond lengths, torsions, and the distribution of pair distances.

Symbols in the shapes: F frames, N atoms, B bonds, K torsions, H bins.
"""

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_indices, as_shape, mean_or_nan

ANTI_BEYOND_DEGREES = 120.0
"""A torsion at least this far from cis counts as anti."""


def bond_lengths(positions: ArrayLike, bonds: ArrayLike) -> np.ndarray:
    """Length of each bond in each frame, in angstrom, (F, B).

    Args:
        positions: angstrom, (F, N, 3).
        bonds: atom index pairs, (B, 2).

    Raises:
        InputError: shapes do not fit, or an index is out of range.
    """
    positions = _as_positions(positions)
    bonds = as_indices("bonds", bonds, 2, positions.shape[1])
    return np.linalg.norm(positions[:, bonds[:, 1]] - positions[:, bonds[:, 0]], axis=-1)


def torsion_angles(positions: ArrayLike, torsions: ArrayLike) -> np.ndarray:
    """Signed torsion angle of each quadruple in each frame, in degrees from -180 to 180, (F, K).

    IUPAC: looking along j-k, positive if the front bond i-j has to turn clockwise to cover k-l; 0 is cis, 180 is anti.
    Computed as atan2(|b2| b1.(b2 x b3), (b1 x b2).(b2 x b3)) from the bond vectors b. Without meaning where three
    consecutive atoms stand in a line.

    Args:
        positions: angstrom, (F, N, 3).
        torsions: atom indices i, j, k, l, (K, 4).

    Raises:
        InputError: shapes do not fit, or an index is out of range.
    """
    positions = _as_positions(positions)
    torsions = as_indices("torsions", torsions, 4, positions.shape[1])
    b1, b2, b3 = (positions[:, torsions[:, k + 1]] - positions[:, torsions[:, k]] for k in range(3))
    second = np.cross(b2, b3)
    sine = np.linalg.norm(b2, axis=-1) * np.sum(b1 * second, axis=-1)
    return np.degrees(np.arctan2(sine, np.sum(np.cross(b1, b2) * second, axis=-1)))


def gauche_fraction(positions: ArrayLike, torsions: ArrayLike) -> float:
    """Fraction, 0 to 1, of torsions over all frames with |phi| < `ANTI_BEYOND_DEGREES`; an all-anti chain gives 0.

    Args:
        positions: angstrom, (F, N, 3).
        torsions: atom indices i, j, k, l, (K, 4).

    Raises:
        InputError: shapes do not fit, or an index is out of range.
    """
    angles = np.abs(torsion_angles(positions, torsions))
    return mean_or_nan(np.where(np.isnan(angles), np.nan, angles < ANTI_BEYOND_DEGREES))


def backbone_torsions(numbers: ArrayLike, bonds: ArrayLike) -> np.ndarray:
    """Every path i-j-k-l of bonded heavy atoms, each once, (K, 4) int, with j < k, in ascending order of (j, k, i, l).

    Paths of four different atoms in any molecule; branches count, so that a carboxyl group gives a path to either
    oxygen.

    Args:
        numbers: atomic numbers, (N,).
        bonds: atom index pairs, (B, 2).

    Raises:
        InputError: shapes do not fit, or an index is out of range.
    """
    numbers = as_shape("numbers", numbers, (None,), "(N,)")
    bonds = as_indices("bonds", bonds, 2, len(numbers))
    heavy = sorted({(min(a, b), max(a, b)) for a, b in bonds.tolist() if numbers[a] > 1 and numbers[b] > 1})
    partners: dict[int, list[int]] = {}
    for a, b in heavy:
        partners.setdefault(a, []).append(b)
        partners.setdefault(b, []).append(a)
    paths = [
        (i, j, k, m)
        for j, k in heavy
        for i in sorted(partners[j])
        for m in sorted(partners[k])
        if i != k and m != j and i != m
    ]
    return np.array(paths, dtype=int).reshape(-1, 4)


def pair_distance_histogram(positions: ArrayLike, r_max: float, bin_width: float) -> np.ndarray:
    """h(r): density of all distances between two atoms of the molecule over all frames, in 1/angstrom, (H,).

    Bin k covers k to k+1 times `bin_width`. The area is 1: distances beyond `r_max` fall into the last bin, so that a
    molecule that flew apart still counts in full. NaN without pairs, or where a position is NaN.

    Source: Fu et al., Forces are not Enough, arXiv:2210.07237, distribution of interatomic distances.

    Args:
        positions: angstrom, (F, N, 3).
        r_max: angstrom; H = r_max / bin_width, rounded up.
        bin_width: angstrom.

    Raises:
        InputError: shapes do not fit, or 0 < bin_width <= r_max does not hold.
    """
    positions = _as_positions(positions)
    if not 0 < bin_width <= r_max:
        raise InputError("bin_width", f"{bin_width} with r_max {r_max}", "0 < bin_width <= r_max")
    # The quotient of decimals such as 0.3 / 0.1 may lie just above the integer that is meant.
    bins = int(np.ceil(r_max / bin_width - 1e-9))
    n_frames, n_atoms, _ = positions.shape
    if n_frames == 0 or n_atoms < 2 or not np.all(np.isfinite(positions)):
        return np.full(bins, np.nan)
    counts = np.zeros(bins)
    for i in range(n_atoms - 1):
        distance = np.linalg.norm(positions[:, i + 1 :] - positions[:, i : i + 1], axis=-1)
        index = np.minimum(distance / bin_width, bins - 1).astype(int)
        counts += np.bincount(index.ravel(), minlength=bins)
    return counts / (counts.sum() * bin_width)


def histogram_mae(h1: ArrayLike, h2: ArrayLike, bin_width: float) -> float:
    """Integral of |h1 - h2| dr, without unit: 0 for equal distributions, 2 for distributions that share no bin.

    Source: Fu et al., Forces are not Enough, arXiv:2210.07237, error of h(r).

    Args:
        h1: 1/angstrom, (H,), from `pair_distance_histogram`.
        h2: 1/angstrom, (H,), with the same bins.
        bin_width: angstrom.

    Raises:
        InputError: shapes differ or are not (H,), or the bin width is not positive.
    """
    h1 = as_shape("h1", h1, (None,), "(H,)")
    h2 = as_shape("h2", h2, h1.shape, f"{h1.shape}, as h1")
    if not bin_width > 0:
        raise InputError("bin_width", bin_width, "above 0")
    return float(np.sum(np.abs(h1 - h2)) * bin_width) if len(h1) else float("nan")


def _as_positions(positions: ArrayLike) -> np.ndarray:
    return as_shape("positions", positions, (None, None, 3), "(F, N, 3)")
