"""Static errors against numbers that can be checked on paper."""

import warnings

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics import errors

RNG = np.random.default_rng(1)
REFERENCE = RNG.normal(size=(4, 5, 3))
FORCE_METRICS = (errors.force_mae, errors.force_vector_mae, errors.force_rmse)


def _with_error(dx: float, dy: float, dz: float) -> np.ndarray:
    return REFERENCE + np.array([dx, dy, dz])


def test_force_errors_by_hand_in_mev_per_angstrom():
    predicted = _with_error(0.003, -0.004, 0.0)
    assert errors.force_mae(predicted, REFERENCE) == pytest.approx(7.0 / 3)
    assert errors.force_vector_mae(predicted, REFERENCE) == pytest.approx(5.0)
    assert errors.force_rmse(predicted, REFERENCE) == pytest.approx(np.sqrt(25.0 / 3))


@pytest.mark.parametrize("metric", FORCE_METRICS)
def test_wrong_sign_doubles_the_force_itself(metric):
    zero = metric(np.zeros_like(REFERENCE), REFERENCE)
    assert metric(REFERENCE, REFERENCE) == 0
    assert zero > 100
    assert metric(-REFERENCE, REFERENCE) == pytest.approx(2 * zero)


@pytest.mark.parametrize("metric", FORCE_METRICS)
def test_forces_in_mev_instead_of_ev_are_seen(metric):
    predicted = _with_error(0.01, 0.0, 0.0)
    good = metric(predicted, REFERENCE)
    assert metric(1000 * predicted, 1000 * REFERENCE) == pytest.approx(1000 * good)
    assert metric(1000 * predicted, REFERENCE) > 1e4 * good


def test_only_vector_mae_and_rmse_ignore_the_orientation():
    turn, _ = np.linalg.qr(RNG.normal(size=(3, 3)))
    predicted = REFERENCE + RNG.normal(size=REFERENCE.shape)
    for metric in (errors.force_vector_mae, errors.force_rmse, errors.force_cosine):
        assert metric(predicted @ turn.T, REFERENCE @ turn.T) == pytest.approx(metric(predicted, REFERENCE))
    error = np.broadcast_to([0.001, 0.001, 0.001], REFERENCE.shape)
    along_x = np.broadcast_to([np.sqrt(3) * 0.001, 0.0, 0.0], REFERENCE.shape)
    assert errors.force_mae(error, np.zeros_like(error)) == pytest.approx(1.0)
    assert errors.force_mae(along_x, np.zeros_like(error)) == pytest.approx(1 / np.sqrt(3))


def test_cosine_of_parallel_opposite_and_perpendicular_forces():
    reference = np.array([[[1.0, 0, 0], [0, 2.0, 0]]])
    assert errors.force_cosine(3 * reference, reference) == pytest.approx(1)
    assert errors.force_cosine(-reference, reference) == pytest.approx(-1)
    assert errors.force_cosine(reference[..., [1, 0, 2]], reference) == pytest.approx(0)
    diagonal = np.array([[[1.0, 1.0, 0], [0, 2.0, 0]]])
    assert errors.force_cosine(diagonal, reference) == pytest.approx((1 + np.sqrt(0.5)) / 2)


def test_cosine_leaves_out_small_reference_forces_and_counts_zero_predictions():
    reference = np.array([[[0.04, 0, 0], [1.0, 0, 0]]])
    predicted = np.array([[[-1.0, 0, 0], [1.0, 0, 0]]])
    assert errors.force_cosine(predicted, reference) == pytest.approx(1)
    assert errors.force_cosine(predicted, 2 * reference) == pytest.approx(0)
    assert errors.force_cosine(np.zeros_like(reference), reference) == 0
    assert np.isnan(errors.force_cosine(predicted, 0.001 * reference))


def test_the_relative_force_error_is_that_of_the_size_of_the_forces():
    assert errors.relative_force_mae(1.1 * REFERENCE, REFERENCE) == pytest.approx(0.1)
    assert errors.relative_force_mae(np.zeros_like(REFERENCE), REFERENCE) == pytest.approx(1)
    assert errors.relative_force_mae(-REFERENCE, REFERENCE) == pytest.approx(2)
    assert np.isnan(errors.relative_force_mae(REFERENCE, np.zeros_like(REFERENCE)))
    reference = np.array([[[2.0, 0, 0], [0, 0, -4.0]]])
    assert errors.relative_force_mae(reference + 0.5, reference) == pytest.approx(0.5), "of means: 0.5 over 6/6"


def test_per_frame_errors_keep_the_frames_apart():
    predicted = REFERENCE.copy()
    predicted[2] += 0.006
    np.testing.assert_allclose(errors.force_mae_per_frame(predicted, REFERENCE), [0, 0, 6.0, 0], atol=1e-9)
    noisy = REFERENCE + RNG.normal(size=REFERENCE.shape)
    frames = errors.force_mae_per_frame(noisy, REFERENCE)
    assert frames.mean() == pytest.approx(errors.force_mae(noisy, REFERENCE))


def test_errors_by_label_belong_to_the_labelled_atoms():
    predicted = REFERENCE.copy()
    predicted[:, 1] -= 0.002
    predicted[:, 4] += 0.004
    by_label = errors.force_mae_by_label(predicted, REFERENCE, ["H", "O", "C", "C", "O"])
    assert list(by_label) == ["H", "O", "C"]
    assert by_label["O"] == pytest.approx(3.0)
    assert by_label["H"] == by_label["C"] == 0


