"""The MD runs of a finished run, one by one, for its report to look into."""

from collections.abc import Iterator

from compcalc.execution import ResultStore
from compcalc.execution.packing import unpack_trajectory
from compcalc.pipeline.prepared import PreparedRun
from compcalc.report.trajectories import SeenRun


def seen_runs(prepared: PreparedRun, store: ResultStore) -> Iterator[SeenRun]:
    """Each stored trajectory with its bonds and the reference's frames of its molecule."""
    reference = {frames.molecule.name: frames for frames in prepared.ood_frames}
    for unit in prepared.md_units():
        result = store.read(unit)
        if result is not None:
            run = unit.payload
            trajectory = unpack_trajectory(run.molecule, result)
            yield SeenRun(trajectory, run.bonds, reference.get(run.molecule.name))
