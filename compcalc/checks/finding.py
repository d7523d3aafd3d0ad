"""What a check finds: a verdict, a number beside its tolerance, and a sentence."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np


class Verdict(StrEnum):
    """How a check ended, from best to worst; `not_applicable` says nothing about the potential."""

    NOT_APPLICABLE = "not_applicable"
    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"

    @property
    def severity(self) -> int:
        """0 for not applicable, 3 for a failure."""
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        verdict: pass, warn, fail or not_applicable.
        message: one sentence or two: what was seen, what it means, what to do.
        value: the number that was judged, in `unit`; None where the check has none.
        unit: of `value` and `tolerance`; empty for a ratio.
        tolerance: largest `value` that passes; None where the check has none.
        details: further numbers and words, all of them fit for JSON.
        name: the check, in snake_case.
        title: the check in short words.
    """

    verdict: Verdict
    message: str
    value: float | None = None
    unit: str = ""
    tolerance: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    title: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON; numbers that are not finite become None."""
        return {
            "name": self.name,
            "title": self.title,
            "verdict": str(self.verdict),
            "value": plain(self.value),
            "unit": self.unit,
            "tolerance": plain(self.tolerance),
            "message": self.message,
            "details": plain(dict(self.details)),
        }


def passed(message: str, value=None, unit: str = "", tolerance=None, **details) -> Finding:
    """A finding in order."""
    return Finding(Verdict.PASS, message, value, unit, tolerance, details)


def warned(message: str, value=None, unit: str = "", tolerance=None, **details) -> Finding:
    """A finding that a user should know of and may live with."""
    return Finding(Verdict.WARN, message, value, unit, tolerance, details)


def failed(message: str, value=None, unit: str = "", tolerance=None, **details) -> Finding:
    """A fault."""
    return Finding(Verdict.FAIL, message, value, unit, tolerance, details)


def not_applicable(message: str, **details) -> Finding:
    """A check that says nothing about this potential."""
    return Finding(Verdict.NOT_APPLICABLE, message, details=details)


def judged(value: float, tolerance: float, unit: str, good: str, bad: str, **details) -> Finding:
    """Passes with `good` where `value` is at most `tolerance`, else fails with `bad`; NaN fails."""
    # Written so that a NaN falls on the failing side.
    if value <= tolerance:
        return passed(good, value, unit, tolerance, **details)
    return failed(bad, value, unit, tolerance, **details)


def plain(value: Any) -> Any:
    """`value` in the types that JSON knows; what is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value if value is None else str(value)
