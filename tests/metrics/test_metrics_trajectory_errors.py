"""Force error along a trajectory, from errors that are known frame by frame."""

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.trajectory_errors import force_error_in_time

TIME_PS = np.arange(10) / 10


def _forces(error_ev_per_angstrom) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and reference forces of 4 atoms whose components are all off by as much, with alternating signs."""
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(len(error_ev_per_angstrom), 4, 3))
    signs = rng.choice([-1, 1], size=reference.shape)
    return reference + signs * np.asarray(error_ev_per_angstrom)[:, None, None], reference


def test_an_error_that_grows_is_seen_by_time():
    found = force_error_in_time(TIME_PS, *_forces(0.01 * np.arange(10)), n_bins=5)
    np.testing.assert_allclose(found.edges_ps, np.linspace(0, 0.9, 6))
    np.testing.assert_allclose(found.mae, [5, 25, 45, 65, 85])
    np.testing.assert_array_equal(found.n_frames, [2] * 5)
    assert found.whole == pytest.approx(45)
    assert np.isnan(found.before_failure)


def test_order_of_the_frames_does_not_matter():
    predicted, reference = _forces(0.01 * np.arange(10))
    order = np.random.default_rng(1).permutation(10)
    one = force_error_in_time(TIME_PS, predicted, reference)
    other = force_error_in_time(TIME_PS[order], predicted[order], reference[order])
    np.testing.assert_allclose(one.mae, other.mae)


def test_before_the_failure_only_the_last_part_counts_and_nothing_after():
    forces = _forces(0.01 * np.arange(10))
    assert force_error_in_time(TIME_PS, *forces, failure_ps=0.7, before_ps=0.25).before_failure == pytest.approx(60)
    assert force_error_in_time(TIME_PS, *forces, failure_ps=0.75, before_ps=0.01).before_failure == pytest.approx(70)
    assert np.isnan(force_error_in_time(TIME_PS[1:], *(f[1:] for f in forces), failure_ps=0.05).before_failure)


def test_ratio_to_the_static_error():
    assert force_error_in_time(TIME_PS, *_forces(np.full(10, 0.06)), static_mae=20.0).ratio == pytest.approx(3)
    assert np.isnan(force_error_in_time(TIME_PS, *_forces(np.full(10, 0.06))).ratio)
    assert np.isnan(force_error_in_time(TIME_PS, *_forces(np.full(10, 0.06)), static_mae=0.0).ratio)


def test_frames_that_the_reference_could_not_label_do_not_count():
    predicted, reference = _forces(0.01 * np.arange(10))
    reference[[0, 9], 2, 1] = np.nan
    found = force_error_in_time(TIME_PS, predicted, reference, n_bins=4)
    assert found.n_frames.sum() == 8
    assert found.whole == pytest.approx(45)
    assert found.edges_ps[-1] == pytest.approx(0.8)


def test_empty_bins_and_no_frames():
    predicted, reference = _forces([0.01, 0.03])
    found = force_error_in_time([0.0, 1.0], predicted, reference, n_bins=3)
    np.testing.assert_allclose(found.mae, [10, np.nan, 30])
    assert force_error_in_time([0.0, 0.5, 1.0], *_forces([0.01] * 3), n_bins=2).n_frames.tolist() == [1, 2]
    none = force_error_in_time([], np.empty((0, 4, 3)), np.empty((0, 4, 3)), failure_ps=1.0)
    assert np.isnan([none.whole, none.before_failure, none.ratio, *none.mae]).all()
    assert force_error_in_time([0.0, 0.0], predicted, reference, n_bins=2).n_frames.sum() == 2


def test_wrong_inputs_are_refused():
    forces = _forces(np.zeros(10))
    with pytest.raises(InputError, match="time_ps: got"):
        force_error_in_time(-TIME_PS, *forces)
    with pytest.raises(InputError, match="predicted: got"):
        force_error_in_time(TIME_PS[1:], *forces)
    with pytest.raises(InputError, match="predicted: got .*as the reference"):
        force_error_in_time(TIME_PS, forces[0], forces[1][:, :3])
    with pytest.raises(InputError, match="n_bins: got 0"):
        force_error_in_time(TIME_PS, *forces, n_bins=0)
