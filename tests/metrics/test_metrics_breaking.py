"""Breaking temperatures of ramps whose breaks are known."""

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.breaking import (
    HeatedRuns,
    breaking_temperature_difference,
    mean_breaking_temperature,
    median_breaking_temperature,
    ramp_temperature_k,
)

START, END = 300.0, 1500.0


def _runs(temperatures, molecules=None, broke=None) -> HeatedRuns:
    """Runs that broke at these temperatures; those at the end of the ramp survived."""
    temperatures = np.asarray(temperatures, dtype=float)
    broke = temperatures < END if broke is None else np.asarray(broke)
    molecules = list(range(len(temperatures))) if molecules is None else molecules
    return HeatedRuns(temperatures, broke, molecules, START, END)


def test_the_ramp_is_a_line_between_its_ends():
    assert ramp_temperature_k(0.0, 300, 1500, 12.0) == 300
    assert ramp_temperature_k(3.0, 300, 1500, 12.0) == 600
    assert ramp_temperature_k(12.0, 300, 1500, 12.0) == 1500
    assert ramp_temperature_k(12.1, 300, 1500, 12.0) == 1500
    with pytest.raises(InputError, match="ramp_ps: got 0"):
        ramp_temperature_k(1.0, 300, 1500, 0)


def test_median_of_breaks_by_hand():
    found = median_breaking_temperature(_runs(np.arange(700, 1101, 50)), seed=0)
    assert found.value == 900
    assert 700 <= found.low < 900 < found.high <= 1100


def test_survivors_are_censored_and_lift_the_median():
    half = median_breaking_temperature(_runs([700, 800, 900, END, END, END]), seed=0)
    assert half.value == 900
    assert np.isnan(half.high)
    above = median_breaking_temperature(_runs([700, 800, END, END, END, END, END]), seed=0)
    assert np.isnan([above.value, above.high]).all()
    assert np.isnan(median_breaking_temperature(_runs([END] * 4), seed=0).value)


def test_a_run_that_crashed_on_the_way_is_no_break():
    with_crash = _runs([600, 800, 900], broke=[False, True, True])
    assert mean_breaking_temperature(with_crash) == pytest.approx(850)
    assert mean_breaking_temperature(_runs([600, 800, 900])) == pytest.approx(2300 / 3)


def test_the_mean_counts_survivors_as_the_end_of_the_ramp():
    assert mean_breaking_temperature(_runs([700, 900, END])) == pytest.approx(3100 / 3)
    assert mean_breaking_temperature(_runs([END, END])) == END
    assert mean_breaking_temperature(_runs([START, START])) == START
    assert np.isnan(mean_breaking_temperature(_runs([])))


def test_a_model_that_breaks_early_is_below_the_reference_by_as_much():
    rng = np.random.default_rng(0)
    molecules = np.repeat(np.arange(10), 3).tolist()
    true = 1000 + 100 * np.repeat(rng.normal(size=10), 3) + 10 * rng.normal(size=30)
    found = breaking_temperature_difference(_runs(true - 250, molecules), _runs(true, molecules), seed=0)
    assert found.value == pytest.approx(-250)
    # Both sides have the same molecules in each resample: their differences do not spoil the interval.
    assert found.high - found.low < 30
    assert found.low < -250 < found.high


def test_a_reference_that_survives_makes_the_difference_a_lower_bound():
    found = breaking_temperature_difference(_runs([900, 900]), _runs([END, END]), seed=0)
    assert (found.value, found.low, found.high) == pytest.approx((-600, -600, -600))


def test_only_molecules_of_both_are_compared():
    model, reference = _runs([800, 500], ["a", "b"]), _runs([900, 1400], ["a", "c"])
    assert breaking_temperature_difference(model, reference, seed=0).value == pytest.approx(-100)
    none = breaking_temperature_difference(_runs([800], ["a"]), _runs([900], ["b"]), seed=0)
    assert np.isnan([none.value, none.low, none.high]).all()


def test_interval_covers_the_truth():
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        molecules = np.repeat(np.arange(12), 2).tolist()
        own = np.repeat(80 * rng.normal(size=12), 2)
        model, reference = (
            _runs(np.clip(level + own + 40 * rng.normal(size=24), START, END - 1), molecules) for level in (700, 900)
        )
        found = breaking_temperature_difference(model, reference, seed=seed, n_resamples=300)
        inside += found.low <= -200 <= found.high
    assert inside >= 52


def test_wrong_inputs_are_refused():
    with pytest.raises(InputError, match="end_k: got 300"):
        HeatedRuns(np.array([]), np.array([]), [], 300, 300)
    with pytest.raises(InputError, match="temperature_k: got .*the ends of the ramp"):
        _runs([200.0])
    with pytest.raises(InputError, match="lengths"):
        _runs([400.0], molecules=["a", "b"])
    with pytest.raises(InputError, match="reference: got"):
        breaking_temperature_difference(_runs([400.0]), HeatedRuns([400.0], [True], [0], 300, 1000), seed=0)
