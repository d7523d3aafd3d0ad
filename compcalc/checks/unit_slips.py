"""What a constant factor between two sets of numbers that ought to agree gives away."""

from dataclasses import dataclass

import numpy as np

from compcalc.units import BOHR_ANGSTROM, HARTREE_EV, KCAL_PER_MOL_EV

KJ_PER_MOL_EV = KCAL_PER_MOL_EV / 4.184

FORCE_SLIPS = {
    -1.0: "the gradient instead of the force",
    1 / HARTREE_EV: "forces in hartree/angstrom",
    HARTREE_EV: "energy in hartree, or forces converted twice",
    BOHR_ANGSTROM / HARTREE_EV: "forces in hartree/bohr",
    HARTREE_EV / BOHR_ANGSTROM: "energy in hartree and lengths in bohr, or forces converted twice",
    BOHR_ANGSTROM: "forces in eV/bohr",
    1 / BOHR_ANGSTROM: "bohr multiplied where it should divide, or lengths in bohr",
    1 / KCAL_PER_MOL_EV: "forces in kcal/mol/angstrom",
    KCAL_PER_MOL_EV: "energy in kcal/mol",
    1 / KJ_PER_MOL_EV: "forces in kJ/mol/angstrom",
    KJ_PER_MOL_EV: "energy in kJ/mol",
    2.0: "each pair counted twice in the forces",
    0.5: "each pair counted twice in the energy, or half of each pair in the forces",
}
"""Factor of the forces over minus the gradient -> what would explain it."""

STRESS_SLIPS = {
    -1.0: "pressure instead of stress",
    160.21766: "stress in GPa",
    1602.1766: "stress in kbar",
    1 / HARTREE_EV: "stress in hartree/angstrom^3",
    BOHR_ANGSTROM**3 / HARTREE_EV: "stress in hartree/bohr^3",
    BOHR_ANGSTROM**3: "stress in eV/bohr^3",
    2.0: "each pair counted twice in the virial",
    0.5: "half of each pair in the virial",
}
"""Factor of the stress over the strain derivative of the energy per volume -> what would explain it."""

NEAR = 0.02
"""Relative distance within which a factor counts as a known one."""

ALIKE = 0.99
"""Cosine above which two sets of numbers count as proportional."""


@dataclass(frozen=True)
class Proportion:
    """How `got` relates to `expected`.

    Attributes:
        factor: least-squares factor, (got . expected) / (expected . expected).
        cosine: of the angle between them; 1 or -1 where they are proportional.
    """

    factor: float
    cosine: float

    @property
    def proportional(self) -> bool:
        """Whether a factor other than 1 explains the difference."""
        return abs(self.cosine) > ALIKE and abs(self.factor - 1) > NEAR

    def explanation(self, slips: dict[float, str]) -> str:
        """The slip whose factor this is, sign included; empty where there is none."""
        if not self.proportional:
            return ""
        if abs(self.factor + 1) < NEAR:
            return slips[-1.0]
        sign = "with the wrong sign, " if self.factor < 0 else ""
        for factor, cause in slips.items():
            if abs(abs(self.factor) / factor - 1) < NEAR:
                return sign + cause
        return ""

    @property
    def words(self) -> str:
        """`27.2 times too small`, with the sign where that is wrong too."""
        size = abs(self.factor)
        if abs(size - 1) < NEAR:
            return "of the right size and the wrong sign"
        times = f"{1 / size:.4g} times too small" if size < 1 else f"{size:.4g} times too large"
        return f"{times} and of the wrong sign" if self.factor < 0 else times


def proportion(got: np.ndarray, expected: np.ndarray) -> Proportion:
    """Least-squares factor and cosine between two arrays of one shape; NaN where one of them is zero."""
    dot, size, other = float(np.sum(got * expected)), float(np.sum(expected**2)), float(np.sum(got**2))
    if not size or not other:
        return Proportion(np.nan, np.nan)
    return Proportion(dot / size, dot / np.sqrt(size * other))
