"""Where the energy that a run gains or loses comes from: forces that are no gradient, jumps, or the time step.

The total energy of a run, less what its thermostat gave, should stay. Work and potential energy say why it does not:
- the potential energy should lose what the forces do as work. What is left over, the imbalance, is the potential's;
- an imbalance that comes in single steps is a jump of the energy;
- work that is added up from every second step only has 4 times the error of a time step that is too long. Where it
  differs much from the work of all steps, neither is to be trusted: the time step is too large.

Forces that scatter at random look like either of the last two. What they do to the energy is known where their scatter
is, and they are the cause where it suffices.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import maximum_filter1d, median_filter

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_shape, check_atom_count
from compcalc.metrics.drift import energy_drift
from compcalc.metrics.noise_floor import DEVIATIONS
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, KB_EV_PER_K

NEGLIGIBLE_MEV_PER_ATOM_PER_PS = 0.5
"""Slopes of the total energy up to this are not attributed."""

_OF_HEAT = 0.03
"""Nor are slopes up to this share of the heat's: velocities at the end of a step read colder by (w dt / 2)^2."""

_OUTLIER, _SMOOTH = 12.0, 3.0
"""A jump is this many times the usual imbalance of an interval, and this many times what the coarse work differs by."""

_LARGE = 0.25
"""A change from the first step to the last beyond this share of the kinetic energy counts even where it is no line."""

_TRUSTED = 0.25
"""Largest difference of the coarse imbalance from the imbalance, in units of it, for either to be trusted."""

_AROUND = 21
"""Intervals around one that say what is usual: the imbalance swings with the vibrations and grows with the heat."""


class EnergyCause(StrEnum):
    """What changes the total energy."""

    CONSERVED = "conserved"
    NOT_GRADIENT = "not_gradient"
    JUMPS = "jumps"
    TIME_STEP = "time_step"
    NOISE = "noise"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """The cause as a phrase."""
        return _WORDS[self]


_WORDS = {
    EnergyCause.CONSERVED: "the total energy is conserved",
    EnergyCause.NOT_GRADIENT: "the forces are not the gradient of the energy",
    EnergyCause.JUMPS: "the energy jumps",
    EnergyCause.TIME_STEP: "the time step is too large",
    EnergyCause.NOISE: "the forces scatter at random",
    EnergyCause.UNKNOWN: "too little is known to tell",
}


@dataclass(frozen=True)
class EnergyBooks:
    """Changes between the first and the last step, eV.

    Attributes:
        gain: of the total energy, less the heat of the thermostat.
        imbalance: work of the forces plus change of the potential energy.
        coarse_imbalance: the same with the work from every second step.
        jump: the part of the imbalance that came in single steps.
    """

    gain: float
    imbalance: float
    coarse_imbalance: float
    jump: float


@dataclass(frozen=True)
class Attribution:
    """What changes the total energy of a run.

    Attributes:
        cause: see `EnergyCause`.
        drift_mev_per_atom_per_ps: slope of the total energy less the heat, meV/atom/ps.
        imbalance_mev_per_atom_per_ps: slope of work plus potential energy, meV/atom/ps.
        jumps: number of logged intervals in which the energy jumps.
        largest_jump_ev: the largest of them, signed, eV; 0 without one.
    """

    cause: EnergyCause
    drift_mev_per_atom_per_ps: float
    imbalance_mev_per_atom_per_ps: float
    jumps: int
    largest_jump_ev: float


def attribute(books: EnergyBooks) -> EnergyCause:
    """The cause of a gain that is known to be one."""
    values = (books.gain, books.imbalance, books.coarse_imbalance, books.jump)
    if not np.isfinite(values).all():
        return EnergyCause.UNKNOWN
    gain, imbalance, jump = (abs(value) for value in (books.gain, books.imbalance, books.jump))
    differs = abs(books.coarse_imbalance - books.imbalance)
    if imbalance < gain / 2 or differs > _TRUSTED * imbalance:
        return EnergyCause.TIME_STEP
    return EnergyCause.JUMPS if jump > imbalance / 2 else EnergyCause.NOT_GRADIENT


def noise_suffices(
    gain_ev: float, duration_fs: float, masses: ArrayLike, force_noise_ev_per_angstrom: float, *,
    timestep_fs: float = 0.5, temperature_k: float = 300.0,
) -> bool:  # fmt: skip
    """Whether forces that scatter at random gain as much energy as a run gained.

    A component that is wrong by sigma anew at each step of h is kicked by k := sigma^2 h t / m in the time t. The
    energy of kicks that add up to dp changes by v dp + dp^2 / 2m: by k/2 on average, with the variance k kT + k^2 / 2.

    Args:
        gain_ev: of the total energy less the heat of a thermostat, eV.
        duration_fs: time in which it was gained, fs.
        masses: u, (N,).
        force_noise_ev_per_angstrom: sigma, eV/angstrom.
        timestep_fs: h, fs.
        temperature_k: of the run, K.

    Returns:
        True where the gain lies no more than `DEVIATIONS` standard deviations above that average.

    Raises:
        InputError: no atoms, or a duration, noise, time step or temperature that is negative or not finite.
    """
    masses = as_shape("masses", masses, (None,), "(N,)")
    check_atom_count(len(masses))
    values = {
        "duration_fs": duration_fs, "force_noise_ev_per_angstrom": force_noise_ev_per_angstrom,
        "timestep_fs": timestep_fs, "temperature_k": temperature_k,
    }  # fmt: skip
    for name, value in values.items():
        if not (np.isfinite(value) and value >= 0):
            raise InputError(name, value, "a finite number, 0 or more")
    # Of one component of each atom: twice its heating, and its walk's variance per kT.
    kicks_ev = force_noise_ev_per_angstrom**2 * timestep_fs * duration_fs / (masses * EV_PER_U_ANGSTROM2_PER_FS2)
    variance = 3 * np.sum(kicks_ev * KB_EV_PER_K * temperature_k + kicks_ev**2 / 2)
    return bool(abs(gain_ev) <= 1.5 * np.sum(kicks_ev) + DEVIATIONS * np.sqrt(variance))


