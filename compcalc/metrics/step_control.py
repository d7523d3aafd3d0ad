"""Integrator error and model error apart: the first part of an NVE run against the same at half of the time step.

The total energy that velocity Verlet keeps differs from the true one by a term in the square of the time step. Its
fluctuation falls by 4 at half of the step where the potential is smooth and conserves energy, and the step is small
enough; noise, jumps and forces that are no gradient stay as they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compcalc.metrics.drift import EnergyDrift, energy_drift

EXPECTED = 4.0
LOWEST, HIGHEST = 2.5, 6.0
"""Between these the ratio of the fluctuations is called the expected one: a short part scatters."""

_ROUNDING = 1e-7
"""Fluctuations below this, in meV/atom, are rounding."""


@dataclass(frozen=True)
class StepControl:
    """A part of a run at its time step and at half of it.

    Attributes:
        part_ps: length of the part, ps.
        whole: the energy's line and fluctuation at the time step.
        half: the same at half of it.
        ratio: fluctuation at the time step over that at half of it; NaN where it cannot be told.
        verdict: what it means, in words.
    """

    part_ps: float
    whole: EnergyDrift
    half: EnergyDrift
    ratio: float
    verdict: str


def step_control(
    time_fs: ArrayLike, total_energy_ev: ArrayLike, control_time_fs: ArrayLike, control_energy_ev: ArrayLike,
    n_atoms: int,
) -> StepControl | None:  # fmt: skip
    """Compare a run with its control; None without a control.

    Args:
        time_fs: of the run, fs, (S,).
        total_energy_ev: potential plus kinetic energy of the run, eV, (S,).
        control_time_fs: of the control, fs, (K,).
        control_energy_ev: potential plus kinetic energy of the control, eV, (K,).
        n_atoms: N.

    Raises:
        InputError: shapes do not fit, times descend, or N < 1.
    """
    if not len(np.atleast_1d(control_time_fs)):
        return None
    time_fs, control_time_fs = np.asarray(time_fs, dtype=float), np.asarray(control_time_fs, dtype=float)
    first = time_fs <= control_time_fs[-1] * (1 + 1e-9)
    whole = energy_drift(time_fs[first], np.asarray(total_energy_ev)[first], n_atoms)
    half = energy_drift(control_time_fs, control_energy_ev, n_atoms)
    ratio = whole.fluctuation_mev_per_atom / half.fluctuation_mev_per_atom if half.fluctuation_mev_per_atom else np.nan
    return StepControl(float(control_time_fs[-1]) / 1000, whole, half, float(ratio), _verdict(whole, half, ratio))


def _verdict(whole: EnergyDrift, half: EnergyDrift, ratio: float) -> str:
    if not np.isfinite([whole.fluctuation_mev_per_atom, half.fluctuation_mev_per_atom]).all():
        return "too short to tell"
    if max(whole.fluctuation_mev_per_atom, half.fluctuation_mev_per_atom) < _ROUNDING:
        return "the total energy is constant to rounding at both time steps"
    falls = f"the fluctuation of the total energy falls by {ratio:.1f} at half of the time step"
    if ratio > HIGHEST:
        return f"{falls}, more than the 4 of a time step that is small enough: the time step is too large"
    if ratio >= LOWEST:
        return f"{falls}, as it should: it is the integrator's"
    return f"{falls}, where 4 is the integrator's share: most of it is the potential's"
