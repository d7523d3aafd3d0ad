"""SMILES that parse, and those that are refused by reason."""

import pytest

from compcalc.errors import MoleculeError
from compcalc.molecules.smiles import canonical_smiles, parse_smiles


def test_hydrogens_are_explicit():
    assert sorted(atom.GetSymbol() for atom in parse_smiles("CCO").GetAtoms()) == ["C"] * 2 + ["H"] * 6 + ["O"]


@pytest.mark.parametrize("same", ["OCC", "C(O)C", "[CH3][CH2][OH]", "[H]OCC"])
def test_one_molecule_has_one_canonical_form(same):
    assert canonical_smiles(same) == canonical_smiles("CCO")


@pytest.mark.parametrize(("a", "b"), [("CCO", "COC"), ("C[C@H](O)N", "C[C@@H](O)N"), ("C/C=C/C", "C/C=C\\C")])
def test_isomers_have_different_canonical_forms(a, b):
    assert canonical_smiles(a) != canonical_smiles(b)


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("", "empty SMILES"),
        ("  ", "empty SMILES"),
        ("C1CC", "not a valid SMILES"),
        ("C(C)(C)(C)(C)C", "not a valid SMILES"),
        ("CCO.O", "2 separate fragments"),
        ("[Na+].[Cl-]", "2 separate fragments"),
        ("C*", "an atom without an element"),
        ("C[CH2]", "unpaired electrons on C1"),
        ("[O][O]", "unpaired electrons on O0, O1"),
    ],
)
def test_unusable_smiles_are_refused_by_reason(smiles, reason):
    with pytest.raises(MoleculeError, match=reason) as caught:
        parse_smiles(smiles)
    assert caught.value.molecule == smiles


def test_refusals_are_silent_on_stderr(capfd):
    with pytest.raises(MoleculeError):
        parse_smiles("C1CC")
    assert capfd.readouterr().err == ""
