"""MMFF94 through RDKit, for any closed-shell neutral molecule whose bonds can be seen from its geometry."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.data import covalent_radii

from compcalc.calculators.base import PotentialCalculator, refuse_info_charge
from compcalc.calculators.mmff_field import MMFF94Field
from compcalc.errors import InputError, UnknownNameError

VARIANTS = ("MMFF94", "MMFF94s")
_FOREIGN = 1.5
"""A bond longer than this multiple of the sum of covalent radii belongs to another molecule.

Neighbours of a common atom stand at 1.6 or more, so that an isomer with the same list of elements is told apart; MMFF94
keeps a bond below 1.3 at any temperature of interest.
"""


class MMFF94Calculator(PotentialCalculator):
    """The MMFF94 force field; its bond graph is fixed by the first geometry of a molecule.

    Args:
        variant: `MMFF94` or `MMFF94s`.

    Raises:
        UnknownNameError: another variant.
    """

    def __init__(self, *, variant: str = "MMFF94"):
        if variant not in VARIANTS:
            raise UnknownNameError("variant", variant, VARIANTS)
        super().__init__()
        self.variant, self.label_name = variant, variant
        self._field = self._numbers = self._bonds = None

    def forget(self) -> None:
        """Drop the bond graph; the next geometry decides it anew."""
        super().forget()
        self._field = None

    def energy_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom) of a molecule.

        Raises:
            InputError: a periodic cell, or a charge in `atoms.info`.
            CalculationFailed: no bond orders fit the geometry.
            MoleculeError: MMFF94 has no parameters for an atom.
        """
        refuse_info_charge(atoms, 0, 0, self.variant)
        if atoms.pbc.any():
            raise InputError("atoms.pbc", atoms.pbc.tolist(), "no periodic direction", "Call atoms.set_pbc(False).")
        if self._is_other_molecule(atoms):
            self._set_up(atoms)
        return self._field(atoms.positions)

    def _is_other_molecule(self, atoms: Atoms) -> bool:
        if self._field is None or not np.array_equal(self._numbers, atoms.numbers):
            return True
        i, j = self._bonds.T
        lengths = np.linalg.norm(atoms.positions[i] - atoms.positions[j], axis=1)
        radii = covalent_radii[atoms.numbers]
        return bool(np.any(lengths > _FOREIGN * (radii[i] + radii[j])))

    def _set_up(self, atoms: Atoms) -> None:
        mol = _perceived(atoms)
        self._field, self._numbers = MMFF94Field(mol, self.variant), atoms.numbers.copy()
        bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
        self._bonds = np.array(bonds, dtype=int).reshape(-1, 2)


def _perceived(atoms: Atoms):
    """RDKit molecule with bonds and bond orders that fit the geometry, charge 0."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDetermineBonds

    lines = [
        f"{symbol} {x:.8f} {y:.8f} {z:.8f}" for symbol, (x, y, z) in zip(atoms.symbols, atoms.positions, strict=True)
    ]
    formula = atoms.get_chemical_formula()
    with rdBase.BlockLogs():
        mol = Chem.MolFromXYZBlock(f"{len(atoms)}\n\n" + "\n".join(lines) + "\n")
    if mol is None:
        raise CalculationFailed(f"MMFF94: RDKit cannot read the elements of {formula}")
    try:
        with rdBase.BlockLogs():
            rdDetermineBonds.DetermineBonds(mol, charge=0)
    except (ValueError, RuntimeError) as error:
        raise CalculationFailed(f"MMFF94: no bond orders fit this geometry of {formula} ({error})") from error
    if not mol.GetNumBonds():
        raise CalculationFailed(f"MMFF94: no bonds in this geometry of {formula}; it needs a molecule")
    return mol
