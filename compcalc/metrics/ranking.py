"""Rankings of potentials that know which differences are noise: a bootstrap that is the same for all of them.

All potentials are measured on the same frames of the same molecules, so that what is hard is hard for all. Each
resample draws molecules with replacement, then frames within each molecule drawn (Davison and Hinkley, Bootstrap
Methods and their Application, 1997, section 3.8), and takes the same draw for every potential: the interval of a
difference is then that of paired values, which is much narrower than those of the two means suggest.

A potential may stand for several models that differ in the seed of their training alone. Its number is then the mean
over them, and each resample draws seeds as well, for each potential by itself and across all molecules, since a model
meets all of them (the pigeonhole bootstrap of crossed factors: Owen, Annals of Applied Statistics 1, 386 (2007)). Of M
seeds M - 1 are drawn: M draws would make the variance of a mean too small by (M - 1)/M, a third of it for three seeds
(McCarthy and Snowden, The Bootstrap and Finite Population Sampling, 1985).

Symbols in the shapes: K potentials, M models, T frames, or MD runs, of one molecule, S resamples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_shape
from compcalc.metrics.statistics import FEWEST_PAIRS, Interval, kendall_tau

_DRAWS_AT_A_TIME = 2_000_000
_SEED_OF_SEEDS = 20_070


@dataclass(frozen=True)
class Ranking:
    """Potentials in the order of one number.

    Attributes:
        values: macro means (mean over molecules of the mean over frames), of several models their mean, (K,).
        n_models: models that each potential stands for, (K,).
        spread: standard deviation (M - 1 in the denominator) of the macro means over these models, NaN for one, (K,).
        low: lower limits of their intervals, (K,).
        high: upper limits, (K,).
        ranks: 1 and the number of potentials that are better beyond noise, (K,); equal numbers are ties.
        better: whether the potential of the row is better than that of the column beyond noise, (K, K).
        difference: value of the row less that of the column, (K, K).
        difference_low: lower limit of its paired interval, (K, K).
        difference_high: upper limit, (K, K).
        level: confidence level of every interval, of each pair by itself.
        larger_is_better: as for survival; for errors it is not.
        resampled: macro means of the resamples, (S, K).
    """

    values: np.ndarray
    n_models: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray
    ranks: np.ndarray
    better: np.ndarray
    difference: np.ndarray
    difference_low: np.ndarray
    difference_high: np.ndarray
    level: float
    larger_is_better: bool
    resampled: np.ndarray

    @property
    def tied(self) -> np.ndarray:
        """Whether another potential has the same rank, (K,)."""
        return np.sum(self.ranks == self.ranks[:, None], axis=0) > 1

    def of(self, chosen: Sequence[int]) -> "Ranking":
        """The ranking of the potentials at these indices alone."""
        about = (self.values[chosen], self.n_models[chosen], self.spread[chosen])
        return _ranking(*about, self.resampled[:, chosen], self.level, self.larger_is_better)


def rank_paired(
    per_molecule: Sequence[ArrayLike],
    seed: int,
    *,
    pools: Sequence[Sequence[int]] | None = None,
    larger_is_better: bool = False,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> Ranking:
    """Rank potentials that were measured on the same frames; a difference whose interval holds 0 makes no rank.

    With a single molecule only its frames are drawn, and the ranking says nothing about others; with few molecules the
    percentile intervals are too narrow, and so they are with two or three seeds. Frames count as independent. The level
    is that of each pair: among many potentials some pairs are told apart by chance.

    Args:
        per_molecule: the number of each model and frame, one array (M, T_m) a molecule.
        seed: of the random numbers; rankings of one seed over the same molecules draw the same molecules.
        pools: of each potential, the models that differ in the seed of their training alone, as indices below M; each
            model is a potential by default. The draws of seeds do not depend on `seed`, so that rankings of the same
            pools over other molecules share them.
        larger_is_better: as for survival.
        n_resamples: S.
        level: confidence level, 0 to 1.

    Raises:
        InputError: no molecules, shapes that do not fit, numbers that are not finite, or a setting out of range.
    """
    groups = _groups(per_molecule)
    if n_resamples < 1:
        raise InputError("n_resamples", n_resamples, "at least 1")
    if not 0 < level < 1:
        raise InputError("level", level, "between 0 and 1, for example 0.95")
    models = [np.array([k]) for k in range(len(groups[0]))] if pools is None else _pools(pools, len(groups[0]))
    values = np.mean([group.mean(axis=1) for group in groups], axis=0)
    drawn = paired_means(groups, np.random.default_rng(seed), n_resamples)
    rng = np.random.default_rng(_SEED_OF_SEEDS)
    return _ranking(
        np.array([values[mine].mean() for mine in models]),
        np.array([len(mine) for mine in models]),
        np.array([values[mine].std(ddof=1) if len(mine) > 1 else np.nan for mine in models]),
        np.stack([_over_seeds(drawn[:, mine], rng) for mine in models], axis=1),
        level,
        larger_is_better,
    )


def paired_means(groups: Sequence[np.ndarray], rng: np.random.Generator, n_resamples: int) -> np.ndarray:
    """Macro means of each resample, the same draw for every potential, (S, K).

    Args:
        groups: one array (K, T_m) a molecule.
        rng: where the random numbers come from.
        n_resamples: S.
    """
    slots = rng.integers(len(groups), size=(n_resamples, len(groups)))
    means = np.empty((*slots.shape, len(groups[0])))
    for index, values in enumerate(groups):
        chosen = slots == index
        means[chosen] = _frame_means(values, rng, int(chosen.sum()))
    return means.mean(axis=1)


def rank_agreement(first: Ranking, second: Ranking) -> Interval | None:
    """Kendall's tau-b between two rankings of the same potentials, -1 to 1: 1 is the same order of merit.

    Of the measured numbers. The interval is over the resamples: it says how well the order of these potentials is known
    on molecules of this sort, not how it is for other potentials. Resamples in which one side is the same for all do
    not count.

    Args:
        first: of K potentials.
        second: of the same ones in the same order; of another seed where it is over other molecules.

    Returns:
        None for fewer than `FEWEST_PAIRS` potentials, or where one side is the same for all.

    Raises:
        InputError: different numbers of potentials, resamples, or levels.
    """
    shapes = (first.resampled.shape, first.level), (second.resampled.shape, second.level)
    if shapes[0] != shapes[1]:
        raise InputError("second", shapes[1], f"shape and level of the first, {shapes[0]}")
    sign = 1 if first.larger_is_better == second.larger_is_better else -1
    value = sign * kendall_tau(first.values, second.values) if len(first.values) >= FEWEST_PAIRS else float("nan")
    if np.isnan(value):
        return None
    taus = sign * _taus(first.resampled, second.resampled)
    low, high = np.nanquantile(taus, [(1 - first.level) / 2, (1 + first.level) / 2])
    return Interval(*(float(tau) + 0.0 for tau in (value, low, high)), first.level)  # no -0.0


def ratio_between(above: Ranking, i: int, below: Ranking, j: int) -> Interval | None:
    """Ratio of the number of potential `i` in one ranking to that of `j` in another, with its interval.

    Each resample gives a ratio, so that seeds which both rankings draw alike are drawn for both; None where a resample
    below is not above 0.

    Raises:
        InputError: different numbers of resamples, or levels.
    """
    shapes = (above.resampled.shape[0], above.level), (below.resampled.shape[0], below.level)
    if shapes[0] != shapes[1]:
        raise InputError("below", shapes[1], f"resamples and level of the other, {shapes[0]}")
    top, bottom = above.resampled[:, i], below.resampled[:, j]
    if not (bottom > 0).all() or not below.values[j] > 0:
        return None
    low, high = np.quantile(top / bottom, [(1 - above.level) / 2, (1 + above.level) / 2])
    return Interval(float(above.values[i] / below.values[j]), float(low), float(high), above.level)


def pareto_front(*costs: ArrayLike) -> np.ndarray:
    """Whether no other is at least as good in every cost and better in one, (K,).

    Args:
        costs: one number a potential each, smaller is better, (K,).

    Raises:
        InputError: shapes differ or are not (K,).
    """
    first = as_shape("costs[0]", costs[0], (None,), "(K,)")
    words = f"{first.shape}, as costs[0]"
    table = np.array([as_shape(f"costs[{i}]", cost, first.shape, words) for i, cost in enumerate(costs)])
    no_worse = np.all(table[:, :, None] <= table[:, None, :], axis=0)
    better = np.any(table[:, :, None] < table[:, None, :], axis=0)
    return ~np.any(no_worse & better, axis=0)


def _ranking(
    values: np.ndarray,
    n_models: np.ndarray,
    spread: np.ndarray,
    drawn: np.ndarray,
    level: float,
    larger_is_better: bool,
) -> Ranking:
    ends = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(drawn, ends, axis=0)
    difference_low, difference_high = np.quantile(drawn[:, :, None] - drawn[:, None, :], ends, axis=0)
    better = difference_low > 0 if larger_is_better else difference_high < 0
    return Ranking(
        values=values,
        n_models=n_models,
        spread=spread,
        low=low,
        high=high,
        ranks=1 + better.sum(axis=0),
        better=better,
        difference=values[:, None] - values,
        difference_low=difference_low,
        difference_high=difference_high,
        level=level,
        larger_is_better=larger_is_better,
        resampled=drawn,
    )


def _over_seeds(drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean over the seeds drawn in each resample, (S,), from the macro means of the models of one potential, (S, M)."""
    count = drawn.shape[1]
    if count == 1:
        return drawn[:, 0]
    chosen = rng.integers(count, size=(len(drawn), count - 1))
    return np.take_along_axis(drawn, chosen, axis=1).mean(axis=1)


