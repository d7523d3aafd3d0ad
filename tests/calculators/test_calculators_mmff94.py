"""The MMFF94 calculator: which molecule a geometry shows, and what it refuses."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import CalculationFailed
from calculator_samples import rattled
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers

from compcalc.calculators import get_calculator
from compcalc.calculators.mmff94 import MMFF94Calculator
from compcalc.errors import InputError, MoleculeError
from compcalc.molecules.build3d import atomic_numbers, embed
from compcalc.molecules.smiles import parse_smiles

KCAL_PER_MOL_IN_EV = 4184.0 / (6.02214076e23 * 1.602176634e-19)


def built(smiles: str, seed: int = 1) -> Atoms:
    """A molecule with its atoms sorted by element, so that isomers share their list of numbers."""
    mol = parse_smiles(smiles)
    numbers = atomic_numbers(mol)
    order = np.argsort(-numbers, kind="stable")
    return Atoms(numbers[order], embed(mol, seed=seed)[order])


@pytest.mark.parametrize("smiles", ["CCCO", "NCCC(=O)O", "OCC=O", "NCCN", "CC(N)=O", "OC(=O)C(=O)O"])
def test_perceived_molecule_has_the_energy_of_its_smiles(smiles):
    mol = parse_smiles(smiles)
    positions = embed(mol, seed=2)
    copy = Chem.Mol(mol)
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions(positions)
    copy.AddConformer(conformer)
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(copy)
    expected = rdForceFieldHelpers.MMFFGetMoleculeForceField(copy, properties).CalcEnergy() * KCAL_PER_MOL_IN_EV
    atoms = Atoms(atomic_numbers(mol), positions)
    assert MMFF94Calculator().get_potential_energy(atoms) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("one", "other"),
    [("CCO", "COC"), ("CC=O", "C=CO"), ("CCCC", "CC(C)C"), ("CC(=O)O", "COC=O"), ("CCCO", "CC(C)O"),
     ("CC(C)=O", "CCC=O"), ("C1CC1", "C=CC"), ("CCCCN", "CCNCC")],
)  # fmt: skip
def test_isomers_with_the_same_numbers_are_told_apart(one, other):
    first, second = built(one), built(other)
    np.testing.assert_array_equal(first.numbers, second.numbers)
    used = MMFF94Calculator()
    for atoms in (first, second, first, second):
        fresh = MMFF94Calculator()
        assert used.get_potential_energy(atoms) == fresh.get_potential_energy(atoms)
        np.testing.assert_array_equal(used.get_forces(atoms), fresh.get_forces(atoms))


@pytest.mark.parametrize("stretch", [1.3, 1.6, 1.9])
def test_a_stretched_bond_keeps_the_molecule(stretch):
    atoms = built("CCO")
    calculator = MMFF94Calculator()
    energy = calculator.get_potential_energy(atoms)
    field = calculator._field
    hydroxyl = int(np.argmin(np.linalg.norm(atoms.positions[3:] - atoms.positions[0], axis=1))) + 3
    atoms.positions[hydroxyl] += (stretch - 1) * (atoms.positions[hydroxyl] - atoms.positions[0])
    assert calculator.get_potential_energy(atoms) > energy + 0.3
    assert calculator._field is field


def test_variants():
    atoms = built("Nc1ccccc1")
    energies = {spec: get_calculator(spec).get_potential_energy(atoms) for spec in
                ("mmff94", "mmff94:MMFF94", "mmff94:MMFF94s", "mmff94?variant=MMFF94s")}  # fmt: skip
    assert energies["mmff94"] == energies["mmff94:MMFF94"]
    assert energies["mmff94:MMFF94s"] == energies["mmff94?variant=MMFF94s"]
    assert abs(energies["mmff94"] - energies["mmff94:MMFF94s"]) > 1e-4


@pytest.mark.parametrize(
    ("atoms", "reason"),
    [
        (Atoms("H"), "no bonds in this geometry of H"),
        (Atoms("He"), "no bonds in this geometry of He"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 12.0]]), "no bond orders fit this geometry of H2"),
        (molecule("CH3"), "no bond orders fit this geometry of CH3"),
        (Atoms("XH", [[0, 0, 0], [0, 0, 1.0]]), "RDKit cannot read the elements of HX"),
    ],
    ids=["H", "He", "far H2", "radical", "dummy"],
)
def test_what_is_no_molecule_is_refused_with_a_reason(atoms, reason):
    with pytest.raises(CalculationFailed, match=f"MMFF94: {reason}"):
        MMFF94Calculator().get_potential_energy(atoms)


def test_molecule_without_parameters_is_refused():
    with pytest.raises(MoleculeError, match="MMFF94 has no parameters"):
        MMFF94Calculator().get_potential_energy(built("CB(C)C"))


def test_periodic_and_charged_atoms_are_refused():
    water = molecule("H2O", vacuum=3.0)
    water.info["charge"] = 1
    with pytest.raises(InputError, match="charge"):
        MMFF94Calculator().get_potential_energy(water)
    del water.info["charge"]
    water.set_pbc(True)
    with pytest.raises(InputError, match=r"set_pbc\(False\)"):
        MMFF94Calculator().get_potential_energy(water)


def test_forget_lets_the_next_geometry_decide():
    calculator, atoms = MMFF94Calculator(), rattled()
    calculator.get_potential_energy(atoms)
    calculator.forget()
    assert calculator._field is None and calculator.results == {}
