"""Drift of the total energy: lines with known slopes under oscillation and correlated noise."""

import warnings

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.drift import energy_drift, kinetic_spread_mev_per_atom

TIME_FS = np.arange(0, 10_000, 5.0)
TIME_PS = TIME_FS / 1000
N = 20
SINE_EV = N * 0.005 * np.sin(2 * np.pi * 10.3 * TIME_FS / TIME_FS[-1] + 0.4)


def _energy(slope_mev_per_atom_per_ps: float) -> np.ndarray:
    return -800.0 + N * 0.001 * slope_mev_per_atom_per_ps * TIME_PS


def test_flat_energy_with_a_sine_has_no_drift():
    drift = energy_drift(TIME_FS, _energy(0) + SINE_EV, N)
    assert drift.drift < drift.standard_error_mev_per_atom_per_ps
    assert drift.standard_error_mev_per_atom_per_ps < 0.3
    assert not drift.resolved
    assert drift.fluctuation_mev_per_atom == pytest.approx(5 / np.sqrt(2), rel=0.03)


def test_flat_energy_with_a_sine_of_any_phase_has_no_drift():
    for phase in np.linspace(0, 2 * np.pi, 24):
        for periods in (2.3, 10.3, 100.3):
            sine = N * 0.005 * np.sin(2 * np.pi * periods * TIME_FS / TIME_FS[-1] + phase)
            assert not energy_drift(TIME_FS, sine, N).resolved


def test_slope_of_one_is_one():
    drift = energy_drift(TIME_FS, _energy(1), N)
    assert drift.slope_mev_per_atom_per_ps == pytest.approx(1)
    assert drift.standard_error_mev_per_atom_per_ps < 1e-6
    assert drift.fluctuation_mev_per_atom < 1e-6
    assert drift.resolved


def test_slope_of_one_under_a_sine_is_one_within_the_quoted_error():
    drift = energy_drift(TIME_FS, _energy(1) + SINE_EV, N)
    assert abs(drift.slope_mev_per_atom_per_ps - 1) < drift.standard_error_mev_per_atom_per_ps
    assert drift.resolved


def test_slope_keeps_its_sign_and_drift_loses_it():
    drift = energy_drift(TIME_FS, _energy(-2), N)
    assert drift.slope_mev_per_atom_per_ps == pytest.approx(-2)
    assert drift.drift == pytest.approx(2)
    assert drift.resolved


def test_time_in_ps_instead_of_fs_is_wrong_by_a_thousand():
    assert energy_drift(TIME_PS, _energy(1), N).slope_mev_per_atom_per_ps == pytest.approx(1000)


def test_energy_in_mev_and_a_forgotten_atom_count_are_seen():
    assert energy_drift(TIME_FS, 1000 * _energy(1), N).drift == pytest.approx(1000)
    assert energy_drift(TIME_FS, _energy(1), 1).drift == pytest.approx(N)


def test_end_points_would_have_shown_a_drift():
    energy = _energy(0) + SINE_EV
    from_ends = (energy[-1] - energy[0]) / N * 1000 / TIME_PS[-1]
    assert abs(from_ends) > 2 * energy_drift(TIME_FS, energy, N).drift


def _correlated(seed: int, phi: float, size: int) -> np.ndarray:
    rng, noise = np.random.default_rng(seed), np.empty(size)
    kicks = rng.normal(size=size)
    noise[0] = kicks[0] / np.sqrt(1 - phi**2)
    for k in range(1, size):
        noise[k] = phi * noise[k - 1] + kicks[k]
    return 0.001 * noise


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_standard_error_is_that_of_repeated_runs(phi):
    time_fs = np.arange(1000.0)
    runs = [energy_drift(time_fs, _correlated(seed, phi, 1000), 1) for seed in range(150)]
    scatter = np.std([r.slope_mev_per_atom_per_ps for r in runs])
    quoted = np.mean([r.standard_error_mev_per_atom_per_ps for r in runs])
    assert 0.9 < quoted / scatter < 1.4
    assert np.mean([r.resolved for r in runs]) < 0.1


