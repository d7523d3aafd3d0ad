"""Predictions of a potential on labelled frames, each failure kept with its reason."""

import time

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from compcalc.records import Batch, BatchResult, Frames, Prediction

FORCE_TOLERANCE = 1e-3
"""Largest difference between a batched and a single force component that is rounding in float32, eV/angstrom."""

ENERGY_TOLERANCE = 1e-5
"""The same of the energy, eV/atom."""


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
    """Evaluate every frame; a frame that fails costs itself, not the rest.

    A potential that can batch does so, after a comparison with single evaluations; frames that it cannot compute in a
    batch, and every frame where batch and single evaluations differ, are evaluated one by one.
    """
    energy = np.full(len(frames), np.nan)
    forces = np.full(frames.forces.shape, np.nan)
    spread = np.full(len(frames), np.nan)
    failures = {}
    started = time.perf_counter()
    batched, difference, compared_s = _batched(calculator, frames)
    if batched is not None:
        energy[:], forces[:] = batched.energies, batched.forces.reshape(forces.shape)
        spread[:] = np.nan if batched.spread is None else batched.spread
    for index in np.flatnonzero(~(np.isfinite(energy) & np.isfinite(forces).all(axis=(1, 2)))).tolist():
        energy[index], forces[index] = np.nan, np.nan
        try:
            energy[index], forces[index] = evaluate(calculator, frames.numbers, frames.positions[index])
            spread[index] = _spread(calculator)
        except Exception as error:
            failures[index] = f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - started - compared_s
    known = spread if np.isfinite(spread).any() else None
    return Prediction(frames.molecule, energy, forces, failures, seconds, known, difference)


def _batched(calculator: BaseCalculator, frames: Frames) -> tuple[BatchResult | None, float | None, float]:
    """All frames in one batch where that can be trusted, its largest difference from single forces, and what that took.

    Returns:
        the batch, or None where there is none, it differs or cannot be compared; eV/angstrom; s.
    """
    if not getattr(calculator, "can_batch", False):
        return None, None, 0.0
    try:
        calculator.forget()
        result = calculator.evaluate_batch(Batch.of([(frames.numbers, positions) for positions in frames.positions]))
    except Exception:  # the single evaluations that follow say which frame it was
        return None, None, 0.0
    started = time.perf_counter()
    forces = result.forces.reshape(frames.forces.shape)
    # A frame with NaN is evaluated alone anyway, and says nothing about the others.
    finite = np.flatnonzero(np.isfinite(result.energies) & np.isfinite(forces).all(axis=(1, 2)))
    differences = []
    try:
        for index in finite[[0, len(finite) // 2]] if len(finite) else ():
            energy, alone = evaluate(calculator, frames.numbers, frames.positions[index])
            per_atom = abs(float(result.energies[index]) - energy) / len(frames.numbers)
            differences.append((float(np.abs(forces[index] - alone).max()), per_atom))
    except Exception:  # it computes together what it refuses alone
        differences = []
    seconds = time.perf_counter() - started
    if not differences:
        return None, None, seconds
    force, per_atom = np.max(differences, axis=0).tolist()
    return (result if force <= FORCE_TOLERANCE and per_atom <= ENERGY_TOLERANCE else None), force, seconds


def _spread(calculator: BaseCalculator) -> float:
    """Standard deviation of the members' energies of an ensemble, eV; NaN for what is no ensemble."""
    value = getattr(calculator, "energy_spread", None)
    return float("nan") if value is None else float(value)
