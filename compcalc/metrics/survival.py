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
    """

    time_ps: np.ndarray
    survival: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    level: float


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
    return SurvivalCurve(step_times, survival, low, high, at_risk, ended, level)


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
        return Interval(1.0, _no_event_limit(int(curve.at_risk[reached]), curve.level), 1.0, curve.level)
    return Interval(float(curve.survival[passed]), float(curve.low[passed]), float(curve.high[passed]), curve.level)


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
            low[k] = _no_event_limit(int(n), level)
        elif s == 0:
            high[k] = min(high[k - 1] if k else 1.0, 1 - _no_event_limit(int(n), level))
        else:
            greenwood += d / (n * (n - d))
            spread = np.exp(z * np.sqrt(greenwood) / abs(np.log(s)))
            low[k], high[k] = s**spread, s ** (1 / spread)
    return low, high


def _no_event_limit(n: int, level: float) -> float:
    return ((1 - level) / 2) ** (1 / n)
