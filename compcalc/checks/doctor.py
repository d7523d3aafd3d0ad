"""The examination: every check in its order, within a time limit, none of them able to take the others down."""

import time
from collections.abc import Callable, Collection
from dataclasses import replace

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from compcalc.checks import (
    batching,
    caching,
    charge,
    conservativeness,
    contract,
    extensivity,
    failures,
    isolation,
    noise,
    smoothness,
    speed,
    stress,
    symmetry,
)
from compcalc.checks.asking import forget_everything
from compcalc.checks.check import Check
from compcalc.checks.examination import Examination
from compcalc.checks.finding import Finding, Verdict, not_applicable
from compcalc.checks.specimen import choose_subject
from compcalc.checks.subject import Subject
from compcalc.errors import UnknownNameError

ORDER: tuple[Check, ...] = (
    contract.evaluates,
    contract.first_call,
    contract.signature,
    contract.result_types,
    contract.result_names,
    contract.free_energy,
    contract.implemented_properties,
    caching.moved_atoms,
    noise.determinism,
    noise.noise_floor,
    conservativeness.forces,
    conservativeness.jacobian,
    conservativeness.net_force,
    conservativeness.net_torque,
    symmetry.rotation,
    symmetry.reflection,
    symmetry.translation,
    symmetry.permutation,
    extensivity.two_copies,
    extensivity.single_atom,
    extensivity.distant_pair,
    extensivity.idle_cell,
    smoothness.bond_stretch,
    smoothness.torsion,
    isolation.atoms_untouched,
    isolation.own_results,
    isolation.other_molecules,
    caching.changed_cell,
    caching.changed_elements,
    caching.changed_charge,
    caching.changed_parameters,
    stress.stress_without_cell,
    stress.stress_from_strain,
    charge.charge,
    charge.spin,
    batching.batched,
    speed.speed,
    # Last, because input that cannot be computed may leave a process or an accelerator unusable.
    failures.nan_positions,
    failures.after_failure,
    failures.unknown_element,
)
CHECKS: dict[str, Check] = {check.name: check for check in ORDER}
"""Every check by its name, in the order in which they run."""

Progress = Callable[[int, int, str], None]
"""Called with the number of checks done, their total, and the title of the one that starts."""


class Doctor:
    """Runs checks on one subject, each at most once, and first those that it depends on.

    Args:
        calculator: any ASE calculator; its cache is emptied many times.
        atoms: an isolated molecule that the potential covers; a small one of its elements where None.
        budget_s: checks that would end after so many seconds are left out; None for no limit.

    Raises:
        InputError: atoms that are periodic, or none at all.
    """

    def __init__(self, calculator: BaseCalculator, atoms: Atoms | None = None, *, budget_s: float | None = 60.0):
        self._started, self._budget = time.perf_counter(), budget_s
        self.subject: Subject = choose_subject(calculator, atoms)
        self._findings: dict[str, Finding] = {}

    @property
    def seconds(self) -> float:
        """Wall time since the start, s."""
        return time.perf_counter() - self._started

    def finding(self, name: str) -> Finding:
        """The finding of the check called `name`.

        Raises:
            UnknownNameError: there is none.
        """
        if name not in CHECKS:
            raise UnknownNameError("check", name, CHECKS)
        if name not in self._findings:
            self._findings[name] = self._run(CHECKS[name])
        return self._findings[name]

    def _run(self, check: Check) -> Finding:
        for needed in check.needs:
            before = self.finding(needed)
            if before.verdict is Verdict.FAIL:
                return _named(check, not_applicable(f"Not examined: '{before.title}' failed, which this rests on."))
        expected = check.evaluations * self.subject.seconds_per_call
        if self._budget is not None and self.seconds + expected > self._budget and check.needs:
            message = f"Left out: it would take {expected:.3g} s more, beyond the limit of {self._budget:g} s."
            return _named(check, not_applicable(message))
        finding = check(self.subject)
        forget_everything(self.subject.calculator)
        return finding


def _named(check: Check, finding: Finding) -> Finding:
    return replace(finding, name=check.name, title=check.title)


def examine(
    calculator: BaseCalculator,
    atoms: Atoms | None = None,
    *,
    only: Collection[str] | None = None,
    budget_s: float | None = 60.0,
    progress: Progress | None = None,
) -> Examination:
    """Examine a potential: what ASE expects of it, physics, numerical noise. Takes some 300 evaluations.

    Where compcalc has wrapped somebody's calculator, the rows about ASE's contract look at that calculator itself.

    Args:
        calculator: any ASE calculator; its cache is emptied many times.
        atoms: an isolated molecule with non-zero forces; a small one of the potential's elements where None.
        only: names of checks, or of their topics (`symmetry`); all where None.
        budget_s: checks that would end after so many seconds are left out; None for no limit.
        progress: called before each check.

    Raises:
        InputError: atoms that are periodic, or none at all.
        UnknownNameError: a name in `only` is neither a check nor a topic.
    """
    checks = chosen(only)
    if progress:
        progress(0, len(checks), "choosing a test molecule")
    doctor = Doctor(calculator, atoms, budget_s=budget_s)
    findings = []
    for done, check in enumerate(checks):
        if progress:
            progress(done, len(checks), check.title)
        findings.append(doctor.finding(check.name))
    if progress:
        progress(len(checks), len(checks), "done")
    computed = doctor.finding("evaluates").verdict is not Verdict.FAIL
    subject = doctor.subject
    return Examination(
        potential=subject.name,
        molecule=subject.molecule,
        findings=tuple(findings),
        dtype=subject.dtype if computed else "",
        seconds=doctor.seconds,
        evaluations=subject.evaluations,
    )


def chosen(only: Collection[str] | None) -> list[Check]:
    """The checks that `only` names, in their order; all where it is None.

    Raises:
        UnknownNameError: a name that is neither a check nor a topic.
    """
    if only is None:
        return list(ORDER)
    names = [only] if isinstance(only, str) else list(only)
    topics = {check.topic for check in ORDER}
    for name in names:
        if name not in CHECKS and name not in topics:
            raise UnknownNameError("check", name, [*CHECKS, *topics])
    return [check for check in ORDER if check.name in names or check.topic in names]
