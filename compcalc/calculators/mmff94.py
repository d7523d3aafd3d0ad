"""MMFF94 through RDKit, for any closed-shell neutral molecule whose bonds can be seen from its geometry."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.data import covalent_radii

from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.mmff_field import MMFF94Field
from compcalc.calculators.state import refuse_charged
from compcalc.errors import InputError, UnknownNameError
from compcalc.records import Batch, BatchResult

VARIANTS = ("MMFF94", "MMFF94s")
# Multiples of the sum of two covalent radii. MMFF94 bonds reach 1.4 at 1500 K; atoms with a common neighbour stand at
# 1.6 or more.
_STRETCHED, _TORN, _CLOSE = 1.5, 2.0, 1.25


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
        self._field = self._numbers = self._bonds = self._others = None
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
        if atoms.pbc.any():
            raise InputError("atoms.pbc", atoms.pbc.tolist(), "no periodic direction", "Call atoms.set_pbc(False).")
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
        """Whether a bond is torn, or is stretched while another pair has come as close as a bond (an isomer)."""
        if self._field is None or not np.array_equal(self._numbers, numbers):
            return True
        longest = _reduced(numbers, positions, *self._bonds.T).max()
        if longest <= _STRETCHED:
            return False
        return bool(longest > _TORN or _reduced(numbers, positions, *self._others).min(initial=9) < _CLOSE)

    def _set_up(self, atoms: Atoms) -> None:
        mol = _perceived(atoms)
        self._field, self._numbers = MMFF94Field(mol, self.variant), atoms.numbers.copy()
        bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
        self._bonds = np.array(bonds, dtype=int).reshape(-1, 2)
        bonded = np.zeros((len(atoms), len(atoms)), dtype=bool)
        bonded[tuple(self._bonds.T)] = True
        self._others = np.nonzero(np.triu(~(bonded | bonded.T), k=1))


def _reduced(numbers: np.ndarray, positions: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Distances of the pairs `i`, `j` over the sums of their covalent radii, (P,)."""
    lengths = np.linalg.norm(positions[i] - positions[j], axis=1)
    return lengths / (covalent_radii[numbers[i]] + covalent_radii[numbers[j]])


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
