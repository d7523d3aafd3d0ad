"""Equipartition of synthetic Maxwell-Boltzmann velocities, and of velocities sampled wrongly."""

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.equipartition import (
    STEP_BIAS,
    ElementTemperature,
    combine_elements,
    element_equipartition,
    expected_temperatures,
)
from compcalc.metrics.temperature import element_temperatures
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, KB_EV_PER_K

NUMBERS, MASSES = np.array([8, 1, 1]), np.array([15.999, 1.008, 1.008])
WATER = np.array([[0.0, 0.0, 0.119], [0.0, 0.763, -0.477], [0.0, -0.763, -0.477]])
CO2, CO2_NUMBERS, CO2_MASSES = (
    np.array([[0.0, 0, 0], [0.7, 0.7, 0.6], [-0.7, -0.7, -0.6]]),
    [6, 8, 8],
    [12.0, 16.0, 16.0],
)


def _velocities(kelvin, frames: int, seed: int, masses=MASSES) -> np.ndarray:
    """Maxwell-Boltzmann velocities, kelvin one number or one an atom, angstrom/fs, (F, N, 3)."""
    masses = np.asarray(masses)
    spread = np.sqrt(KB_EV_PER_K * np.broadcast_to(kelvin, masses.shape) / masses / EV_PER_U_ANGSTROM2_PER_FS2)
    return spread[:, None] * np.random.default_rng(seed).normal(size=(frames, len(masses), 3))


def _at_rest(velocities, masses, positions=None):
    """Centre-of-mass velocity taken out, and rigid rotation about `positions` where given."""
    masses = np.asarray(masses)
    velocities = velocities - np.einsum("n,fnk->fk", masses, velocities)[:, None] / masses.sum()
    if positions is None:
        return velocities
    r = positions - masses @ positions / masses.sum()
    inertia = np.sum(masses * (r**2).sum(axis=1)) * np.eye(3) - (masses[:, None] * r).T @ r
    angular = np.einsum("n,fnk->fk", masses, np.cross(r, velocities))
    return velocities - np.cross((angular @ np.linalg.pinv(inertia, rcond=1e-6))[:, None], r)


def test_thermal_velocities_are_where_they_should_be():
    found = element_equipartition(NUMBERS, MASSES, [_velocities(300, 4000, s) for s in range(3)], 300)
    assert set(found) == {1, 8}
    for item in found.values():
        assert item.expected_k == 300
        assert item.temperature_k == pytest.approx(300, abs=4 * item.standard_error_k)
        assert not item.off
    # Relative scatter of a kinetic temperature: the root of 2 over the degrees of freedom.
    assert found[8].standard_error_k == pytest.approx(300 * np.sqrt(2 / (3 * 12_000)), rel=0.4)
    assert found[1].standard_error_k == pytest.approx(300 * np.sqrt(2 / (6 * 12_000)), rel=0.4)


def test_z_is_a_standard_score():
    scores = np.array(
        [
            [item.z for item in element_equipartition(NUMBERS, MASSES, [_velocities(300, 200, s)], 300).values()]
            for s in range(150)
        ]
    )
    assert abs(scores.mean()) < 0.2
    assert 0.6 < scores.std() < 1.1


def test_water_with_its_centre_held_by_the_wrong_thermostat_is_found():
    """What ASE's Langevin dynamics does to water by default: O at 173 K and H at 1080 K."""
    found = element_equipartition(NUMBERS, MASSES, [_velocities([173, 1080, 1080], 100, 0)], 300)
    assert found[8].z < -5
    assert found[1].z > 5
    assert found[8].off
    assert found[1].off


def test_a_few_frames_that_are_slightly_cold_are_not_called_off_but_many_are():
    def off(frames, kelvin):
        return element_equipartition(NUMBERS, MASSES, [_velocities(kelvin, frames, 7)], 300)[1].off

    assert not off(50, 280)
    assert off(20_000, 280)
    assert not off(20_000, 300 * (1 - STEP_BIAS / 2))


@pytest.mark.parametrize(
    ("numbers", "masses", "positions", "share"),
    [(NUMBERS, MASSES, WATER, 3 / 9), (CO2_NUMBERS, CO2_MASSES, CO2, 4 / 9)],
)
def test_expected_temperatures_where_momenta_are_held(numbers, masses, positions, share):
    velocities = _velocities(300, 40_000, 3, masses)
    at_rest = element_temperatures(numbers, masses, _at_rest(velocities, masses))
    expected = expected_temperatures(numbers, masses, 300, centre_held=True)
    assert expected == pytest.approx(at_rest, rel=0.02)
    still = element_temperatures(numbers, masses, _at_rest(velocities, masses, positions))
    expected = expected_temperatures(numbers, masses, 300, centre_held=True, rotation_held_at=positions)
    assert expected == pytest.approx(still, rel=0.02)
    mean = np.mean([expected[z] for z in np.asarray(numbers)])
    assert mean == pytest.approx(300 * share)


def test_a_held_centre_by_hand():
    expected = expected_temperatures([6, 1], [3.0, 1.0], 400, centre_held=True)
    assert expected == pytest.approx({6: 100, 1: 300})
    velocities = _at_rest(_velocities(300, 5000, 5), MASSES)
    assert not element_equipartition(NUMBERS, MASSES, [velocities], 300, centre_held=True)[8].off
    assert element_equipartition(NUMBERS, MASSES, [velocities], 300)[8].off


def test_combination_over_molecules_by_hand():
    first = {8: ElementTemperature(290.0, 6.0, 300.0), 1: ElementTemperature(310.0, 3.0, 300.0)}
    second = {8: ElementTemperature(300.0, 8.0, 300.0)}
    found = combine_elements([first, second])
    assert (found[8].temperature_k, found[8].standard_error_k) == (295.0, 5.0)
    assert found[8].z == -1
    assert found[1] == first[1]


def test_too_few_frames_have_a_temperature_and_no_score():
    item = element_equipartition(NUMBERS, MASSES, [_velocities(1000, 3, 0)], 300)[1]
    assert item.temperature_k > 400
    assert np.isnan(item.z)
    assert not item.off


def test_wrong_inputs_are_refused():
    with pytest.raises(InputError, match=r"runs\[0\]: got"):
        element_equipartition(NUMBERS, MASSES, [np.zeros((5, 2, 3))], 300)
    with pytest.raises(InputError, match="rotation_held_at: got 'a geometry'"):
        expected_temperatures(NUMBERS, MASSES, 300, rotation_held_at=WATER)
