"""The kinds of terms: what each depends on, and the monomials of it that are its basis functions.

Terms are functions of bond lengths and of the unit vectors e along the bonds, and polynomials of scalar products of
these, so that energies and forces are smooth everywhere, in stretched angles too. With a mean length r0 and a mean
cosine c0:

    u  = 1 - exp(-a (r - r0))             a bond's stretch, which stays below 1 when it breaks
    x  = e1.e2 - c0                       an angle's cosine, from its mean
    t  = e1.e3 - (e1.e2)(e2.e3)           a torsion: sin(angle) sin(angle') cos(torsion), 1 where it is cis
    w  = e1.(e2 x e3)                     the volume of three bonds of an atom, 0 in a plane

Symbols: M terms, V variables, K monomials.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from compcalc.units import KCAL_PER_MOL_EV

MORSE_PER_ANGSTROM = 2.0
"""a, 1/angstrom: twice this over the stretch is the ratio of cubic to quadratic constants of common single bonds."""


@dataclass(frozen=True)
class Geometry:
    """Directed bonds of one or several molecules; bond b is followed by its reverse at b + B.

    Attributes:
        unit: unit vectors, (2B, 3).
        length: angstrom, (2B,).
    """

    unit: np.ndarray
    length: np.ndarray


class Part(NamedTuple):
    """How a variable changes with one of the directed bonds of its terms.

    Attributes:
        slot: which bond of the term.
        along: derivative by the bond's length, 1/angstrom, (M,); None where the other is given.
        across: derivative by the bond's unit vector, (M, 3).
    """

    slot: int
    along: np.ndarray | None = None
    across: np.ndarray | None = None


Variables = Callable[[Geometry, np.ndarray, np.ndarray], tuple[list[np.ndarray], list[list[Part]]]]
"""`(geometry, vectors (M, S), centres (M, C))` -> values of V variables (M,), and the parts of each."""


@dataclass(frozen=True)
class Kind:
    """A kind of term.

    Attributes:
        variables: see `Variables`.
        centres: number C of the mean values that the variables are measured from.
        exponents: power of each variable in each monomial, K tuples of V.
    """

    variables: Variables
    centres: int
    exponents: tuple[tuple[int, ...], ...]

    def monomials(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """(K, M)."""
        return np.array([_product(values, powers) for powers in self.exponents]).reshape(len(self.exponents), -1)

    def slopes(self, values: Sequence[np.ndarray], variable: int) -> dict[int, np.ndarray]:
        """Monomial -> its derivative by a variable, (M,), of those that depend on it."""
        found = {}
        for k, powers in enumerate(self.exponents):
            if power := powers[variable]:
                lower = tuple(p - (v == variable) for v, p in enumerate(powers))
                found[k] = power * _product(values, lower)
        return found

    def contract(self, values: Sequence[np.ndarray], coefficients: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Energies of the terms (M,) with `coefficients` (K, M), and their derivatives by each variable."""
        energy, slopes = 0.0, [0.0] * len(values)
        for coefficient, powers in zip(coefficients, self.exponents, strict=True):
            active = [(v, power) for v, power in enumerate(powers) if power]
            for v, power in active:
                rest = coefficient
                for other, times in active:
                    for _ in range(times - (other == v)):
                        rest = rest * values[other]
                slopes[v] = slopes[v] + (rest if power == 1 else power * rest)
            energy = energy + rest * values[v]
        return energy, slopes


def _product(values: Sequence[np.ndarray], powers: tuple[int, ...]) -> np.ndarray | float:
    result = 1.0
    for value, power in zip(values, powers, strict=True):
        for _ in range(power):
            result = result * value
    return result


def _dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.einsum("ma,ma->m", first, second)


def _stretch(geometry: Geometry, bond: np.ndarray, r0: np.ndarray, slot: int) -> tuple[np.ndarray, list[Part]]:
    decay = np.exp(-MORSE_PER_ANGSTROM * (geometry.length[bond] - r0))
    return 1.0 - decay, [Part(slot, along=MORSE_PER_ANGSTROM * decay)]


def _bond(geometry, vectors, centres):
    u, parts = _stretch(geometry, vectors[:, 0], centres[:, 0], 0)
    return [u], [parts]


def _angle(geometry, vectors, centres):
    e1, e2 = geometry.unit[vectors[:, 0]], geometry.unit[vectors[:, 1]]
    u1, parts1 = _stretch(geometry, vectors[:, 0], centres[:, 0], 0)
    u2, parts2 = _stretch(geometry, vectors[:, 1], centres[:, 1], 1)
    x = _dot(e1, e2) - centres[:, 2]
    return [x, u1, u2], [[Part(0, across=e2), Part(1, across=e1)], parts1, parts2]


def _stretch_bend(geometry, vectors, centres):
    e1, e2 = geometry.unit[vectors[:, 0]], geometry.unit[vectors[:, 1]]
    u, parts = _stretch(geometry, vectors[:, 0], centres[:, 0], 0)
    return [_dot(e1, e2) - centres[:, 1], u], [[Part(0, across=e2), Part(1, across=e1)], parts]


