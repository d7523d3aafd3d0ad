"""SMILES to 3D geometries: RDKit's ETKDGv3 from a seed, within a time limit that holds inside C++."""

import numpy as np

from compcalc.errors import MoleculeError

EMBED_TIMEOUT_S = 30
"""Default time limit of one embedding, s."""


def embed(mol, seed: int, timeout_s: int = EMBED_TIMEOUT_S, name: str = "") -> np.ndarray:
    """One ETKDGv3 conformer of an RDKit molecule with explicit hydrogens.

    Args:
        mol: RDKit molecule with explicit hydrogens; it is not changed.
        seed: 31-bit seed of the embedding.
        timeout_s: whole seconds after which RDKit gives up.
        name: what to call the molecule in an error.

    Returns:
        Positions in angstrom, (N, 3).

    Raises:
        MoleculeError: embedding failed, or the time limit was reached.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDistGeom

    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = int(seed) & 0x7FFFFFFF
    parameters.timeout = int(timeout_s)
    parameters.trackFailures = True
    copy = Chem.Mol(mol)
    with rdBase.BlockLogs():  # what matters of them is said below
        embedded = rdDistGeom.EmbedMolecule(copy, parameters) >= 0
    if not embedded:
        name = name or Chem.MolToSmiles(Chem.RemoveHs(mol))
        cause = rdDistGeom.EmbedFailureCauses.EXCEEDED_TIMEOUT
        if parameters.GetFailureCounts()[int(cause)]:
            raise MoleculeError(name, f"embedding stopped at the time limit of {timeout_s} s", "Raise timeout_s.")
        raise MoleculeError(name, "embedding failed", "Check the stereochemistry, or give a 3D file instead.")
    return np.array(copy.GetConformer().GetPositions())


def bond_pairs(mol) -> np.ndarray:
    """Bonded atom pairs of an RDKit molecule, (B, 2) int32, each with the smaller index first, sorted."""
    pairs = sorted(tuple(sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx()))) for b in mol.GetBonds())
    return np.array(pairs, dtype=np.int32).reshape(-1, 2)


def atomic_numbers(mol) -> np.ndarray:
    """Atomic numbers of an RDKit molecule, (N,) int32."""
    return np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int32)
