"""BAOAB Langevin dynamics of one molecule on bare arrays, for sampling.

BAOAB (Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34) samples the configurations of a harmonic bond without
time-step error, so that 1 fs serves for X-H bonds. Velocities are unbiased at the middle of a step, right after the
thermostat, which is where they are observed.
"""

from collections.abc import Callable, Iterator

import numpy as np

from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, KB_EV_PER_K

Forces = Callable[[np.ndarray], np.ndarray]


def thermal_velocities(masses: np.ndarray, temperature_k: float, rng: np.random.Generator) -> np.ndarray:
    """Maxwell-Boltzmann velocities in angstrom/fs, (N, 3), for `masses` in u, (N,)."""
    return _thermal_spread(masses, temperature_k) * rng.standard_normal((len(masses), 3))


def element_temperatures(numbers: np.ndarray, masses: np.ndarray, velocities: np.ndarray) -> dict[int, float]:
    """Kinetic temperature in K of each element over 3 degrees of freedom an atom, no momentum removed.

    Args:
        numbers: atomic numbers, (N,).
        masses: u, (N,).
        velocities: angstrom/fs, (N, 3).
    """
    kinetic = 0.5 * masses * (velocities**2).sum(axis=1) * EV_PER_U_ANGSTROM2_PER_FS2
    return {int(z): float(2 * kinetic[numbers == z].mean() / (3 * KB_EV_PER_K)) for z in np.unique(numbers)}


def baoab(
    positions: np.ndarray,
    velocities: np.ndarray,
    masses: np.ndarray,
    forces: Forces,
    *,
    steps: int,
    timestep_fs: float,
    friction_per_fs: float,
    temperature_k: float,
    rng: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield (positions, velocities, mid-step velocities) after each step; the arrays are new ones.

    Args:
        positions: angstrom, (N, 3).
        velocities: angstrom/fs, (N, 3).
        masses: u, (N,).
        forces: function from positions to eV/angstrom, (N, 3).
        steps: number of steps.
        timestep_fs: fs.
        friction_per_fs: 1/fs.
        temperature_k: K.
        rng: source of the noise.
    """
    half = 0.5 * timestep_fs
    kick = half / (masses[:, None] * EV_PER_U_ANGSTROM2_PER_FS2)
    decay = np.exp(-friction_per_fs * timestep_fs)
    noise = np.sqrt(1.0 - decay**2) * _thermal_spread(masses, temperature_k)
    force = forces(positions)
    for _ in range(steps):
        velocities = velocities + kick * force
        positions = positions + half * velocities
        middle = decay * velocities + noise * rng.standard_normal(velocities.shape)
        positions = positions + half * middle
        force = forces(positions)
        velocities = middle + kick * force
        yield positions, velocities, middle


def _thermal_spread(masses: np.ndarray, temperature_k: float) -> np.ndarray:
    return np.sqrt(KB_EV_PER_K * temperature_k / (masses[:, None] * EV_PER_U_ANGSTROM2_PER_FS2))
