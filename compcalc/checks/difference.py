"""Two results that ought to be the same, and by how much they are not."""

from dataclasses import dataclass

import numpy as np

from compcalc.checks.asking import Result
from compcalc.checks.finding import Finding, judged
from compcalc.checks.subject import Subject


@dataclass(frozen=True)
class Difference:
    """Largest differences beside their tolerances.

    Attributes:
        energy: eV.
        forces: eV/angstrom, largest component.
        energy_tolerance: eV.
        forces_tolerance: eV/angstrom.
    """

    energy: float
    forces: float
    energy_tolerance: float
    forces_tolerance: float

    @property
    def ratio(self) -> float:
        """The larger of the two, in units of its tolerance."""
        return max(self.energy / self.energy_tolerance, self.forces / self.forces_tolerance)

    @property
    def ok(self) -> bool:
        """Whether both are within their tolerances."""
        return self.energy <= self.energy_tolerance and self.forces <= self.forces_tolerance

    @property
    def judged_value(self) -> tuple[float, float, str]:
        """Value, tolerance and unit of the one that is nearer to its limit, or farther beyond it."""
        if self.energy / self.energy_tolerance > self.forces / self.forces_tolerance:
            return self.energy, self.energy_tolerance, "eV"
        return self.forces, self.forces_tolerance, "eV/angstrom"

    @property
    def words(self) -> str:
        """Both numbers as a phrase."""
        return f"the energy by {self.energy:.2g} eV and the forces by up to {self.forces:.2g} eV/angstrom"

    def finding(self, good: str, bad: str, **details) -> Finding:
        """A finding on the judged value, with both differences in its details."""
        value, tolerance, unit = self.judged_value
        both = {"energy_difference_ev": self.energy, "forces_difference_ev_per_angstrom": self.forces}
        return judged(value, tolerance, unit, good, bad, **both, **details)


def difference(
    subject: Subject,
    got: Result,
    expected: Result,
    energy_tolerance: float | None = None,
    forces_tolerance: float | None = None,
) -> Difference:
    """Compare two results of input that means the same, within tolerances (eV, eV/angstrom) or those of the table."""
    energy_tolerance = subject.tolerances.energy if energy_tolerance is None else energy_tolerance
    forces_tolerance = subject.tolerances.forces if forces_tolerance is None else forces_tolerance
    return Difference(
        energy=abs(got[0] - expected[0]),
        forces=float(np.abs(got[1] - expected[1]).max()),
        energy_tolerance=subject.energy_limit(energy_tolerance),
        forces_tolerance=subject.forces_limit(forces_tolerance),
    )


def carried_over(subject: Subject, got: Result, expected: Result) -> Difference:
    """Compare a result that may carry something over from the last geometry with one from a fresh start."""
    limits = subject.tolerances
    return difference(subject, got, expected, limits.history_energy, limits.history_forces)
