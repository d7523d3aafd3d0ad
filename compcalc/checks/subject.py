"""The potential under examination with its test molecule. Symbols: N atoms, M displaced atoms."""

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from compcalc.checks.asking import Result, as_numbers, attempt, forget_everything, unwrapped
from compcalc.checks.scatter import Noise, measure_noise
from compcalc.checks.tolerances import BY_DTYPE, CARRIED_MULTIPLE, NOISE_MULTIPLE, THIRD_DERIVATIVE, Tolerances

DILATION = 1.02
"""Of the geometry that is evaluated between two that are to be the same: bonds longer by 0.02 to 0.03 angstrom."""

MOST_DISPLACED = 10
"""Atoms whose coordinates are displaced one by one, which costs six evaluations an atom."""


@dataclass(frozen=True)
class Displaced:
    """Energies and forces with single coordinates moved by plus and minus `step`.

    Attributes:
        step: angstrom.
        atoms: indices of the moved atoms, (M,).
        energies: eV, (M, 3, 2); the last axis is plus, minus.
        forces: eV/angstrom, (M, 3, 2, N, 3).
    """

    step: float
    atoms: np.ndarray
    energies: np.ndarray
    forces: np.ndarray

    @property
    def jacobian(self) -> np.ndarray:
        """dF/dx of the moved atoms by central differences, eV/angstrom^2, (3M, 3M)."""
        slopes = (self.forces[:, :, 0] - self.forces[:, :, 1]) / (2 * self.step)
        size = 3 * len(self.atoms)
        return slopes[:, :, self.atoms].reshape(size, size)


@dataclass(frozen=True)
class FirstCall:
    """The very first call, told that only the positions changed.

    Attributes:
        result: energy (eV) and forces (eV/angstrom, (N, 3)); None where it failed.
        error: why it failed.
        seconds: wall time, s.
    """

    result: Result | None
    error: BaseException | None
    seconds: float


