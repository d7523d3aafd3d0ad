"""Execution of work units: what runs where, and how a result reaches the disk. Knows nothing of the science."""

from compcalc.execution.runner import Lost, run_units
from compcalc.execution.store import Result, ResultStore
from compcalc.execution.units import Unit, content_hash

__all__ = ["Lost", "Result", "ResultStore", "Unit", "content_hash", "run_units"]
