"""The drift that rounding alone shows: slopes that a run of given length and precision cannot tell from zero.

Two kinds of noise reach the total energy of an NVE run. Scatter of single *energies* moves each logged point and leaves
the motion alone. Scatter of *forces* moves the atoms: the work of each wrong kick stays in the energy, which walks. For
S points dt apart, a least-squares line through them has the slope sum(x_k E_k) / sum(x_k^2), where x_k is the time from
the middle of the run and sum(x_k^2) = dt^2 S (S^2 - 1) / 12.

White noise of standard deviation sigma:  Var = sigma^2 / sum(x_k^2) = 12 sigma^2 / (dt^2 S (S^2 - 1)), so that the
error falls as T^-3/2 with the length T of a run at fixed spacing.

Random walk that gains the variance s^2 from point to point: step i moves the points i..S-1, whose x_k add up to
dt i (S - i) / 2. With sum i^2 (S - i)^2 = S (S^4 - 1) / 30 follows

    Var = (6/5) (s/dt)^2 (S^2 + 1) / (S (S^2 - 1))  ->  (6/5) (s^2/dt) / T,

the limit of Durlauf and Phillips, Econometrica 56, 1333 (1988), for a trend fitted to a random walk; it falls as
T^-1/2.

A force that is wrong by sigma_F in each component, anew at each step of h, changes the momentum by sigma_F h. The
energy gains v . dp + dp^2 / 2m: to first order a walk of variance sigma_F^2 h^2 <v^2> = sigma_F^2 h^2 kT / m a
component and step, to second order a steady heating of sigma_F^2 h / 2m a component and time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_shape, check_atom_count, float_spacing
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, FS_PER_PS, KB_EV_PER_K, MEV_PER_EV

DEVIATIONS = 2.0
"""The floor lies this many standard errors above the heating, as `EnergyDrift.resolved` asks of a slope."""


@dataclass(frozen=True)
class NoiseFloor:
    """Slopes that noise alone can give a run, all in meV/atom/ps.

    Attributes:
        scatter: standard error of the slope from the scatter of single energies.
        walk: standard error of the slope from the walk that scattered forces drive.
        heating: mean slope that scattered forces give, always upwards.
    """

    scatter: float
    walk: float = 0.0
    heating: float = 0.0

    @property
    def drift(self) -> float:
        """Largest slope to expect of noise, meV/atom/ps: a drift up to here is not resolved, which is not zero."""
        return float(self.heating + DEVIATIONS * np.hypot(self.scatter, self.walk))


def noise_floor(
    time_fs: ArrayLike,
    masses: ArrayLike,
    *,
    energy_noise_ev: float,
    force_noise_ev_per_angstrom: float = 0.0,
    timestep_fs: float = 0.5,
    temperature_k: float = 300.0,
) -> NoiseFloor:
    """What noise of the potential alone can make of the drift of one run; see the module for the formulas.

    Args:
        time_fs: of the log, evenly spaced, fs, (S,).
        masses: u, (N,).
        energy_noise_ev: standard deviation of single energies, eV; see `rounding_noise_ev`.
        force_noise_ev_per_angstrom: standard deviation of force components from step to step, eV/angstrom.
        timestep_fs: h, fs.
        temperature_k: of the run, K.

    Returns:
        The floor; NaN throughout for fewer than 3 points or no duration.

    Raises:
        InputError: shapes do not fit, no atoms, or a noise, time step or temperature is negative or not finite.
    """
    time = as_shape("time_fs", time_fs, (None,), "(S,)")
    masses = as_shape("masses", masses, (None,), "(N,)")
    check_atom_count(len(masses))
    settings = {
        "energy_noise_ev": energy_noise_ev,
        "force_noise_ev_per_angstrom": force_noise_ev_per_angstrom,
        "timestep_fs": timestep_fs,
        "temperature_k": temperature_k,
    }
    for name, value in settings.items():
        if not (np.isfinite(value) and value >= 0):
            raise InputError(name, value, "a finite number, 0 or more")
    if len(time) < 3 or not time[-1] > time[0]:
        return NoiseFloor(float("nan"), float("nan"), float("nan"))
    spacing_ps = (time[-1] - time[0]) / (len(time) - 1) / FS_PER_PS
    per_atom = MEV_PER_EV / len(masses)
    # Sum over components of (sigma_F h)^2 / m for the steps of one ps: twice the heating, and the walk's variance per
    # kT.
    kicks = force_noise_ev_per_angstrom**2 * timestep_fs * FS_PER_PS * 3 * np.sum(1 / masses)
    kicks_ev_per_ps = float(kicks / EV_PER_U_ANGSTROM2_PER_FS2)
    walk_ev = np.sqrt(kicks_ev_per_ps * KB_EV_PER_K * temperature_k * spacing_ps)
    return NoiseFloor(
        scatter=white_noise_slope(energy_noise_ev * per_atom, len(time), spacing_ps),
        walk=random_walk_slope(walk_ev * per_atom, len(time), spacing_ps),
        heating=kicks_ev_per_ps / 2 * per_atom,
    )


def white_noise_slope(deviation: float, n_points: int, spacing: float) -> float:
    """Standard error of the slope of a line through independent points, in the unit of `deviation` over `spacing`.

    Args:
        deviation: standard deviation of each point.
        n_points: S, at least 3.
        spacing: between points.
    """
    return float(deviation / spacing * np.sqrt(12 / (n_points * (n_points**2 - 1))))


def random_walk_slope(step: float, n_points: int, spacing: float) -> float:
    """Standard error of the slope of a line through a random walk, in the unit of `step` over `spacing`.

    Args:
        step: standard deviation of the step between neighbouring points.
        n_points: S, at least 3.
        spacing: between points.
    """
    return float(step / spacing * np.sqrt(1.2 * (n_points**2 + 1) / (n_points * (n_points**2 - 1))))


def rounding_noise_ev(energies_ev: ArrayLike) -> float:
    """Standard deviation of the rounding of energies of this size, eV: spacing over the root of 12; 0 without any.

    Energies that are all numbers of single precision were rounded to it, in whatever dtype they are kept: -1000 eV lie
    6e-5 eV apart.

    Args:
        energies_ev: potential energies as the potential gave them, eV, (S,); cast to float32 where they were computed
            in it and converted or shifted afterwards.
    """
    energies = np.asarray(energies_ev)
    energies = energies[np.isfinite(energies)]
    with np.errstate(over="ignore"):
        single = energies.astype(np.float32)
    return float_spacing(single if np.array_equal(single, energies) else energies) / np.sqrt(12)
