"""The run: task, data and potential joined with the checks, the dynamics, the metrics and the report."""

from compcalc.pipeline.metrics import compute_metrics
from compcalc.pipeline.prepared import PotentialError, PreparedRun
from compcalc.pipeline.running import run
from compcalc.pipeline.settings import Progress, RunSettings

__all__ = ["PotentialError", "PreparedRun", "Progress", "RunSettings", "compute_metrics", "run"]
