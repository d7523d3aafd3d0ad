"""Molecules of an sdf or mol file, one by one, so that a damaged one costs no other."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from compcalc.errors import MoleculeError
from compcalc.molecules.build3d import atomic_numbers, bond_pairs
from compcalc.molecules.geometry import refuse_stretched_bonds, refuse_unusable_geometry
from compcalc.molecules.own import OwnMolecule, charge_error
from compcalc.records import Molecule

_END = "M  END"


def sdf_molecules(path: Path) -> Iterator[OwnMolecule | MoleculeError]:
    """The molecules of the file in order, each called like the file, or a MoleculeError where one cannot be used.

    Raises:
        OSError: the file cannot be opened.
    """
    for block in _records(path.read_bytes().decode("utf-8-sig", errors="replace")):
        try:
            yield _molecule(block, path.stem)
        except MoleculeError as error:
            yield error


def _records(text: str) -> list[str]:
    records, lines = [], []
    for line in text.splitlines():
        if line.rstrip() == "$$$$":
            records.append("\n".join(lines) + "\n")
            lines = []
        else:
            lines.append(line)
    return records + (["\n".join(lines) + "\n"] if any(line.strip() for line in lines) else [])


def _molecule(block: str, name: str) -> OwnMolecule:
    from rdkit import Chem

    mol = _parsed(block, name)
    if mol.GetNumAtoms() == 0:
        raise MoleculeError(name, "no atoms")
    if not mol.GetConformer().Is3D():
        raise MoleculeError(name, "2D coordinates", "Give a 3D file, or the SMILES to have one built.")
    _refuse_structure(mol, name)
    numbers, bonds = atomic_numbers(mol), bond_pairs(mol)
    positions = np.array(mol.GetConformer().GetPositions())
    refuse_unusable_geometry(name, numbers, positions, bonds)
    refuse_stretched_bonds(name, numbers, positions, bonds)
    return OwnMolecule(Molecule(name, Chem.MolToSmiles(Chem.RemoveHs(mol))), numbers, positions, bonds)


def _parsed(block: str, name: str):
    """RDKit molecule of one record, sanitized."""
    from rdkit import Chem, rdBase

    if not any(line.startswith(_END) for line in block.splitlines()):
        raise MoleculeError(name, f"cut: the record has no {_END!r} line", "Copy the file again.")
    supplier = Chem.SDMolSupplier()
    # A supplier, unlike MolFromMolBlock, sends the cause of a failure to the log that can be captured.
    with rdBase.CaptureErrorLog() as log:
        supplier.SetData(block, sanitize=False, removeHs=False)
        mol = next(iter(supplier), None)
    if mol is None:
        cause = log.messages.splitlines()[0].partition("ERROR: ")[2] if log.messages else "no cause given"
        raise MoleculeError(name, f"not readable as a mol record ({cause})")
    with rdBase.BlockLogs():
        try:
            Chem.SanitizeMol(mol)
        except Chem.MolSanitizeException as error:
            raise MoleculeError(name, f"impossible structure ({error})", "Check bonds and valences.") from None
    return mol


def _refuse_structure(mol, name: str) -> None:
    from rdkit import Chem

    n, charge = mol.GetNumAtoms(), Chem.GetFormalCharge(mol)
    if charge:
        raise charge_error(name, charge)
    if radicals := [f"{a.GetSymbol()}{a.GetIdx()}" for a in mol.GetAtoms() if a.GetNumRadicalElectrons()]:
        raise MoleculeError(
            name, f"radical: unpaired electrons on {', '.join(radicals)}", "Only closed-shell molecules are supported."
        )
    if missing := Chem.AddHs(mol).GetNumAtoms() - n:
        raise MoleculeError(name, f"missing hydrogens: {missing} of them are not in the file", "Write every hydrogen.")
