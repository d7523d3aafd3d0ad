"""Bond lengths and angles by type against closed forms, and the estimate of chance against repeated samples."""

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.internal import (
    angle_types,
    bond_angle_differences,
    bond_angles,
    bond_length_differences,
    bonded_angles,
    compare,
)

WATER_NUMBERS, WATER_BONDS = [8, 1, 1], [[0, 1], [0, 2]]


def _water(length, degrees) -> np.ndarray:
    """Water with given O-H lengths (F, 2) and angles (F,), (F, 3, 3)."""
    length, half = np.asarray(length, dtype=float), np.radians(np.asarray(degrees, dtype=float)) / 2
    positions = np.zeros((len(length), 3, 3))
    for k, sign in enumerate((1, -1)):
        positions[:, 1 + k] = length[:, k, None] * np.stack([np.cos(half), sign * np.sin(half), 0 * half], axis=1)
    return positions


def _starts(rng, n=8, frames=40, length=0.96, width=0.03, degrees=104.5, spread=4.0) -> list[np.ndarray]:
    return [
        _water(length + width * rng.normal(size=(frames, 2)), degrees + spread * rng.normal(size=frames))
        for _ in range(n)
    ]


@pytest.mark.parametrize("degrees", [0.001, 30.0, 90.0, 104.5, 179.999, 180.0])
def test_angles_by_construction(degrees):
    frames = _water([[1.0, 2.0]], [degrees])
    assert bond_angles(frames, [[1, 0, 2]])[0, 0] == pytest.approx(degrees, abs=1e-6)
    assert bond_angles(frames, [[2, 0, 1]])[0, 0] == pytest.approx(degrees, abs=1e-6)


def test_angles_of_a_triangle_add_up_and_need_the_vertex_in_the_middle():
    triangle = np.random.default_rng(0).normal(size=(6, 3, 3))
    corners = bond_angles(triangle, [[1, 0, 2], [0, 1, 2], [0, 2, 1]])
    np.testing.assert_allclose(corners.sum(axis=1), 180)


def test_angle_of_atoms_on_one_spot_is_nan():
    assert np.isnan(bond_angles(np.zeros((1, 3, 3)), [[1, 0, 2]])).all()


def test_angles_of_methanol_by_hand():
    numbers, bonds = [6, 8, 1, 1, 1, 1], [[0, 1], [0, 2], [0, 3], [0, 4], [1, 5]]
    angles = bonded_angles(bonds, 6)
    assert angles.tolist() == [[1, 0, 2], [1, 0, 3], [1, 0, 4], [2, 0, 3], [2, 0, 4], [3, 0, 4], [0, 1, 5]]
    assert angle_types(numbers, angles) == ["O-C-H"] * 3 + ["H-C-H"] * 3 + ["C-O-H"]
    assert bonded_angles([[1, 0], [0, 1]], 2).shape == (0, 3)


def test_a_stretched_bond_and_a_narrow_angle_are_measured():
    rng = np.random.default_rng(1)
    reference, run = _starts(rng), _starts(rng, length=0.99, degrees=101.5)
    bond = bond_length_differences(WATER_NUMBERS, WATER_BONDS, run, reference)["O-H"]
    assert bond.mean == pytest.approx(0.03, abs=0.005)
    assert bond.wasserstein == pytest.approx(0.03, abs=0.005)
    assert bond.deviation == pytest.approx(0, abs=0.004)
    assert bond.within_chance is False
    angle = bond_angle_differences(WATER_NUMBERS, WATER_BONDS, run, reference)["H-O-H"]
    assert angle.mean == pytest.approx(-3, abs=1)
    assert angle.wasserstein == pytest.approx(3, abs=1)
    assert angle.within_chance is False


def test_a_wider_distribution_of_the_same_mean_is_measured():
    """1-Wasserstein distance of two normal distributions of one mean: |s1 - s2| sqrt(2 / pi)."""
    rng = np.random.default_rng(2)
    run, reference = ([w * rng.normal(size=2000) for _ in range(8)] for w in (2.0, 1.0))
    found = compare(run, reference)
    assert found.deviation == pytest.approx(1, abs=0.05)
    assert found.mean == pytest.approx(0, abs=0.1)
    assert found.wasserstein == pytest.approx(np.sqrt(2 / np.pi), rel=0.05)
    assert not found.within_chance


def test_types_are_kept_apart():
    """A change in one type must not show in another."""
    numbers, bonds = [8, 6, 1], [[0, 1], [1, 2]]
    shape = np.array([[[-1.2, 0, 0], [0, 0, 0], [1.1, 0, 0]]])
    longer = shape + np.array([[0, 0, 0], [0, 0, 0], [0.05, 0, 0]])
    found = bond_length_differences(numbers, bonds, [longer] * 4, [shape] * 4)
    assert set(found) == {"C=O", "C-H"}
    assert found["C=O"].wasserstein == pytest.approx(0, abs=1e-12)
    assert found["C-H"].mean == pytest.approx(0.05)


@pytest.mark.parametrize(("n_runs", "between", "most"), [(8, 0.0, 0.2), (8, 0.4, 0.2), (3, 0.0, 0.2)])
def test_samples_of_one_distribution_are_within_chance(n_runs, between, most):
    rng = np.random.default_rng(3)

    def sample(n):
        return [between * rng.normal() + rng.normal(size=40) for _ in range(n)]

    outside = np.mean([not compare(sample(n_runs), sample(12)).within_chance for _ in range(60)])
    assert outside <= most


def test_chance_knows_that_the_frames_of_a_start_are_alike():
    """Starts that keep to their own level: frames that were drawn anew would be far closer to each other."""
    rng = np.random.default_rng(4)
    levels = [rng.normal() + 0.1 * rng.normal(size=100) for _ in range(12)]
    mixed = np.array_split(rng.permutation(np.concatenate(levels)), 12)
    assert compare(levels, levels).chance > 3 * compare(mixed, mixed).chance


def test_the_same_frames_are_no_distance_apart():
    reference = _starts(np.random.default_rng(5))
    found = bond_length_differences(WATER_NUMBERS, WATER_BONDS, reference, reference)["O-H"]
    assert (found.mean, found.deviation, found.wasserstein) == (0, 0, 0)
    assert found.within_chance is True


def test_too_little_to_compare():
    assert np.isnan(compare([], [[1.0]]).wasserstein)
    assert np.isnan(compare([[np.nan]], [[1.0]]).wasserstein)
    one = compare([[1.0]], [[3.0]])
    assert (one.mean, one.wasserstein) == (-2, 2)
    assert one.within_chance is None
    assert bond_length_differences([2], np.empty((0, 2), int), [np.zeros((3, 1, 3))], [np.zeros((3, 1, 3))]) == {}
    assert bond_angle_differences([1, 1], [[0, 1]], [np.zeros((3, 2, 3))], [np.zeros((3, 2, 3))]) == {}


def test_wrong_inputs_are_refused():
    with pytest.raises(InputError, match="angles: got"):
        bond_angles(np.zeros((1, 3, 3)), [[0, 1, 3]])
    with pytest.raises(InputError, match="bonds: got"):
        bonded_angles([[0, 5]], 2)
    with pytest.raises(InputError, match="positions: got"):
        bond_length_differences(WATER_NUMBERS, WATER_BONDS, [np.zeros((3, 3))], [np.zeros((1, 3, 3))])
