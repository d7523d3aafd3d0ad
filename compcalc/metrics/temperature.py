"""Kinetic energies and temperatures, and the degrees of freedom that they are counted over.

Symbols in the shapes: F frames, N atoms.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_shape, mean_or_nan
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, KB_EV_PER_K

LINEAR_TOLERANCE = 1e-6
"""A principal moment of inertia below this fraction of the largest counts as zero."""

START_ERRORS, START_TOLERANCE = 3.0, 0.1
"""How far from the temperature that was asked for runs at constant energy may be, in standard errors and relative."""


def kinetic_energy(masses: ArrayLike, velocities: ArrayLike) -> float | np.ndarray:
    """Sum of m v^2 / 2 in eV: a float for one frame, (F,) for several.

    Args:
        masses: u, (N,).
        velocities: angstrom/fs, (N, 3) or (F, N, 3).

    Raises:
        InputError: shapes do not fit.
    """
    energy = atom_kinetic_energy(masses, velocities).sum(axis=-1)
    return float(energy) if energy.ndim == 0 else energy


def degrees_of_freedom(positions: ArrayLike, masses: ArrayLike, remove_translation: bool, remove_rotation: bool) -> int:
    """Number of degrees of freedom that carry kinetic energy.

    3N, less 3 if the centre-of-mass momentum is held at zero, less the rank of the inertia tensor if the angular
    momentum is: 3N-6 for a bent molecule, 3N-5 for a linear one, 0 for one atom without translation.

    Args:
        positions: angstrom, (N, 3).
        masses: u, (N,).
        remove_translation: whether the total momentum is zero by construction.
        remove_rotation: whether the angular momentum about the centre of mass is.

    Raises:
        InputError: shapes do not fit.
    """
    positions = as_shape("positions", positions, (None, 3), "(N, 3)")
    masses = as_shape("masses", masses, (len(positions),), f"({len(positions)},), one an atom")
    count = 3 * len(masses)
    if remove_translation:
        count -= 3
    if remove_rotation:
        count -= _rotations(positions, masses)
    return max(count, 0)


def temperature(kinetic_energy_ev: ArrayLike, degrees_of_freedom: int) -> float | np.ndarray:
    """2 E_kin / (k_B * degrees of freedom) in K; NaN where no degrees of freedom are left.

    Args:
        kinetic_energy_ev: eV, a number or an array of any shape.
        degrees_of_freedom: what the temperature is counted over; see the function of that name.

    Raises:
        InputError: a negative count.
    """
    if degrees_of_freedom < 0:
        raise InputError("degrees_of_freedom", degrees_of_freedom, "0 or more")
    kinetic = np.asarray(kinetic_energy_ev, dtype=float)
    kelvin = 2 * kinetic / (KB_EV_PER_K * (degrees_of_freedom or np.nan))
    return float(kelvin) if kelvin.ndim == 0 else kelvin


def element_temperatures(numbers: ArrayLike, masses: ArrayLike, velocities: ArrayLike) -> dict[int, float]:
    """Atomic number -> kinetic temperature in K, over 3 degrees of freedom an atom; equal ones show equipartition.

    Where the centre-of-mass momentum is held at zero, an atom of mass m in a molecule of mass M reads 1 - m/M of the
    temperature, more where rotation is removed as well.

    Args:
        numbers: atomic numbers, (N,).
        masses: u, (N,).
        velocities: angstrom/fs, (F, N, 3).

    Raises:
        InputError: shapes do not fit.
    """
    velocities = as_shape("velocities", velocities, (None, None, 3), "(F, N, 3)")
    kinetic = atom_kinetic_energy(masses, velocities)
    numbers = as_shape("numbers", numbers, kinetic.shape[1:], f"({kinetic.shape[1]},), one an atom")
    return {int(z): temperature(mean_or_nan(kinetic[:, numbers == z]), 3) for z in np.unique(numbers)}


def atom_kinetic_energy(masses: ArrayLike, velocities: ArrayLike) -> np.ndarray:
    """m v^2 / 2 of each atom in eV, (N,) for one frame, (F, N) for several.

    Args:
        masses: u, (N,).
        velocities: angstrom/fs, (N, 3) or (F, N, 3).

    Raises:
        InputError: shapes do not fit.
    """
    masses = as_shape("masses", masses, (None,), "(N,)")
    velocities = np.asarray(velocities, dtype=float)
    if velocities.ndim not in (2, 3) or velocities.shape[-2:] != (len(masses), 3):
        raise InputError(
            "velocities", f"shape {velocities.shape}", f"shape ({len(masses)}, 3) or (F, {len(masses)}, 3)"
        )
    return 0.5 * masses * np.sum(velocities**2, axis=-1) * EV_PER_U_ANGSTROM2_PER_FS2


@dataclass(frozen=True)
class StartTemperature:
    """How warm runs at constant energy were, beside what they were to start from.

    Attributes:
        ratio: mean temperature over the one asked for, each run weighted by its degrees of freedom.
        standard_error: of the ratio, for starts drawn from the canonical ensemble.
        n_runs: how many runs it is from.
    """

    ratio: float
    standard_error: float
    n_runs: int

    @property
    def verdict(self) -> str:
        """`cold`, `hot` or `as asked`, which leaves a tenth to anharmonic molecules and long steps."""
        if not abs(self.ratio - 1) > max(START_ERRORS * self.standard_error, START_TOLERANCE):
            return "as asked"
        return "cold" if self.ratio < 1 else "hot"


def start_temperature(
    mean_temperatures_k: ArrayLike, asked_k: ArrayLike, degrees_of_freedom: ArrayLike
) -> StartTemperature:
    """Whether runs at constant energy began at equilibrium at the temperature that was asked for.

    In a harmonic molecule half of the energy is kinetic. Drawn at equilibrium at T, the total energy of f degrees of
    freedom scatters by kT sqrt(f), so that a run at constant energy has a mean temperature of T (1 +- 1/sqrt(f)). From
    a relaxed geometry with velocities drawn at T it has T/2, from a strained one more than T.

    Args:
        mean_temperatures_k: mean kinetic temperature of each run, K, (R,).
        asked_k: temperature that it was to start from, K, (R,).
        degrees_of_freedom: of each run, (R,).

    Returns:
        The ratio over all runs; NaN without runs that have degrees of freedom and a temperature above 0 K.

    Raises:
        InputError: shapes differ, or a value is negative or not finite.
    """
    mean = as_shape("mean_temperatures_k", mean_temperatures_k, (None,), "(R,)")
    given = {"asked_k": asked_k, "degrees_of_freedom": degrees_of_freedom}
    asked, freedom = (as_shape(name, values, mean.shape, f"{mean.shape}, one a run") for name, values in given.items())
    for name, values in (("mean_temperatures_k", mean), ("asked_k", asked), ("degrees_of_freedom", freedom)):
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise InputError(name, values.tolist(), "finite numbers, 0 or more")
    counts = (asked > 0) & (freedom > 0)
    total = float(freedom[counts].sum())
    if not total:
        return StartTemperature(float("nan"), float("nan"), 0)
    ratio = float(np.sum(freedom[counts] * mean[counts] / asked[counts]) / total)
    return StartTemperature(ratio, total**-0.5, int(counts.sum()))


def _rotations(positions: np.ndarray, masses: np.ndarray) -> int:
    """Rank of the inertia tensor about the centre of mass: 0 for one atom, 2 if linear, else 3."""
    if len(masses) < 2:
        return 0
    r = positions - masses @ positions / masses.sum()
    inertia = np.sum(masses * np.sum(r**2, axis=1)) * np.eye(3) - (masses[:, None] * r).T @ r
    moments = np.linalg.eigvalsh(inertia)
    return int(np.sum(moments > LINEAR_TOLERANCE * moments[-1]))
