"""Bond lengths, torsions and pair distances against ASE and against numbers by hand."""

import warnings

import numpy as np
import pytest
from ase import Atoms

from compcalc.errors import InputError
from compcalc.metrics.distributions import (
    backbone_torsions,
    bond_lengths,
    gauche_fraction,
    histogram_mae,
    pair_distance_histogram,
    torsion_angles,
)


def _butane_like(*degrees: float) -> np.ndarray:
    """Four atoms with the torsion given, one frame an angle, (F, 4, 3)."""
    phi = np.radians(degrees)
    frames = np.zeros((len(phi), 4, 3))
    frames[:, 0] = [1.0, 0.0, 0.5]
    frames[:, 2] = [0.0, 0.0, -1.5]
    # Seen from atom 1 to atom 2, down -z, clockwise is from +x to -y.
    frames[:, 3] = np.stack([np.cos(phi), -np.sin(phi), np.full(len(phi), -2.0)], axis=1)
    return frames


def test_bond_lengths_by_hand():
    positions = np.array([[[0.0, 0, 0], [3.0, 4.0, 0], [3.0, 4.0, 1.1]], [[0.0, 0, 0], [1.0, 0, 0], [1.0, 0, -2.0]]])
    lengths = bond_lengths(positions, [[0, 1], [2, 1]])
    np.testing.assert_allclose(lengths, [[5.0, 1.1], [1.0, 2.0]])
    np.testing.assert_allclose(bond_lengths(0.1 * positions, [[0, 1]]), 0.1 * lengths[:, :1])


def test_no_bonds_and_no_frames_keep_their_shape():
    assert bond_lengths(np.zeros((2, 3, 3)), []).shape == (2, 0)
    assert bond_lengths(np.zeros((0, 3, 3)), [[0, 1]]).shape == (0, 1)


def test_bond_to_an_unknown_atom_is_refused():
    with pytest.raises(InputError, match=r"bonds: got 'indices 0..3'; allowed: indices 0..2"):
        bond_lengths(np.zeros((1, 3, 3)), [[0, 3]])
    with pytest.raises(InputError, match="bonds: got"):
        bond_lengths(np.zeros((1, 3, 3)), [[0, -1]])
    with pytest.raises(InputError, match=r"torsions: got .*\(K, 4\)"):
        torsion_angles(np.zeros((1, 3, 3)), [[0, 1, 2]])
    with pytest.raises(InputError, match=r"positions: got .*\(F, N, 3\)"):
        bond_lengths(np.zeros((3, 3)), [[0, 1]])


def test_torsion_sign_is_iupac():
    angles = [0.0, 60.0, -60.0, 119.0, -175.0]
    np.testing.assert_allclose(torsion_angles(_butane_like(*angles), [[0, 1, 2, 3]])[:, 0], angles, atol=1e-9)
    assert abs(torsion_angles(_butane_like(180.0), [[0, 1, 2, 3]])[0, 0]) == pytest.approx(180)


def test_torsion_ignores_the_direction_of_reading_and_flips_in_a_mirror():
    frames = _butane_like(75.0)
    assert torsion_angles(frames, [[3, 2, 1, 0]])[0, 0] == pytest.approx(75)
    assert torsion_angles(-frames, [[0, 1, 2, 3]])[0, 0] == pytest.approx(-75)


def test_torsions_agree_with_ase():
    rng = np.random.default_rng(0)
    positions = rng.normal(size=(10, 6, 3))
    torsions = [[0, 1, 2, 3], [5, 3, 1, 0], [2, 4, 5, 1]]
    found = torsion_angles(positions, torsions)
    expected = [[Atoms("C6", frame).get_dihedral(*t) for t in torsions] for frame in positions]
    np.testing.assert_allclose(found % 360, expected, atol=1e-8)
    assert found.min() < -90


def test_gauche_fraction_counts_both_signs_and_not_anti():
    torsions = [[0, 1, 2, 3]]
    assert gauche_fraction(_butane_like(65, -65, 180, -170), torsions) == 0.5
    assert gauche_fraction(_butane_like(180, 175, -178), torsions) == 0
    assert gauche_fraction(_butane_like(119, -119, 121, -121), torsions) == 0.5


def test_gauche_fraction_of_nothing_is_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(gauche_fraction(_butane_like(60), []))
        assert np.isnan(gauche_fraction(np.empty((0, 4, 3)), [[0, 1, 2, 3]]))
        assert np.isnan(gauche_fraction(np.full((1, 4, 3), np.nan), [[0, 1, 2, 3]]))


def test_backbone_of_propionic_acid_without_hydrogens():
    numbers = [6, 6, 6, 8, 8, 1, 1]
    bonds = [[1, 0], [1, 2], [2, 3], [4, 2], [0, 5], [4, 6]]
    np.testing.assert_array_equal(backbone_torsions(numbers, bonds), [[0, 1, 2, 3], [0, 1, 2, 4]])


