"""The bond graph from distances, against RDKit's bonds, and walks on it."""

import numpy as np
import pytest
from ase.build import molecule as g2_molecule

from compcalc.errors import InputError
from compcalc.molecules.build3d import atomic_numbers, bond_pairs, embed
from compcalc.molecules.families import family_table, named_molecule
from compcalc.molecules.graph import adjacency, bond_distance, bond_graph, fragments
from compcalc.molecules.smiles import parse_smiles

# Per coordinate; a distance then varies by 0.05 angstrom, about the thermal width of C-H at 300 K with some to spare.
NOISE_SD = 0.05 / np.sqrt(2)


def embedded(smiles, seed=1):
    mol = parse_smiles(smiles)
    return atomic_numbers(mol), embed(mol, seed), bond_pairs(mol)


@pytest.mark.parametrize("family", list(family_table()))
@pytest.mark.parametrize("n", [2, 7])
def test_agrees_with_rdkit_on_embedded_and_noisy_frames(family, n):
    numbers, positions, bonds = embedded(named_molecule(f"{family}/{n}").smiles)
    rng = np.random.default_rng(n)
    for noise in [0.0, *[NOISE_SD] * 10]:
        found = bond_graph(numbers, positions + rng.normal(scale=noise, size=positions.shape))
        np.testing.assert_array_equal(found, bonds)


@pytest.mark.parametrize("smiles", ["CC#N", "c1ccccc1S(=O)(=O)C", "BrCCI", "FC(F)(F)Cl", "C1CC1", "OP(=O)(O)O", "OO"])
def test_agrees_with_rdkit_beyond_the_families(smiles):
    numbers, positions, bonds = embedded(smiles)
    np.testing.assert_array_equal(bond_graph(numbers, positions), bonds)


def test_pairs_are_sorted_int32_whatever_the_atom_order():
    numbers, positions, bonds = embedded("CCC(=O)O")
    order = np.random.default_rng(0).permutation(len(numbers))
    found = bond_graph(numbers[order], positions[order])
    assert found.dtype == np.int32
    assert (found[:, 0] < found[:, 1]).all()
    assert found.tolist() == sorted(found.tolist())
    assert {frozenset(order[pair]) for pair in found} == {frozenset(pair) for pair in bonds.tolist()}


def test_a_bond_ends_at_the_scaled_sum_of_radii():
    # Covalent radius of carbon: 0.76 angstrom.
    for distance, n_bonds in [(1.25 * 1.52 - 1e-6, 1), (1.25 * 1.52 + 1e-6, 0)]:
        assert len(bond_graph([6, 6], [[0, 0, 0], [distance, 0, 0]])) == n_bonds
    assert len(bond_graph([6, 6], [[0, 0, 0], [2.2, 0, 0]], scale=1.5)) == 1


def test_h2_is_bonded():
    assert bond_graph([1, 1], [[0, 0, 0], [0, 0, 0.74]]).tolist() == [[0, 1]]


def test_hydrogens_of_water_pressed_together_are_not_bonded():
    positions = [[0, 0, 0], [0.35, 0.9, 0], [-0.35, 0.9, 0]]
    assert bond_graph([8, 1, 1], positions).tolist() == [[0, 1], [0, 2]]


def test_h2_beside_a_far_heavy_atom_is_bonded():
    positions = [[0, 0, 0], [0, 0, 3.0], [0, 0, 3.74]]
    assert bond_graph([8, 1, 1], positions).tolist() == [[1, 2]]


def test_no_and_single_atoms_have_no_bonds():
    assert bond_graph([], np.zeros((0, 3))).shape == (0, 2)
    assert bond_graph([6], np.zeros((1, 3))).shape == (0, 2)


def test_nan_positions_bond_nothing():
    atoms = g2_molecule("CH4")
    atoms.positions[1] = np.nan
    assert bond_graph(atoms.numbers, atoms.positions).tolist() == [[0, 2], [0, 3], [0, 4]]


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"positions: got \(3, 3\).*\(2, 3\)"):
        bond_graph([6, 6], np.zeros((3, 3)))


CHAIN_AND_PAIR = np.array([[0, 1], [1, 2], [2, 5], [3, 4]])


def test_adjacency_is_symmetric_and_sorted():
    assert adjacency(7, CHAIN_AND_PAIR[::-1]) == [[1], [0, 2], [1, 5], [4], [3], [2], []]


def test_fragments_are_in_order_of_their_first_atom():
    assert [piece.tolist() for piece in fragments(7, CHAIN_AND_PAIR)] == [[0, 1, 2, 5], [3, 4], [6]]
    assert fragments(0, np.zeros((0, 2))) == []


def test_bond_distance_is_to_the_nearest_source():
    assert bond_distance(7, CHAIN_AND_PAIR, [0]).tolist() == [0, 1, 2, -1, -1, 3, -1]
    assert bond_distance(7, CHAIN_AND_PAIR, [5, 0]).tolist() == [0, 1, 1, -1, -1, 0, -1]
    assert bond_distance(3, CHAIN_AND_PAIR[:2], []).tolist() == [-1, -1, -1]


def test_bond_distance_takes_the_short_way_round_a_ring():
    ring = np.array([[k, (k + 1) % 6] for k in range(6)])
    assert bond_distance(6, ring, [0]).tolist() == [0, 1, 2, 3, 2, 1]
