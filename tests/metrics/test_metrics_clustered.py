"""Survival bands over molecules and replicas: as Greenwood's where runs are independent, wider where they are not."""

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.clustered import (
    clustered_curve,
    clustered_restricted_mean,
    draw_molecules,
    draw_runs,
    resampled_survival,
)
from compcalc.metrics.survival import kaplan_meier, restricted_mean, survival_at

MOLECULES, REPLICAS = 12, 5
CLUSTERS = np.repeat(np.arange(MOLECULES), REPLICAS).tolist()


def _weights(seed: int, n_resamples: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return draw_runs(CLUSTERS, draw_molecules(CLUSTERS, rng, n_resamples), rng)


def _runs(seed: int, shared: bool) -> tuple[np.ndarray, np.ndarray]:
    """Times and events of runs of 10 ps that fail at random; replicas of a molecule at one time if `shared`."""
    rng = np.random.default_rng(seed)
    broke = rng.exponential(10, size=(MOLECULES, 1 if shared else REPLICAS)) * np.ones((1, REPLICAS))
    return np.minimum(broke, 10.0).ravel(), (broke < 10).ravel()


def test_each_draw_has_as_many_runs_and_draws_molecules_as_a_whole():
    weights = _weights(0, 500)
    assert (weights.sum(axis=1) == len(CLUSTERS)).all()
    by_molecule = weights.reshape(500, MOLECULES, REPLICAS).sum(axis=2)
    assert (by_molecule % REPLICAS == 0).all()
    # Variance of a multinomial count, times the square of the replicas; independent runs would give a fifth of it.
    assert by_molecule.var() == pytest.approx(REPLICAS**2 * (1 - 1 / MOLECULES), rel=0.1)
    assert weights.mean() == pytest.approx(1)


def test_every_run_once_is_the_curve_itself():
    times, events = _runs(3, shared=False)
    curve = kaplan_meier(times, events)
    np.testing.assert_allclose(
        resampled_survival(times, events, curve.time_ps, np.ones((1, len(times)), dtype=int))[0], curve.survival
    )


def test_a_resample_is_the_curve_of_the_runs_that_were_drawn():
    times, events = _runs(4, shared=False)
    curve, weights = kaplan_meier(times, events), _weights(1, 3)
    found = resampled_survival(times, events, curve.time_ps, weights)
    for counts, row in zip(weights, found, strict=True):
        repeated = kaplan_meier(np.repeat(times, counts), np.repeat(events, counts))
        at = np.searchsorted(curve.time_ps, repeated.time_ps)
        np.testing.assert_allclose(row[at], repeated.survival)


def test_the_band_is_wider_where_replicas_share_their_fate():
    """Five replicas of one fate are worth one run: the band is about the root of five wider than Greenwood's."""
    widths = {}
    for shared in (False, True):
        ratios = []
        for seed in range(8):
            times, events = _runs(seed, shared)
            alone = survival_at(kaplan_meier(times, events), 5.0)
            grouped = survival_at(clustered_curve(times, events, CLUSTERS, seed=seed), 5.0)
            assert grouped.value == alone.value
            ratios.append((grouped.high - grouped.low) / (alone.high - alone.low))
        widths[shared] = np.mean(ratios)
    assert 1.7 < widths[True] < 2.8
    assert 0.9 < widths[False] < 1.6


def test_bands_cover_the_truth_where_greenwoods_does_not():
    truth, inside = np.exp(-0.5), {"clustered": 0, "greenwood": 0}
    for seed in range(60):
        times, events = _runs(seed, shared=True)
        grouped = survival_at(clustered_curve(times, events, CLUSTERS, seed=seed, n_resamples=400), 5.0)
        alone = survival_at(kaplan_meier(times, events), 5.0)
        inside["clustered"] += grouped.low <= truth <= grouped.high
        inside["greenwood"] += alone.low <= truth <= alone.high
    assert inside["clustered"] >= 50
    assert inside["greenwood"] <= 45


def test_without_failures_the_limit_counts_molecules_and_not_runs():
    times, events = np.full(60, 10.0), np.zeros(60, dtype=bool)
    curve = clustered_curve(times, events, CLUSTERS, seed=0)
    assert curve.low[-1] == pytest.approx(0.025 ** (1 / MOLECULES))
    grouped = survival_at(curve, 10.0)
    assert (grouped.value, grouped.high) == (1, 1)
    assert grouped.low == pytest.approx(0.025 ** (1 / MOLECULES))
    mean = clustered_restricted_mean(times, events, CLUSTERS, 10.0, seed=0)
    assert (mean.value, mean.high) == (10, 10)
    assert mean.low == pytest.approx(10 * 0.025 ** (1 / MOLECULES))


def test_without_survivors_there_is_an_upper_limit():
    curve = clustered_curve([1.0] * 6, [True] * 6, list("aabbcc"), seed=0)
    assert (curve.survival[-1], curve.low[-1]) == (0, 0)
    assert curve.high[-1] == pytest.approx(1 - 0.025 ** (1 / 3))


def test_limits_never_rise_in_time():
    for seed in range(5):
        curve = clustered_curve(*_runs(seed, shared=True), CLUSTERS, seed=seed)
        assert (np.diff(curve.low) <= 0).all()
        assert (np.diff(curve.high) <= 0).all()
        assert (curve.low <= curve.survival + 1e-12).all()


def test_restricted_mean_is_the_plain_one_with_a_wider_interval():
    times, events = _runs(2, shared=True)
    plain = restricted_mean(kaplan_meier(times, events), 8.0)
    grouped = clustered_restricted_mean(times, events, CLUSTERS, 8.0, seed=0)
    assert grouped.value == plain.value
    assert grouped.high - grouped.low > 1.5 * (plain.high - plain.low)
    assert np.isnan(clustered_restricted_mean([1.0, 2.0], [True, False], ["a", "b"], 3.0, seed=0).value)


def test_the_seed_decides():
    one, two, other = (clustered_curve(*_runs(1, shared=True), CLUSTERS, seed=s, n_resamples=50) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.low, two.low)
    assert not np.array_equal(one.low, other.low)


def test_no_runs_and_wrong_inputs():
    assert len(clustered_curve([], [], [], seed=0).time_ps) == 0
    with pytest.raises(InputError, match="clusters: got '1 clusters'"):
        clustered_curve([1.0, 2.0], [True, True], ["a"], seed=0)
    with pytest.raises(InputError, match="n_resamples: got 0"):
        clustered_curve([1.0], [True], ["a"], seed=0, n_resamples=0)
    with pytest.raises(InputError, match="until_ps: got -1"):
        clustered_restricted_mean([1.0], [True], ["a"], -1.0, seed=0)
