"""Somebody else's calculator, with what it returns checked on every call and the caller's atoms kept from it."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, CalculationFailed, PropertyNotImplementedError

from compcalc.calculators.base import PotentialCalculator


class CheckedCalculator(PotentialCalculator):
    """Passes energy and forces of `inner` through; one-element energies become floats.

    Args:
        inner: any ASE calculator.
        name: what to call it in messages.
    """

    def __init__(self, inner: BaseCalculator, name: str):
        super().__init__()
        self.inner, self.label_name = inner, name

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
        """
        try:
            # A copy for each: an evaluation may change the atoms that it is given.
            energy = self.inner.get_potential_energy(atoms.copy())
            forces = self.inner.get_forces(atoms.copy())
        except (PropertyNotImplementedError, NotImplementedError) as error:
            raise CalculationFailed(f"{self.label_name} does not give energy and forces ({error})") from error
        return self._scalar(energy), self._vectors(forces, len(atoms))

    def _scalar(self, energy) -> float:
        values = self._numbers("energy", energy)
        if values.size != 1:
            raise CalculationFailed(f"{self.label_name}: energy has shape {values.shape}; allowed: one number, in eV")
        return float(values.reshape(()))

    def _vectors(self, forces, n_atoms: int) -> np.ndarray:
        values = self._numbers("forces", forces)
        if values.shape != (n_atoms, 3):
            raise CalculationFailed(
                f"{self.label_name}: forces have shape {values.shape}; allowed: ({n_atoms}, 3), in eV/angstrom"
            )
        return values

    def _numbers(self, what: str, value) -> np.ndarray:
        try:
            values = np.asarray(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise CalculationFailed(f"{self.label_name}: {what} cannot be read as numbers ({error})") from error
        if values.dtype.kind not in "fiu":
            kind = type(value).__name__
            raise CalculationFailed(f"{self.label_name}: {what} is a {kind} of type {values.dtype}; allowed: numbers")
        return values.astype(np.float64)
