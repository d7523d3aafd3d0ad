"""Kinetic temperature against ASE and against Maxwell-Boltzmann samples."""

import warnings

import numpy as np
import pytest
from ase import Atoms, units

from compcalc.errors import InputError
from compcalc.metrics.temperature import (
    degrees_of_freedom,
    element_temperatures,
    kinetic_energy,
    start_temperature,
    temperature,
)
from compcalc.units import KB_EV_PER_K

WATER = np.array([[0.0, 0.0, 0.119], [0.0, 0.763, -0.477], [0.0, -0.763, -0.477]])
WATER_NUMBERS, WATER_MASSES = np.array([8, 1, 1]), np.array([15.999, 1.008, 1.008])
CO2 = np.array([[0.0, 0.0, 0.0], [0.7, 0.7, 0.6], [-0.7, -0.7, -0.6]])
CO2_MASSES = np.array([12.011, 15.999, 15.999])


def _thermal(masses: np.ndarray, kelvin: float, frames: int, seed: int) -> np.ndarray:
    """Maxwell-Boltzmann velocities in angstrom/fs by way of ASE's units, (F, N, 3)."""
    spread = np.sqrt(units.kB * kelvin / masses) * units.fs
    return spread[:, None] * np.random.default_rng(seed).normal(size=(frames, len(masses), 3))


