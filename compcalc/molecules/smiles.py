"""SMILES to RDKit molecules, with what cannot be used refused by reason."""

from functools import lru_cache

from compcalc.errors import MoleculeError


@lru_cache(maxsize=4096)
def canonical_smiles(smiles: str) -> str:
    """RDKit's canonical isomeric SMILES, hydrogens implicit.

    Raises:
        MoleculeError: the SMILES does not parse.
    """
    from rdkit import Chem

    return Chem.MolToSmiles(Chem.RemoveHs(parse_smiles(smiles)))


def parse_smiles(smiles: str):
    """RDKit molecule of `smiles` with explicit hydrogens, no coordinates.

    Raises:
        MoleculeError: empty, unparsable, several fragments, radicals or atoms without an element.
    """
    from rdkit import Chem, rdBase

    if not smiles.strip():
        raise MoleculeError(smiles, "empty SMILES")
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise MoleculeError(smiles, "not a valid SMILES", "Check brackets, ring closures and valences.")
    _refuse_unusable(mol, smiles)
    return Chem.AddHs(mol)


def _refuse_unusable(mol, smiles: str) -> None:
    from rdkit import Chem

    fragments = Chem.GetMolFrags(mol)
    if len(fragments) > 1:
        raise MoleculeError(smiles, f"{len(fragments)} separate fragments", "Give one molecule at a time.")
    if any(atom.GetAtomicNum() == 0 for atom in mol.GetAtoms()):
        raise MoleculeError(smiles, "an atom without an element (*)", "Name every atom.")
    radicals = [a for a in mol.GetAtoms() if a.GetNumRadicalElectrons()]
    if radicals:
        where = ", ".join(f"{a.GetSymbol()}{a.GetIdx()}" for a in radicals)
        raise MoleculeError(smiles, f"unpaired electrons on {where}", "Only closed-shell molecules are supported.")
