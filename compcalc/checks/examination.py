"""All findings on one potential."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from compcalc.checks.finding import Finding, Verdict, plain


@dataclass(frozen=True)
class Examination:
    """All findings on one potential.

    Attributes:
        potential: its name.
        molecule: what it was tested on.
        findings: one a check, in order.
        dtype: `float32` or `float64`; empty where nothing could be computed.
        seconds: wall time, s.
        evaluations: how many times the potential was asked.
    """

    potential: str
    molecule: str
    findings: tuple[Finding, ...]
    dtype: str
    seconds: float
    evaluations: int

    @property
    def verdict(self) -> Verdict:
        """The worst of all verdicts."""
        return max((f.verdict for f in self.findings), key=lambda v: v.severity, default=Verdict.NOT_APPLICABLE)

    @property
    def ok(self) -> bool:
        """No check failed; warnings are allowed."""
        return self.verdict is not Verdict.FAIL

    def with_verdict(self, verdict: Verdict) -> list[Finding]:
        """The findings with this verdict, in order."""
        return [finding for finding in self.findings if finding.verdict is verdict]

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON."""
        counts = Counter(str(finding.verdict) for finding in self.findings)
        return plain(
            {
                "potential": self.potential,
                "molecule": self.molecule,
                "dtype": self.dtype,
                "verdict": self.verdict,
                "ok": self.ok,
                "counts": {str(verdict): counts[str(verdict)] for verdict in Verdict},
                "seconds": self.seconds,
                "evaluations": self.evaluations,
                "findings": [finding.to_dict() for finding in self.findings],
            }
        )