def test_textbook_error_would_be_too_small_for_correlated_noise():
    x, y = np.arange(1000.0) / 1000, 1000 * _correlated(0, 0.9, 1000)
    residual = y - np.polyval(np.polyfit(x, y, 1), x)
    textbook = np.sqrt(np.sum(residual**2) / (len(x) - 2) / np.sum((x - x.mean()) ** 2))
    assert energy_drift(1000 * x, y / 1000, 1).standard_error_mev_per_atom_per_ps > 2.5 * textbook


def test_fast_oscillation_does_not_hide_slow_noise():
    time_fs = np.arange(2000.0)
    slow = _correlated(3, 0.98, 2000)
    alone = energy_drift(time_fs, slow, 1).standard_error_mev_per_atom_per_ps
    covered = energy_drift(time_fs, slow + 0.05 * np.sin(2 * np.pi * time_fs / 10), 1)
    assert covered.standard_error_mev_per_atom_per_ps > 0.9 * alone


def test_three_points_by_hand():
    drift = energy_drift([0.0, 1000.0, 2000.0], [0.0, 0.004, 0.002], 1)
    assert drift.slope_mev_per_atom_per_ps == pytest.approx(1)
    assert drift.fluctuation_mev_per_atom == pytest.approx(np.sqrt(2))
    assert drift.standard_error_mev_per_atom_per_ps == pytest.approx(np.sqrt(6 / 1 / 2))


def test_slope_below_the_noise_floor_is_not_resolved():
    assert not energy_drift(TIME_FS, _energy(1), N, noise_floor_mev_per_atom_per_ps=1.1).resolved
    assert energy_drift(TIME_FS, _energy(1), N, noise_floor_mev_per_atom_per_ps=0.9).resolved


def test_rounding_of_a_large_constant_is_not_drift():
    constant = np.full(len(TIME_FS), -1e5 / 3)
    assert not energy_drift(TIME_FS, constant, N).resolved
    one_step = constant.astype(np.float32)
    one_step[1000:] = np.nextafter(one_step[1000:], np.float32(0))
    assert not energy_drift(TIME_FS, one_step, N).resolved
    assert energy_drift(TIME_FS, one_step.astype(float), N).resolved


@pytest.mark.parametrize(
    ("time_fs", "energy"),
    [
        ([], []),
        ([0.0, 1.0], [0.0, 1.0]),
        ([5.0, 5.0, 5.0], [0.0, 1.0, 2.0]),
        ([0.0, 1.0, 2.0], [0.0, np.nan, 1.0]),
        ([0.0, 1.0, 2.0], [0.0, np.inf, 1.0]),
    ],
)
def test_no_line_is_nan_and_unresolved_without_a_warning(time_fs, energy):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drift = energy_drift(time_fs, energy, 2)
    assert np.isnan([drift.drift, drift.standard_error_mev_per_atom_per_ps, drift.fluctuation_mev_per_atom]).all()
    assert drift.resolved is False


def test_wrong_inputs_are_refused():
    with pytest.raises(InputError, match="time_fs: got 'times that go back'"):
        energy_drift([0.0, 2.0, 1.0], [0.0, 0.0, 0.0], 1)
    with pytest.raises(InputError, match="total_energy_ev: got"):
        energy_drift([0.0, 1.0], [0.0], 1)
    with pytest.raises(InputError, match="n_atoms: got 0"):
        energy_drift([0.0, 1.0], [0.0, 1.0], 0)


def test_kinetic_spread_by_hand():
    assert kinetic_spread_mev_per_atom([1.0, 1.2], 10) == pytest.approx(10)
    assert kinetic_spread_mev_per_atom([1000.0, 1200.0], 10) == pytest.approx(10_000)
    assert np.isnan(kinetic_spread_mev_per_atom([], 10))
