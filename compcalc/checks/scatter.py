"""How much energies and forces scatter around a smooth curve over displacements that are too small to matter."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

STEPS_ANGSTROM = np.array([-10, -7, -4, -2, -1, 1, 2, 4, 7, 10]) * 1e-6
"""Displacements along each line. Coarse enough for float32 to tell positions of some angstrom apart."""


@dataclass(frozen=True)
class Noise:
    """Standard deviations around the smooth curve.

    Attributes:
        energy: eV.
        forces: eV/angstrom, of one component.
    """

    energy: float
    forces: float


def measure_noise(evaluate: Callable[[np.ndarray], tuple[float, np.ndarray]], positions: np.ndarray) -> Noise:
    """Scatter along a random displacement of all atoms and along a rigid translation, each less a quadratic fit.

    The energy's scatter is at least that of its rounding, in single precision where all energies fit into it.

    Args:
        evaluate: positions (N, 3) in angstrom -> energy (eV), forces (eV/angstrom, (N, 3)).
        positions: angstrom, (N, 3).
    """
    rng = np.random.default_rng(1)
    displaced = rng.normal(size=positions.shape)
    translated = np.broadcast_to(rng.normal(size=3), positions.shape)
    energy, rounding, forces = [], [], []
    for direction in (displaced, translated):
        # Every atom moves by about one angstrom a unit, so that a step is what it says for each of them.
        direction = direction / np.sqrt(np.mean(np.sum(direction**2, axis=1)))
        results = [evaluate(positions + step * direction) for step in STEPS_ANGSTROM]
        energies = np.array([e for e, _ in results])
        energy.append(_residual(energies[:, None] - energies.mean()))
        rounding.append(_rounding(energies))
        forces.append(_residual(np.array([f.ravel() for _, f in results])))
    scatter = float(np.sqrt(np.mean(np.square(energy))))
    return Noise(max(scatter, *rounding), float(np.sqrt(np.mean(np.square(forces)))))


def _rounding(energies: np.ndarray) -> float:
    """Standard deviation of the rounding of the largest energy: steps within one unit of rounding show no scatter."""
    single = energies.astype(np.float32)
    largest = np.abs(single if np.array_equal(single, energies) else energies).max()
    return float(np.spacing(largest)) / np.sqrt(12)


def _residual(values: np.ndarray) -> float:
    """Standard deviation of the columns of `values` (K, C) around quadratic fits over the steps."""
    basis = np.vander(STEPS_ANGSTROM / STEPS_ANGSTROM.max(), 3)
    fitted = basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    freedom = len(values) - basis.shape[1]
    return float(np.sqrt(np.sum((values - fitted) ** 2) / (freedom * values.shape[1])))
