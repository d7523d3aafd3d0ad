"""Kaplan-Meier against hand-computed numbers and SciPy."""

import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf

from compcalc.errors import InputError
from compcalc.metrics.survival import kaplan_meier, median_survival, restricted_mean, survival_at

TIMES = [1.0, 2.0, 2.0, 3.0, 4.0]
EVENTS = [True, True, False, False, True]


def test_steps_by_hand():
    curve = kaplan_meier(TIMES, EVENTS)
    np.testing.assert_allclose(curve.time_ps, [1, 2, 3, 4])
    np.testing.assert_array_equal(curve.at_risk, [5, 4, 2, 1])
    np.testing.assert_array_equal(curve.events, [1, 1, 0, 1])
    np.testing.assert_allclose(curve.survival, [0.8, 0.6, 0.6, 0.0])


def test_limits_by_hand():
    curve = kaplan_meier(TIMES, EVENTS)
    error = 1.959964 * np.sqrt(1 / (5 * 4) + 1 / (4 * 3)) / abs(np.log(0.6))
    assert curve.low[1] == pytest.approx(0.6 ** np.exp(error), rel=1e-5)
    assert curve.high[1] == pytest.approx(0.6 ** np.exp(-error), rel=1e-5)
    assert curve.low[2] == curve.low[1]


@pytest.mark.filterwarnings("ignore:The confidence interval is undefined")
@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scipy(seed):
    rng = np.random.default_rng(seed)
    times, events = np.round(rng.exponential(5, size=40), 1), rng.random(40) < 0.6
    events[np.argmax(times)] = False
    curve = kaplan_meier(times, events)
    expected = ecdf(CensoredData.right_censored(times, ~events)).sf
    limits = expected.confidence_interval(0.95, method="log-log")
    np.testing.assert_allclose(curve.time_ps, expected.quantiles)
    np.testing.assert_allclose(curve.survival, expected.probabilities)
    inside = (curve.survival > 0) & (curve.survival < 1)
    assert inside.sum() > 10
    np.testing.assert_allclose(curve.low[inside], limits.low.probabilities[inside])
    np.testing.assert_allclose(curve.high[inside], limits.high.probabilities[inside])


def test_swapping_events_and_censoring_is_seen():
    right = kaplan_meier(TIMES, EVENTS).survival
    wrong = kaplan_meier(TIMES, ~np.array(EVENTS)).survival
    np.testing.assert_allclose(wrong, [1, 0.75, 0.375, 0.375])
    assert not np.allclose(right, wrong)


def test_counting_censored_runs_as_survivors_would_be_too_good():
    curve = kaplan_meier([1.0, 1.0, 5.0, 10.0], [False, False, True, False])
    assert survival_at(curve, 10.0).value == pytest.approx(0.5)


def test_no_events_is_no_proof_of_survival():
    three = survival_at(kaplan_meier([10.0] * 3, [False] * 3), 10.0)
    assert (three.value, three.high) == (1, 1)
    assert three.low == pytest.approx(0.025 ** (1 / 3))
    many = survival_at(kaplan_meier([10.0] * 100, [False] * 100), 10.0)
    assert 0.95 < many.low < 1


def test_no_survivor_has_an_upper_limit():
    at_once = kaplan_meier([1.0] * 4, [True] * 4)
    assert (at_once.survival[0], at_once.low[0]) == (0, 0)
    assert at_once.high[0] == pytest.approx(1 - 0.025**0.25)
    one_by_one = kaplan_meier([1.0, 2.0, 3.0], [True] * 3)
    assert one_by_one.high[2] == one_by_one.high[1] < 1


def test_value_between_before_and_beyond_the_steps():
    curve = kaplan_meier(TIMES[:4], EVENTS[:4])
    assert survival_at(curve, 0.5).value == 1
    assert survival_at(curve, 1.0).value == pytest.approx(0.75)
    assert survival_at(curve, 1.999).value == pytest.approx(0.75)
    assert survival_at(curve, 2.5).value == pytest.approx(0.5)
    assert survival_at(curve, 3.0 + 1e-12).value == pytest.approx(0.5)
    beyond = survival_at(curve, 3.1)
    assert np.isnan([beyond.value, beyond.low, beyond.high]).all()
    assert survival_at(kaplan_meier(TIMES, EVENTS), 99.0).value == 0


def test_limit_before_the_first_event_follows_the_runs_still_watched():
    curve = kaplan_meier([2.0, 6.0, 6.0], [False, False, True])
    assert survival_at(curve, 1.0).low == pytest.approx(0.025 ** (1 / 3))
    assert survival_at(curve, 4.0).low == pytest.approx(0.025**0.5)
    assert survival_at(curve, 4.0).value == 1


