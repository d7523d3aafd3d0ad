"""A check: a function of the subject with a name, which turns every exception into a finding of its own."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from compcalc.checks.asking import reason
from compcalc.checks.finding import Finding, Verdict, failed
from compcalc.checks.subject import Subject

GUARD = "compcalc guards against this in its own runs; other programs do not."


@dataclass(frozen=True)
class Check:
    """One row of the examination.

    Attributes:
        name: snake_case.
        title: short words for a table.
        topic: the module that it stands in.
        judge: what it does; the finding that it returns has no name yet.
        evaluations: how many evaluations it makes, at most.
        needs: checks without whose pass this one says nothing.
        guarded: compcalc's own wrapper keeps this fault from its runs.
    """

    name: str
    title: str
    topic: str
    judge: Callable[[Subject], Finding]
    evaluations: int
    needs: tuple[str, ...]
    guarded: bool

    def __call__(self, subject: Subject) -> Finding:
        """The finding; an exception becomes a failure with its reason."""
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                finding = self.judge(subject)
        # Some programs end by sys.exit where they fail.
        except (Exception, SystemExit) as error:
            finding = failed(
                f"The potential stopped with {reason(error)} during this check, "
                "where it should have returned a result or a clear refusal."
            )
        if self.guarded and subject.hardened and finding.verdict.severity >= Verdict.WARN.severity:
            finding = replace(finding, message=f"{finding.message} {GUARD}")
        return replace(finding, name=self.name, title=self.title)


def check(
    title: str,
    *,
    evaluations: int,
    needs: tuple[str, ...] = ("evaluates", "moved_atoms"),
    guarded: bool = False,
) -> Callable[[Callable[[Subject], Finding]], Check]:
    """Make a function of the subject a `Check` called like the function."""

    def make(function: Callable[[Subject], Finding]) -> Check:
        topic = function.__module__.rpartition(".")[2]
        return Check(function.__name__, title, topic, function, evaluations, needs, guarded)

    return make
