"""Predictions of a potential on labelled frames, each failure kept with its reason."""

import time

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from compcalc.records import Frames, Prediction


def evaluate(calculator: BaseCalculator, numbers: np.ndarray, positions: np.ndarray) -> tuple[float, np.ndarray]:
    """Energy (eV) and forces (eV/angstrom, (N, 3)) of one geometry, independent of earlier ones.

    Raises:
        ValueError: a shape other than one energy and (N, 3) forces, or values that are not finite.
        Exception: whatever the calculator raises.
    """
    getattr(calculator, "forget", lambda: None)()
    atoms = Atoms(numbers, positions, calculator=calculator)
    energy = np.asarray(atoms.get_potential_energy(), dtype=float)
    forces = np.array(atoms.get_forces(), dtype=float)
    if energy.size != 1:
        raise ValueError(f"energy has shape {energy.shape}; allowed: one number, in eV")
    if forces.shape != (len(numbers), 3):
        raise ValueError(f"forces have shape {forces.shape}; allowed: ({len(numbers)}, 3), in eV/angstrom")
    if not np.isfinite(energy).all():
        raise ValueError("energy is NaN or infinite")
    if not np.isfinite(forces).all():
        atom = int(np.flatnonzero(~np.isfinite(forces).all(axis=1))[0])
        raise ValueError(f"the force on atom {atom} is NaN or infinite")
    return float(energy.reshape(())), forces


def predict(calculator: BaseCalculator, frames: Frames) -> Prediction:
    """Evaluate every frame; a frame that fails costs itself, not the rest."""
    energy = np.full(len(frames), np.nan)
    forces = np.full(frames.forces.shape, np.nan)
    spread = np.full(len(frames), np.nan)
    failures = {}
    started = time.perf_counter()
    for index, positions in enumerate(frames.positions):
        try:
            energy[index], forces[index] = evaluate(calculator, frames.numbers, positions)
            spread[index] = _spread(calculator)
        except Exception as error:
            failures[index] = f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - started
    known = spread if np.isfinite(spread).any() else None
    return Prediction(frames.molecule, energy, forces, failures, seconds, known)


def _spread(calculator: BaseCalculator) -> float:
    """Standard deviation of the members' energies of an ensemble, eV; NaN for what is no ensemble."""
    value = getattr(calculator, "energy_spread", None)
    return float("nan") if value is None else float(value)
