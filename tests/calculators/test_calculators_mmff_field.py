"""MMFF94 in eV and eV/angstrom, against RDKit's kcal/mol and against differences of its own energy."""

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers

from compcalc.calculators.mmff_field import MMFF94Field
from compcalc.errors import MoleculeError
from compcalc.molecules.build3d import embed
from compcalc.molecules.smiles import parse_smiles

# 1 cal = 4.184 J; Avogadro's number times the elementary charge, J/mol per eV (both exact in SI).
KCAL_PER_MOL_IN_EV = 4184.0 / (6.02214076e23 * 1.602176634e-19)
FORCE_TOLERANCE = 1e-5  # eV/angstrom, truncation of the central differences


@pytest.fixture(scope="module")
def acid():
    mol = parse_smiles("NCCC(=O)O")
    positions = embed(mol, seed=3) + np.random.default_rng(0).normal(scale=0.05, size=(mol.GetNumAtoms(), 3))
    return mol, positions


def central_differences(energy, positions, step=1e-4):
    gradient = np.zeros_like(positions)
    for index in np.ndindex(*positions.shape):
        moved = np.zeros_like(positions)
        moved[index] = step
        gradient[index] = (energy(positions + moved) - energy(positions - moved)) / (2 * step)
    return gradient


def test_forces_are_minus_the_gradient_of_the_energy(acid):
    mol, positions = acid
    field = MMFF94Field(mol)
    energy, forces = field(positions)
    assert isinstance(energy, float)
    numeric = -central_differences(lambda p: field(p)[0], positions)
    np.testing.assert_allclose(forces, numeric, atol=FORCE_TOLERANCE)
    # The test has to see a wrong sign and a wrong unit.
    assert np.abs(forces).max() > 1.0


@pytest.mark.parametrize("variant", ["MMFF94", "MMFF94s"])
def test_energy_is_rdkits_in_ev(acid, variant):
    mol, positions = acid
    with_conformer = Chem.Mol(mol)
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions(positions)
    with_conformer.AddConformer(conformer)
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(with_conformer, variant)
    kcal = rdForceFieldHelpers.MMFFGetMoleculeForceField(with_conformer, properties).CalcEnergy()
    assert abs(kcal) > 1
    assert MMFF94Field(mol, variant)(positions)[0] == pytest.approx(kcal * KCAL_PER_MOL_IN_EV, rel=1e-8)


def test_variants_differ_where_nitrogen_is_planar():
    mol = parse_smiles("Nc1ccccc1")
    positions = embed(mol, seed=1)
    assert abs(MMFF94Field(mol)(positions)[0] - MMFF94Field(mol, "MMFF94s")(positions)[0]) > 1e-4


def test_each_call_answers_for_its_own_positions(acid):
    mol, positions = acid
    field = MMFF94Field(mol)
    before = field(positions)
    field(positions * 1.05)
    after = field(positions)
    assert after[0] == before[0]
    np.testing.assert_array_equal(after[1], before[1])


def test_far_pairs_are_kept_when_they_come_near():
    mol = parse_smiles("CCCCCCCCCCCC")
    near = embed(mol, seed=1)
    apart = Chem.Mol(mol)
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions(near * 100)
    apart.AddConformer(conformer)
    assert MMFF94Field(apart)(near)[0] == pytest.approx(MMFF94Field(mol)(near)[0], rel=1e-12)


def test_molecule_without_parameters_is_refused():
    with pytest.raises(MoleculeError, match="MMFF94 has no parameters"):
        MMFF94Field(parse_smiles("CB(C)C"))
