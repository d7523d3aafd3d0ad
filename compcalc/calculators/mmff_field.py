"""MMFF94 energies and forces of an RDKit molecule, as one fast call on bare positions."""

import numpy as np

from compcalc.errors import MoleculeError
from compcalc.units import KCAL_PER_MOL_EV


class MMFF94Field:
    """MMFF94 (Halgren, J. Comput. Chem. 17, 490 (1996)) for a fixed bond graph.

    Args:
        mol: RDKit molecule with explicit hydrogens and one conformer or none.
        variant: `MMFF94` or `MMFF94s`.

    Raises:
        MoleculeError: MMFF94 has no parameters for an atom of the molecule.
    """

    def __init__(self, mol, variant: str = "MMFF94"):
        from rdkit import Chem, rdBase
        from rdkit.Chem import rdForceFieldHelpers

        mol = Chem.Mol(mol)
        if not mol.GetNumConformers():
            mol.AddConformer(Chem.Conformer(mol.GetNumAtoms()))
        with rdBase.BlockLogs():
            properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, variant)
        if properties is None:
            smiles = Chem.MolToSmiles(Chem.RemoveHs(mol))
            raise MoleculeError(smiles, f"{variant} has no parameters for it", "Use another potential.")
        # No distance cut-off on non-bonded terms: pairs present at set-up time are the ones it keeps.
        self._field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties, nonBondedThresh=1e6)
        self._n = mol.GetNumAtoms()

    def __call__(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom, (N, 3)) at `positions` (angstrom, (N, 3))."""
        flat = positions.ravel().tolist()
        # CalcGrad alone reuses distances of the geometry last given to CalcEnergy.
        energy = self._field.CalcEnergy(flat)
        gradient = np.array(self._field.CalcGrad(flat)).reshape(self._n, 3)
        return energy * KCAL_PER_MOL_EV, -gradient * KCAL_PER_MOL_EV
