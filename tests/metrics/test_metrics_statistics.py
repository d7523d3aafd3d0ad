"""Bootstrap intervals against their normal limits; rank correlation by hand."""

import time

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics import statistics
from compcalc.metrics.statistics import bootstrap_mean, bootstrap_ratio, kendall_tau, rank_correlation


def _molecules(count: int, frames: int, between: float, within: float, mean: float, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [mean + between * rng.normal() + within * rng.normal(size=frames) for _ in range(count)]


def test_value_is_the_macro_mean_not_the_mean_over_frames():
    interval = bootstrap_mean([np.array([1.0]), np.array([4.0, 4.0, 4.0])], seed=0)
    assert interval.value == 2.5
    assert (interval.low, interval.high) == (1.0, 4.0)


@pytest.mark.parametrize(("between", "within"), [(1.0, 0.0), (0.0, 1.0), (1.0, 3.0)])
def test_width_agrees_with_the_variance_of_both_levels(between, within):
    groups = _molecules(40, 25, between, within, 10.0, seed=3)
    interval = bootstrap_mean(groups, seed=0, n_resamples=4000)
    means = np.array([g.mean() for g in groups])
    inner = np.mean([g.var() / len(g) for g in groups])
    error = np.sqrt((means.var() + inner) / len(groups))
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.06)
    assert interval.low < interval.value < interval.high


def test_ignoring_the_molecules_would_be_far_too_narrow():
    groups = _molecules(40, 25, 1.0, 1.0, 10.0, seed=3)
    pooled = bootstrap_mean([np.concatenate(groups)], seed=0)
    layered = bootstrap_mean(groups, seed=0)
    assert layered.high - layered.low > 3 * (pooled.high - pooled.low)


def test_ratio_has_the_ood_error_above_the_line():
    ood, id_ = _molecules(14, 50, 0.2, 0.5, 6.0, seed=1), _molecules(14, 50, 0.2, 0.5, 2.0, seed=2)
    ratio = bootstrap_ratio(ood, id_, seed=0)
    assert ratio.value == pytest.approx(3.0, rel=0.1)
    assert ratio.low < ratio.value < ratio.high
    swapped = bootstrap_ratio(id_, ood, seed=0)
    assert swapped.value == pytest.approx(1 / ratio.value)
    in_other_unit = bootstrap_ratio([1000 * g for g in ood], id_, seed=0)
    assert in_other_unit.value == pytest.approx(1000 * ratio.value)


def test_both_sides_of_the_ratio_are_resampled_independently():
    groups = _molecules(20, 30, 0.5, 0.0, 5.0, seed=4)
    ratio = bootstrap_ratio(groups, groups, seed=0, n_resamples=4000)
    means = np.array([g.mean() for g in groups])
    relative = means.std() / np.sqrt(len(means)) / means.mean()
    assert ratio.value == 1
    assert ratio.high - ratio.low == pytest.approx(2 * 1.96 * np.sqrt(2) * relative, rel=0.06)


def test_coverage_of_the_ratio():
    inside = 0
    for seed in range(60):
        ood, id_ = _molecules(14, 10, 0.5, 0.5, 4.0, seed), _molecules(14, 10, 0.5, 0.5, 2.0, 1000 + seed)
        ratio = bootstrap_ratio(ood, id_, seed=0, n_resamples=300)
        inside += ratio.low < 2.0 < ratio.high
    assert 50 <= inside <= 60


def test_same_seed_same_interval_other_seed_other_interval():
    groups = _molecules(5, 10, 1.0, 1.0, 3.0, seed=5)
    assert bootstrap_ratio(groups, groups, seed=7) == bootstrap_ratio(groups, groups, seed=7)
    assert bootstrap_ratio(groups, groups, seed=7) != bootstrap_ratio(groups, groups, seed=8)


def test_one_molecule_resamples_its_frames():
    interval = bootstrap_mean([np.arange(100.0)], seed=0)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * np.arange(100.0).std() / 10, rel=0.1)
    ratio = bootstrap_ratio([np.array([3.0])], [np.array([2.0])], seed=0)
    assert (ratio.value, ratio.low, ratio.high) == (1.5, 1.5, 1.5)


def test_blocks_of_draws_do_not_change_the_distribution(monkeypatch):
    groups = _molecules(6, 40, 0.5, 2.0, 3.0, seed=6)
    whole = bootstrap_mean(groups, seed=0, n_resamples=4000)
    monkeypatch.setattr(statistics, "_DRAWS_AT_A_TIME", 100)
    blocked = bootstrap_mean(groups, seed=1, n_resamples=4000)
    assert blocked.low == pytest.approx(whole.low, abs=0.05)
    assert blocked.high == pytest.approx(whole.high, abs=0.05)


