"""The run: task, data and potential joined with the checks, the dynamics, the metrics and the report."""

from compcalc.pipeline.directory import read_input
from compcalc.pipeline.metrics import compute_metrics
from compcalc.pipeline.potential import PotentialError
from compcalc.pipeline.prepared import PreparedRun
from compcalc.pipeline.running import run, run_all
from compcalc.pipeline.settings import Progress, RunSettings

__all__ = [
    "PotentialError",
    "PreparedRun",
    "Progress",
    "RunSettings",
    "compute_metrics",
    "read_input",
    "run",
    "run_all",
]
