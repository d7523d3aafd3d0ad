"""Bond lengths and angles by type: distributions of a run against those of the reference, and what chance makes of it.

Symbols in the shapes: F frames, N atoms, B bonds, K angles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike

from compcalc.metrics._arrays import as_indices, as_shape
from compcalc.metrics.distributions import bond_lengths
from compcalc.metrics.sampling import bond_types

FEWEST_GROUPS = 4
"""Groups of frames that are split into halves; fewer are cut in the order of time until there are so many."""

MOST_SPLITS = 40
"""Ways of splitting groups into halves that are tried."""

CHANCE_QUANTILE = 0.95
"""Share of the splits that stay below what counts as chance."""


@dataclass(frozen=True)
class Difference:
    """Distribution of one kind of bond or angle in a run against the reference, in angstrom or degrees throughout.

    Attributes:
        mean: difference of the means, run minus reference.
        deviation: difference of the standard deviations, run minus reference.
        wasserstein: 1-Wasserstein distance, the mean distance that the values have to be moved.
        chance: what `wasserstein` stays below in most pairs of samples this large that have the same distribution; NaN
            where there are too few frames to split.
    """

    mean: float
    deviation: float
    wasserstein: float
    chance: float

    @property
    def within_chance(self) -> bool | None:
        """Whether the distance is within sampling error; None where nothing is known of it."""
        return None if np.isnan(self.chance) else self.wasserstein <= self.chance


def bond_angles(positions: ArrayLike, angles: ArrayLike) -> np.ndarray:
    """Angle at j between i and k in each frame, in degrees from 0 to 180, (F, K); NaN where two of the atoms coincide.

    Args:
        positions: angstrom, (F, N, 3).
        angles: atom indices i, j, k, (K, 3).

    Raises:
        InputError: shapes do not fit, or an index is out of range.
    """
    positions = as_shape("positions", positions, (None, None, 3), "(F, N, 3)")
    i, j, k = as_indices("angles", angles, 3, positions.shape[1]).T
    first, second = positions[:, i] - positions[:, j], positions[:, k] - positions[:, j]
    # The arcus tangent keeps its precision near 0 and 180 degrees, where the arcus cosine loses it.
    sine, cosine = np.linalg.norm(np.cross(first, second), axis=-1), np.sum(first * second, axis=-1)
    return np.where((sine == 0) & (cosine == 0), np.nan, np.degrees(np.arctan2(sine, cosine)))


def bonded_angles(bonds: ArrayLike, n_atoms: int) -> np.ndarray:
    """Every pair of bonds that share an atom as i, j, k with i < k, (K, 3) int, in ascending order of (j, i, k).

    Args:
        bonds: atom index pairs, (B, 2).
        n_atoms: N.

    Raises:
        InputError: an index is out of range.
    """
    partners: list[set[int]] = [set() for _ in range(n_atoms)]
    for a, b in as_indices("bonds", bonds, 2, n_atoms).tolist():
        partners[a].add(b)
        partners[b].add(a)
    paths = [(i, j, k) for j in range(n_atoms) for i, k in combinations(sorted(partners[j]), 2)]
    return np.array(paths, dtype=int).reshape(-1, 3)


def angle_types(numbers: ArrayLike, angles: ArrayLike) -> list[str]:
    """Elements of each angle with its vertex in the middle, carbon first and hydrogen last: `C-O-H`.

    Args:
        numbers: atomic numbers, (N,).
        angles: atom indices i, j, k, (K, 3).
    """
    numbers = np.asarray(numbers)
    types = []
    for i, j, k in as_indices("angles", angles, 3, len(numbers)):
        first, last = sorted((int(numbers[i]), int(numbers[k])), key=lambda z: (z == 1, z != 6, z))
        types.append("-".join(chemical_symbols[z] for z in (first, int(numbers[j]), last)))
    return types


def bond_length_differences(
    numbers: ArrayLike, bonds: ArrayLike, runs: Sequence[ArrayLike], reference: Sequence[ArrayLike]
) -> dict[str, Difference]:
    """Bond type, as `sampling.bond_types` names it -> its lengths against the reference, in angstrom.

    Args:
        numbers: atomic numbers, (N,).
        bonds: atom index pairs, (B, 2).
        runs: positions of each run in the order of time, angstrom, (F, N, 3) each.
        reference: positions of each start of the reference, angstrom, (F, N, 3) each.

    Raises:
        InputError: shapes do not fit, or an index is out of range.
    """
    numbers = np.asarray(numbers)
    bonds = as_indices("bonds", bonds, 2, len(numbers))
    mine, true = ([bond_lengths(p, bonds) for p in groups] for groups in (runs, reference))
    return _by_type(bond_types(numbers, bonds) if len(bonds) else [], mine, true)


def bond_angle_differences(
    numbers: ArrayLike, bonds: ArrayLike, runs: Sequence[ArrayLike], reference: Sequence[ArrayLike]
) -> dict[str, Difference]:
    """Elements of an angle, as `angle_types` names them -> its values against the reference, in degrees.

    Args:
        numbers: atomic numbers, (N,).
        bonds: atom index pairs, (B, 2).
        runs: positions of each run in the order of time, angstrom, (F, N, 3) each.
        reference: positions of each start of the reference, angstrom, (F, N, 3) each.

    Raises:
        InputError: shapes do not fit, or an index is out of range.
    """
    numbers = np.asarray(numbers)
    angles = bonded_angles(bonds, len(numbers))
    mine, true = ([bond_angles(p, angles) for p in groups] for groups in (runs, reference))
    return _by_type(angle_types(numbers, angles), mine, true)


def compare(runs: Sequence[ArrayLike], reference: Sequence[ArrayLike]) -> Difference:
    """Values of a run against those of the reference, in their own unit; NaN throughout where either has none.

    Chance is estimated from the groups themselves. Each side is split into two halves of its groups in up to
    `MOST_SPLITS` ways; halves of m values lie about twice as far apart as m + m values lie from the truth, and the
    distances of the two sides from the truth add up in squares. Groups are runs or starts, which are independent where
    the frames of one are not; fewer than `FEWEST_GROUPS` are cut in the order of time. Equal distributions pass for
    different ones in 5 to 20% of comparisons, in half of them where a single run stays in one of several conformers:
    its pieces know nothing of the others.

    The distance is that of Vaserstein (1969), the integral of the difference of the two cumulative distributions.

    Args:
        runs: values of each run in the order of time, (F, ...) each.
        reference: values of each start of the reference, (F, ...) each.
    """
    mine, true = (_groups(values) for values in (runs, reference))
    if not (mine and true):
        return Difference(*[float("nan")] * 4)
    all_mine, all_true = np.concatenate(mine), np.concatenate(true)
    return Difference(
        mean=float(all_mine.mean() - all_true.mean()),
        deviation=float(all_mine.std() - all_true.std()),
        wasserstein=_distance(all_mine, all_true),
        chance=float(np.hypot(_half_distance(mine), _half_distance(true)) / 2),
    )


def _by_type(types: list[str], runs: list[np.ndarray], reference: list[np.ndarray]) -> dict[str, Difference]:
    columns: Mapping[str, list[int]] = {
        t: [c for c, other in enumerate(types) if other == t] for t in sorted(set(types))
    }
    return {t: compare([v[:, c] for v in runs], [v[:, c] for v in reference]) for t, c in columns.items()}


def _groups(values: Sequence[ArrayLike]) -> list[np.ndarray]:
    """Finite values of each group, (X,) each; groups without any are left out, and few are cut into more."""
    groups = [np.asarray(v, dtype=float) for v in values if np.size(v)]
    if 0 < len(groups) < FEWEST_GROUPS:
        pieces = -(-FEWEST_GROUPS // len(groups))
        groups = [piece for v in groups for piece in np.array_split(v, pieces)]
    flat = [v[np.isfinite(v)] for v in groups]
    return [v for v in flat if len(v)]


def _half_distance(groups: list[np.ndarray]) -> float:
    """`CHANCE_QUANTILE` of the distance between two halves of the groups; NaN for fewer than `FEWEST_GROUPS`."""
    n = len(groups)
    if n < FEWEST_GROUPS:
        return float("nan")
    rng, distances = np.random.default_rng(0), []
    if n == FEWEST_GROUPS:
        orders = [[0, k, *({1, 2, 3} - {k})] for k in (1, 2, 3)]
    else:
        orders = [rng.permutation(n) for _ in range(MOST_SPLITS)]
    for order in orders:
        halves = [np.concatenate([groups[g] for g in half]) for half in (order[: n // 2], order[n // 2 :])]
        distances.append(_distance(*halves))
    return float(np.quantile(distances, CHANCE_QUANTILE))


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    from scipy.stats import wasserstein_distance  # takes most of a second to import

    return float(wasserstein_distance(a, b))