def test_level_widens_the_interval():
    groups = _molecules(10, 20, 1.0, 1.0, 3.0, seed=8)
    narrow, wide = bootstrap_mean(groups, seed=0, level=0.5), bootstrap_mean(groups, seed=0, level=0.99)
    assert narrow.level == 0.5
    assert wide.low < narrow.low < narrow.high < wide.high


def test_fourteen_molecules_a_side_take_less_than_a_second():
    ood, id_ = _molecules(14, 50, 1, 1, 9, seed=1), _molecules(14, 50, 1, 1, 9, seed=2)
    start = time.process_time()
    bootstrap_ratio(ood, id_, seed=0)
    assert time.process_time() - start < 1


def test_molecules_without_frames_are_named_by_index():
    with pytest.raises(InputError, match=r"id_: got 'no frames for the molecules at \[1\]'"):
        bootstrap_ratio([np.ones(3)], [np.ones(3), np.ones(0)], seed=0)
    with pytest.raises(InputError, match="ood: got 'no molecules'"):
        bootstrap_ratio([], [np.ones(3)], seed=0)


def test_settings_out_of_range_are_refused():
    with pytest.raises(InputError, match="level: got 95"):
        bootstrap_mean([np.ones(2)], seed=0, level=95)
    with pytest.raises(InputError, match="n_resamples: got 0"):
        bootstrap_mean([np.ones(2)], seed=0, n_resamples=0)


def test_nan_and_a_zero_denominator_stay_visible():
    assert np.isnan(bootstrap_mean([np.array([1.0, np.nan])], seed=0).value)
    ratio = bootstrap_ratio([np.ones(3)], [np.zeros(3)], seed=0)
    assert np.isnan([ratio.value, ratio.low, ratio.high]).all()


def test_kendall_tau_by_hand():
    assert kendall_tau([1, 2, 3], [10, 20, 30]) == pytest.approx(1)
    assert kendall_tau([1, 2, 3], [-10, -20, -30]) == pytest.approx(-1)
    assert kendall_tau([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)


def test_kendall_tau_without_a_ranking_is_nan():
    assert np.isnan(kendall_tau([1.0], [2.0]))
    assert np.isnan(kendall_tau([], []))
    assert np.isnan(kendall_tau([1.0, 1.0], [1.0, 2.0]))
    with pytest.raises(InputError, match="b: got"):
        kendall_tau([1.0, 2.0], [1.0])


def test_rank_correlation_is_kendalls_tau_with_an_interval():
    rng = np.random.default_rng(0)
    a = rng.normal(size=20)
    b = a + 0.7 * rng.normal(size=20)
    found = rank_correlation(a, b, seed=0)
    assert found.value == pytest.approx(kendall_tau(a, b))
    assert 0 < found.low < found.value < found.high <= 1
    turned = rank_correlation(a, -b, seed=0)
    assert (turned.value, turned.low, turned.high) == pytest.approx((-found.value, -found.high, -found.low))


def test_every_resample_of_ranks_is_tau_b_of_what_was_drawn():
    """Drawn pairs repeat, so that each resample has ties, on top of those of the data."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(5, size=12).astype(float), rng.integers(4, size=12).astype(float)
    weights = rng.multinomial(12, np.full(12, 1 / 12), size=20)
    found = statistics._weighted_tau(a, b, weights.astype(float))
    expected = [kendall_tau(np.repeat(a, w), np.repeat(b, w)) for w in weights]
    np.testing.assert_allclose(found, expected)


def test_rank_correlation_depends_on_ranks_alone():
    a, b = np.array([1.0, 2, 3, 4, 5, 6]), np.array([1.0, 3, 2, 4, 6, 5])
    assert rank_correlation(np.exp(a), b**3, seed=3) == rank_correlation(a, b, seed=3)
    assert rank_correlation([1.0, np.inf, 3.0], [1.0, 3.0, 2.0], seed=0).value == pytest.approx(1)


def test_no_correlation_covers_zero():
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        found = rank_correlation(rng.normal(size=15), rng.normal(size=15), seed=seed, n_resamples=400)
        inside += found.low <= 0 <= found.high
    assert inside >= 52


def test_too_few_pairs_have_no_rank_correlation():
    assert rank_correlation([1.0, 2.0], [1.0, 2.0], seed=0) is None
    assert rank_correlation([], [], seed=0) is None
    assert rank_correlation([1.0, np.nan, 3.0], [1.0, 2.0, 3.0], seed=0) is None
    assert rank_correlation([1.0, 2.0, 3.0], [5.0, 5.0, 5.0], seed=0) is None
    assert rank_correlation([1.0, np.nan, 3.0, 4.0], [1.0, 9.0, 3.0, 4.0], seed=0).value == pytest.approx(1)
    with pytest.raises(InputError, match="b: got"):
        rank_correlation([1.0, 2.0], [1.0], seed=0)
