"""Jumps of the total energy: steps of known height and time, and motion that is no jump."""

import warnings

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.jumps import energy_jumps

N = 20
TIME_FS = np.arange(6000.0)
EV_OF_MEV_PER_ATOM = N / 1000


def _noise(size_mev_per_atom: float, seed: int = 0) -> np.ndarray:
    return size_mev_per_atom * EV_OF_MEV_PER_ATOM * np.random.default_rng(seed).normal(size=len(TIME_FS))


def _step(height_mev_per_atom: float, at_fs: float) -> np.ndarray:
    return height_mev_per_atom * EV_OF_MEV_PER_ATOM * (at_fs <= TIME_FS)


def _sine(amplitude_mev_per_atom: float, period_fs: float, phase: float = 0.0) -> np.ndarray:
    return amplitude_mev_per_atom * EV_OF_MEV_PER_ATOM * np.sin(2 * np.pi * TIME_FS / period_fs + phase)


def test_a_step_is_found_with_its_height_and_time():
    jumps = energy_jumps(TIME_FS, -500 + _noise(0.01) + _step(-2.0, 2500), N)
    np.testing.assert_allclose(jumps.time_ps, [2.4995])
    np.testing.assert_allclose(jumps.size_mev_per_atom, [-2.0], atol=0.1)
    assert jumps.visible_mev_per_atom < 0.1


def test_units_of_time_energy_and_atoms_are_seen():
    energy = _noise(0.01) + _step(2.0, 2500)
    assert energy_jumps(1000 * TIME_FS, energy, N).time_ps[0] == pytest.approx(2499.5)
    assert energy_jumps(TIME_FS, 1000 * energy, N).size_mev_per_atom[0] == pytest.approx(2000, rel=0.05)
    assert energy_jumps(TIME_FS, energy, 1).size_mev_per_atom[0] == pytest.approx(2 * N, rel=0.05)


def test_several_steps_keep_their_order_and_signs():
    energy = _noise(0.01) + _step(1.0, 1000) + _step(-3.0, 1010) + _step(2.0, 4000)
    jumps = energy_jumps(TIME_FS, energy, N)
    np.testing.assert_allclose(jumps.time_ps, [0.9995, 1.0095, 3.9995])
    np.testing.assert_allclose(jumps.size_mev_per_atom, [1, -3, 2], atol=0.1)
    assert jumps.largest == 1


def test_a_spike_is_a_step_up_and_a_step_down():
    jumps = energy_jumps(TIME_FS, _noise(0.01) + _step(1.0, 3000) - _step(1.0, 3001), N)
    np.testing.assert_allclose(jumps.size_mev_per_atom, [1, -1], atol=0.1)


def test_one_wrong_energy_in_a_hundred_is_seen_each_time():
    rng = np.random.default_rng(3)
    wrong = 5 + 20 * np.sort(rng.choice(299, size=60, replace=False))
    energy = _sine(0.1, 10.3) + _noise(0.01)
    energy[wrong] += rng.choice([-1, 1], size=60) * 2.0 * EV_OF_MEV_PER_ATOM
    jumps = energy_jumps(TIME_FS, energy, N)
    assert len(jumps) == 120
    np.testing.assert_allclose(jumps.time_ps[::2], (wrong - 0.5) / 1000)
    np.testing.assert_allclose(np.abs(jumps.size_mev_per_atom), 2.0, atol=0.15)


def test_a_step_spread_over_three_points_is_one():
    energy = _noise(0.01) + _step(1.0, 3000) + _step(1.5, 3001) + _step(0.8, 3002)
    jumps = energy_jumps(TIME_FS, energy, N)
    np.testing.assert_allclose(jumps.time_ps, [3.0005])
    np.testing.assert_allclose(jumps.size_mev_per_atom, [3.3], atol=0.1)


def test_a_high_step_is_not_taken_for_a_drift():
    jumps = energy_jumps(TIME_FS, _noise(1e-4) + _step(100.0, 2500), N)
    np.testing.assert_allclose(jumps.size_mev_per_atom, [100.0], atol=2e-3)


