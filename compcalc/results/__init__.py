"""Finished runs read back from what they left: metrics as pandas frames, predictions, trajectories as ASE Atoms."""

from compcalc.results.loaded import LoadedRun, load_run

__all__ = ["LoadedRun", "load_run"]