def _pools(pools: Sequence[Sequence[int]], n_models: int) -> list[np.ndarray]:
    made = [np.array(list(mine), dtype=int) for mine in pools]
    if sorted(index for mine in made for index in mine) != list(range(n_models)) or not all(map(len, made)):
        raise InputError("pools", list(map(list, pools)), f"each model of 0 to {n_models - 1} once, none empty")
    return made


def _groups(per_molecule: Sequence[ArrayLike]) -> list[np.ndarray]:
    if not len(per_molecule):
        raise InputError("per_molecule", "no molecules", "at least one molecule")
    k = len(per_molecule[0])
    groups = [as_shape(f"per_molecule[{i}]", g, (k, None), f"({k}, T)") for i, g in enumerate(per_molecule)]
    for i, group in enumerate(groups):
        if not group.size or not np.isfinite(group).all():
            got = (
                f"per_molecule[{i}] of shape {group.shape} with {np.size(group) - np.isfinite(group).sum()} not finite"
            )
            raise InputError("per_molecule", got, "finite numbers of at least one frame", "Leave out what failed.")
    return groups


def _frame_means(values: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """Means over `count` draws of the frames of one molecule, (count, K), in blocks that fit the memory."""
    means = np.empty((count, len(values)))
    step = max(1, _DRAWS_AT_A_TIME // values.size)
    for first in range(0, count, step):
        block = means[first : first + step]
        drawn = rng.integers(values.shape[1], size=(len(block), values.shape[1]))
        block[:] = values[:, drawn].mean(axis=2).T
    return means


def _taus(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Tau-b of each resample, (S,), NaN where a side is the same for all."""
    i, j = np.triu_indices(first.shape[1], 1)
    a, b = np.sign(first[:, i] - first[:, j]), np.sign(second[:, i] - second[:, j])
    norm = np.sqrt(np.abs(a).sum(axis=1) * np.abs(b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), norm, out=np.full(len(a), np.nan), where=norm > 0)
