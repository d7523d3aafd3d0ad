"""Survival of MD runs: the Kaplan-Meier estimate with a confidence interval.

Kaplan and Meier, J. Am. Stat. Assoc. 53, 457 (1958); the interval is Greenwood's variance on the log(-log) scale
(Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data, 2002).
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_shape
from compcalc.metrics.statistics import Interval

_SAME_TIME = 1e-9
"""Relative difference below which two times are one: the sum of many steps differs from their product by rounding."""


@dataclass(frozen=True)
class SurvivalCurve:
    """Kaplan-Meier step function; it is 1 before the first time. K distinct times at which a run ended.

    Attributes:
        time_ps: distinct times of events and of censoring, ascending, ps, (K,).
        survival: probability to survive beyond that time, (K,).
        low: lower confidence limit, (K,).
        high: upper confidence limit, (K,).
        at_risk: runs under observation just before that time, (K,).
        events: events at that time, (K,).
        level: confidence level of `low` and `high`.
        independent: independent trials at risk, which limits without an event count: runs, or groups of runs, (K,).
    """

    time_ps: np.ndarray
    survival: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    level: float
    independent: np.ndarray


def kaplan_meier(times_ps: ArrayLike, events: ArrayLike, level: float = 0.95) -> SurvivalCurve:
    """Survival curve of R runs; times in ps.

    A run that was censored at the time of an event elsewhere counts as at risk in it. The limits where the log(-log)
    scale has no value, with a = 1 - level and n runs at risk:
    - survival 1: high 1, low (a/2)^(1/n), the exact binomial (Clopper-Pearson) limit of no event in n runs;
    - survival 0: low 0, high 1 - (a/2)^(1/n) or the limit of the step before, whichever is lower.

    Args:
        times_ps: when each run ended, ps, (R,).
        events: True where it ended in the event, False where it was censored (completed, timed out, crashed), (R,).
        level: confidence level, 0 to 1.

    Raises:
        InputError: shapes differ, a time is negative or not finite, an event is not a truth value, or the level is out
            of range.
    """
    times = as_shape("times_ps", times_ps, (None,), "(R,)")
    events = _as_events(events, times.shape)
    if not np.all(np.isfinite(times) & (times >= 0)):
        raise InputError("times_ps", times.tolist(), "finite times, 0 or more")
    if not 0 < level < 1:
        raise InputError("level", level, "between 0 and 1, for example 0.95")
    step_times = np.unique(times)
    at_risk = np.array([np.sum(times >= t) for t in step_times], dtype=int)
    ended = np.array([np.sum(events[times == t]) for t in step_times], dtype=int)
    survival = np.cumprod(1 - ended / at_risk)
    low, high = _limits(survival, at_risk, ended, level)
    return SurvivalCurve(step_times, survival, low, high, at_risk, ended, level, independent=at_risk)


def survival_at(curve: SurvivalCurve, time_ps: float) -> Interval:
    """Probability to survive beyond `time_ps`, with its limits, without unit.

    NaN after the last time that was observed, unless no run survived it; NaN without runs.

    Args:
        curve: from `kaplan_meier`.
        time_ps: ps.
    """
    reached = int(np.searchsorted(curve.time_ps, time_ps * (1 - _SAME_TIME), side="left"))
    passed = int(np.searchsorted(curve.time_ps, time_ps * (1 + _SAME_TIME), side="right")) - 1
    steps = len(curve.time_ps)
    if steps == 0 or (reached == steps and curve.survival[-1] > 0):
        return Interval(float("nan"), float("nan"), float("nan"), curve.level)
    if passed < 0 or curve.survival[passed] == 1:
        return Interval(1.0, no_event_limit(int(curve.independent[reached]), curve.level), 1.0, curve.level)
    return Interval(float(curve.survival[passed]), float(curve.low[passed]), float(curve.high[passed]), curve.level)


def restricted_mean(curve: SurvivalCurve, until_ps: float) -> Interval:
    """Mean time that a run survives within the first `until_ps`, in ps: the area below the curve up to there.

    Unlike a median it exists whatever share survives, and unlike the share at the end it tells early failures from late
    ones (Royston and Parmar, BMC Med. Res. Methodol. 13, 152 (2013)). The interval is normal with the variance
    sum_k A_k^2 d_k / (n_k (n_k - d_k)), A_k the area after time k, and never beyond 0 and `until_ps`. Without an event
    the lower limit is the area if every run failed at once with the binomial limit's probability. NaN where the last
    run was censored before `until_ps`.

    Args:
        curve: from `kaplan_meier`.
        until_ps: ps, above 0.

    Raises:
        InputError: `until_ps` is not above 0.
    """
    if not until_ps > 0:
        raise InputError("until_ps", until_ps, "above 0")
    value = float(restricted_areas(curve.time_ps, curve.survival, until_ps))
    before = curve.time_ps < until_ps * (1 - _SAME_TIME)
    if not len(curve.time_ps) or (curve.survival[-1] > 0 and curve.time_ps[-1] < until_ps * (1 - _SAME_TIME)):
        return Interval(float("nan"), float("nan"), float("nan"), curve.level)
    if not curve.events[before].any():
        trials = int(curve.independent[min(int(before.sum()), len(before) - 1)])
        return Interval(value, until_ps * no_event_limit(trials, curve.level), until_ps, curve.level)
    variance = 0.0
    for k in np.flatnonzero(before & (curve.events > 0) & (curve.at_risk > curve.events)):
        n, d = curve.at_risk[k], curve.events[k]
        after = value - float(restricted_areas(curve.time_ps[:k], curve.survival[:k], curve.time_ps[k]))
        variance += after**2 * d / (n * (n - d))
    reach = NormalDist().inv_cdf((1 + curve.level) / 2) * np.sqrt(variance)
    return Interval(value, max(0.0, value - reach), min(until_ps, value + reach), curve.level)


def median_survival(curve: SurvivalCurve) -> Interval:
    """First time at which no more than half of the runs survive, ps, with the times at which its limits say so.

    NaN for what is never reached: a median of NaN with a lower limit says that it lies above that limit. Limits as
    Brookmeyer and Crowley, Biometrics 38, 29 (1982).

    Args:
        curve: from `kaplan_meier`.
    """
    value, low, high = (_first_half(curve.time_ps, s) for s in (curve.survival, curve.low, curve.high))
    return Interval(value, low, high, curve.level)


def restricted_areas(time_ps: np.ndarray, survival: np.ndarray, until_ps: float) -> np.ndarray:
    """Area below step functions that are 1 before the first time, from 0 to `until_ps`, ps, (...,).

    Args:
        time_ps: ascending, ps, (K,).
        survival: from each time on, (..., K).
        until_ps: ps, 0 or more.
    """
    ends = np.concatenate([[0.0], np.minimum(time_ps, until_ps), [until_ps]])
    before = np.ones((*np.shape(survival)[:-1], 1))
    return np.concatenate([before, survival], axis=-1) @ np.diff(ends)


def no_event_limit(n: int, level: float) -> float:
    """Lower limit of a probability of survival of which `n` independent trials showed no failure (Clopper-Pearson)."""
    return ((1 - level) / 2) ** (1 / n)


def _first_half(time_ps: np.ndarray, survival: np.ndarray) -> float:
    below = np.flatnonzero(survival <= 0.5 + 1e-12)
    return float(time_ps[below[0]]) if len(below) else float("nan")


def _as_events(events: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """As bool; a stray number, such as an outcome's code, must not pass for an event."""
    array = as_shape("events", events, shape, f"{shape}, as times_ps")
    if not np.all(np.isin(array, (0.0, 1.0))):
        raise InputError("events", array.tolist(), "True or False for each run")
    return array.astype(bool)


def _limits(
    survival: np.ndarray, at_risk: np.ndarray, ended: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limits, (K,) each."""
    low, high = np.zeros(len(survival)), np.ones(len(survival))
    z = NormalDist().inv_cdf((1 + level) / 2)
    greenwood = 0.0
    for k, (s, n, d) in enumerate(zip(survival, at_risk, ended, strict=True)):
        if s == 1:
            low[k] = no_event_limit(int(n), level)
        elif s == 0:
            high[k] = min(high[k - 1] if k else 1.0, 1 - no_event_limit(int(n), level))
        else:
            greenwood += d / (n * (n - d))
            spread = np.exp(z * np.sqrt(greenwood) / abs(np.log(s)))
            low[k], high[k] = s**spread, s ** (1 / spread)
    return low, high