def test_interval_covers_the_truth():
    inside = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        broke, ended = rng.exponential(10, size=15), rng.uniform(5, 20, size=15)
        found = survival_at(kaplan_meier(np.minimum(broke, ended), broke <= ended), 4.0)
        inside += found.low <= np.exp(-0.4) <= found.high
    assert 180 <= inside <= 199


def test_level_sets_the_width():
    wide, narrow = kaplan_meier(TIMES, EVENTS, level=0.99), kaplan_meier(TIMES, EVENTS, level=0.5)
    assert wide.low[1] < narrow.low[1] < narrow.survival[1] < narrow.high[1] < wide.high[1]


def test_no_runs_are_an_empty_curve():
    curve = kaplan_meier([], [])
    assert len(curve.time_ps) == 0
    assert np.isnan(survival_at(curve, 1.0).value)


def test_wrong_inputs_are_refused():
    with pytest.raises(InputError, match="times_ps: got"):
        kaplan_meier([1.0, -1.0], [True, True])
    with pytest.raises(InputError, match="times_ps: got"):
        kaplan_meier([np.nan], [True])
    with pytest.raises(InputError, match="events: got .*True or False"):
        kaplan_meier([1.0, 2.0], [0, 2])
    with pytest.raises(InputError, match="events: got"):
        kaplan_meier([1.0, 2.0], [True])
    with pytest.raises(InputError, match="level: got 95"):
        kaplan_meier([1.0], [True], level=95)


def test_restricted_mean_by_hand():
    curve = kaplan_meier(TIMES, EVENTS)
    assert restricted_mean(curve, 4.0).value == pytest.approx(1 + 0.8 + 0.6 + 0.6)
    assert restricted_mean(curve, 2.5).value == pytest.approx(1 + 0.8 + 0.5 * 0.6)
    assert restricted_mean(curve, 0.5).value == 0.5
    assert restricted_mean(curve, 9.0).value == pytest.approx(3.0)


def test_restricted_mean_without_censoring_is_the_mean_of_the_times_and_its_error():
    times = np.array([1.0, 2.0, 4.0, 7.0, 12.0, 12.5])
    found = restricted_mean(kaplan_meier(times, [True] * 6), 10.0)
    cut = np.minimum(times, 10.0)
    assert found.value == pytest.approx(cut.mean())
    assert found.high - found.value == pytest.approx(1.959964 * cut.std() / np.sqrt(6))
    assert found.value - found.low == pytest.approx(found.high - found.value)


def test_restricted_mean_covers_the_truth_of_an_exponential():
    truth, inside = 10 * (1 - np.exp(-0.5)), 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        broke, ended = rng.exponential(10, size=30), rng.uniform(5, 20, size=30)
        found = restricted_mean(kaplan_meier(np.minimum(broke, ended), broke <= ended), 5.0)
        inside += found.low <= truth <= found.high
    assert 180 <= inside <= 199


def test_restricted_mean_knows_a_failure_at_the_start():
    found = restricted_mean(kaplan_meier([0.0, 0.0, 4.0, 4.0], [True, True, False, False]), 4.0)
    assert found.value == 2
    assert found.high - found.value == pytest.approx(min(1.959964 * 2 / np.sqrt(4), 2))


def test_restricted_mean_without_failures_has_a_lower_limit():
    found = restricted_mean(kaplan_meier([10.0] * 3, [False] * 3), 10.0)
    assert (found.value, found.high) == (10, 10)
    assert found.low == pytest.approx(10 * 0.025 ** (1 / 3))
    late = restricted_mean(kaplan_meier([5.0, 10.0], [True, False]), 5.0)
    assert (late.value, late.high) == (5, 5)
    assert late.low == pytest.approx(5 * 0.025**0.5)


def test_restricted_mean_beyond_what_was_observed_is_unknown():
    assert np.isnan(restricted_mean(kaplan_meier([1.0, 2.0], [True, False]), 3.0).value)
    assert np.isnan(restricted_mean(kaplan_meier([], []), 3.0).value)
    assert restricted_mean(kaplan_meier([1.0, 2.0], [True, True]), 3.0).value == pytest.approx(1.5)
    with pytest.raises(InputError, match="until_ps: got 0"):
        restricted_mean(kaplan_meier(TIMES, EVENTS), 0)


def test_median_by_hand():
    found = median_survival(kaplan_meier([1.0, 2.0, 3.0, 4.0], [True] * 4))
    assert found.value == 2
    assert found.low == 1
    never = median_survival(kaplan_meier([1.0] + [5.0] * 9, [True] + [False] * 9))
    assert np.isnan([never.value, never.high]).all()
    assert median_survival(kaplan_meier(TIMES, EVENTS)).value == 4


def test_median_covers_the_truth_of_an_exponential():
    inside = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found = median_survival(kaplan_meier(rng.exponential(1, size=25), [True] * 25))
        inside += found.low <= np.log(2) <= found.high
    assert 180 <= inside <= 199
