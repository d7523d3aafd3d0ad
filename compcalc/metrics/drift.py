"""Energy conservation of an NVE run: the fitted slope of the total energy, its error, and what is left beside it.

End points would mix the drift with the oscillation of the total energy, so a line is fitted to all points.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_shape, check_atom_count, float_spacing, mean_or_nan
from compcalc.metrics.blocking import block_means
from compcalc.units import FS_PER_PS, MEV_PER_EV

FEWEST_BLOCKS = 4
"""Block averages stop here: a line through fewer means has too little left over to estimate an error from."""


@dataclass(frozen=True)
class EnergyDrift:
    """Least-squares line through the total energy per atom of one run; all NaN where no line can be fitted.

    Attributes:
        slope_mev_per_atom_per_ps: signed slope, meV/atom/ps.
        standard_error_mev_per_atom_per_ps: standard error of the slope with correlated residuals, meV/atom/ps.
        fluctuation_mev_per_atom: root mean square of what is left after the line, meV/atom.
        resolved: whether the slope is more than two standard errors from zero and above the noise floor.
    """

    slope_mev_per_atom_per_ps: float
    standard_error_mev_per_atom_per_ps: float
    fluctuation_mev_per_atom: float
    resolved: bool

    @property
    def drift(self) -> float:
        """|slope|, meV/atom/ps."""
        return abs(self.slope_mev_per_atom_per_ps)


def energy_drift(
    time_fs: ArrayLike,
    total_energy_ev: ArrayLike,
    n_atoms: int,
    *,
    noise_floor_mev_per_atom_per_ps: float = 0.0,
) -> EnergyDrift:
    """Slope of the total energy per atom against time, in meV/atom/ps, with its error.

    The residuals of an NVE run are correlated in time, which the textbook error of a slope ignores. Here the line is
    also fitted to means of blocks of 1, 2, 4, ... points, down to `FEWEST_BLOCKS` blocks, and the largest of the
    textbook errors counts (blocking: Flyvbjerg and Petersen, J. Chem. Phys. 91, 461 (1989)). That is 10 to 20% too
    large for uncorrelated noise, right for correlation times up to a fortieth of the run, and 30% too small at a tenth:
    drift cannot be told from motion that is as slow as the run. Fewer than 8 points leave the textbook error.

    `resolved` also asks that the rise over the run exceeds twice the spacing of floating-point numbers at the energy's
    size, in the dtype that it came in: one rounding step in the middle of a run makes a line that rises by 1.5.

    Args:
        time_fs: fs, (S,), ascending, evenly spaced as a log is.
        total_energy_ev: potential plus kinetic energy of the molecule, eV, (S,).
        n_atoms: N.
        noise_floor_mev_per_atom_per_ps: slopes up to this are never called resolved, meV/atom/ps.

    Returns:
        The line; NaN and `resolved=False` for fewer than 3 points, no duration, or energies that are not finite.

    Raises:
        InputError: shapes differ, times descend, or N < 1.
    """
    check_atom_count(n_atoms)
    resolution = float_spacing(total_energy_ev) * MEV_PER_EV / n_atoms
    time_fs = as_shape("time_fs", time_fs, (None,), "(S,)")
    energy = as_shape("total_energy_ev", total_energy_ev, time_fs.shape, f"{time_fs.shape}, as time_fs")
    if np.any(np.diff(time_fs) < 0):
        raise InputError("time_fs", "times that go back", "ascending times", "Pass the log of one run.")
    if len(energy) < 3 or time_fs[-1] == time_fs[0] or not np.all(np.isfinite([time_fs, energy])):
        return EnergyDrift(float("nan"), float("nan"), float("nan"), resolved=False)
    time_ps, per_atom = time_fs / FS_PER_PS, (energy - energy.mean()) * MEV_PER_EV / n_atoms
    slope, residual, _ = _line(time_ps, per_atom)
    error = _blocked_error(time_ps, per_atom)
    rises = abs(slope) * (time_ps[-1] - time_ps[0]) > 2 * resolution
    return EnergyDrift(
        slope_mev_per_atom_per_ps=slope,
        standard_error_mev_per_atom_per_ps=error,
        fluctuation_mev_per_atom=float(np.sqrt(np.mean(residual**2))),
        resolved=bool(rises and abs(slope) > max(2 * error, noise_floor_mev_per_atom_per_ps)),
    )


def kinetic_spread_mev_per_atom(kinetic_energy_ev: ArrayLike, n_atoms: int) -> float:
    """Standard deviation of the kinetic energy over the run, in meV/atom: the scale on which to judge a fluctuation.

    Args:
        kinetic_energy_ev: kinetic energy of the molecule, eV, (S,).
        n_atoms: N.

    Raises:
        InputError: not (S,), or N < 1.
    """
    check_atom_count(n_atoms)
    kinetic = as_shape("kinetic_energy_ev", kinetic_energy_ev, (None,), "(S,)")
    return float(np.sqrt(mean_or_nan((kinetic - mean_or_nan(kinetic)) ** 2))) * MEV_PER_EV / n_atoms


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray, float]:
    """Slope, residuals (S,) and textbook standard error of the slope of a least-squares line through >= 3 points."""
    x, y = x - x.mean(), y - y.mean()
    slope = np.sum(x * y) / np.sum(x**2)
    residual = y - slope * x
    return float(slope), residual, float(np.sqrt(np.sum(residual**2) / (len(x) - 2) / np.sum(x**2)))


def _blocked_error(x: np.ndarray, y: np.ndarray) -> float:
    errors = [_line(x, y)[2]]
    size = 2
    while len(x) // size >= FEWEST_BLOCKS:
        errors.append(_line(block_means(x, size), block_means(y, size))[2])
        size *= 2
    return max(errors)
