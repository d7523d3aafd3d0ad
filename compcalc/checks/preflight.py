"""The short examination before a run: is the potential fit to be measured at all?"""

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from compcalc.checks.doctor import examine
from compcalc.checks.examination import Examination
from compcalc.checks.finding import Finding, Verdict

BEFORE_A_RUN = (
    "moved_atoms",
    "determinism",
    "noise_floor",
    "forces",
    "net_force",
    "rotation",
    "atoms_untouched",
    "other_molecules",
    "batched",
)
"""Checks whose failure changes how the numbers of a run are to be read."""

FATAL = ("moved_atoms", "other_molecules")
"""Checks without which the numbers of a run belong to other atoms than those they are reported for."""

BUDGET_S = 30.0


def preflight(calculator: BaseCalculator, atoms: Atoms) -> Examination:
    """Examine a potential on one molecule in a few seconds; a slow one is examined as far as 30 s reach.

    Args:
        calculator: any ASE calculator.
        atoms: an isolated molecule that it covers, not at rest in a minimum.
    """
    return examine(calculator, atoms, only=BEFORE_A_RUN, budget_s=BUDGET_S)


def fatal(found: Examination) -> Finding | None:
    """The first finding with which a run would hold false numbers, or None."""
    failures = (f for f in found.with_verdict(Verdict.FAIL) if f.name in FATAL)
    return next(failures, None)


def batches_well(found: Examination) -> bool:
    """Whether nothing speaks against batches: they give what their members give alone."""
    return not any(f.name == "batched" for f in found.with_verdict(Verdict.FAIL))
