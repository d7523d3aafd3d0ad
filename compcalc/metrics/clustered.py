"""Survival when runs come in groups: bands that know that the replicas of one molecule share their fate.

Greenwood's variance takes R runs for R independent ones. Replicas of one molecule are not: where the potential is wrong
for a molecule, all of them break. Here molecules are drawn anew with replacement, then runs within each molecule drawn,
as `statistics.bootstrap_mean` does for frames (Davison and Hinkley, Bootstrap Methods and their Application, 1997,
section 3.8; the Kaplan-Meier estimate itself stays consistent in clusters: Ying and Wei, J. Multivariate Anal. 50, 17
(1994)).

Symbols in the shapes: R runs, K distinct times at which a run ended, S resamples.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics.statistics import Interval
from compcalc.metrics.survival import SurvivalCurve, kaplan_meier, no_event_limit, restricted_areas, restricted_mean


def draw_molecules(
    clusters: Sequence[Hashable], rng: np.random.Generator, n_resamples: int
) -> dict[Hashable, np.ndarray]:
    """Molecule -> how often it is drawn in each resample, (S,): as many molecules as there are, with replacement.

    Args:
        clusters: the molecule of each run, (R,).
        rng: where the random numbers come from.
        n_resamples: S.

    Raises:
        InputError: no resamples.
    """
    if n_resamples < 1:
        raise InputError("n_resamples", n_resamples, "at least 1")
    names = list(dict.fromkeys(clusters))
    if not names:
        return {}
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_resamples)
    return dict(zip(names, counts.T, strict=True))


def draw_runs(
    clusters: Sequence[Hashable], drawn: Mapping[Hashable, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """How often each run counts in each resample, (S, R): as many runs as a molecule has each time that it is drawn.

    Args:
        clusters: the molecule of each run, (R,).
        drawn: from `draw_molecules`.
        rng: where the random numbers come from.
    """
    weights = np.zeros((len(next(iter(drawn.values()), ())), len(clusters)), dtype=int)
    for name, times in drawn.items():
        runs = [r for r, cluster in enumerate(clusters) if cluster == name]
        weights[:, runs] = rng.multinomial(times * len(runs), np.full(len(runs), 1 / len(runs)))
    return weights


def clustered_curve(
    times_ps: ArrayLike,
    events: ArrayLike,
    clusters: Sequence[Hashable],
    seed: int,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> SurvivalCurve:
    """The Kaplan-Meier curve with a percentile band over molecules and replicas instead of Greenwood's.

    Where no run has failed yet, and where none is left, every resample agrees and says nothing: there the exact
    binomial limit counts, with the number of molecules at risk for the number of trials. A single molecule leaves only
    its replicas to draw from; the band then says nothing about other molecules.

    Args:
        times_ps: when each run ended, ps, (R,).
        events: True where it ended in the event, False where it was censored, (R,).
        clusters: the molecule of each run, (R,).
        seed: of the random numbers; the same seed gives the same band.
        n_resamples: S.
        level: confidence level, 0 to 1.

    Raises:
        InputError: as `kaplan_meier`, or the number of clusters is not R.
    """
    curve = kaplan_meier(times_ps, events, level)
    times = np.asarray(times_ps, dtype=float)
    _check_clusters(clusters, len(times))
    if not len(times):
        return curve
    rng = np.random.default_rng(seed)
    drawn = draw_molecules(clusters, rng, n_resamples)
    survival = resampled_survival(times, events, curve.time_ps, draw_runs(clusters, drawn, rng))
    low, high = np.quantile(survival, [(1 - level) / 2, (1 + level) / 2], axis=0)
    molecules = [len({c for c, t in zip(clusters, times, strict=True) if t >= time}) for time in curve.time_ps]
    alone = np.array([no_event_limit(n, level) for n in molecules])
    low = np.where(curve.survival == 1, np.minimum(low, alone), low)
    high = np.where(curve.survival == 0, np.maximum(high, 1 - alone), high)
    return replace(
        curve,
        low=np.minimum.accumulate(low),
        high=np.minimum.accumulate(high),
        independent=np.array(molecules),
    )


def clustered_restricted_mean(
    times_ps: ArrayLike,
    events: ArrayLike,
    clusters: Sequence[Hashable],
    until_ps: float,
    seed: int,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """Mean survival up to `until_ps`, ps, with a percentile interval over molecules and replicas.

    The area below the curve, as `survival.restricted_mean`. A resample whose last run was censored early keeps the
    level that it had. Without a failure before `until_ps` the lower limit is that of every run failing at once with the
    binomial probability that the number of molecules allows.

    Args:
        times_ps: when each run ended, ps, (R,).
        events: True where it ended in the event, False where it was censored, (R,).
        clusters: the molecule of each run, (R,).
        until_ps: end of the time that is looked at, ps.
        seed: of the random numbers; the same seed gives the same interval.
        n_resamples: S.
        level: confidence level, 0 to 1.

    Raises:
        InputError: as `kaplan_meier`, the number of clusters is not R, or `until_ps` is not above 0.
    """
    curve = kaplan_meier(times_ps, events, level)
    times = np.asarray(times_ps, dtype=float)
    _check_clusters(clusters, len(times))
    value = restricted_mean(curve, until_ps).value
    if np.isnan(value):
        return Interval(value, value, value, level)
    rng = np.random.default_rng(seed)
    drawn = draw_molecules(clusters, rng, n_resamples)
    survival = resampled_survival(times, events, curve.time_ps, draw_runs(clusters, drawn, rng))
    areas = restricted_areas(curve.time_ps, survival, until_ps)
    low, high = np.quantile(areas, [(1 - level) / 2, (1 + level) / 2])
    if value == until_ps:
        low = until_ps * no_event_limit(len(drawn), level)
    return Interval(value, float(low), float(high), level)


def resampled_survival(times_ps: ArrayLike, events: ArrayLike, at_ps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Kaplan-Meier estimate of every resample at given times, (S, K); once no run is left it keeps its level.

    Args:
        times_ps: when each run ended, ps, (R,).
        events: True where it ended in the event, (R,).
        at_ps: distinct times at which a run ended, ascending, ps, (K,).
        weights: how often each run counts in each resample, (S, R).
    """
    times, events = np.asarray(times_ps, dtype=float), np.asarray(events, dtype=bool)
    at_risk = weights @ (times[:, None] >= at_ps).astype(int)
    ended = weights @ ((times[:, None] == at_ps) & events[:, None]).astype(int)
    return np.cumprod(1 - ended / np.maximum(at_risk, 1), axis=1)


def _check_clusters(clusters: Sequence[Hashable], n_runs: int) -> None:
    if len(clusters) != n_runs:
        raise InputError("clusters", f"{len(clusters)} clusters", f"{n_runs}, one a run")
