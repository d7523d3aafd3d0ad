"""Whether the same question gets the same answer, and how rough the answers are."""

import numpy as np

from compcalc.checks.check import check
from compcalc.checks.finding import Finding, failed, passed, warned
from compcalc.checks.scatter import STEPS_ANGSTROM
from compcalc.checks.subject import Subject
from compcalc.checks.tolerances import DRIFT_FAIL, DRIFT_WARN
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, FS_PER_PS, MEV_PER_EV

TIME_STEP_FS = 0.5
RUN_PS = 1.0
SMALLEST_SAID = 0.001
"""Noise below this, meV or meV/angstrom, is none that a sentence names; the details have the number."""

ROUNDINGS = 16.0
"""Units in the last place by which a sum changes when threads add it up in another order."""


@check("same input, same output", evaluations=5)
def determinism(subject: Subject) -> Finding:
    """Largest difference between four evaluations of one geometry, each from scratch, one of them after another."""
    energy, forces = subject.base
    again = [subject.evaluate(subject.atoms) for _ in range(2)]
    energy_spread = max(subject.carried[0], *(abs(e - energy) for e, _ in again))
    forces_spread = max(subject.carried[1], *(float(np.abs(f - forces).max()) for _, f in again))
    # The table's own numbers, not widened by the noise, which is what is measured here.
    limits = subject.tolerances.energy, subject.tolerances.forces
    by_forces = forces_spread / limits[1] >= energy_spread / limits[0]
    value, limit = (forces_spread, limits[1]) if by_forces else (energy_spread, limits[0])
    unit = "eV/angstrom" if by_forces else "eV"
    details = {"energy_spread_ev": energy_spread, "forces_spread_ev_per_angstrom": forces_spread}
    if not energy_spread and not forces_spread:
        return passed("Bit for bit the same.", 0.0, unit, limit, **details)
    rounding = ROUNDINGS * subject.tolerances.eps
    if energy_spread <= rounding * abs(energy) and forces_spread <= rounding * np.abs(forces).max():
        return passed("The same but for the last digits.", value, unit, limit, **details)
    words = f"The same geometry gives energies {energy_spread:.2g} eV and forces {forces_spread:.2g} eV/angstrom apart"
    if value <= limit:
        return warned(f"{words}: harmless, but runs cannot be repeated bit for bit.", value, unit, limit, **details)
    tolerances = subject.tolerances
    if energy_spread <= tolerances.history_energy and forces_spread <= tolerances.history_forces:
        return warned(
            f"{words}, as where a self-consistent cycle starts from what the last call left: converge it tighter, or "
            "start it afresh where frames are compared.",
            value, unit, limit, **details,
        )  # fmt: skip
    return failed(
        f"{words}: the result is partly random. Look for dropout left on (model.eval()), random sampling, or a "
        "convergence threshold that is too loose.",
        value, unit, limit, **details,
    )  # fmt: skip


@check("noise floor", evaluations=2 * len(STEPS_ANGSTROM))
def noise_floor(subject: Subject) -> Finding:
    """Scatter of the energy around a smooth curve, judged by the NVE drift that it would imitate."""
    noise, n = subject.noise, len(subject.atoms)
    energy, forces = noise.energy * MEV_PER_EV, noise.forces * MEV_PER_EV
    drift = apparent_drift(noise.energy, noise.forces, subject.atoms.get_masses())
    details = {
        "energy_noise_mev": energy,
        "forces_noise_mev_per_angstrom": forces,
        "apparent_drift_mev_per_atom_per_ps": drift,
        "dtype": subject.dtype,
        "n_atoms": n,
    }
    words = (
        f"Energies scatter by {_said(energy)} meV and forces by {_said(forces)} meV/angstrom around a smooth curve, "
        f"which looks like an NVE drift of {drift:.2g} meV/atom/ps"
    )
    if drift <= DRIFT_WARN:
        return passed(f"Smooth; forces scatter by {_said(forces)} meV/angstrom.", energy, "meV", **details)
    verdict = warned if drift <= DRIFT_FAIL else failed
    return verdict(
        f"{words}: smaller drifts mean nothing here. Use float64 or tighter convergence for NVE.",
        energy, "meV", **details,
    )  # fmt: skip


def apparent_drift(energy_noise: float, forces_noise: float, masses: np.ndarray) -> float:
    """NVE drift that noise alone imitates in `RUN_PS` at `TIME_STEP_FS`, meV/atom/ps.

    The larger of two: the standard error of a least-squares slope over K energies of scatter s, s sqrt(12 / K) / t per
    atom; and the heating by random kicks, s_F^2 dt / (2 m) for each coordinate and time.

    Args:
        energy_noise: standard deviation, eV.
        forces_noise: standard deviation of one component, eV/angstrom.
        masses: u, (N,).
    """
    steps = RUN_PS * FS_PER_PS / TIME_STEP_FS
    slope = energy_noise * np.sqrt(12 / steps) / RUN_PS / len(masses)
    kicks = 3 * np.mean(forces_noise**2 * TIME_STEP_FS / (2 * masses * EV_PER_U_ANGSTROM2_PER_FS2)) * FS_PER_PS
    return float(max(slope, kicks) * MEV_PER_EV)


def _said(value: float) -> str:
    """Two digits; what nobody could see in a simulation has none."""
    return f"{value:.2g}" if value >= SMALLEST_SAID else f"less than {SMALLEST_SAID}"
