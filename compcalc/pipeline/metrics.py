"""Every metric of a finished run, from its stored results alone."""

from dataclasses import dataclass
from typing import Any

from compcalc.errors import RunDirectoryError
from compcalc.execution import Result, ResultStore, Unit
from compcalc.execution.packing import unpack_prediction, unpack_trajectory
from compcalc.metrics import dynamics as dynamic_metrics
from compcalc.metrics import static as static_metrics
from compcalc.metrics.stability import stability_table
from compcalc.molecules.groups import chain_end_distance, environments
from compcalc.pipeline.ontrajectory import labelled_runs
from compcalc.pipeline.prepared import PreparedRun
from compcalc.pipeline.referencemd import ReferenceRuns
from compcalc.units import MEV_PER_EV


def compute_metrics(prepared: PreparedRun, store: ResultStore) -> dict[str, Any]:
    """Every metric of a finished run, from its stored predictions and trajectories alone.

    Raises:
        RunDirectoryError: a result is missing or damaged.
    """
    only, given = prepared.settings.only, prepared.given
    static = _static(prepared, store) if given.frames and only != "md" else None
    md = _dynamics(prepared, store, static) if only != "static" else None
    if md is not None:
        beside = md["reference"]["runs"] if md["reference"] else ()
        static_rows = static["molecules"] if static else []
        md["stability"] = stability_table(static_rows, md["runs"], prepared.settings.seed, beside)
    return {
        "schema_version": 1,
        "own_molecules": given.task is None,
        "checks": _checks(prepared, store) if given.examined and only != "md" else None,
        "static": static,
        "md": md,
    }


def _checks(prepared: PreparedRun, store: ResultStore) -> dict[str, Any]:
    """What was found on each molecule; a molecule whose process was lost has its `cause` and no findings."""
    rows = []
    for unit in prepared.check_units():
        facts = _result(store, unit).meta
        examination = facts.get("examination") or {}
        rows.append(
            {
                "molecule": facts["molecule"],
                "smiles": unit.payload.geometry.molecule.smiles,
                "verdict": examination.get("verdict"),
                "findings": examination.get("findings", []),
                "cause": facts.get("cause"),
            }
        )
    return {"molecules": rows}


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


@dataclass(frozen=True)
class _Noise:
    """Standard deviations around a smooth curve: `energy` in eV, `forces` in eV/angstrom, one component."""

    energy: float
    forces: float


def _noise(prepared: PreparedRun) -> _Noise | None:
    """Scatter of the potential, as the examination before the run measured it."""
    for finding in prepared.potential.preflight.get("findings", ()):
        details = finding.get("details") or {}
        if finding.get("name") == "noise_floor" and "energy_noise_mev" in details:
            values = details["energy_noise_mev"], details["forces_noise_mev_per_angstrom"]
            return _Noise(*(value / MEV_PER_EV for value in values))
    return None


def _dynamics(prepared: PreparedRun, store: ResultStore, static: dict | None) -> dict[str, Any]:
    static_rows = static["molecules"] if static else []
    static_force_mae = {row["molecule"]: row["force_mae_mev_per_angstrom"] for row in static_rows}
    labelled, noise, reference = labelled_runs(prepared, store), _noise(prepared), ReferenceRuns(prepared, store)

    def row_of(unit: Unit) -> dict[str, Any]:
        molecule = unit.payload.molecule.name
        about = {"noise": noise, "labelled": labelled.get(unit.id), "static_force_mae": static_force_mae.get(molecule)}
        return _run_row(prepared, store, unit, reference, **about)

    rows = _sorted(prepared, [row_of(unit) for unit in prepared.md_units()])
    beside = _sorted(prepared, [_run_row(prepared, store, unit, reference) for unit in reference.units])
    return {
        "runs": rows,
        "summary": dynamic_metrics.summarise(rows, prepared.settings.seed, beside),
        "reference": _reference(prepared, beside) if beside else None,
    }


def _run_row(
    prepared: PreparedRun, store: ResultStore, unit: Unit, reference: ReferenceRuns, **about: Any
) -> dict[str, Any]:
    trajectory, run = unpack_trajectory(unit.payload.molecule, _result(store, unit)), unit.payload
    frames = next((f for f in prepared.ood_frames if f.molecule.name == run.molecule.name), None)
    return dynamic_metrics.run_row(
        trajectory,
        run.protocol.production_ps,
        frames,
        protocol=run.protocol,
        bonds=run.bonds,
        reference_run=reference.beside(unit),
        **about,
    )


def _reference(prepared: PreparedRun, rows: list[dict]) -> dict[str, Any]:
    """The same of the runs of the reference method; those that failed are among them."""
    return {
        "method": prepared.given.method,
        "replicas": prepared.settings.reference_replicas,
        "runs": rows,
        "summary": dynamic_metrics.summarise(rows, prepared.settings.seed),
    }


def _sorted(prepared: PreparedRun, rows: list[dict]) -> list[dict]:
    order = [one.molecule.name for one in prepared.given.starts]
    return sorted(rows, key=lambda row: (order.index(row["molecule"]), row["protocol"], row["replica"]))


def _result(store: ResultStore, unit: Unit) -> Result:
    """Of a unit that was computed before."""
    result = store.read(unit)
    if result is None:
        raise RunDirectoryError(
            f"the result of {unit.id} is missing or damaged in {store.directory}, though it was computed. "
            "Give the same command again to compute it anew."
        )
    return result