def test_labels_must_be_one_an_atom():
    with pytest.raises(InputError, match="labels: got '2 labels'; allowed: 5 labels"):
        errors.force_mae_by_label(REFERENCE, REFERENCE, ["C", "H"])


def test_energy_errors_by_hand():
    reference = np.array([-10.0, -11.0])
    predicted = reference + np.array([0.02, 0.04])
    assert errors.energy_mae(predicted, reference) == pytest.approx(30)
    assert errors.energy_mae_per_atom(predicted, reference, 3) == pytest.approx(10)
    assert errors.relative_energy_mae_per_atom(predicted, reference, 5) == pytest.approx(2)
    assert errors.energy_mae(-predicted, reference) > 1e4
    assert errors.energy_mae(1000 * predicted, reference) > 1e6


def test_relative_energy_forgets_an_offset_and_nothing_else():
    reference = RNG.normal(size=50)
    predicted = reference + RNG.normal(scale=0.01, size=50)
    relative = errors.relative_energy_mae_per_atom(predicted, reference, 4)
    assert errors.relative_energy_mae_per_atom(predicted + 1e3, reference, 4) == pytest.approx(relative, rel=1e-6)
    assert errors.relative_energy_mae_per_atom(-predicted, reference, 4) > 20 * relative


def test_shift_is_recovered_and_removed():
    molecules = [np.array(z) for z in ([6, 1, 1, 1, 1], [8, 1, 1], [6, 8], [1, 1])]
    truth = {1: -13.2, 6: 4.5, 8: 0.25}
    mean_errors = np.array([sum(truth[int(z)] for z in m) for m in molecules])
    shift = errors.fit_element_shift(molecules, mean_errors)
    assert shift == pytest.approx(truth)
    water, reference = molecules[1], np.array([-5.0, -5.5])
    predicted = reference + mean_errors[1] + [0.003, -0.006]
    assert errors.shifted_energy_mae_per_atom(predicted, reference, water, shift) == pytest.approx(1.5)
    opposite = {z: -e for z, e in shift.items()}
    assert errors.shifted_energy_mae_per_atom(predicted, reference, water, opposite) > 1e4


def test_rank_deficient_shift_fits_its_own_molecules_with_the_smallest_norm():
    acids = [[6] * n + [1] * (2 * n) + [8, 8] for n in range(2, 6)]
    mean_errors = [0.3 * n - 0.8 for n in range(2, 6)]
    shift = errors.fit_element_shift(acids, mean_errors)
    for numbers, error in zip(acids, mean_errors, strict=True):
        assert sum(shift[z] for z in numbers) == pytest.approx(error)
    # Moving 2 eV from C to each pair of H changes no acid: the minimum norm has no part along (1, -1/2).
    assert shift[6] - shift[1] / 2 == pytest.approx(0.3 / (1 + 4) - 0.6 / (1 + 4) / 2)
    assert shift[1] == pytest.approx(2 * shift[6])


def test_unknown_element_gives_nan_not_a_guess():
    assert np.isnan(errors.shifted_energy_mae_per_atom([1.0], [1.0], [6, 7], {6: 0.0}))
    assert errors.fit_element_shift([], []) == {}


def test_molecules_without_a_mean_error_are_named():
    with pytest.raises(InputError, match=r"mean_errors: got 'NaN or infinity at \[1\]'"):
        errors.fit_element_shift([[1], [6]], [0.0, np.nan])


@pytest.mark.parametrize("metric", (*FORCE_METRICS, errors.force_cosine, errors.force_mae_per_frame))
def test_force_shapes_must_match(metric):
    with pytest.raises(InputError, match="predicted: got"):
        metric(REFERENCE[:3], REFERENCE)
    with pytest.raises(InputError, match=r"reference: got .* shape \(T, N, 3\)"):
        metric(REFERENCE[0], REFERENCE[0])


def test_energy_shapes_must_match_and_not_broadcast():
    with pytest.raises(InputError, match="predicted: got"):
        errors.energy_mae([1.0], [1.0, 2.0])
    with pytest.raises(InputError, match="n_atoms: got 0"):
        errors.energy_mae_per_atom([1.0], [1.0], 0)
    with pytest.raises(InputError, match="n_atoms: got 0"):
        errors.shifted_energy_mae_per_atom([1.0], [1.0], [], {})


def test_empty_is_nan_without_a_warning():
    none, bare = np.empty((0, 5, 3)), np.empty((2, 0, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for metric in (*FORCE_METRICS, errors.force_cosine):
            assert np.isnan(metric(none, none))
        assert errors.force_mae_per_frame(none, none).shape == (0,)
        assert np.isnan(errors.force_mae_per_frame(bare, bare)).all()
        assert np.isnan(errors.force_mae_by_label(none, none, "CCOHH")["C"])
        assert np.isnan(errors.energy_mae([], []))
        assert np.isnan(errors.relative_energy_mae_per_atom([], [], 3))


@pytest.mark.parametrize("metric", (*FORCE_METRICS, errors.force_cosine))
def test_failed_frames_are_never_dropped_silently(metric):
    predicted = REFERENCE.copy()
    predicted[0] = np.nan
    assert np.isnan(metric(predicted, REFERENCE))
