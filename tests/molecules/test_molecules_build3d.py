"""Embedding: seeds, failures and the time limit inside C++."""

import time

import numpy as np
import pytest

from compcalc.errors import MoleculeError
from compcalc.molecules.build3d import atomic_numbers, bond_pairs, embed
from compcalc.molecules.smiles import parse_smiles

TRANS_BRIDGE = "C1C[C@H]2C[C@H]1CC2"
TWO_TRANS_BRIDGES = "C1C[C@H]2C[C@H]1CC2CCCCCCCCCCC1C[C@H]2C[C@H]1CC2"


def test_same_seed_same_conformer():
    first, second = (embed(parse_smiles("CCCCO"), seed=7) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_other_seed_other_conformer():
    mol = parse_smiles("CCCCO")
    distances = [np.linalg.norm(p[0] - p[4]) for p in (embed(mol, seed) for seed in range(6))]
    assert np.ptp(distances) > 0.1


def test_embedding_leaves_the_molecule_without_a_conformer():
    mol = parse_smiles("CCO")
    embed(mol, seed=1)
    assert mol.GetNumConformers() == 0


def test_geometry_is_in_angstrom():
    mol = parse_smiles("CC")
    positions = embed(mol, seed=1)
    assert np.linalg.norm(positions[0] - positions[1]) == pytest.approx(1.53, abs=0.05)


def test_impossible_stereochemistry_is_an_embedding_failure():
    with pytest.raises(MoleculeError, match="bicyclic.*embedding failed"):
        embed(parse_smiles(TRANS_BRIDGE), seed=42, timeout_s=20, name="bicyclic")


def test_unnamed_molecule_is_called_by_its_smiles():
    with pytest.raises(MoleculeError, match="embedding failed") as caught:
        embed(parse_smiles(TRANS_BRIDGE), seed=42, timeout_s=20)
    assert "@" in caught.value.molecule and "[H]" not in caught.value.molecule


def test_time_limit_holds_inside_the_embedding():
    start = time.perf_counter()
    with pytest.raises(MoleculeError, match="time limit of 1 s"):
        embed(parse_smiles(TWO_TRANS_BRIDGES), seed=42, timeout_s=1)
    assert time.perf_counter() - start < 6


def test_atoms_and_bonds_of_ethanol():
    mol = parse_smiles("CCO")
    assert atomic_numbers(mol).tolist() == [6, 6, 8, 1, 1, 1, 1, 1, 1]
    assert bond_pairs(mol).tolist() == [[0, 1], [0, 3], [0, 4], [0, 5], [1, 2], [1, 6], [1, 7], [2, 8]]


def test_one_atom_has_no_bonds():
    assert bond_pairs(parse_smiles("[He]")).shape == (0, 2)
