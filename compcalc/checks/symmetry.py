"""What must not matter: orientation, handedness, place and the order of the atoms.

Vectors are rows: rotating positions X by R gives X R^T, and the forces must be F(X R^T) = F(X) R^T.
"""

import numpy as np

from compcalc.checks.check import check
from compcalc.checks.difference import difference
from compcalc.checks.finding import Finding, not_applicable
from compcalc.checks.subject import Subject
from compcalc.checks.tolerances import STIFFNESS, STRONG_FORCE

SHIFTS_ANGSTROM = (1.0, 40.0, 1000.0)
MIRROR = np.diag([-1.0, 1.0, 1.0])
_SEED = 3


def rotation_matrix(seed: int = _SEED) -> np.ndarray:
    """A proper rotation that differs from its transpose, (3, 3)."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.linalg.det(q)


@check("rotation", evaluations=2)
def rotation(subject: Subject) -> Finding:
    """Energy and forces of the rotated molecule against the rotated forces."""
    matrix = rotation_matrix()
    energy, forces = subject.base
    power = float(np.abs(forces @ matrix.T - forces @ matrix).max())
    if power <= 10 * subject.forces_limit(subject.tolerances.forces):
        return not_applicable(
            "The forces are too small to show how they turn; displace the atoms.", transpose_ev_per_angstrom=power
        )
    found = difference(subject, subject.at(subject.atoms.positions @ matrix.T), (energy, forces @ matrix.T))
    return found.finding(
        "Energy and forces turn with the molecule.",
        f"Turning the molecule changes {found.words}: the potential is not rotationally invariant. "
        "A simulation depends on how the molecule lies; look for a fixed axis, or forces turned the wrong way.",
        transpose_ev_per_angstrom=power,
    )


@check("reflection", evaluations=2)
def reflection(subject: Subject) -> Finding:
    """Energy and forces of the mirror image."""
    energy, forces = subject.base
    found = difference(subject, subject.at(subject.atoms.positions @ MIRROR), (energy, forces @ MIRROR))
    return found.finding(
        "The mirror image has the same energy and mirrored forces.",
        f"The mirror image changes {found.words}: left and right hands would differ, which no molecule without an "
        "external field does. Look for pseudoscalar features; if the rotation fails too, mend that first.",
    )


@check("translation by 1, 40, 1000 Å", evaluations=4)
def translation(subject: Subject) -> Finding:
    """Energy and forces after moving the whole molecule; the worst of three distances is judged."""
    eps, direction = subject.tolerances.eps, np.array([1.0, -2.0, 2.0]) / 3.0
    worst, where, by_shift = None, 0.0, {}
    for shift in SHIFTS_ANGSTROM:
        # Positions far from the origin are rounded; that alone costs this much.
        found = difference(
            subject,
            subject.at(subject.atoms.positions + shift * direction),
            subject.base,
            subject.tolerances.energy + STRONG_FORCE * eps * shift,
            subject.tolerances.forces + STIFFNESS * eps * shift,
        )
        by_shift[f"{shift:g}"] = {"energy_ev": found.energy, "forces_ev_per_angstrom": found.forces}
        if worst is None or not found.ratio <= worst.ratio:
            worst, where = found, shift
    return worst.finding(
        "The place of the molecule does not matter.",
        f"Moving the whole molecule by {where:g} angstrom changes {worst.words}. "
        "Use differences of positions only, and centre the molecule before casting to float32.",
        by_shift=by_shift,
    )


@check("order of the atoms", evaluations=2)
def permutation(subject: Subject) -> Finding:
    """Energy and forces with the atoms in another order."""
    order = np.random.default_rng(0).permutation(len(subject.atoms))
    if len(order) < 2:
        return not_applicable("One atom has one order.")
    energy, forces = subject.base
    found = difference(subject, subject.evaluate(subject.atoms[order]), (energy, forces[order]))
    return found.finding(
        "The order of the atoms does not matter.",
        f"Listing the same atoms in another order changes {found.words}. Look for parameters that go by the index of "
        "an atom instead of its element, or for types kept from an earlier call.",
    )