def _without_momenta(velocities: np.ndarray, positions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Centre-of-mass and angular velocity taken out of one frame."""
    velocities = velocities - masses @ velocities / masses.sum()
    r = positions - masses @ positions / masses.sum()
    angular = (masses[:, None] * np.cross(r, velocities)).sum(axis=0)
    inertia = np.sum(masses * (r**2).sum(axis=1)) * np.eye(3) - (masses[:, None] * r).T @ r
    return velocities - np.cross(np.linalg.pinv(inertia, rcond=1e-9) @ angular, r)


def test_kinetic_energy_and_temperature_agree_with_ase():
    velocities = _thermal(WATER_MASSES, 300, 1, seed=0)[0]
    atoms = Atoms("OH2", WATER)
    atoms.set_masses(WATER_MASSES)
    atoms.set_velocities(velocities / units.fs)
    kinetic = kinetic_energy(WATER_MASSES, velocities)
    assert kinetic == pytest.approx(atoms.get_kinetic_energy(), rel=1e-6)
    assert temperature(kinetic, 9) == pytest.approx(atoms.get_temperature(), rel=1e-6)


def test_unit_factor_by_hand():
    # 1 u at 1 angstrom/fs is 1e5 m/s: half of 1.66054e-27 kg * 1e10 m2/s2 over 1.602177e-19 J/eV.
    assert kinetic_energy([1.0], [[1.0, 0, 0]]) == pytest.approx(0.5 * 1.66053907e-17 / 1.602176634e-19, rel=1e-6)
    in_ase_units = kinetic_energy([1.0], [[1.0 / units.fs, 0, 0]])
    assert in_ase_units == pytest.approx(kinetic_energy([1.0], [[1.0, 0, 0]]) * 103.6427, rel=1e-5)


def test_kinetic_energy_of_many_frames():
    velocities = _thermal(WATER_MASSES, 300, 5, seed=1)
    many = kinetic_energy(WATER_MASSES, velocities)
    assert many.shape == (5,)
    np.testing.assert_allclose(many, [kinetic_energy(WATER_MASSES, v) for v in velocities])
    with pytest.raises(InputError, match=r"velocities: got .*\(F, 2, 3\)"):
        kinetic_energy([1.0, 1.0], velocities)


@pytest.mark.parametrize(
    ("translation", "rotation", "water", "co2", "atom"),
    [(False, False, 9, 9, 3), (True, False, 6, 6, 0), (False, True, 6, 7, 3), (True, True, 3, 4, 0)],
)
def test_count_of_degrees_of_freedom(translation, rotation, water, co2, atom):
    assert degrees_of_freedom(WATER, WATER_MASSES, translation, rotation) == water
    assert degrees_of_freedom(CO2 + 7.0, CO2_MASSES, translation, rotation) == co2
    assert degrees_of_freedom([[3.0, 0, 0]], [1.008], translation, rotation) == atom


def test_two_atoms_keep_one_degree_and_no_atoms_keep_none():
    assert degrees_of_freedom([[0, 0, 0], [0, 0, 1.1]], [1.0, 1.0], True, True) == 1
    assert degrees_of_freedom(np.empty((0, 3)), [], True, True) == 0


def test_geometry_rounded_to_float32_stays_linear():
    assert degrees_of_freedom(CO2.astype(np.float32) + np.float32(0.1), CO2_MASSES, True, True) == 4


@pytest.mark.parametrize(("positions", "masses"), [(WATER, WATER_MASSES), (CO2, CO2_MASSES)])
def test_count_matches_what_was_removed(positions, masses):
    count = degrees_of_freedom(positions, masses, True, True)
    removed = [_without_momenta(v, positions, masses) for v in _thermal(masses, 300, 1500, seed=2)]
    kinetic = kinetic_energy(masses, np.array(removed))
    assert np.mean(temperature(kinetic, count)) == pytest.approx(300, rel=0.05)
    assert np.mean(temperature(kinetic, 3 * len(masses))) == pytest.approx(300 * count / (3 * len(masses)), rel=0.05)
    assert np.mean(temperature(kinetic, 3 * len(masses))) < 150


def test_temperature_without_degrees_of_freedom_is_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(temperature(0.0, 0))
        assert np.isnan(temperature([0.0, 1.0], 0)).all()
    with pytest.raises(InputError, match="degrees_of_freedom: got -1"):
        temperature(1.0, -1)


def test_elements_share_one_temperature_when_equipartitioned():
    velocities = _thermal(WATER_MASSES, 300, 4000, seed=3)
    found = element_temperatures(WATER_NUMBERS, WATER_MASSES, velocities)
    assert found == pytest.approx({1: 300, 8: 300}, rel=0.04)
    in_ase_units = element_temperatures(WATER_NUMBERS, WATER_MASSES, velocities / units.fs)
    assert in_ase_units[8] == pytest.approx(found[8] * 103.6427, rel=1e-4)


def test_elements_out_of_equipartition_are_told_apart():
    velocities = _thermal(WATER_MASSES, 300, 4000, seed=4)
    velocities[:, 1:] *= np.sqrt(3)
    found = element_temperatures(WATER_NUMBERS, WATER_MASSES, velocities)
    assert found[8] == pytest.approx(300, rel=0.05)
    assert found[1] == pytest.approx(900, rel=0.05)


def test_momentum_removal_cools_the_heavy_atom_as_documented():
    velocities = _thermal(WATER_MASSES, 300, 4000, seed=5)
    still = velocities - (WATER_MASSES @ velocities / WATER_MASSES.sum())[:, None]
    found = element_temperatures(WATER_NUMBERS, WATER_MASSES, still)
    assert found[8] == pytest.approx(300 * (1 - 15.999 / 18.015), rel=0.05)
    assert found[1] == pytest.approx(300 * (1 - 1.008 / 18.015), rel=0.05)


def test_no_frames_give_nan():
    found = element_temperatures(WATER_NUMBERS, WATER_MASSES, np.empty((0, 3, 3)))
    assert np.isnan(list(found.values())).all()
    with pytest.raises(InputError, match="numbers: got"):
        element_temperatures([8, 1], WATER_MASSES, np.zeros((1, 3, 3)))


def test_runs_that_start_at_equilibrium_scatter_as_their_error_says():
    """Harmonic: of 2f squared normal numbers, half of the energy is kinetic on average."""
    freedom, asked = 30, 300.0
    energies = 0.5 * KB_EV_PER_K * asked * np.random.default_rng(0).chisquare(2 * freedom, size=4000)
    means = temperature(energies / 2, freedom)
    each = [start_temperature([mean], [asked], [freedom]) for mean in means[:400]]
    assert np.std([one.ratio for one in each]) == pytest.approx(each[0].standard_error, rel=0.1)
    assert sum(one.verdict != "as asked" for one in each) <= 6
    together = start_temperature(means, np.full(4000, asked), np.full(4000, freedom))
    assert together.ratio == pytest.approx(1, abs=3 * together.standard_error) and together.n_runs == 4000
    assert together.standard_error == pytest.approx(each[0].standard_error / np.sqrt(4000))


@pytest.mark.parametrize(("factor", "verdict"), [(0.5, "cold"), (1.0, "as asked"), (0.95, "as asked"), (2.0, "hot")])
def test_cold_and_hot_starts_are_told_from_those_as_asked(factor, verdict):
    freedom = np.array([21, 54, 900])
    asked = np.array([300.0, 500.0, 300.0])
    assert start_temperature(factor * asked, asked, freedom).verdict == verdict
    assert start_temperature([factor * 300], [300], [3]).verdict == "as asked", "one diatomic cannot say"


def test_runs_without_degrees_of_freedom_say_nothing_of_their_start():
    assert start_temperature([], [], []).n_runs == 0
    nothing = start_temperature([0.0, 10.0], [300.0, 0.0], [0, 3])
    assert nothing.n_runs == 0 and np.isnan(nothing.ratio) and nothing.verdict == "as asked"
    with pytest.raises(InputError, match="asked_k"):
        start_temperature([300.0], [-1.0], [3])
