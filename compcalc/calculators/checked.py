"""Somebody else's calculator, with what it returns checked on every call and the caller's atoms kept from it."""

from collections.abc import Collection

import numpy as np
from ase import Atoms
from ase.calculators.calculator import (
    BaseCalculator,
    CalculationFailed,
    PropertyNotImplementedError,
)

from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.outputs import read_energy, read_forces, read_stress
from compcalc.calculators.state import (
    check_state_arguments,
    electronic_state,
    refuse_charged,
    refuse_spin,
)

_BOX_ANGSTROM = 30.0


class CheckedCalculator(PotentialCalculator):
    """Passes energy and forces of `inner` through; one-element energies become floats.

    Args:
        inner: any ASE calculator.
        name: what to call it in messages.
        knows_charge: True: it reads the charge and the multiplicity from `atoms.info["charge"]` and `["spin"]`, which
            are then always set. False: it would ignore them, so that they are refused. None: not known; `atoms.info`
            is handed on as it is.
        knows_spin: where it knows the charge, whether it knows the spin too; if not, a spin other than the lowest is
            refused.
        needs_cell: it fails without a cell: atoms that have none are put into a large one, not periodic.
        charge: total charge, units of e, for every system; None: as the atoms say, else 0.
        spin: multiplicity 2S+1 for every system; None: as the atoms say, else the lowest.
        known_elements: symbols that it covers; None where that is not known.
        dtype: floating-point type of its numbers, where that is known.

    Attributes:
        inner: the calculator inside.

    Raises:
        InputError: a charge or spin that cannot mean anything.
    """

    def __init__(
        self,
        inner: BaseCalculator,
        name: str,
        *,
        knows_charge: bool | None = None,
        knows_spin: bool = True,
        needs_cell: bool = False,
        charge: int | None = None,
        spin: int | None = None,
        known_elements: Collection[str] | None = None,
        dtype: str | None = None,
    ):
        check_state_arguments(charge, spin)
        super().__init__()
        self.inner, self.label_name, self.charge, self.spin = inner, name, charge, spin
        self.knows_charge, self.knows_spin, self.needs_cell = knows_charge, knows_spin, needs_cell
        self.known_elements, self.dtype = known_elements, dtype
        self.has_stress = "stress" in (getattr(inner, "implemented_properties", None) or ())
        if self.has_stress:
            self.implemented_properties.append("stress")

    def forget(self) -> None:
        """Empty the cache, and the inner calculator's own where it has a way to."""
        super().forget()
        for method in ("forget", "reset"):
            if callable(getattr(self.inner, method, None)):
                getattr(self.inner, method)()
                return

    def prepare(self, atoms: Atoms) -> None:
        """Hand on to the inner calculator."""
        getattr(self.inner, "prepare", lambda atoms: None)(atoms.copy())

    def energy_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom) from the inner calculator.

        Raises:
            CalculationFailed: a value of the wrong shape or type, or no forces at all.
            InputError: a charge or spin that it would ignore.
        """
        given = self._given(atoms)
        try:
            # A copy for each: an evaluation may change the atoms that it is given.
            energy = self.inner.get_potential_energy(given.copy())
            forces = self.inner.get_forces(given.copy())
        except (PropertyNotImplementedError, NotImplementedError) as error:
            raise CalculationFailed(f"{self.label_name} does not give energy and forces ({error})") from error
        return read_energy(energy, self.label_name), read_forces(forces, len(atoms), self.label_name)

    def stress(self, atoms: Atoms) -> np.ndarray:
        """Stress from the inner calculator, eV/angstrom^3, Voigt xx, yy, zz, yz, xz, xy, (6,)."""
        return read_stress(self.inner.get_stress(self._given(atoms)), self.label_name)

    def _given(self, atoms: Atoms) -> Atoms:
        """A copy with what the inner calculator needs to be told."""
        given = atoms.copy()
        if self.knows_charge is False:
            refuse_charged(atoms, self.label_name)
        elif self.knows_charge:
            state = electronic_state(atoms, self.charge, self.spin)
            if not self.knows_spin:
                refuse_spin(atoms, state, self.label_name)
            given.info |= {"charge": state.charge, "spin": state.spin}
        if self.needs_cell and given.cell.rank < 3 and not given.pbc.any():
            given.set_cell([_BOX_ANGSTROM] * 3)
        return given
