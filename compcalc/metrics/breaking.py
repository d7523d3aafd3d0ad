"""The temperature at which molecules break when they are heated evenly, and how far it is from the reference method's.

Time and temperature run together in such a run, so that the Kaplan-Meier estimate is taken on an axis of temperature: a
run that breaks is an event at the thermostat's temperature of that moment, and one that survives is censored at the end
of the ramp. The temperature belongs to the rate: heating ten times more slowly breaks the same bond earlier.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from compcalc.errors import InputError
from compcalc.metrics.clustered import clustered_curve, draw_molecules, draw_runs, resampled_survival
from compcalc.metrics.statistics import Interval
from compcalc.metrics.survival import kaplan_meier, median_survival, restricted_areas


@dataclass(frozen=True)
class HeatedRuns:
    """Where R runs on one ramp ended.

    Attributes:
        temperature_k: of the thermostat when each run ended, K, (R,).
        broke: True where it broke, False where it survived or ended for another reason, (R,).
        molecules: the molecule of each run, (R,).
        start_k: temperature at which the ramp begins, K.
        end_k: temperature at which it ends, K.
    """

    temperature_k: np.ndarray
    broke: np.ndarray
    molecules: Sequence[Hashable]
    start_k: float
    end_k: float

    def __post_init__(self):
        if not 0 <= self.start_k < self.end_k:
            raise InputError("end_k", self.end_k, f"above start_k, which is {self.start_k}")
        if not len(self.temperature_k) == len(self.broke) == len(self.molecules):
            lengths = (len(self.temperature_k), len(self.broke), len(self.molecules))
            raise InputError("temperature_k, broke, molecules", f"lengths {lengths}", "one length")
        inside = (np.asarray(self.temperature_k) >= self.start_k) & (np.asarray(self.temperature_k) <= self.end_k)
        if not inside.all():
            got = np.asarray(self.temperature_k).tolist()
            raise InputError("temperature_k", got, f"{self.start_k} to {self.end_k}, the ends of the ramp")

    def of(self, molecules: set) -> "HeatedRuns":
        """The runs of these molecules."""
        keep = [m in molecules for m in self.molecules]
        names = [m for m, kept in zip(self.molecules, keep, strict=True) if kept]
        broke = np.asarray(self.broke)[keep]
        return HeatedRuns(np.asarray(self.temperature_k)[keep], broke, names, self.start_k, self.end_k)


def ramp_temperature_k(time_ps: float, start_k: float, end_k: float, ramp_ps: float) -> float:
    """Temperature of the thermostat at a time of a linear ramp, K; its ends outside of the ramp.

    Args:
        time_ps: since the start of the ramp, ps.
        start_k: K.
        end_k: K.
        ramp_ps: length of the ramp, ps.

    Raises:
        InputError: the length is not above 0.
    """
    if not ramp_ps > 0:
        raise InputError("ramp_ps", ramp_ps, "above 0")
    return float(start_k + (end_k - start_k) * np.clip(time_ps / ramp_ps, 0.0, 1.0))


def median_breaking_temperature(runs: HeatedRuns, seed: int, n_resamples: int = 2000, level: float = 0.95) -> Interval:
    """Temperature that half of the runs do not survive, K, with limits from the band over molecules and replicas.

    NaN for the median and the upper limit where more than half survive the ramp: it lies above its lower limit then, or
    above the ramp where that is NaN as well.

    Args:
        runs: of one potential.
        seed: of the random numbers.
        n_resamples: S.
        level: confidence level, 0 to 1.
    """
    return median_survival(clustered_curve(runs.temperature_k, runs.broke, runs.molecules, seed, n_resamples, level))


def mean_breaking_temperature(runs: HeatedRuns) -> float:
    """Mean temperature at which a run breaks, K, a run that survives the ramp counting as its end; NaN without runs.

    The start of the ramp plus the area below the Kaplan-Meier curve on the axis of temperature.
    """
    if not len(runs.temperature_k):
        return float("nan")
    curve = kaplan_meier(runs.temperature_k, runs.broke)
    return float(restricted_areas(curve.time_ps, curve.survival, runs.end_k))


def breaking_temperature_difference(
    model: HeatedRuns, reference: HeatedRuns, seed: int, n_resamples: int = 2000, level: float = 0.95
) -> Interval:
    """Mean breaking temperature of the model less that of the reference over the molecules that both have, K.

    Negative: the model breaks too early. Means instead of medians, since a reference that survives the ramp has no
    median; the difference is then one of what the ramp can see, and too small. Each resample draws molecules, the same
    for both, and then the runs of either within them. NaN without a common molecule.

    Args:
        model: runs of the potential.
        reference: runs of the reference method on the same ramp.
        seed: of the random numbers.
        n_resamples: S.
        level: confidence level, 0 to 1.

    Raises:
        InputError: the ramps differ.
    """
    if (model.start_k, model.end_k) != (reference.start_k, reference.end_k):
        raise InputError("reference", (reference.start_k, reference.end_k), f"the ramp {model.start_k, model.end_k}")
    common = set(model.molecules) & set(reference.molecules)
    if not common:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    sides = [runs.of(common) for runs in (model, reference)]
    rng = np.random.default_rng(seed)
    drawn = draw_molecules(sides[0].molecules, rng, n_resamples)
    mine, true = (_resampled_means(side, draw_runs(side.molecules, drawn, rng)) for side in sides)
    low, high = np.quantile(mine - true, [(1 - level) / 2, (1 + level) / 2])
    value = mean_breaking_temperature(sides[0]) - mean_breaking_temperature(sides[1])
    return Interval(value, float(low), float(high), level)


def _resampled_means(runs: HeatedRuns, weights: np.ndarray) -> np.ndarray:
    """Mean breaking temperature of each resample, K, (S,)."""
    at = np.unique(runs.temperature_k)
    return restricted_areas(at, resampled_survival(runs.temperature_k, runs.broke, at, weights), runs.end_k)
