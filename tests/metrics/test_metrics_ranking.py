"""Rankings with ties, against closed forms and SciPy."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from compcalc.errors import InputError
from compcalc.metrics.ranking import paired_means, pareto_front, rank_agreement, rank_paired, ratio_between

RNG = np.random.default_rng(7)


def hard_and_easy(offsets, noise, molecules=8, frames=30, seed=1):
    """Potentials that differ by `offsets` on molecules of very different difficulty, with noise of their own."""
    rng = np.random.default_rng(seed)
    groups = []
    for _ in range(molecules):
        difficulty = rng.uniform(50, 150) + rng.normal(0, 10, frames)
        own = rng.normal(0, noise, (len(offsets), frames))
        groups.append(difficulty + np.array(offsets)[:, None] + own)
    return groups


def constant(*models):
    """One number a model, on every frame of every molecule: nothing is noise but the seed."""
    return [np.repeat(np.array(models, dtype=float)[:, None], 4, axis=1)] * 6


def test_noise_of_seeds_makes_a_tie_of_what_single_models_tell_apart():
    groups = constant(10, 14, 12, 11, 15, 13)
    assert rank_paired([group[[0, 3]] for group in groups], seed=0).ranks.tolist() == [1, 2]
    pooled = rank_paired(groups, seed=0, pools=[(0, 1, 2), (3, 4, 5)])
    assert pooled.ranks.tolist() == [1, 1] and pooled.tied.all()
    assert pooled.values.tolist() == [12, 13] and pooled.spread.tolist() == [2, 2]
    assert pooled.n_models.tolist() == [3, 3]
    far = rank_paired(constant(10, 14, 12, 41, 45, 43), seed=0, pools=[(0, 1, 2), (3, 4, 5)])
    assert far.ranks.tolist() == [1, 2]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_bootstrap_of_seeds_has_the_variance_of_a_mean(count):
    models = np.random.default_rng(count).normal(50, 3, count)
    found = rank_paired(constant(*models, 50), seed=0, pools=[range(count), [count]], n_resamples=40_000)
    assert found.resampled[:, 0].var() == pytest.approx(models.var(ddof=1) / count, rel=0.03)
    assert found.resampled[:, 0].mean() == pytest.approx(models.mean(), abs=0.05)
    assert np.isnan(found.spread[1]) and found.resampled[:, 1].var() == 0


def test_seeds_are_drawn_for_all_molecules_at_once():
    """A model meets every molecule: drawn anew for each of them, the noise of seeds would average out."""
    found = rank_paired(constant(10, 20, 0), seed=0, pools=[(0, 1), (2,)])
    assert set(np.round(found.resampled[:, 0], 9)) == {10.0, 20.0}


def test_seeds_without_spread_leave_every_interval_as_it_is():
    groups = hard_and_easy([0.0, 2.0, 2.1], noise=3.0)
    alone = rank_paired(groups, seed=3)
    pooled = rank_paired([g[[0, 0, 0, 1, 2, 2]] for g in groups], seed=3, pools=[(0, 1, 2), (3,), (4, 5)])
    for name in ("values", "low", "high", "ranks", "difference", "difference_low", "difference_high"):
        np.testing.assert_allclose(getattr(pooled, name), getattr(alone, name), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pools", [[(0,)], [(0, 1), (1,)], [(0, 1), ()]])
def test_pools_hold_each_model_once(pools):
    with pytest.raises(InputError, match="each model of 0 to 1 once, none empty"):
        rank_paired(constant(1, 2), seed=0, pools=pools)


def test_pairing_tells_apart_what_unpaired_intervals_do_not():
    found = rank_paired(hard_and_easy([0.0, 2.0, 10.0], noise=1.0), seed=0)
    assert found.low[1] < found.values[0] < found.high[1], "the intervals of the two overlap by far"
    assert found.ranks.tolist() == [1, 2, 3] and not found.tied.any()
    assert found.better[0, 1] and not found.better[1, 0]
    np.testing.assert_allclose(found.difference[2, 0], 10, atol=0.3)
    assert found.difference_low[2, 0] < found.difference[2, 0] < found.difference_high[2, 0]


def test_differences_within_noise_are_ties():
    found = rank_paired(hard_and_easy([0.0, 0.0, 30.0], noise=5.0), seed=0)
    assert found.ranks.tolist() == [1, 1, 3] and found.tied.tolist() == [True, True, False]
    same = [np.vstack([g[0], g[0]]) for g in hard_and_easy([0.0], 1.0)]
    assert rank_paired(same, seed=0).ranks.tolist() == [1, 1], "an interval of no width that is 0 is a tie"


def test_a_tie_need_not_pass_on():
    """The middle one is a tie with both ends, which are told apart: of the last, one potential is better."""
    rng = np.random.default_rng(3)
    groups = [np.array([[0.0], [x], [1.0]]) + 100 for x in rng.normal(0.5, 1.5, 12)]
    assert rank_paired(groups, seed=0).ranks.tolist() == [1, 1, 2]


def test_larger_can_be_better():
    groups = hard_and_easy([0.0, 10.0], noise=1.0)
    assert rank_paired(groups, seed=0, larger_is_better=True).ranks.tolist() == [2, 1]


def test_the_spread_of_paired_means_is_that_of_a_mean():
    """One potential, one frame a molecule: the bootstrap variance of a mean is (1 - 1/M) s^2 / M."""
    x = RNG.normal(0, 2, 25)
    drawn = paired_means([np.array([[value]]) for value in x], np.random.default_rng(0), 20000)[:, 0]
    assert drawn.var() == pytest.approx(x.var() / len(x), rel=0.05)
    assert drawn.mean() == pytest.approx(x.mean(), abs=0.02)


def test_frames_are_drawn_within_one_molecule_and_alike_for_all():
    x = RNG.normal(0, 2, 50)
    drawn = paired_means([np.vstack([x, x + 3])], np.random.default_rng(0), 20000)
    np.testing.assert_allclose(drawn[:, 1] - drawn[:, 0], 3, atol=1e-12)
    assert drawn[:, 0].var() == pytest.approx(x.var() / 50, rel=0.05)


def test_each_molecule_counts_alike_however_many_frames_it_has():
    groups = [np.array([[1.0], [0.0]]), np.zeros((2, 99))]
    assert rank_paired(groups, seed=0).values.tolist() == [0.5, 0.0]


@pytest.mark.parametrize("larger", [False, True])
def test_agreement_is_kendalls_tau_of_merit(larger):
    offsets = [0.0, 10.0, 20.0, 30.0]
    first = rank_paired(hard_and_easy(offsets, 1.0, seed=1), seed=0)
    other = [40.0, 20.0, 30.0, 10.0]
    second = rank_paired(hard_and_easy(other, 1.0, seed=2), seed=1, larger_is_better=larger)
    found = rank_agreement(first, second)
    tau = kendalltau(offsets, other).statistic
    assert found.value == pytest.approx(-tau if larger else tau)
    assert found.low == pytest.approx(found.value) == found.high, "every resample has the same order"


def test_agreement_is_uncertain_where_the_order_is():
    first = rank_paired(hard_and_easy([0.0, 0.1, 40.0], 5.0, molecules=5, seed=4), seed=0)
    second = rank_paired(hard_and_easy([0.0, 0.1, 40.0], 5.0, molecules=7, seed=5), seed=1)
    found = rank_agreement(first, second)
    assert (round(found.low, 3), round(found.high, 3)) == (0.333, 1.0)


def test_no_agreement_of_two_or_where_all_are_alike():
    two = rank_paired(hard_and_easy([0.0, 1.0], 0.1), seed=0)
    assert rank_agreement(two, two) is None
    alike = rank_paired([np.ones((3, 4))] * 5, seed=0, larger_is_better=True)
    assert rank_agreement(rank_paired(hard_and_easy([0.0, 1.0, 2.0], 0.1), seed=0), alike) is None
    with pytest.raises(InputError, match="second"):
        rank_agreement(two, alike)


def test_the_front_is_what_nothing_beats():
    error, time = [1.0, 2.0, 3.0, 3.0, 0.5], [5.0, 2.0, 1.0, 2.5, 5.0]
    assert pareto_front(error, time).tolist() == [False, True, True, False, True]
    assert pareto_front([1.0, 1.0], [2.0, 2.0]).tolist() == [True, True], "equals do not beat each other"


def test_what_cannot_be_ranked_is_named():
    with pytest.raises(InputError, match="no molecules"):
        rank_paired([], seed=0)
    with pytest.raises(InputError, match=r"per_molecule\[1\]: got 'shape \(3, 2\)'; allowed: shape \(2, T\)"):
        rank_paired([np.ones((2, 2)), np.ones((3, 2))], seed=0)
    with pytest.raises(InputError, match="1 not finite.*Leave out what failed"):
        rank_paired([np.array([[1.0, np.nan]])], seed=0)
    with pytest.raises(InputError, match="level"):
        rank_paired([np.ones((2, 2))], seed=0, level=95)


def test_the_ratio_of_two_rankings_is_that_of_their_numbers_and_its_interval_is_over_both():
    below, above = rank_paired(constant(10, 20), seed=0), rank_paired(constant(15, 60), seed=1)
    exact = ratio_between(above, 1, below, 1)
    assert (exact.value, exact.low, exact.high) == pytest.approx((3, 3, 3))
    noisy = rank_paired(hard_and_easy([0, 5], 3.0), seed=0)
    found = ratio_between(noisy, 1, below, 0)
    assert (found.value, found.low, found.high) == pytest.approx(
        (noisy.values[1] / 10, noisy.low[1] / 10, noisy.high[1] / 10)
    )
    assert found.low < found.value < found.high


def test_seeds_that_are_bad_on_both_sides_do_not_widen_the_ratio():
    pools = [(0, 1, 2)]
    below = rank_paired(constant(10, 20, 30), seed=0, pools=pools)
    above = rank_paired(constant(15, 30, 45), seed=1, pools=pools)
    assert below.high[0] - below.low[0] > 5
    found = ratio_between(above, 0, below, 0)
    assert (found.value, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5))


def test_a_ratio_to_nothing_is_none():
    zero, one = rank_paired(constant(0, 1), seed=0), rank_paired(constant(2, 3), seed=1)
    assert ratio_between(one, 0, zero, 0) is None
    assert ratio_between(one, 0, zero, 1).value == 2
