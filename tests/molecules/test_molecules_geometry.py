"""Geometries that cannot be used are refused by reason; real ones pass, hydrogen-free ones included."""

import numpy as np
import pytest
from ase.build import molecule as g2_molecule

from compcalc.errors import MoleculeError
from compcalc.molecules.build3d import atomic_numbers, embed
from compcalc.molecules.geometry import refuse_stretched_bonds, refuse_unusable_geometry
from compcalc.molecules.smiles import parse_smiles


def geometry(smiles):
    mol = parse_smiles(smiles)
    return atomic_numbers(mol), embed(mol, seed=1)


def without_hydrogens(smiles, only_on=None):
    """The geometry less its hydrogens; with `only_on`, less those on this element alone."""
    mol = parse_smiles(smiles)
    numbers, positions = geometry(smiles)
    parents = np.array([a.GetNeighbors()[0].GetAtomicNum() if a.GetAtomicNum() == 1 else 0 for a in mol.GetAtoms()])
    keep = (numbers != 1) | ((parents != only_on) if only_on else False)
    return numbers[keep], positions[keep]


@pytest.mark.parametrize("smiles", ["CCO", "O=C=O", "C", "OC(=O)C(=O)O", "FC(F)(F)C(F)(F)F", "FC(F)=C(F)F", "N#CC#N"])
def test_real_molecules_pass(smiles):
    refuse_unusable_geometry(smiles, *geometry(smiles))


@pytest.mark.parametrize("name", ["CO", "CO2", "N2", "H2O", "CS2", "CCl4", "C2F4", "OCS", "H2", "SiF4"])
def test_molecules_of_the_g2_set_pass(name):
    atoms = g2_molecule(name)
    refuse_unusable_geometry(name, atoms.numbers, atoms.positions)


@pytest.mark.parametrize("smiles", ["CCO", "CCCC", "c1ccccc1", "CC(C)C", "C", "CO", "OC(=O)CC(=O)O", "C=C", "C1CC1"])
def test_carbons_without_their_hydrogens_are_refused(smiles):
    with pytest.raises(MoleculeError, match="missing hydrogens: C"):
        refuse_unusable_geometry(smiles, *without_hydrogens(smiles))


def test_a_stretched_carbon_with_four_neighbours_lacks_nothing():
    atoms = g2_molecule("CF4")
    refuse_unusable_geometry("CF4", atoms.numbers, atoms.positions * 1.1)


def test_polar_hydrogens_alone_are_not_enough():
    with pytest.raises(MoleculeError, match="missing hydrogens: C0 has 1 neighbour"):
        refuse_unusable_geometry("x", *without_hydrogens("CCO", only_on=6))


@pytest.mark.parametrize("name", ["CH3", "NO", "OH", "C2H5"])
def test_radicals_are_refused(name):
    atoms = g2_molecule(name)
    with pytest.raises(MoleculeError, match=f"radical: odd number of electrons .{atoms.numbers.sum()}."):
        refuse_unusable_geometry(name, atoms.numbers, atoms.positions)


def test_one_lost_hydrogen_is_refused():
    numbers, positions = geometry("CCO")
    with pytest.raises(MoleculeError, match="radical"):
        refuse_unusable_geometry("x", numbers[:-1], positions[:-1])


def test_separate_fragments_are_refused():
    water = g2_molecule("H2O")
    numbers = np.concatenate([water.numbers] * 2)
    positions = np.concatenate([water.positions, water.positions + 4.0])
    with pytest.raises(MoleculeError, match=r"2 separate fragments \(3 \+ 3 atoms\)"):
        refuse_unusable_geometry("x", numbers, positions)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_coordinates_that_are_not_finite_are_refused(value):
    numbers, positions = geometry("CCO")
    positions[4, 1] = value
    with pytest.raises(MoleculeError, match="NaN or infinite coordinates of atom 4"):
        refuse_unusable_geometry("x", numbers, positions)


def test_coinciding_atoms_are_refused():
    numbers, positions = geometry("CCO")
    positions[4] = positions[0] + 0.1
    with pytest.raises(MoleculeError, match=r"coinciding atoms: C0 and H4 are 0\.17 angstrom apart"):
        refuse_unusable_geometry("x", numbers, positions)


def test_atoms_without_an_element_are_refused():
    with pytest.raises(MoleculeError, match="atom 1 without an element"):
        refuse_unusable_geometry("x", np.array([6, 0]), np.array([[0, 0, 0], [0, 0, 1.0]]))


def test_no_atoms_are_refused():
    with pytest.raises(MoleculeError, match="no atoms"):
        refuse_unusable_geometry("x", np.zeros(0, dtype=int), np.zeros((0, 3)))


def test_a_bond_table_that_the_coordinates_contradict_is_refused():
    numbers, positions = np.array([6, 6]), np.array([[0, 0, 0], [0, 0, 2.5]])
    with pytest.raises(MoleculeError, match=r"bond C0-C1 of the bond table is 2\.50 angstrom long"):
        refuse_stretched_bonds("x", numbers, positions, np.array([[0, 1]]))
    refuse_stretched_bonds("x", numbers, positions * 0.6, np.array([[0, 1]]))
