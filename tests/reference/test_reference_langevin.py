"""BAOAB against the exact thermal averages of harmonic oscillators."""

import numpy as np
import pytest
from ase import units as ase_units

from compcalc.reference.langevin import baoab, element_temperatures, thermal_velocities
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, KB_EV_PER_K, KCAL_PER_MOL_EV

KELVIN = 300.0
# An O-H stretch at 3700 1/cm: angular frequency in 1/fs, reduced mass in u.
OMEGA = 2 * np.pi * 3700 * 2.99792458e-5
MASS = 16 / 17
STIFFNESS = MASS * EV_PER_U_ANGSTROM2_PER_FS2 * OMEGA**2
ATOMS = 1500


def _sample(force_factor=1.0, mass_factor=1.0, friction=0.05, timestep=1.0, kelvin=KELVIN):
    """Observed over expected: <x^2> k / kT, and the kinetic temperatures at the middle and the end of a step over T."""
    rng = np.random.default_rng(1)
    masses = np.full(ATOMS, MASS * mass_factor)
    spread = np.sqrt(KB_EV_PER_K * KELVIN / STIFFNESS)
    positions = spread * rng.standard_normal((ATOMS, 3))
    velocities = thermal_velocities(masses, KELVIN, rng)
    sums, count = np.zeros(3), 0
    run = baoab(
        positions,
        velocities,
        masses,
        lambda r: -force_factor * STIFFNESS * r,
        steps=400,
        timestep_fs=timestep,
        friction_per_fs=friction,
        temperature_k=kelvin,
        rng=rng,
    )
    for step, (r, v, middle) in enumerate(run):
        if step >= 100 and step % 4 == 0:
            kinetic = MASS * EV_PER_U_ANGSTROM2_PER_FS2 * np.array([np.mean(middle**2), np.mean(v**2)])
            sums += np.array([np.mean(r**2) * STIFFNESS, *kinetic]) / (KB_EV_PER_K * KELVIN)
            count += 1
    return sums / count


def test_the_oscillator_is_as_fast_as_an_o_h_bond():
    assert np.sqrt(STIFFNESS / (MASS * EV_PER_U_ANGSTROM2_PER_FS2)) == pytest.approx(0.697, abs=0.001)
    assert pytest.approx(48, abs=3) == STIFFNESS  # eV/angstrom^2, as measured for O-H


def test_positions_and_mid_step_velocities_are_thermal_at_1_fs():
    positions, middle, end = _sample()
    # 4500 oscillators, 75 frames a few correlation times apart: a standard error below 0.5%.
    assert positions == pytest.approx(1.0, abs=0.02)
    assert middle == pytest.approx(1.0, abs=0.02)
    # At the end of a step the kinetic energy is low by (omega h)^2 / 4 = 12%: why the middle is observed.
    assert end == pytest.approx(1 - (OMEGA * 1.0) ** 2 / 4, abs=0.02)


@pytest.mark.parametrize(
    "wrong",
    [
        {"force_factor": 1 / 1.06},
        {"kelvin": 0.95 * KELVIN},
        {"mass_factor": 1.06},
        {"force_factor": KCAL_PER_MOL_EV},
    ],
)
def test_a_wrong_force_temperature_or_mass_is_seen(wrong):
    positions, middle, _ = _sample(**wrong)
    assert max(abs(positions - 1), abs(middle - 1)) > 0.04


@pytest.mark.parametrize("friction", [0.005, 0.5])
def test_the_average_does_not_depend_on_the_friction(friction):
    positions, middle, _ = _sample(friction=friction)
    assert positions == pytest.approx(1.0, abs=0.04)
    assert middle == pytest.approx(1.0, abs=0.04)


def test_without_friction_it_follows_newton():
    start = np.array([[0.1, 0.0, 0.0]])
    run = baoab(
        start,
        np.zeros((1, 3)),
        np.array([MASS]),
        lambda r: -STIFFNESS * r,
        steps=2000,
        timestep_fs=0.05,
        friction_per_fs=0.0,
        temperature_k=KELVIN,
        rng=np.random.default_rng(0),
    )
    x, v = (np.array(values)[:, 0] for values in zip(*((r, v) for r, v, _ in run), strict=True))
    time = 0.05 * np.arange(1, 2001)
    np.testing.assert_allclose(x[:, 0], 0.1 * np.cos(OMEGA * time), atol=1e-3)
    energy = 0.5 * STIFFNESS * (x**2).sum(axis=1) + 0.5 * MASS * EV_PER_U_ANGSTROM2_PER_FS2 * (v**2).sum(axis=1)
    assert np.ptp(energy) / energy[0] < 1e-3


def test_a_free_cold_atom_warms_at_the_rate_of_the_friction():
    rng = np.random.default_rng(2)
    masses, zero = np.full(4000, 12.0), np.zeros((4000, 3))
    run = baoab(
        zero,
        zero,
        masses,
        lambda r: np.zeros_like(r),
        steps=50,
        timestep_fs=1.0,
        friction_per_fs=0.02,
        temperature_k=KELVIN,
        rng=rng,
    )
    *_, (_, velocities, _) = run
    kelvin = element_temperatures(np.full(4000, 6), masses, velocities)[6]
    assert kelvin == pytest.approx(KELVIN * (1 - np.exp(-2 * 0.02 * 50)), rel=0.03)


def test_each_step_yields_new_arrays():
    run = baoab(
        np.zeros((1, 3)),
        np.ones((1, 3)),
        np.ones(1),
        lambda r: -r,
        steps=3,
        timestep_fs=1.0,
        friction_per_fs=0.1,
        temperature_k=10.0,
        rng=np.random.default_rng(0),
    )
    states = list(run)
    assert len(states) == 3
    assert len({id(array) for state in states for array in state}) == 9
    assert not np.allclose(states[0][0], states[1][0])


def test_temperature_by_element_by_hand():
    numbers, masses = np.array([1, 8, 1]), np.array([1.008, 15.999, 1.008])
    velocities = np.zeros((3, 3))
    velocities[1] = [0.01, 0.0, 0.0]
    velocities[0] = [0.0, 0.02, 0.0]
    found = element_temperatures(numbers, masses, velocities)
    # u (angstrom/fs)^2 to J, over 3 k_B, in SI units throughout.
    joule = 1.66053906660e-27 * 1e10
    assert found[8] == pytest.approx(15.999 * 0.01**2 * joule / (3 * 1.380649e-23), rel=1e-6)
    assert found[1] == pytest.approx(0.5 * 1.008 * 0.02**2 * joule / (3 * 1.380649e-23), rel=1e-6)
    assert set(found) == {1, 8}


def test_thermal_velocities_agree_with_ase():
    masses = np.repeat([1.008, 15.999], 20000)
    velocities = thermal_velocities(masses, KELVIN, np.random.default_rng(5))
    in_ase = velocities / ase_units.fs  # ASE's velocity unit is angstrom / (angstrom sqrt(u/eV))
    for mass in (1.008, 15.999):
        kinetic = 0.5 * mass * np.mean(np.sum(in_ase[masses == mass] ** 2, axis=1))
        assert kinetic == pytest.approx(1.5 * ase_units.kB * KELVIN, rel=0.02)
