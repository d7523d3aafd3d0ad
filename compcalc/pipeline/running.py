"""The run itself: units computed, metrics derived, manifest and report written."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from compcalc.dynamics.export import write_extxyz
from compcalc.execution import ResultStore, run_units
from compcalc.execution.environment import hardware, package_versions, usable_cores
from compcalc.execution.packing import unpack_trajectory
from compcalc.execution.run_directory import MANIFEST, open_run_directory, write_json
from compcalc.pipeline.metrics import compute_metrics
from compcalc.pipeline.prepared import PreparedRun
from compcalc.pipeline.settings import Progress, RunSettings
from compcalc.pipeline.work import PotentialWorker, lost_result
from compcalc.report.html import write_html
from compcalc.report.tables import write_metrics_csv


def run(settings: RunSettings, out: Path, *, command: str = "", progress: Progress | None = None) -> dict[str, Any]:
    """Do the run in directory `out`, or go on with one that was cut off; returns manifest and metrics.

    Raises:
        CompcalcError: the input cannot be used; nothing has been written then.
    """
    progress = progress or Progress()
    started = time.perf_counter()
    prepared = PreparedRun(settings)
    progress.examined(prepared.preflight)
    loading = time.perf_counter() - started
    earlier = open_run_directory(out, prepared.identity)
    manifest = _manifest(prepared, command, earlier)
    write_json(out / MANIFEST, manifest)
    store = ResultStore(out)
    timings = dict(manifest["timings_s"])
    timings["loading"] = round(timings.get("loading", 0.0) + loading, 2)
    for stage, units in (("static", prepared.static_units()), ("md", prepared.md_units())):
        begun = time.perf_counter()
        progress.begin(stage, len(units))
        run_units(
            units,
            PotentialWorker(prepared.spec),
            store,
            workers=min(settings.workers or usable_cores(), max(1, len(units))),
            timeout_s=settings.timeout_s,
            on_lost=lost_result,
            on_done=lambda unit, result, stage=stage: progress.advance(stage, unit),
        )
        timings[stage] = round(timings.get(stage, 0.0) + time.perf_counter() - begun, 2)
    _export_trajectories(prepared, store)
    metrics = compute_metrics(prepared, store)
    begun = time.perf_counter()
    manifest = {**manifest, "finished": _now(), "timings_s": timings}
    _write_outputs(out, manifest, metrics)
    timings["report"] = round(time.perf_counter() - begun, 2)
    timings["total"] = round(timings.get("total", 0.0) + time.perf_counter() - started, 2)
    write_json(out / MANIFEST, manifest)
    return {"manifest": manifest, "metrics": metrics}


def _manifest(prepared: PreparedRun, command: str, earlier: dict | None) -> dict[str, Any]:
    settings = prepared.settings
    return {
        "compcalc": version("compcalc"),
        "spec": prepared.spec.text,
        "potential": prepared.potential,
        "preflight": prepared.preflight.to_dict(),
        "task": prepared.task.name,
        "question": prepared.task.question,
        "preset": asdict(prepared.preset),
        "only": settings.only,
        "seed": settings.seed,
        "command": command,
        "identity": prepared.identity,
        "started": earlier["started"] if earlier else _now(),
        "finished": None,
        "timings_s": earlier["timings_s"] if earlier else {},
        "hardware": {**hardware(), "workers": settings.workers or usable_cores()},
        "versions": package_versions(),
        "data": {
            "path": "shipped" if settings.data is None else str(settings.data),
            "method": prepared.dataset.description.get("method"),
            "description": prepared.dataset.description,
        },
    }


def _export_trajectories(prepared: PreparedRun, store: ResultStore) -> None:
    """Write each trajectory beside its raw result as extended XYZ, for ASE and everything that reads it."""
    for unit in prepared.md_units():
        path = store.path(unit).with_suffix(".extxyz")
        if not path.exists():
            write_extxyz(path, unpack_trajectory(unit.payload.molecule, store.read(unit)))


def _write_outputs(out: Path, manifest: dict, metrics: dict) -> None:
    write_json(out / "metrics.json", metrics)
    write_metrics_csv(out / "metrics.csv", metrics)
    write_html(out / "report.html", manifest, metrics)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
