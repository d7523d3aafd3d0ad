"""Whether energy and forces are continuous along a path, and whether the one is the integral of the other.

Along a coordinate s the force is Q = sum over atoms of F . dR/ds, and over a step the energy changes by minus the
integral of Q. What the trapezoid rule misses of it, and by how much a force changes, both vanish with the length of the
step; a jump stays. So the most suspicious steps are halved several times, and extrapolated to a step without length.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from compcalc.checks.asking import attempt, is_refusal, reason
from compcalc.checks.check import check
from compcalc.checks.finding import Finding, failed, not_applicable, passed, warned
from compcalc.checks.paths import Path, stretch_path, torsion_path
from compcalc.checks.subject import Subject
from compcalc.checks.tolerances import NOISE_MULTIPLE

POINTS = 25
HALVINGS = 7
SUSPECTS = 2
EVALUATIONS = POINTS + 2 * SUSPECTS * HALVINGS + 1
END_WEIGHTS = np.array([9, 19, -5, 1])
"""Of the first four points in the first step, in 24ths of the step: the fourth-order rule at an end."""
MOST_FLIPS = {"times the bond length": 1, "radian": 12}
"""Changes of direction of Q that chemistry explains: one minimum of a bond, six minima and maxima of a torsion."""


@dataclass(frozen=True)
class Point:
    """A point of a path: coordinate, energy (eV), Q (eV per unit of s), forces (eV/angstrom, (N, 3))."""

    s: float
    energy: float
    q: float
    forces: np.ndarray


@check("smooth along a bond stretch", evaluations=EVALUATIONS)
def bond_stretch(subject: Subject) -> Finding:
    """Jumps of energy and forces while a bond is stretched from 0.7 to 1.6 times its length."""
    path = stretch_path(subject.atoms, POINTS)
    return _examined(subject, path) if path else not_applicable("A single atom has no bond.")


@check("smooth along a torsion", evaluations=EVALUATIONS)
def torsion(subject: Subject) -> Finding:
    """Jumps of energy and forces while a bond is turned."""
    path = torsion_path(subject.atoms, POINTS)
    return _examined(subject, path) if path else not_applicable("The test molecule has no rotatable bond.")


def _examined(subject: Subject, path: Path) -> Finding:
    points, stop = _walk(subject, path)
    refused = f"at {stop[0]:.3g} {path.unit}: {reason(stop[1], 100)}" if stop else ""
    if stop and not is_refusal(stop[1]):
        return failed(
            f"With {path.name}, it breaks {refused}. A simulation that gets there ends; raise an error that says what "
            "is not covered, or compute it.",
            path=path.name,
        )
    if len(points) < 6:
        return not_applicable(f"It refuses most of the path ({path.name}) {refused}", path=path.name)
    return _judged(subject, path, points, refused)


def _judged(subject: Subject, path: Path, points: list[Point], refused: str) -> Finding:
    energy_at, energy_jump = _worst_jump(subject, path, points, _missing_energy, _energy_suspicion)
    force_at, force_jump = _worst_jump(subject, path, points, _force_change, _force_suspicion)
    flips = _flips(points, subject.noise.forces * float(np.linalg.norm(path.tangent(path.start))))
    energy_limit, force_limit = _limits(subject, points)
    numbers = (energy_jump, "eV", energy_limit)
    details = {
        "path": path.name,
        "force_jump_ev_per_angstrom": force_jump,
        "force_jump_tolerance_ev_per_angstrom": force_limit,
        "force_flips": flips,
        "points": len(points),
        "refused": refused,
    }
    if not energy_jump <= energy_limit:
        return failed(
            f"With {path.name}, the energy jumps by {energy_jump:.2g} eV at {energy_at:.3g} {path.unit} without a "
            "force to explain it. Each crossing heats or cools MD; smooth the cutoff.",
            *numbers,
            **details,
        )
    if not force_jump <= force_limit:
        return warned(
            f"With {path.name}, a force jumps by {force_jump:.2g} eV/angstrom at {force_at:.3g} {path.unit}. The "
            "energy is continuous, but integrators and optimisers want continuous forces: smooth the cutoff.",
            *numbers,
            **details,
        )
    if len(flips) > MOST_FLIPS[path.unit]:
        where = ", ".join(f"{s:.3g}" for s in flips)
        return warned(
            f"With {path.name}, the force changes direction {len(flips)} times, where {MOST_FLIPS[path.unit]} can be "
            f"explained (at {where} {path.unit}): the curve has a false barrier or minimum. MD that gets there breaks "
            "or sticks.",
            *numbers,
            **details,
        )
    end = f" It refuses the rest of the path {refused}." if refused else ""
    return passed(f"No jumps with {path.name}.{end}", *numbers, **details)


def _limits(subject: Subject, points: list[Point]) -> tuple[float, float]:
    """Largest jumps of energy (eV) and force (eV/angstrom) that pass on this path."""
    table = subject.tolerances
    span = float(np.ptp([point.energy for point in points]))
    steepest = max(float(np.abs(point.forces).max()) for point in points)
    # Extrapolating takes two differences of two noisy values each, the largest of many.
    noisy = 3 * NOISE_MULTIPLE
    return (
        max(table.energy_jump + table.energy_jump_relative * span, noisy * subject.noise.energy),
        max(table.force_jump + table.force_jump_relative * steepest, noisy * subject.noise.forces),
    )


def _walk(subject: Subject, path: Path) -> tuple[list[Point], tuple[float, BaseException] | None]:
    """Points outwards from the start, as dynamics would get there, and where and why the path ended early.

    A refusal ends one direction, any other exception the whole path.
    """
    subject.evaluate(subject.atoms)
    points, stop = [], None
    for side in (path.grid[path.grid >= path.start], path.grid[path.grid < path.start][::-1]):
        for s in side:
            point, error = attempt(lambda s=s: _point(subject, path, s))
            if error is not None:
                stop = float(s), error
                break
            points.append(point)
        if stop and not is_refusal(stop[1]):
            break
    return sorted(points, key=lambda p: p.s), stop


def _point(subject: Subject, path: Path, s: float) -> Point:
    energy, forces = subject.at(path.positions(s), forget=False)
    return Point(float(s), energy, float(np.sum(forces * path.tangent(s))), forces)


def _missing_energy(a: Point, b: Point) -> float:
    return abs(b.energy - a.energy + 0.5 * (a.q + b.q) * (b.s - a.s))


def _force_change(a: Point, b: Point) -> float:
    return float(np.abs(b.forces - a.forces).max())


def _worst_jump(subject: Subject, path: Path, points: list[Point], size, suspicion) -> tuple[float, float]:
    """Coordinate and size (eV or eV/angstrom) of the larger jump in the two most suspicious steps."""
    suspects = np.argsort(suspicion(points))[-SUSPECTS:]
    return max((_jump(subject, path, points[k], points[k + 1], size) for k in suspects), key=lambda found: found[1])


def _jump(subject: Subject, path: Path, a: Point, b: Point, size) -> tuple[float, float]:
    """Where in a step the jump is, and what is left of its size when its length goes to zero."""
    before = 0.0
    for _ in range(HALVINGS):
        before = size(a, b)
        middle = _point(subject, path, 0.5 * (a.s + b.s))
        a, b = (a, middle) if size(a, middle) > size(middle, b) else (middle, b)
    # What is proportional to the length cancels.
    return 0.5 * (a.s + b.s), abs(2 * size(a, b) - before)


def _energy_suspicion(points: list[Point]) -> np.ndarray:
    """What a fourth-order rule over the neighbouring points misses in each step, over what it misses nearby."""
    energy, q = np.array([p.energy for p in points]), np.array([p.q for p in points])
    integral = np.empty(len(points) - 1)
    integral[1:-1] = -q[:-3] + 13 * q[1:-2] + 13 * q[2:-1] - q[3:]
    integral[0] = q[:4] @ END_WEIGHTS
    integral[-1] = q[:-5:-1] @ END_WEIGHTS
    missing = np.abs(np.diff(energy) + integral * (points[1].s - points[0].s) / 24)
    return missing / (_nearby(missing) + 1e-5)


def _force_suspicion(points: list[Point]) -> np.ndarray:
    """How far the change of the forces in each step is from that in its neighbours, over the changes nearby."""
    change = np.diff(np.array([p.forces for p in points]), axis=0)
    padded = np.concatenate([change[1:2], change, change[-2:-1]])
    odd = np.abs(change - 0.5 * (padded[:-2] + padded[2:])).max(axis=(1, 2))
    return odd / (_nearby(np.abs(change).max(axis=(1, 2))) + 1e-3)


def _nearby(sizes: np.ndarray) -> np.ndarray:
    """Median over five steps around each."""
    padded = np.pad(sizes, 2, mode="reflect")
    return np.array([np.median(padded[k : k + 5]) for k in range(len(sizes))])


def _flips(points: list[Point], noise: float) -> list[float]:
    """Coordinates where Q changes its sign; values within the noise or a fiftieth of its largest size are left out.

    Args:
        points: the path.
        noise: scatter of Q, eV per unit of s.
    """
    largest = max(abs(point.q) for point in points)
    clear = [point for point in points if abs(point.q) > max(largest / 50, 4 * noise)]
    return [0.5 * (a.s + b.s) for a, b in pairwise(clear) if a.q * b.q < 0]
