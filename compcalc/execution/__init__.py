"""Execution of work units: what runs where, and how a result reaches the disk. Knows nothing of the science."""

from compcalc.execution.outcome import Cost, Done, Lost
from compcalc.execution.pool import Here, Limits, LocalPool
from compcalc.execution.runner import Executor, Followed, run_units
from compcalc.execution.store import Result, ResultStore
from compcalc.execution.units import Unit, content_hash

__all__ = [
    "Cost",
    "Done",
    "Executor",
    "Followed",
    "Here",
    "Limits",
    "LocalPool",
    "Lost",
    "Result",
    "ResultStore",
    "Unit",
    "content_hash",
    "run_units",
]
