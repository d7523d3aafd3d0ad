"""The ten families against the table of examples, and against RDKit's own canonical form."""

import pytest
from rdkit import Chem

from compcalc.errors import InputError, UnknownNameError
from compcalc.molecules.families import family_molecule, family_table, named_molecule

EXAMPLES = [
    ("alkane", 3, "CCC", "C3H8"),
    ("alcohol", 3, "CCCO", "C3H8O"),
    ("aldehyde", 3, "CCC=O", "C3H6O"),
    ("hydroxyaldehyde", 3, "OCCC=O", "C3H6O2"),
    ("carboxylic_acid", 3, "CCC(=O)O", "C3H6O2"),
    ("amine", 3, "CCCN", "C3H9N"),
    ("amide", 3, "CCC(=O)N", "C3H7NO"),
    ("dicarboxylic_acid", 4, "OC(=O)CCC(=O)O", "C4H6O4"),
    ("dicarboxylic_acid", 2, "OC(=O)C(=O)O", "C2H2O4"),
    ("diamine", 3, "NCCCN", "C3H10N2"),
    ("amino_acid", 3, "NCCC(=O)O", "C3H7NO2"),
]


def canonical(smiles):
    return Chem.MolToSmiles(Chem.MolFromSmiles(smiles))


@pytest.mark.parametrize(("family", "n", "smiles", "formula"), EXAMPLES)
def test_examples_of_the_table(family, n, smiles, formula):
    from rdkit.Chem.rdMolDescriptors import CalcMolFormula

    built = family_molecule(family, n).smiles
    assert canonical(built) == canonical(smiles)
    assert CalcMolFormula(Chem.MolFromSmiles(built)) == formula


def test_every_family_has_an_example():
    assert {family for family, *_ in EXAMPLES} == set(family_table())


@pytest.mark.parametrize("family", sorted({family for family, *_ in EXAMPLES}))
@pytest.mark.parametrize("n", [2, 5, 15])
def test_n_counts_every_carbon_of_an_unbranched_chain(family, n):
    mol = Chem.MolFromSmiles(family_molecule(family, n).smiles)
    carbons = [atom for atom in mol.GetAtoms() if atom.GetSymbol() == "C"]
    assert len(carbons) == n
    assert max(sum(other.GetSymbol() == "C" for other in atom.GetNeighbors()) for atom in carbons) <= 2
    assert mol.GetRingInfo().NumRings() == 0


@pytest.mark.parametrize("name", ["alkane/07", "alkane/7", "alkane/007"])
def test_names_are_parsed_and_normalised(name):
    molecule = named_molecule(name)
    assert (molecule.name, molecule.smiles, molecule.file_stem) == ("alkane/07", "CCCCCCC", "alkane-07")


@pytest.mark.parametrize("name", ["alkane", "alkane/", "alkane/x", "Alkane/3", "alkane/1000", "alkane/3/4", ""])
def test_names_of_another_form_are_refused(name):
    with pytest.raises(InputError, match="family/n such as alkane/07"):
        named_molecule(name)


def test_unknown_family_names_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'alcohol'"):
        named_molecule("alcohl/3")


@pytest.mark.parametrize(
    ("name", "allowed"), [("dicarboxylic_acid/1", "2 to 99"), ("alkane/0", "1 to 99"), ("alkane/100", "1 to 99")]
)
def test_carbon_counts_outside_the_family_are_refused(name, allowed):
    with pytest.raises(InputError, match=f"n_carbon: got .*{allowed}"):
        named_molecule(name)
