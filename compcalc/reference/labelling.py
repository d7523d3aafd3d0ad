"""Labels from any ASE calculator."""

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from compcalc.errors import DataError

CalculatorFactory = Callable[[], BaseCalculator]


class Labeller:
    """A reference method for one molecule after another.

    Args:
        calculator: any ASE calculator with energy (eV) and forces (eV/angstrom). Where it has a method `forget`, it is
            called before each independent label, so that the label depends on the geometry alone.
        dynamics: calculator that drives the sampling, where a looser accuracy serves; default: `calculator`.
    """

    def __init__(self, calculator: BaseCalculator, dynamics: BaseCalculator | None = None):
        self.calculator = calculator
        self.dynamics = calculator if dynamics is None else dynamics

    def begin_trajectory(self) -> None:
        """Forget earlier geometries, so that the trajectory that follows depends on its start alone."""
        _forget(self.dynamics)

    def forces(self, numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Forces in eV/angstrom, (N, 3), along a trajectory."""
        return np.asarray(Atoms(numbers, positions, calculator=self.dynamics).get_forces())

    def label(self, numbers: np.ndarray, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom, (N, 3)) of an independent geometry.

        Raises:
            DataError: the method gave NaN or infinite values.
        """
        _forget(self.calculator)
        atoms = Atoms(numbers, positions, calculator=self.calculator)
        energy, forces = float(atoms.get_potential_energy()), np.array(atoms.get_forces())
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise DataError(f"the reference method gave NaN or infinite values for {atoms.get_chemical_formula()}")
        return energy, forces

    def relaxed_energy(self, numbers: np.ndarray, positions: np.ndarray, fmax: float = 0.05) -> float:
        """Energy in eV at the nearest minimum, forces below `fmax` (eV/angstrom) or after 200 BFGS steps."""
        from ase.optimize import BFGS

        atoms = Atoms(numbers, positions, calculator=self.dynamics)
        BFGS(atoms, logfile=None).run(fmax=fmax, steps=200)
        return self.label(numbers, atoms.get_positions())[0]


def _forget(calculator: BaseCalculator) -> None:
    getattr(calculator, "forget", lambda: None)()
