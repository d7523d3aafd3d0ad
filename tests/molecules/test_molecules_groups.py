"""Functional groups and environments, found without bond orders, against RDKit's SMARTS and by hand."""

import numpy as np
import pytest
from rdkit import Chem

from compcalc.molecules.build3d import atomic_numbers, bond_pairs
from compcalc.molecules.families import family_molecule
from compcalc.molecules.groups import chain_end_distance, environments, functional_groups
from compcalc.molecules.smiles import parse_smiles


def graph(smiles):
    mol = parse_smiles(smiles)
    return atomic_numbers(mol), bond_pairs(mol)


def names(smiles):
    return sorted(group.name for group in functional_groups(*graph(smiles)))


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("alkane", ["alkane"]),
        ("alcohol", ["alcohol"]),
        ("aldehyde", ["aldehyde"]),
        ("hydroxyaldehyde", ["alcohol", "aldehyde"]),
        ("carboxylic_acid", ["carboxylic_acid"]),
        ("amine", ["amine"]),
        ("amide", ["amide"]),
        ("dicarboxylic_acid", ["carboxylic_acid", "carboxylic_acid"]),
        ("diamine", ["amine", "amine"]),
        ("amino_acid", ["amine", "carboxylic_acid"]),
    ],
)
@pytest.mark.parametrize("n", [2, 3, 9])
def test_families(family, expected, n):
    assert names(family_molecule(family, n).smiles) == expected


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("C", ["alkane"]),
        ("C1CCCCC1", ["alkane"]),
        ("C=C", ["hydrocarbon"]),
        ("c1ccccc1", ["hydrocarbon"]),
        ("C=O", ["aldehyde"]),
        ("OC=O", ["carboxylic_acid"]),
        ("NC=O", ["amide"]),
        ("COC=O", ["ester"]),
        ("CC(=O)OC", ["ester"]),
        ("O=C1CCCO1", ["ester"]),
        ("CC(C)=O", ["ketone"]),
        ("CN(C)C(C)=O", ["amide"]),
        ("COC", ["ether"]),
        ("CN(C)C", ["amine"]),
        ("Oc1ccccc1", ["alcohol"]),
        ("O=CC=O", ["aldehyde", "aldehyde"]),
        ("CC(=O)C(=O)O", ["carboxylic_acid", "ketone"]),
        ("COCO", ["alcohol", "ether"]),
        ("CNC(=O)C(N)CO", ["alcohol", "amide", "amine"]),
    ],
)
def test_named_groups(smiles, expected):
    assert names(smiles) == expected


@pytest.mark.parametrize(
    ("smiles", "n_other"),
    [
        ("O", 1),
        ("N", 1),
        ("[H][H]", 1),
        ("OO", 1),
        ("CC#N", 1),
        ("CSC", 1),
        ("C[N+](=O)[O-]", 1),
        ("NC(=O)N", 1),
        ("CC(=O)OC(C)=O", 1),
        ("CC(=O)NC(C)=O", 1),
        ("O=C=O", 1),
        ("CC(=O)Cl", 1),
        ("CC(=O)[O-]", 1),
        ("C[NH3+]", 1),
        ("FCCCl", 2),
        ("C=C=O", 1),
        ("CC(=O)NO", 1),
    ],
)
def test_unknown_heteroatoms_are_other_groups(smiles, n_other):
    assert names(smiles) == ["other"] * n_other


def test_a_group_with_a_name_beside_an_unknown_one():
    assert names("OCCC#N") == ["alcohol", "other"]


@pytest.mark.parametrize(
    ("smiles", "smarts", "name"),
    [
        ("CCC(=O)O", "[CX3](=O)[OX2][#1]", "carboxylic_acid"),
        ("CCC(=O)N", "[CX3](=O)[NX3]([#1])[#1]", "amide"),
        ("CCC=O", "[CX3](=O)[#1]", "aldehyde"),
        ("C=O", "[CX3](=O)([#1])[#1]", "aldehyde"),
        ("CCC(=O)C", "[CX3]=O", "ketone"),
        ("CC(=O)OCC", "[CX3](=O)[OX2]", "ester"),
        ("CCO", "[OX2][#1]", "alcohol"),
        ("CCOC", "[OX2]", "ether"),
        ("CCN", "[NX3]([#1])[#1]", "amine"),
        ("CCC", "[#6][#6][#6]", "alkane"),
    ],
)
def test_atoms_of_a_group(smiles, smarts, name):
    mol = parse_smiles(smiles)
    (match,) = mol.GetSubstructMatches(Chem.MolFromSmarts(smarts))
    (group,) = functional_groups(atomic_numbers(mol), bond_pairs(mol))
    assert (group.name, group.atoms) == (name, tuple(sorted(match)))


def test_environments_of_pentanoic_acid():
    found = environments(*graph("CCCCCCC(=O)O"))
    heavy = [f"carboxylic_acid+{d}" for d in ("4..", "4..", "4..", "3", "2", "1", "0", "0", "0")]
    assert found[:9] == heavy


def test_hydrogens_take_the_environment_of_their_heavy_atom():
    numbers, bonds = graph("NCCCCC(=O)O")
    found = environments(numbers, bonds)
    for i, j in bonds:
        if numbers[j] == 1:
            assert found[j] == found[i]


def test_the_nearest_group_names_the_environment_and_ties_go_to_the_acid():
    found = environments(*graph("NCCCC(=O)O"))
    assert found[:5] == ["amine+0", "amine+1", "carboxylic_acid+2", "carboxylic_acid+1", "carboxylic_acid+0"]


def test_environments_of_an_alkane_count_from_the_chain_end():
    found = environments(*graph("C" * 11))
    assert found[:11] == [f"alkane+{d}" for d in ["0", "1", "2", "3", *["4.."] * 3, "3", "2", "1", "0"]]


def test_rings_without_an_end_have_their_own_environment():
    assert set(environments(*graph("C1CCCCC1"))) == {"alkane+ring"}
    assert environments(*graph("CC1CCCC1"))[:4] == ["alkane+0", "alkane+1", "alkane+2", "alkane+3"]


def test_pieces_without_a_group_are_unconnected():
    # Methanol and methane in one geometry, as after a broken bond.
    first, second = graph("CO"), graph("C")
    numbers = np.concatenate([first[0], second[0]])
    bonds = np.concatenate([first[1], second[1] + len(first[0])])
    found = environments(numbers, bonds)
    assert found[0] == "alcohol+1"
    assert set(found[len(first[0]) :]) == {"unconnected"}


def test_chain_end_distance():
    numbers, bonds = graph("CCCCC(=O)O")
    distance = chain_end_distance(numbers, bonds)
    assert distance[:7].tolist() == [0, 1, 2, 2, 1, 0, 0]
    for i, j in bonds:
        if numbers[j] == 1:
            assert distance[j] == distance[i]


@pytest.mark.parametrize(("smiles", "value"), [("C", 0), ("O", 0), ("C1CC1", -1), ("[H][H]", -1)])
def test_chain_end_distance_of_small_molecules(smiles, value):
    assert set(chain_end_distance(*graph(smiles)).tolist()) == {value}


def test_atom_order_does_not_matter():
    numbers, bonds = graph("NCCCC(=O)OCCO")
    order = np.random.default_rng(1).permutation(len(numbers))
    place = np.argsort(order)
    shuffled = environments(numbers[order], place[bonds])
    assert [shuffled[place[atom]] for atom in range(len(numbers))] == environments(numbers, bonds)