class Subject:
    """A calculator and the atoms that it is tested on.

    Args:
        calculator: any ASE calculator.
        atoms: an isolated molecule; copied, without its calculator and constraints.
        molecule: what to call it.

    Attributes:
        raw: the author's own calculator where compcalc has wrapped it, else `calculator`.
        evaluations: how many times the potential was asked so far.
    """

    def __init__(self, calculator: BaseCalculator, atoms: Atoms, molecule: str = ""):
        self.calculator, self.raw = calculator, unwrapped(calculator)
        self.atoms = atoms.copy()
        self.atoms.set_constraint()
        self.molecule = molecule or atoms.get_chemical_formula()
        self.evaluations = 0
        self._seconds: list[float] = []

    @property
    def name(self) -> str:
        """What the potential is called."""
        label = getattr(self.calculator, "label_name", None)
        return label if isinstance(label, str) else type(self.raw).__name__

    @property
    def hardened(self) -> bool:
        """Whether compcalc stands between the author's calculator and its own runs."""
        return self.raw is not self.calculator

    @property
    def elements(self) -> list[str]:
        """Symbols of the test molecule, sorted."""
        return sorted(set(self.atoms.symbols))

    @property
    def seconds_per_call(self) -> float:
        """Median wall time of an evaluation so far, s; 0 before the first one."""
        return float(np.median(self._seconds)) if self._seconds else 0.0

    def evaluate(self, atoms: Atoms, *, forget: bool = True) -> Result:
        """Energy (eV) and forces (eV/angstrom, (N, 3)) of a copy of `atoms`, independent of earlier calls.

        Args:
            atoms: left alone.
            forget: False to keep what the calculator carries over from the last geometry, as dynamics does.

        Raises:
            ValueError: another shape, or values that are not finite.
            Exception: whatever the calculator raises.
        """
        if forget:
            forget_everything(self.calculator)
        return self._timed(self.calculator, atoms.copy(), atoms.copy())

    def at(self, positions: np.ndarray, **options) -> Result:
        """`evaluate` with the atoms at `positions`, angstrom, (N, 3)."""
        atoms = self.atoms.copy()
        atoms.positions[:] = positions
        return self.evaluate(atoms, **options)

    def ask(self, atoms: Atoms) -> Result:
        """What the author's calculator says of `atoms` itself, through its cache; raises as `evaluate` does."""
        return self._timed(self.raw, atoms, atoms)

    def ask_fresh(self, atoms: Atoms) -> Result:
        """What the author's calculator says of a copy of `atoms` after it has forgotten everything."""
        forget_everything(self.raw)
        return self.ask(atoms.copy())

    @cached_property
    def first_call(self) -> FirstCall:
        """The first call of the author's calculator; made before any other, it shows what a fresh one does."""
        self.evaluations += 1
        started = time.perf_counter()
        result, error = attempt(self._bare_call)
        seconds = time.perf_counter() - started
        forget_everything(self.raw)
        return FirstCall(result, error, seconds)

    def _bare_call(self) -> Result:
        self.raw.calculate(self.atoms.copy(), ["energy", "forces"], ["positions"])
        results = self.raw.results
        return as_numbers(results["energy"], results["forces"], len(self.atoms))

    @cached_property
    def base(self) -> Result:
        """Energy and forces of the test molecule."""
        return self.evaluate(self.atoms)

    @cached_property
    def dtype(self) -> str:
        """`float32` or `float64`: what the calculator says it is, else what its forces look like."""
        for calculator in (self.calculator, self.raw):
            declared = str(getattr(calculator, "dtype", None) or "")
            for name in BY_DTYPE:
                if name in declared:
                    return name
        forces = self.base[1]
        # A double survives the way through single precision once in half a billion times.
        return "float32" if np.any(forces) and np.array_equal(forces.astype(np.float32), forces) else "float64"

    @property
    def tolerances(self) -> Tolerances:
        """The tolerances of its floating-point type."""
        return BY_DTYPE[self.dtype]

    @cached_property
    def noise(self) -> Noise:
        """Scatter of energy and forces around a smooth curve."""
        return measure_noise(self.at, self.atoms.positions)

    @cached_property
    def carried(self) -> tuple[float, float]:
        """How far a result depends on the evaluation before it, though told to forget: eV, eV/angstrom.

        A self-consistent cycle inside a calculator of calculators starts from its last density.
        """
        energy, forces = self.base
        centre = self.atoms.positions.mean(axis=0)
        self.at(centre + DILATION * (self.atoms.positions - centre))
        again_energy, again_forces = self.evaluate(self.atoms)
        return abs(again_energy - energy), float(np.abs(again_forces - forces).max())

    def energy_limit(self, tolerance: float) -> float:
        """`tolerance` in eV, or what noise and what is carried over allow where that is more."""
        carried = min(self.carried[0], self.tolerances.history_energy)
        return max(tolerance, NOISE_MULTIPLE * self.noise.energy, CARRIED_MULTIPLE * carried)

    def forces_limit(self, tolerance: float) -> float:
        """`tolerance` in eV/angstrom, or what noise and what is carried over allow where that is more."""
        carried = min(self.carried[1], self.tolerances.history_forces)
        return max(tolerance, NOISE_MULTIPLE * self.noise.forces, CARRIED_MULTIPLE * carried)

    @cached_property
    def step(self) -> float:
        """Step of central differences, angstrom: 1e-3, or where the noise is as large as the curvature's error."""
        return float(np.clip((3 * self.noise.energy / THIRD_DERIVATIVE) ** (1 / 3), 1e-3, 2e-2))

    @cached_property
    def displaced(self) -> Displaced:
        """Single coordinates of up to `MOST_DISPLACED` atoms moved by plus and minus `step`."""
        return self.displaced_by(self.step)

    def displaced_by(self, step: float) -> Displaced:
        """Single coordinates of up to `MOST_DISPLACED` atoms moved by plus and minus `step`, angstrom."""
        n = len(self.atoms)
        atoms = np.unique(np.linspace(0, n - 1, min(n, MOST_DISPLACED)).round().astype(int))
        energies = np.empty((len(atoms), 3, 2))
        forces = np.empty((len(atoms), 3, 2, n, 3))
        for m, axis, side in np.ndindex(energies.shape):
            positions = self.atoms.positions.copy()
            positions[atoms[m], axis] += (step, -step)[side]
            energies[m, axis, side], forces[m, axis, side] = self.at(positions)
        return Displaced(step, atoms, energies, forces)

    def _timed(self, calculator: BaseCalculator, for_energy: Atoms, for_forces: Atoms) -> Result:
        self.evaluations += 1
        started = time.perf_counter()
        energy = calculator.get_potential_energy(for_energy)
        forces = calculator.get_forces(for_forces)
        result = as_numbers(energy, forces, len(for_energy))
        self._seconds.append(time.perf_counter() - started)
        return result
