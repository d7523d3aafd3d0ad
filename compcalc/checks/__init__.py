"""Checks: accuracy of a potential on test molecules, and its examination by itself."""

from compcalc.checks.doctor import CHECKS, Doctor, examine
from compcalc.checks.examination import Examination
from compcalc.checks.finding import Finding, Verdict

__all__ = ["CHECKS", "Doctor", "Examination", "Finding", "Verdict", "examine"]