def test_a_step_that_only_means_show_has_its_time():
    found = [energy_jumps(TIME_FS, _noise(0.05, seed) + _step(0.3, 2500), N) for seed in range(20)]
    assert {len(jumps) for jumps in found} == {1}
    assert 1000 * np.mean([jumps.time_ps[0] for jumps in found]) == pytest.approx(2499.5, abs=0.4)


def test_a_small_lasting_step_is_found_under_an_oscillation_larger_than_itself():
    energy = _sine(1.0, 9.3) + _noise(0.02) + _step(0.9, 3000)
    jumps = energy_jumps(TIME_FS, energy, N)
    assert len(jumps) == 1
    assert jumps.time_ps[0] == pytest.approx(3.0, abs=0.02)
    assert jumps.size_mev_per_atom[0] == pytest.approx(0.9, rel=0.2)
    assert len(energy_jumps(TIME_FS, energy - _step(0.9, 3000), N)) == 0


def test_what_is_called_visible_is_found_and_a_quarter_of_it_is_not():
    for seed in range(10):
        background = _sine(0.5, 23.0, seed) + _noise(0.05, seed)
        limit = energy_jumps(TIME_FS, background, N).visible_mev_per_atom
        assert len(energy_jumps(TIME_FS, background + _step(1.5 * limit, 3500), N)) == 1
        assert len(energy_jumps(TIME_FS, background + _step(0.25 * limit, 3500), N)) == 0


@pytest.mark.parametrize("period_fs", [2.2, 4.5, 10.0, 77.7, 400.0, 3000.0, 40_000.0])
def test_a_smooth_oscillation_is_no_jump(period_fs):
    for phase in np.linspace(0, 2 * np.pi, 7):
        assert len(energy_jumps(TIME_FS, -500 + _sine(3.0, period_fs, phase), N)) == 0


def test_noise_a_random_walk_and_a_line_are_no_jump():
    for seed in range(20):
        assert len(energy_jumps(TIME_FS, -500 + _noise(1.0, seed), N)) == 0
        assert len(energy_jumps(TIME_FS, -500 + np.cumsum(_noise(1.0, seed)), N)) == 0
    for slope in (0.0, 1e-6, -3.0):
        assert len(energy_jumps(TIME_FS, -500.123 + slope * TIME_FS, N)) == 0


def test_a_step_smaller_than_the_noise_of_the_surroundings_is_none_although_the_run_is_quiet_elsewhere():
    loud = np.where((TIME_FS > 2000) & (TIME_FS < 4000), 5.0, 1.0) * _noise(0.01)
    assert len(energy_jumps(TIME_FS, loud, N)) == 0
    assert len(energy_jumps(TIME_FS, loud + _step(0.2, 500), N)) == 1


def test_rounding_is_no_jump():
    walk = np.cumsum(_noise(0.0002))
    rounded = (-500 + walk).astype(np.float32)
    assert len(energy_jumps(TIME_FS, rounded, N)) == 0
    assert len(energy_jumps(TIME_FS, rounded.astype(float), N)) > 0
    assert len(energy_jumps(TIME_FS, rounded.astype(float), N, noise_ev=float(np.spacing(np.float32(500))))) == 0


@pytest.mark.parametrize("energy", [[], [1.0], np.zeros(15), np.full(6000, np.nan)])
def test_too_little_to_say(energy):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jumps = energy_jumps(np.arange(len(energy)), energy, N)
    assert (len(jumps), jumps.largest) == (0, None)
    assert np.isnan(jumps.visible_mev_per_atom)


def test_wrong_inputs_are_refused():
    with pytest.raises(InputError, match="time_fs: got 'times that go back'"):
        energy_jumps([0.0, 2.0, 1.0], [0.0, 0.0, 0.0], 1)
    with pytest.raises(InputError, match="total_energy_ev: got"):
        energy_jumps([0.0, 1.0], [0.0], 1)
    with pytest.raises(InputError, match="noise_ev: got -1"):
        energy_jumps([0.0], [0.0], 1, noise_ev=-1.0)
    with pytest.raises(InputError, match="n_atoms: got 0"):
        energy_jumps([0.0], [0.0], 0)