@pytest.mark.parametrize("n", [1, 3, 4, 9])
def test_chain_of_n_has_n_minus_three_torsions(n):
    order = np.random.default_rng(n).permutation(n)
    bonds = np.stack([order[:-1], order[1:]], axis=1)
    torsions = backbone_torsions(np.full(n, 6), np.concatenate([bonds, bonds[:, ::-1]]))
    assert torsions.shape == (max(n - 3, 0), 4)
    paths = {tuple(order[k : k + 4]) for k in range(max(n - 3, 0))}
    assert {min(tuple(t), tuple(t[::-1])) for t in torsions.tolist()} == {min(p, p[::-1]) for p in paths}


def test_three_ring_gives_no_path_that_returns():
    torsions = backbone_torsions([6, 6, 6, 6], [[0, 1], [1, 2], [2, 0], [2, 3]])
    assert all(len(set(t)) == 4 for t in torsions.tolist())
    np.testing.assert_array_equal(torsions, [[1, 0, 2, 3], [0, 1, 2, 3]])


def test_histogram_of_a_known_triangle():
    triangle = np.array([[[0.0, 0, 0], [1.05, 0, 0], [1.05, 1.05, 0]]])
    h = pair_distance_histogram(triangle, r_max=2.0, bin_width=0.1)
    assert h.shape == (20,)
    assert h[10] == pytest.approx(2 / 3 / 0.1)
    assert h[14] == pytest.approx(1 / 3 / 0.1)
    assert np.count_nonzero(h) == 2


def test_histogram_has_unit_area_whatever_the_frames_and_the_bins():
    positions = np.random.default_rng(1).normal(size=(7, 9, 3))
    for r_max, width in ((12.0, 0.1), (12.0, 0.25), (1.0, 0.1)):
        assert pair_distance_histogram(positions, r_max, width).sum() * width == pytest.approx(1)


def test_histogram_equals_that_of_numpy():
    positions = np.random.default_rng(2).normal(size=(5, 8, 3))
    distances = np.concatenate([Atoms("C8", p).get_all_distances()[np.triu_indices(8, 1)] for p in positions])
    expected, _ = np.histogram(distances, bins=40, range=(0, 10), density=True)
    np.testing.assert_allclose(pair_distance_histogram(positions, 10.0, 0.25), expected)


def test_same_is_zero_and_disjoint_is_two():
    short, long = np.array([[[0.0, 0, 0], [1.05, 0, 0]]]), np.array([[[0.0, 0, 0], [1.55, 0, 0]]])
    h1, h2 = (pair_distance_histogram(p, 3.0, 0.1) for p in (short, long))
    assert histogram_mae(h1, h1, 0.1) == 0
    assert histogram_mae(h1, h2, 0.1) == pytest.approx(2)
    both = pair_distance_histogram(np.concatenate([short, long]), 3.0, 0.1)
    assert histogram_mae(both, h1, 0.1) == pytest.approx(1)
    assert histogram_mae(h1, h2, 1.0) == pytest.approx(20)


def test_wrong_length_unit_is_as_bad_as_can_be():
    positions = 1.5 * np.random.default_rng(3).normal(size=(20, 6, 3))
    right, in_nm = pair_distance_histogram(positions, 12.0, 0.1), pair_distance_histogram(positions / 10, 12.0, 0.1)
    assert histogram_mae(right, in_nm, 0.1) > 1.8


def test_molecule_that_flew_apart_counts_in_full():
    near = np.array([[[0.0, 0, 0], [1.0, 0, 0]]])
    h = pair_distance_histogram(100 * near, 5.0, 0.1)
    assert h[-1] == pytest.approx(10)
    assert histogram_mae(pair_distance_histogram(near, 5.0, 0.1), h, 0.1) == pytest.approx(2)


def test_bins_survive_decimal_rounding():
    positions = np.random.default_rng(4).normal(size=(1, 3, 3))
    assert pair_distance_histogram(positions, 0.3, 0.1).shape == (3,)
    assert pair_distance_histogram(positions, 0.35, 0.1).shape == (4,)


def test_histogram_of_nothing_is_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for positions in (np.empty((0, 4, 3)), np.zeros((2, 1, 3)), np.full((1, 4, 3), np.nan)):
            assert np.isnan(pair_distance_histogram(positions, 1.0, 0.1)).all()
        assert np.isnan(histogram_mae([], [], 0.1))


def test_wrong_bins_are_refused():
    with pytest.raises(InputError, match="bin_width: got"):
        pair_distance_histogram(np.zeros((1, 2, 3)), 1.0, 0.0)
    with pytest.raises(InputError, match="h2: got"):
        histogram_mae([1.0, 2.0], [1.0], 0.1)
