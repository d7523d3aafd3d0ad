"""Every metric of a finished run, from its stored results alone."""

from typing import Any

from compcalc.errors import RunDirectoryError
from compcalc.execution import Result, ResultStore, Unit
from compcalc.execution.packing import unpack_prediction, unpack_trajectory
from compcalc.metrics import dynamics as dynamic_metrics
from compcalc.metrics import static as static_metrics
from compcalc.molecules.groups import chain_end_distance, environments
from compcalc.pipeline.prepared import PreparedRun


def compute_metrics(prepared: PreparedRun, store: ResultStore) -> dict[str, Any]:
    """Every metric of a finished run, from its stored predictions and trajectories alone.

    Raises:
        RunDirectoryError: a result is missing or damaged.
    """
    return {
        "schema_version": 1,
        "static": _static(prepared, store) if prepared.settings.only != "md" else None,
        "md": _dynamics(prepared, store) if prepared.settings.only != "static" else None,
    }


def _static(prepared: PreparedRun, store: ResultStore) -> dict[str, Any]:
    units = prepared.static_units()
    pairs = [(u.payload.frames, unpack_prediction(u.payload.frames.molecule, _result(store, u))) for u in units]
    n_id = len(prepared.id_frames)
    shift = static_metrics.element_shift(pairs[:n_id])
    rows = [
        static_metrics.molecule_row(
            frames,
            prediction,
            "id" if k < n_id else "ood",
            environments=environments(frames.numbers, frames.bonds),
            chain_end=chain_end_distance(frames.numbers, frames.bonds).tolist(),
            shift=shift,
        )
        for k, (frames, prediction) in enumerate(pairs)
    ]
    batched = [1000 * p.batch_difference for _, p in pairs if p.batch_difference is not None]
    return {
        "molecules": rows,
        "summary": static_metrics.summarise(rows, pairs, prepared.settings.seed),
        "batch_difference_mev_per_angstrom": max(batched, default=None),
    }


def _dynamics(prepared: PreparedRun, store: ResultStore) -> dict[str, Any]:
    reference = {f.molecule.name: f for f in prepared.ood_frames}
    rows = []
    for unit in prepared.md_units():
        trajectory = unpack_trajectory(unit.payload.molecule, _result(store, unit))
        frames = reference[trajectory.molecule.name]
        rows.append(dynamic_metrics.run_row(trajectory, unit.payload.protocol.production_ps, frames))
    order = list(reference)
    rows.sort(key=lambda row: (order.index(row["molecule"]), row["protocol"], row["replica"]))
    return {"runs": rows, "summary": dynamic_metrics.summarise(rows)}


def _result(store: ResultStore, unit: Unit) -> Result:
    """Of a unit that was computed before."""
    result = store.read(unit)
    if result is None:
        raise RunDirectoryError(
            f"the result of {unit.id} is missing or damaged in {store.directory}, though it was computed. "
            "Give the same command again to compute it anew."
        )
    return result
