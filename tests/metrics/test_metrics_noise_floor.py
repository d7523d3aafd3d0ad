"""The noise floor of the drift against repeated fits, and against dynamics with noisy forces."""

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.drift import energy_drift
from compcalc.metrics.noise_floor import (
    NoiseFloor,
    noise_floor,
    random_walk_slope,
    rounding_noise_ev,
    white_noise_slope,
)
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, KB_EV_PER_K

MASSES = np.array([15.999, 1.008, 1.008])


def _slopes(time: np.ndarray, runs: np.ndarray) -> np.ndarray:
    return np.polyfit(time, runs.T, 1)[0]


@pytest.mark.parametrize("n_points", [3, 7, 400])
def test_closed_forms_are_the_scatter_of_fitted_slopes(n_points):
    rng, spacing = np.random.default_rng(0), 0.25
    time = spacing * np.arange(n_points)
    white = 0.3 * rng.normal(size=(4000, n_points))
    steps = 0.3 * rng.normal(size=(4000, n_points))
    assert white_noise_slope(0.3, n_points, spacing) == pytest.approx(_slopes(time, white).std(), rel=0.05)
    walk = np.cumsum(steps, axis=1)
    assert random_walk_slope(0.3, n_points, spacing) == pytest.approx(_slopes(time, walk).std(), rel=0.05)


def test_three_points_by_hand():
    assert white_noise_slope(1.0, 3, 1.0) == pytest.approx(1 / np.sqrt(2))
    # The slope is (E2 - E0) / 2: the sum of two steps over two.
    assert random_walk_slope(1.0, 3, 1.0) == pytest.approx(1 / np.sqrt(2))


def test_long_runs_and_their_powers():
    assert random_walk_slope(1.0, 10_000, 1.0) == pytest.approx(np.sqrt(1.2 / 10_000), rel=1e-3)
    assert white_noise_slope(1, 1000, 1) / white_noise_slope(1, 4000, 1) == pytest.approx(4**1.5, rel=1e-3)
    assert random_walk_slope(1, 1000, 1) / random_walk_slope(1, 4000, 1) == pytest.approx(2, rel=1e-3)


def test_units_of_the_floor_by_hand():
    """1000 points 1 fs apart, 3 atoms, sigma 1 meV: sqrt(12 / 1e9) per fs, times 1000 fs/ps over 3 atoms."""
    floor = noise_floor(np.arange(1000.0), MASSES, energy_noise_ev=0.001)
    assert floor.scatter == pytest.approx(np.sqrt(12 / 1e9) * 1000 / 3, rel=1e-5)
    assert (floor.walk, floor.heating) == (0, 0)
    assert floor.drift == pytest.approx(2 * floor.scatter)
    assert NoiseFloor(3.0, 4.0, 1.0).drift == pytest.approx(11.0)


def _free_flight(sigma_f: float, timestep_fs: float, runs: int, steps: int, seed: int) -> np.ndarray:
    """Kinetic energy (runs, steps), eV, of thermal atoms that only noise pushes: the exact steps of the motion."""
    rng = np.random.default_rng(seed)
    spread = np.sqrt(KB_EV_PER_K * 300 / MASSES / EV_PER_U_ANGSTROM2_PER_FS2)[:, None]
    velocities = spread * rng.normal(size=(runs, len(MASSES), 3))
    energy = np.empty((runs, steps))
    for k in range(steps):
        energy[:, k] = 0.5 * EV_PER_U_ANGSTROM2_PER_FS2 * np.sum(MASSES[:, None] * velocities**2, axis=(1, 2))
        force = sigma_f * rng.normal(size=velocities.shape)
        velocities = velocities + force * timestep_fs / (MASSES[:, None] * EV_PER_U_ANGSTROM2_PER_FS2)
    return energy


@pytest.mark.parametrize("sigma_f", [0.02, 0.1])
def test_noisy_forces_heat_and_let_the_energy_walk_as_foretold(sigma_f):
    timestep, steps = 0.5, 200
    energy = _free_flight(sigma_f, timestep, 2000, steps, seed=1)
    time_fs = timestep * np.arange(steps)
    slopes = _slopes(time_fs / 1000, energy) * 1000 / 3
    floor = noise_floor(time_fs, MASSES, energy_noise_ev=0.0, force_noise_ev_per_angstrom=sigma_f, timestep_fs=timestep)
    error = slopes.std() / np.sqrt(len(slopes))
    assert floor.walk == pytest.approx(slopes.std(), rel=0.1)
    assert abs(floor.heating - slopes.mean()) < 3 * error
    assert np.mean(np.abs(slopes) > floor.drift) < 0.06


def test_heating_does_not_shrink_with_the_run_and_grows_with_the_square_of_the_noise():
    short, long, loud = (
        noise_floor(np.arange(s), MASSES, energy_noise_ev=0.0, force_noise_ev_per_angstrom=f)
        for s, f in ((100, 0.1), (10_000, 0.1), (100, 0.2))
    )
    assert long.heating == pytest.approx(short.heating)
    assert long.walk < 0.2 * short.walk
    assert loud.heating == pytest.approx(4 * short.heating)


def test_drift_of_pure_noise_stays_below_its_floor_and_a_real_one_above():
    time_fs, rng = np.arange(0, 2000.0, 2.0), np.random.default_rng(4)
    floor = noise_floor(time_fs, MASSES, energy_noise_ev=1e-3).drift
    noise = [rng.normal(scale=1e-3, size=len(time_fs)) for _ in range(200)]
    above = [energy_drift(time_fs, e, 3).drift > floor for e in noise]
    assert np.mean(above) < 0.09
    real = energy_drift(time_fs, noise[0] + 5 * floor * 3e-6 * time_fs, 3, noise_floor_mev_per_atom_per_ps=floor)
    assert real.resolved


def test_rounding_of_single_precision_is_seen_in_any_dtype():
    energies = -1000 + 0.3 * np.random.default_rng(0).normal(size=1000)
    single = energies.astype(np.float32)
    scatter = np.std(single.astype(float) - energies)
    assert rounding_noise_ev(single.astype(float)) == pytest.approx(scatter, rel=1.0)
    assert rounding_noise_ev(single) == rounding_noise_ev(single.astype(float))
    assert rounding_noise_ev(energies) < 1e-12
    assert rounding_noise_ev([]) == 0
    assert rounding_noise_ev([np.nan, -1000.5]) == rounding_noise_ev([-1000.5])


def test_too_short_a_run_has_no_floor():
    assert np.isnan(noise_floor([0.0, 1.0], MASSES, energy_noise_ev=1.0).drift)
    assert np.isnan(noise_floor([1.0, 1.0, 1.0], MASSES, energy_noise_ev=1.0).drift)


def test_wrong_inputs_are_refused():
    with pytest.raises(InputError, match="energy_noise_ev: got -1"):
        noise_floor(np.arange(9.0), MASSES, energy_noise_ev=-1.0)
    with pytest.raises(InputError, match="temperature_k: got nan"):
        noise_floor(np.arange(9.0), MASSES, energy_noise_ev=1.0, temperature_k=np.nan)
    with pytest.raises(InputError, match="n_atoms: got 0"):
        noise_floor(np.arange(9.0), [], energy_noise_ev=1.0)
