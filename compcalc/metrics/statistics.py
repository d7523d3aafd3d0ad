"""Bootstrap intervals over molecules and frames, and rank correlation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_shape

FEWEST_PAIRS = 3
"""Two pairs are always in the same or in the opposite order."""

_DRAWS_AT_A_TIME = 2_000_000


@dataclass(frozen=True)
class Interval:
    """A number with its confidence interval, all in the unit of `value`.

    Attributes:
        value: the estimate from the data as they are.
        low: lower limit.
        high: upper limit.
        level: confidence level, 0 to 1.
    """

    value: float
    low: float
    high: float
    level: float


def bootstrap_mean(
    per_molecule: Sequence[ArrayLike], seed: int, n_resamples: int = 2000, level: float = 0.95
) -> Interval:
    """Macro mean (mean over molecules of the mean over frames) with a percentile interval, in the unit of the input.

    Hierarchical bootstrap (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8): each
    resample draws molecules with replacement, then frames with replacement within each molecule drawn. A single
    molecule leaves only its frames to resample, so that the interval says nothing about other molecules; and with few
    molecules a percentile interval is too narrow. Frames count as independent of each other.

    Args:
        per_molecule: the metric of each frame, one array (T_m,) a molecule.
        seed: seed of the random numbers; the same seed gives the same interval.
        n_resamples: number of resamples.
        level: confidence level, 0 to 1.

    Raises:
        InputError: no molecules, molecules without frames, or a setting out of range.
    """
    groups = _groups("per_molecule", per_molecule)
    _check_settings(n_resamples, level)
    return _percentile(_macro_mean(groups), _resample(groups, np.random.default_rng(seed), n_resamples), level)


def bootstrap_ratio(
    ood: Sequence[ArrayLike], id_: Sequence[ArrayLike], seed: int, n_resamples: int = 2000, level: float = 0.95
) -> Interval:
    """Ratio of the OOD to the ID macro mean with a percentile interval, without unit.

    1 means no loss out of distribution. Resamples as `bootstrap_mean` does, OOD and ID independently of each other. NaN
    where an ID mean is 0.

    Args:
        ood: the metric of each frame of the OOD molecules, one array (T_m,) a molecule.
        id_: the same of the ID molecules, in the same unit.
        seed: seed of the random numbers; the same seed gives the same interval.
        n_resamples: number of resamples.
        level: confidence level, 0 to 1.

    Raises:
        InputError: no molecules, molecules without frames, or a setting out of range.
    """
    ood, id_ = _groups("ood", ood), _groups("id_", id_)
    _check_settings(n_resamples, level)
    rng = np.random.default_rng(seed)
    above, below = _resample(ood, rng, n_resamples), _resample(id_, rng, n_resamples)
    value = _ratio(np.array([_macro_mean(ood)]), np.array([_macro_mean(id_)]))[0]
    return _percentile(float(value), _ratio(above, below), level)


def kendall_tau(a: ArrayLike, b: ArrayLike) -> float:
    """Kendall's tau-b of two rankings, -1 to 1, without unit; NaN for fewer than two pairs or if one side is constant.

    Args:
        a: one score a model, (K,).
        b: the other score of the same models, (K,).

    Raises:
        InputError: shapes differ or are not (K,).
    """
    a = as_shape("a", a, (None,), "(K,)")
    b = as_shape("b", b, a.shape, f"{a.shape}, as a")
    if len(a) < 2:
        return float("nan")
    from scipy.stats import kendalltau  # takes most of a second to import

    return float(kendalltau(a, b).statistic)


def rank_correlation(
    a: ArrayLike, b: ArrayLike, seed: int, n_resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Kendall's tau-b over molecules or models with a percentile interval that resamples them, -1 to 1, without unit.

    Ties, which every resample has, count as tau-b counts them (Kendall, Biometrika 33, 239 (1945)); resamples in which
    one side is constant do not count. With fewer than about eight pairs the interval is coarse and too narrow.

    Args:
        a: one value a molecule or model, (K,); pairs with a NaN in either are left out.
        b: the other value of the same ones, (K,).
        seed: seed of the random numbers; the same seed gives the same interval.
        n_resamples: number of resamples.
        level: confidence level, 0 to 1.

    Returns:
        The correlation; None for fewer than `FEWEST_PAIRS` pairs or if one side is constant.

    Raises:
        InputError: shapes differ or are not (K,), or a setting is out of range.
    """
    _check_settings(n_resamples, level)
    a = as_shape("a", a, (None,), "(K,)")
    b = as_shape("b", b, a.shape, f"{a.shape}, as a")
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = (np.unique(side[known], return_inverse=True)[1].astype(float) for side in (a, b))
    value = kendall_tau(a, b) if len(a) >= FEWEST_PAIRS else float("nan")
    if np.isnan(value):
        return None
    drawn = np.random.default_rng(seed).multinomial(len(a), np.full(len(a), 1 / len(a)), size=n_resamples)
    resampled = _weighted_tau(a, b, drawn.astype(float))
    low, high = np.nanquantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=value, low=float(low), high=float(high), level=level)


def _groups(name: str, per_molecule: Sequence[ArrayLike]) -> list[np.ndarray]:
    groups = [as_shape(f"{name}[{i}]", values, (None,), "(T,)") for i, values in enumerate(per_molecule)]
    if not groups:
        raise InputError(name, "no molecules", "at least one molecule")
    if empty := [i for i, values in enumerate(groups) if not len(values)]:
        raise InputError(name, f"no frames for the molecules at {empty}", "at least one frame each", "Leave them out.")
    return groups


def _check_settings(n_resamples: int, level: float) -> None:
    if n_resamples < 1:
        raise InputError("n_resamples", n_resamples, "at least 1")
    if not 0 < level < 1:
        raise InputError("level", level, "between 0 and 1, for example 0.95")


def _macro_mean(groups: list[np.ndarray]) -> float:
    return float(np.mean([values.mean() for values in groups]))


def _resample(groups: list[np.ndarray], rng: np.random.Generator, n_resamples: int) -> np.ndarray:
    """Macro mean of each resample, (n_resamples,)."""
    drawn = rng.integers(len(groups), size=(n_resamples, len(groups)))
    means = np.empty(drawn.shape)
    for index, values in enumerate(groups):
        slots = drawn == index
        means[slots] = _resampled_means(values, rng, int(slots.sum()))
    return means.mean(axis=1)


def _resampled_means(values: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """Means of `count` resamples of `values`, in blocks so that a long trajectory does not fill the memory."""
    means = np.empty(count)
    step = max(1, _DRAWS_AT_A_TIME // len(values))
    for first in range(0, count, step):
        block = means[first : first + step]
        block[:] = values[rng.integers(len(values), size=(len(block), len(values)))].mean(axis=1)
    return means


def _weighted_tau(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Tau-b of each resample, (R,), from how often each pair counts in it, (R, K); NaN where a side is constant."""
    first, second = np.sign(a[:, None] - a), np.sign(b[:, None] - b)

    def pairs(signs: np.ndarray) -> np.ndarray:
        return np.sum((weights @ signs) * weights, axis=1)

    return _ratio(pairs(first * second), np.sqrt(pairs(np.abs(first)) * pairs(np.abs(second))))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)


def _percentile(value: float, resampled: np.ndarray, level: float) -> Interval:
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=value, low=float(low), high=float(high), level=level)