def attribute_run(
    time_fs: ArrayLike, potential_energy: ArrayLike, kinetic_energy: ArrayLike, work: ArrayLike,
    coarse_work: ArrayLike, heat: ArrayLike, n_atoms: int,
) -> Attribution:  # fmt: skip
    """What changes the total energy of a run over its whole length.

    Args:
        time_fs: fs, (S,), ascending, evenly spaced as a log is.
        potential_energy: eV, (S,).
        kinetic_energy: eV, (S,).
        work: work of the forces since the start, eV, (S,).
        coarse_work: the same from every second step, eV, (S,).
        heat: what the thermostat gave since the start, eV, (S,).
        n_atoms: N.

    Returns:
        `CONSERVED` where the slope of the total energy is not resolved, or is negligible, and no energy jumps, unless
        the end is far from the start;
        `UNKNOWN` where fewer than 3 steps have finite values.

    Raises:
        InputError: shapes differ, times descend, or N < 1.
    """
    check_atom_count(n_atoms)
    time_fs = as_shape("time_fs", time_fs, (None,), "(S,)")
    if np.any(np.diff(time_fs) < 0):
        raise InputError("time_fs", "times that go back", "ascending times", "Pass the log of one run.")
    named = {
        "potential_energy": potential_energy, "kinetic_energy": kinetic_energy, "work": work,
        "coarse_work": coarse_work, "heat": heat,
    }  # fmt: skip
    columns = [as_shape(name, values, time_fs.shape, f"{time_fs.shape}, as time_fs") for name, values in named.items()]
    sound = np.isfinite(columns).all(axis=0)
    time_fs = time_fs[sound]
    potential, kinetic, work, coarse, heat = (column[sound] for column in columns)
    total, fine, coarse = potential + kinetic - heat, work + potential, coarse + potential
    heating = energy_drift(time_fs, heat, n_atoms).drift
    floor = max(NEGLIGIBLE_MEV_PER_ATOM_PER_PS, _OF_HEAT * heating if np.isfinite(heating) else 0.0)
    drift = energy_drift(time_fs, total, n_atoms, noise_floor_mev_per_atom_per_ps=floor)
    slope = energy_drift(time_fs, fine, n_atoms).slope_mev_per_atom_per_ps
    jumps = _jumps(fine, coarse)
    largest = float(jumps[np.abs(jumps).argmax()]) if len(jumps) else 0.0
    cause = _cause(time_fs, kinetic, (total, fine, coarse, np.append(0.0, jumps.cumsum())[: len(fine)]), drift.resolved)
    return Attribution(cause, drift.slope_mev_per_atom_per_ps, slope, int(np.count_nonzero(jumps)), largest)


def _cause(time_fs: np.ndarray, kinetic: np.ndarray, books: tuple[np.ndarray, ...], resolved: bool) -> EnergyCause:
    """From the books over time, each (S,), in the order of `EnergyBooks`."""
    lines, ends = (np.array([gain(time_fs, values) for values in books]) for gain in (_line, _ends))
    if not np.isfinite([lines, ends]).all():
        return EnergyCause.UNKNOWN
    # The first tenth, for an explosion makes the kinetic energy its own size.
    large = abs(ends[0]) > _LARGE * kinetic[: 1 + len(kinetic) // 10].mean()
    if not (resolved or large):
        return EnergyCause.JUMPS if books[3].any() else EnergyCause.CONSERVED
    by_ends = large and (not resolved or abs(ends[0]) > 2 * abs(lines[0]))
    return attribute(EnergyBooks(*(ends if by_ends else lines)))


def _line(time_fs: np.ndarray, values: np.ndarray) -> float:
    """What the least-squares line through `values`, (S,), gains from the first time to the last; NaN for < 3 points."""
    if len(values) < 3 or time_fs[-1] == time_fs[0]:
        return float("nan")
    return float(np.polyfit(time_fs - time_fs.mean(), values - values.mean(), 1)[0] * (time_fs[-1] - time_fs[0]))


def _ends(time_fs: np.ndarray, values: np.ndarray) -> float:
    """What `values`, (S,), gain from the first to the last: what happens late in a run makes no line."""
    return float(values[-1] - values[0]) if len(values) > 2 else float("nan")


def _jumps(fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """The changes of the imbalance, eV, where they stand out from those around and are no long step's, else 0, (S-1,).

    The last interval is left out: the coarse work may not have seen its step yet.
    """
    change = np.diff(fine)
    if len(change) < 3:
        return np.zeros(len(change))
    differs = maximum_filter1d(np.abs(np.diff(coarse) - change), 3)
    size = np.abs(change - median_filter(change, _AROUND))
    usual = 1.4826 * median_filter(size, _AROUND) + np.finfo(float).eps * np.abs(fine).max()
    jumps = np.where((size > _OUTLIER * usual) & (size > _SMOOTH * differs), change, 0.0)
    jumps[-1] = 0.0
    return jumps