def _angle_angle(geometry, vectors, centres):
    e1, e2, e3 = (geometry.unit[vectors[:, slot]] for slot in range(3))
    x, y = _dot(e1, e2) - centres[:, 0], _dot(e1, e3) - centres[:, 1]
    return [x, y], [[Part(0, across=e2), Part(1, across=e1)], [Part(0, across=e3), Part(2, across=e1)]]


def _plane(geometry, vectors, centres):
    e1, e2, e3 = (geometry.unit[vectors[:, slot]] for slot in range(3))
    crossed = np.cross(e2, e3)
    parts = [Part(0, across=crossed), Part(1, across=np.cross(e3, e1)), Part(2, across=np.cross(e1, e2))]
    return [_dot(e1, crossed)], [parts]


def _torsion(geometry, vectors, centres):
    """`vectors` lead from the second atom to the first and the third, and from the third to the fourth."""
    e1, e2, e3 = (geometry.unit[vectors[:, slot]] for slot in range(3))
    first, second = _dot(e1, e2), _dot(e2, e3)
    a, b = first[:, None], second[:, None]
    t_parts = [Part(0, across=e3 - b * e2), Part(1, across=-b * e1 - a * e3), Part(2, across=e1 - a * e2)]
    # The angle at the third atom lies between -e2 and e3.
    x_parts, y_parts = [Part(0, across=e2), Part(1, across=e1)], [Part(1, across=-e3), Part(2, across=-e2)]
    u, u_parts = _stretch(geometry, vectors[:, 1], centres[:, 0], 1)
    values = [_dot(e1, e3) - first * second, first - centres[:, 1], -second - centres[:, 2], u]
    return values, [t_parts, x_parts, y_parts, u_parts]


def _atom(geometry, vectors, centres):
    return [], []


# Terms that two atoms of a type may change places in have symmetric monomials only.
KINDS = {
    "atom": Kind(_atom, 0, ((),)),
    "bond": Kind(_bond, 1, ((1,), (2,), (3,))),
    "angle": Kind(_angle, 3, ((1, 0, 0), (2, 0, 0), (3, 0, 0), (0, 1, 1))),
    "stretch_bend": Kind(_stretch_bend, 2, ((1, 1),)),
    "angle_angle": Kind(_angle_angle, 2, ((1, 1),)),
    "plane": Kind(_plane, 0, ((2,), (4,))),
    "torsion": Kind(_torsion, 3, ((1, 0, 0, 0), (2, 0, 0, 0), (3, 0, 0, 0), (0, 1, 1, 0), (1, 1, 1, 0), (1, 0, 0, 1))),
}
"""Kinds of terms made of bonds, by name."""

PAIR_MONOMIALS = 2
"""Basis functions of a pair: a well and a repulsion."""

PAIR_WELL = 0.6
"""Where a pair's well is deepest, over the distance that UFF gives it: 1.9 angstrom of a strong hydrogen bond."""

UFF = {
    "H": (2.886, 0.044),
    "B": (4.083, 0.180),
    "C": (3.851, 0.105),
    "N": (3.660, 0.069),
    "O": (3.500, 0.060),
    "F": (3.364, 0.050),
    "Si": (4.295, 0.402),
    "P": (4.147, 0.305),
    "S": (4.035, 0.274),
    "Cl": (3.947, 0.227),
    "Br": (4.189, 0.251),
    "I": (4.500, 0.339),
}
"""Distance at the minimum (angstrom) and depth (kcal/mol) of a pair of like atoms: Rappe et al., J. Am. Chem. Soc. 114,
10024 (1992)."""


def pair_constants(first: str, second: str) -> tuple[float, float]:
    """Distance at the minimum (angstrom) and depth (eV) of a pair of elements: geometric means."""
    (r1, d1), (r2, d2) = UFF[first], UFF[second]
    return float(np.sqrt(r1 * r2)), float(np.sqrt(d1 * d2)) * KCAL_PER_MOL_EV


def pair_monomials(distance: np.ndarray, constants: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Well d (s^2 - 2 s / w^6) and repulsion 2 d s of pairs with s = (r0/r)^6, eV, and their derivatives, eV/angstrom.

    w is `PAIR_WELL`. With coefficients that are not negative their sum rises without bound where r falls below w r0;
    any Lennard-Jones potential with its minimum beyond that is such a sum.

    Args:
        distance: angstrom, (M,).
        constants: r0 (angstrom) and d (eV), (M, 2).

    Returns:
        both (2, M).
    """
    square = (constants[:, 0] / distance) ** 2
    sixth = square * square * square  # a general power takes ten times as long
    twelfth, repulsion = constants[:, 1] * sixth**2, 2 * constants[:, 1] * sixth
    values = np.array([twelfth - repulsion / PAIR_WELL**6, repulsion])
    slopes = np.array([-12 * twelfth + 6 * repulsion / PAIR_WELL**6, -6 * repulsion]) / distance
    return values, slopes
