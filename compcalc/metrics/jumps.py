"""Jumps of the total energy of an NVE run: steps that neither its oscillation nor its noise nor its drift explains."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_shape, check_atom_count, float_spacing
from compcalc.units import FS_PER_PS, MEV_PER_EV

WINDOWS = (1, 4, 16, 64)
"""Points averaged on either side of a step: 1 sees a spike, 64 a small lasting step under an oscillation."""

THRESHOLD = 6.0
"""A step counts beyond this many robust standard deviations of the steps around it."""

SURROUNDINGS = 20
"""Width of the surroundings of a step on either side, in windows."""

FEWEST_STEPS = 16
"""A window needs as many times its width in points, so that its steps have a scale to stand out of."""

NORMAL_PER_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True)
class EnergyJumps:
    """Steps of the total energy in the order of time; J of them.

    Attributes:
        time_ps: middle of the two logged points between which the energy stepped, ps, (J,).
        size_mev_per_atom: signed height of the step, drift taken off, meV/atom, (J,).
        visible_mev_per_atom: smallest height of a lasting step that would have been found wherever it lay, but for the
            ends of the run, meV/atom; a spike needs more. NaN where the run is too short to say.
    """

    time_ps: np.ndarray
    size_mev_per_atom: np.ndarray
    visible_mev_per_atom: float

    def __len__(self) -> int:
        return len(self.time_ps)

    @property
    def largest(self) -> int | None:
        """Index of the highest step, up or down; None without any."""
        return int(np.argmax(np.abs(self.size_mev_per_atom))) if len(self) else None


def energy_jumps(time_fs: ArrayLike, total_energy_ev: ArrayLike, n_atoms: int, *, noise_ev: float = 0.0) -> EnergyJumps:
    """Find the steps of the total energy of one NVE run.

    For each of `WINDOWS`, the difference of the means of the w points after and the w points before a moment. A step is
    a difference more than `THRESHOLD` robust standard deviations (1.4826 times the median absolute deviation: Hampel,
    J. Am. Stat. Assoc. 69, 383 (1974)) from the run's median, which takes off a drift. The deviation is that of the
    loudest surroundings or of the whole run, whichever is larger. A sine of any period stays within 2 deviations,
    normal noise and a random walk within 6 in any run that can be stored. Of overlapping steps the highest counts, and
    of windows the narrowest that sees it; a spike of one point is two jumps. The last steps of an explosion are jumps,
    too.

    Args:
        time_fs: fs, (S,), ascending, evenly spaced as a log is.
        total_energy_ev: potential plus kinetic energy of the molecule, eV, (S,).
        n_atoms: N.
        noise_ev: scatter of single energies of the potential, eV, standard deviation; a step between two points needs
            `THRESHOLD` times the scatter of their difference. At least the spacing of floating-point numbers in the
            dtype of the energies counts.

    Returns:
        The steps; none, with NaN for what is visible, for energies that are not finite or too few points.

    Raises:
        InputError: shapes differ, times descend, N < 1, or the noise is negative.
    """
    check_atom_count(n_atoms)
    if not noise_ev >= 0:
        raise InputError("noise_ev", noise_ev, "0 or more")
    noise = max(noise_ev, float_spacing(total_energy_ev))
    time = as_shape("time_fs", time_fs, (None,), "(S,)")
    energy = as_shape("total_energy_ev", total_energy_ev, time.shape, f"{time.shape}, as time_fs")
    if np.any(np.diff(time) < 0):
        raise InputError("time_fs", "times that go back", "ascending times", "Pass the log of one run.")
    windows = [w for w in WINDOWS if len(energy) >= FEWEST_STEPS * w]
    if not windows or not np.all(np.isfinite(energy)):
        return EnergyJumps(np.empty(0), np.empty(0), float("nan"))
    found: dict[int, float] = {}
    limits = []
    for w in windows:
        step, limit = _steps(energy, w, noise)
        limits.append(limit.max())
        heights = _between_points(step, limit) if w == 1 else _between_means(step, limit, w)
        known = np.zeros(len(step), dtype=bool)
        for k in found:
            known[max(0, k - w) : k + w + 1] = True
        found |= {k: height for k, height in heights.items() if not known[k]}
    at = np.array(sorted(found), dtype=int)
    per_atom = MEV_PER_EV / n_atoms
    return EnergyJumps(
        time_ps=(time[at] + time[at + 1]) / 2 / FS_PER_PS,
        size_mev_per_atom=np.array([found[k] for k in at]) * per_atom,
        visible_mev_per_atom=float(min(limits) * per_atom),
    )


def _steps(energy: np.ndarray, w: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Step after each point but the last, less the median step, and the height that it must pass; (S - 1,) each.

    Zero, and so no step, where fewer than `w` points lie on a side.
    """
    from scipy.ndimage import maximum_filter1d, median_filter  # takes a good part of a second to import

    # A long run's sums would round where they carry its drift.
    points = np.arange(len(energy)) - (len(energy) - 1) / 2
    level = energy - energy.mean()
    sums = np.concatenate([[0.0], np.cumsum(level - points * (points @ level) / (points @ points))])
    raw = (sums[2 * w :] - 2 * sums[w:-w] + sums[: -2 * w]) / w
    size = min(2 * SURROUNDINGS * w + 1, len(raw))
    step = raw - np.median(raw)
    local = maximum_filter1d(median_filter(np.abs(step), size, mode="nearest"), size, mode="nearest")
    spread = np.maximum(local, np.median(np.abs(step)))
    limit = THRESHOLD * np.maximum(NORMAL_PER_MAD * spread, noise * np.sqrt(2 / w))
    return np.pad(step, w - 1), np.pad(limit, w - 1, mode="edge")


def _between_points(step: np.ndarray, limit: np.ndarray) -> dict[int, float]:
    """Index -> height of the steps between two points; neighbours of one sign are one step, at the highest of them."""
    over = np.where(np.abs(step) > limit, np.sign(step), 0)
    first = np.flatnonzero(np.diff(over, prepend=0) != 0)
    groups = np.split(np.arange(len(step)), first)
    return {int(g[np.argmax(np.abs(step[g]))]): float(step[g].sum()) for g in groups if len(g) and over[g[0]]}


def _between_means(step: np.ndarray, limit: np.ndarray, w: int) -> dict[int, float]:
    """Index -> height of the steps between means of `w` points: the highest first, and none within 2 w of a higher."""
    taken: dict[int, float] = {}
    free = np.abs(step) > limit
    for k in sorted(np.flatnonzero(free), key=lambda i: -abs(step[i])):
        if free[k]:
            taken[int(k)] = float(step[k])
            free[max(0, k - 2 * w + 1) : k + 2 * w] = False
    return taken
