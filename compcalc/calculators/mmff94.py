"""MMFF94 through RDKit, for any closed-shell neutral molecule whose bonds can be seen from its geometry."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed

from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.bonded import FixedBonds, refuse_periodic
from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.mmff_field import MMFF94Field
from compcalc.calculators.state import refuse_charged
from compcalc.errors import UnknownNameError
from compcalc.records import Batch, BatchResult

VARIANTS = ("MMFF94", "MMFF94s")


class MMFF94Calculator(PotentialCalculator):
    """The MMFF94 force field; its bond graph is fixed by the first geometry of a molecule.

    Args:
        variant: `MMFF94` or `MMFF94s`.

    Raises:
        UnknownNameError: another variant.
    """

    can_batch = True

    def __init__(self, *, variant: str = "MMFF94"):
        if variant not in VARIANTS:
            raise UnknownNameError("variant", variant, VARIANTS)
        super().__init__()
        self.variant, self.label_name = variant, variant
        self._field = self._fixed = None
        self._members: dict[bytes, list[MMFF94Calculator]] = {}

    def forget(self) -> None:
        """Drop the bond graph; the next geometry decides it anew."""
        super().forget()
        self._field, self._members = None, {}

    def energy_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom) of a molecule.

        Raises:
            InputError: a periodic cell, or a charge in `atoms.info`.
            CalculationFailed: no bond orders fit the geometry.
            MoleculeError: MMFF94 has no parameters for an atom.
        """
        refuse_charged(atoms, self.variant)
        refuse_periodic(atoms)
        if self._is_other_molecule(atoms.numbers, atoms.positions):
            self._set_up(atoms)
        return self._field(atoms.positions)

    def evaluate_batch(self, batch: Batch) -> BatchResult:
        """Energies and forces of isolated, neutral molecules, without ASE's part of a call."""
        self.check_batch(batch)
        energies, forces = np.empty(len(batch)), np.empty_like(batch.positions)
        for k, (first, last) in enumerate(zip(batch.offsets, batch.offsets[1:], strict=False)):
            positions = batch.positions[first:last]
            field = self._field_of(batch.numbers[first:last], positions)
            energies[k], forces[first:last] = field(positions)
        return BatchResult(energies, forces)

    def _field_of(self, numbers: np.ndarray, positions: np.ndarray) -> MMFF94Field:
        """The field whose bond graph fits; molecules of the same atoms in order, as replicas, share it."""
        members = self._members.setdefault(numbers.tobytes(), [])
        for member in members:
            if not member._is_other_molecule(numbers, positions):
                return member._field
        member = MMFF94Calculator(variant=self.variant)
        member._set_up(Atoms(numbers, positions))
        members.append(member)
        return member._field

    def _is_other_molecule(self, numbers: np.ndarray, positions: np.ndarray) -> bool:
        return self._field is None or not self._fixed.fit(numbers, positions)

    def _set_up(self, atoms: Atoms) -> None:
        mol = _perceived(atoms)
        self._field = MMFF94Field(mol, self.variant)
        bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
        self._fixed = FixedBonds(atoms.numbers, np.array(bonds))


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


def _build(argument: str, *, variant: str = "MMFF94") -> MMFF94Calculator:
    return MMFF94Calculator(variant=argument or variant)


SCHEME = Scheme(
    _build,
    summary="the MMFF94 force field of RDKit; cannot break bonds",
    example="mmff94",
    requires=("rdkit",),
    install="pip install rdkit",
)
