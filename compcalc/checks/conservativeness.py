"""Whether the forces are the gradient of the energy, and whether they leave the molecule where it is."""

import numpy as np

from compcalc.checks.check import check
from compcalc.checks.finding import Finding, failed, judged, not_applicable, passed
from compcalc.checks.subject import Subject
from compcalc.checks.unit_slips import FORCE_SLIPS, Proportion, proportion

CURVATURE_ERROR = 40.0
"""eV/angstrom^3: times the square of the step, what central differences miss along a stiff bond (E''' / 6)."""

NOISE_OVER_STEP = 4.0
"""Largest of some tens of differences (E+ - E-) / 2h, in units of the scatter of one energy over h."""

REFINEMENT = 4
DISPLACEMENTS = 61
"""Evaluations of `Subject.displaced`, which the first check that needs them makes."""


@check("forces = -gradient", evaluations=DISPLACEMENTS)
def forces(subject: Subject) -> Finding:
    """Forces against -(E(x + h) - E(x - h)) / 2h, largest component."""
    moved = subject.displaced
    numeric = -(moved.energies[..., 0] - moved.energies[..., 1]) / (2 * moved.step)
    analytic = subject.base[1][moved.atoms]
    error = np.abs(analytic - numeric)
    m, axis = np.unravel_index(np.argmax(error), error.shape)
    atom = f"{subject.atoms.symbols[moved.atoms[m]]}{moved.atoms[m]}"
    limits = subject.tolerances
    table = limits.gradient + limits.gradient_relative * float(np.abs(subject.base[1]).max())
    numerical = NOISE_OVER_STEP * subject.noise.energy / moved.step + CURVATURE_ERROR * moved.step**2
    found = proportion(analytic, numeric)
    bad = (
        f"Force {'xyz'[axis]} on {atom} is {analytic[m, axis]:.4g}, the energy's slope says {numeric[m, axis]:.4g} "
        f"eV/angstrom. {_cause(found, numeric, analytic)}"
    )
    return judged(
        float(error[m, axis]),
        max(table, numerical),
        "eV/angstrom",
        f"The forces are the gradient of the energy (worst: {'xyz'[axis]} of {atom}; step {moved.step:.2g} angstrom).",
        bad,
        worst_atom=int(moved.atoms[m]),
        worst_axis="xyz"[axis],
        analytic_ev_per_angstrom=analytic[m, axis],
        numeric_ev_per_angstrom=numeric[m, axis],
        step_angstrom=moved.step,
        factor=found.factor,
        cosine=found.cosine,
        likely_cause=found.explanation(FORCE_SLIPS),
        atoms_tested=moved.atoms,
    )


def _cause(found: Proportion, numeric: np.ndarray, analytic: np.ndarray) -> str:
    if not np.any(numeric):
        return "The energy does not change at all: it is constant, or comes from a cache."
    if not np.any(analytic):
        return "All forces are zero: they are not computed."
    if found.proportional:
        guess = found.explanation(FORCE_SLIPS)
        return f"All forces are {found.words}{f': {guess}?' if guess else '.'} Mend the conversion before any MD."
    return (
        "No common factor explains it: the forces are not the gradient of this energy (predicted directly, or a term "
        "is missing). NVE will not conserve energy."
    )


@check("symmetric Hessian", evaluations=DISPLACEMENTS)
def jacobian(subject: Subject) -> Finding:
    """||J - J^T|| / ||J|| of the force Jacobian J = dF/dx, by central differences of the forces.

    Where the forces bend within a step, differences alone look asymmetric. That error falls with the square of the
    step, so an asymmetry beyond the limit is judged again after Richardson's extrapolation from a quarter of the step.
    """
    moved, noise = subject.displaced, subject.noise.forces
    matrix, step, noise_gain = moved.jacobian, moved.step, 1.0
    if not matrix.any():
        return not_applicable("The forces do not change when an atom moves.")
    found, limit = _asymmetry(matrix), subject.tolerances.asymmetry
    if found > max(limit, _asymmetry_of_noise(matrix, noise, step)):
        step /= REFINEMENT
        matrix = (REFINEMENT**2 * subject.displaced_by(step).jacobian - matrix) / (REFINEMENT**2 - 1)
        found, noise_gain = _asymmetry(matrix), REFINEMENT**2 / (REFINEMENT**2 - 1)
    return judged(
        found,
        max(limit, noise_gain * _asymmetry_of_noise(matrix, noise, step)),
        "",
        "The forces have a potential: their Jacobian is symmetric.",
        f"The Jacobian of the forces is asymmetric by {found:.2g} of its size: no energy has these forces, so that "
        "NVE heats or cools. Use the gradient of the energy where the model offers it.",
        step_angstrom=step,
        jacobian_norm_ev_per_angstrom2=float(np.linalg.norm(matrix)),
    )


def _asymmetry(matrix: np.ndarray) -> float:
    return float(np.linalg.norm(matrix - matrix.T) / np.linalg.norm(matrix))


def _asymmetry_of_noise(matrix: np.ndarray, noise: float, step: float) -> float:
    """What `noise` in the forces (eV/angstrom) alone would show at a step (angstrom), with a margin of two."""
    return float(2 * len(matrix) * noise / (step * np.linalg.norm(matrix)))


@check("net force", evaluations=1)
def net_force(subject: Subject) -> Finding:
    """Length of the sum of the forces."""
    total = subject.base[1].sum(axis=0)
    limit = max(subject.tolerances.net_force, 3 * subject.noise.forces * np.sqrt(3 * len(subject.atoms)))
    return judged(
        float(np.linalg.norm(total)),
        limit,
        "eV/angstrom",
        "The forces add up to zero.",
        f"The forces add up to {np.linalg.norm(total):.2g} eV/angstrom: the molecule pushes itself away. "
        "Remove the mean force, or use forces from the gradient.",
        net_force_ev_per_angstrom=total,
    )


@check("net torque", evaluations=1)
def net_torque(subject: Subject) -> Finding:
    """Length of the sum of r x F, with r from the centroid."""
    arms = subject.atoms.positions - subject.atoms.positions.mean(axis=0)
    total = np.cross(arms, subject.base[1]).sum(axis=0)
    limit = max(subject.tolerances.net_torque, 3 * subject.noise.forces * float(np.linalg.norm(arms)))
    size = float(np.linalg.norm(total))
    if size <= limit:
        return passed("The forces do not turn the molecule.", size, "eV", limit, net_torque_ev=total)
    return failed(
        f"The forces turn the molecule with {size:.2g} eV of torque: in vacuum it would start to spin by itself. "
        "An energy that depends on the orientation, or direct forces, do this.",
        size,
        "eV",
        limit,
        net_torque_ev=total,
    )
