"""What a run leaves for people and programs, made from its stored results alone, and made again at any time."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from compcalc.dynamics.export import write_event_extxyz, write_extxyz
from compcalc.errors import MissingDependencyError
from compcalc.execution import ResultStore, Unit, content_hash
from compcalc.execution.environment import hardware, package_versions
from compcalc.execution.files import CannotWriteError, make_directory, replacing
from compcalc.execution.packing import unpack_trajectory
from compcalc.execution.run_directory import MANIFEST, RunDirectory, write_json
from compcalc.pipeline.costs import run_cost
from compcalc.pipeline.inputs import RunInput
from compcalc.pipeline.metrics import compute_metrics
from compcalc.pipeline.predictions import PREDICTIONS, export_predictions, prediction_names
from compcalc.pipeline.prepared import PreparedRun
from compcalc.pipeline.seen import seen_runs
from compcalc.pipeline.work import ReferenceRun
from compcalc.report.html import write_html
from compcalc.report.index import write_index
from compcalc.report.tables import metrics_parquet, write_metrics_csv

TRAJECTORIES = "trajectories"
OWN_QUESTION = "Does it hold on these molecules?"
_EXPORTED = "exported.json"
_FOR_PEOPLE = ("metrics.csv", "report.html")
_PARQUET = "metrics.parquet"
_OUTPUTS = (MANIFEST, "metrics.json", "metrics.csv", _PARQUET, "report.html", PREDICTIONS, TRAJECTORIES)


def make_manifest(prepared: PreparedRun, entry: dict[str, Any], workers: int, timings: dict[str, float]) -> dict:
    """Content of run.json of a run that is under way."""
    settings = prepared.settings
    return {
        "compcalc": version("compcalc"),
        "name": prepared.given.name,
        "spec": prepared.given.spec.text,
        "potential": {
            **prepared.potential.described,
            "training": prepared.potential.training,
            "trained": prepared.potential.trained,
        },
        "preflight": prepared.potential.preflight,
        "task": prepared.given.task and prepared.given.task.name,
        "question": prepared.given.task.question if prepared.given.task else OWN_QUESTION,
        "molecules": [one.molecule.name for one in prepared.given.starts],
        "refused": prepared.given.refused,
        "preset": asdict(prepared.preset),
        "only": settings.only,
        "seed": settings.seed,
        "command": entry["command"],
        "started": entry["started"],
        "finished": None,
        "timings_s": timings,
        "hardware": {**hardware(), "workers": workers},
        "versions": package_versions(),
        "data": {**prepared.given.described_data(), "sha256": _data_checksums(prepared.given)},
    }


def write_outputs(prepared: PreparedRun, store: ResultStore, out: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Write trajectories, metrics and report of a run whose units are all done; returns its metrics.

    Raises:
        CannotWriteError: the disk is full, or the directory cannot be written.
    """
    metrics = compute_metrics(prepared, store)
    manifest = {**manifest, "cost": run_cost(prepared, store)}
    with writing(out):
        make_directory(out)
        export_trajectories(prepared, store, out)
        write_json(out / "metrics.json", metrics)
        write_metrics_csv(out / "metrics.csv", metrics, manifest)
        not_written = _write_parquet(out / _PARQUET, metrics, manifest)
        write_html(out / "report.html", manifest, metrics, seen_runs(prepared, store))
        names = [*_FOR_PEOPLE, *export_predictions(prepared, store, out), _PARQUET]
        sha256 = {name: _sha256(out / name) for name in names if name not in not_written}
    write_json(out / MANIFEST, {**manifest, "sha256": sha256, "not_written": not_written})
    return metrics


def export_trajectories(prepared: PreparedRun, store: ResultStore, out: Path) -> list[str]:
    """Write each trajectory as extended XYZ, for ASE and everything that reads it; whole files of earlier are kept.

    Returns:
        names of the files that were written.
    """
    folder = out / TRAJECTORIES
    known, written = _exported(folder), []
    for unit in _exports(prepared):
        name = _export_name(unit)
        if known.get(name) == [unit.hash, _sha256(folder / name)]:
            continue
        make_directory(folder)
        trajectory = unpack_trajectory(unit.payload.molecule, store.read(unit))
        write_extxyz(folder / name, trajectory)
        write_event_extxyz(folder / name.replace(".extxyz", ".event.extxyz"), trajectory)
        known[name] = [unit.hash, _sha256(folder / name)]
        written.append(name)
    if written:
        write_json(folder / _EXPORTED, known)
    return written


def damaged_exports(prepared: PreparedRun, out: Path) -> list[str]:
    """Names of exported trajectories that are missing, changed or of other units."""
    folder = out / TRAJECTORIES
    known = _exported(folder)
    return [
        name
        for unit in _exports(prepared)
        if known.get(name := _export_name(unit)) != [unit.hash, _sha256(folder / name)]
    ]


def damaged_files(prepared: PreparedRun, out: Path) -> list[str]:
    """Names of a run's other files for people that are missing, or not as its run.json has them."""
    manifest = read_manifest(out)
    if manifest is None:
        return [MANIFEST]
    known = manifest.get("sha256", {})
    names = dict.fromkeys([*_FOR_PEOPLE, *prediction_names(prepared), *known])
    return [name for name in names if known.get(name) is None or known[name] != _sha256(out / name)]


def settle(directory: RunDirectory) -> None:
    """Give each run of a directory that has come to hold several a folder of its own, and write their overview."""
    names = list(directory.runs())
    if len(names) < 2:
        return
    with writing(directory.path):
        _move_first(directory)
        entries = [(name, *_read_outputs(directory.outputs(name))) for name in names]
        write_index(directory.path / "report.html", [entry for entry in entries if entry[1] is not None])


def read_manifest(out: Path) -> dict[str, Any] | None:
    """The run.json in a folder; None where there is none that can be read."""
    return _read_json(out / MANIFEST)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say of an error of the system that `path` cannot be written."""
    try:
        yield
    except CannotWriteError:
        raise
    except OSError as error:
        raise CannotWriteError(Path(error.filename or path), error.strerror or str(error)) from error


def _data_checksums(given: RunInput) -> dict[str, str]:
    """Molecule -> SHA-256 of what it is measured on: its reference frames, or its geometry where it has none."""
    geometries = {
        one.molecule.name: content_hash(one.numbers.tolist(), one.positions.tolist(), one.bonds.tolist())
        for one in given.starts
    }
    return {**geometries, **given.checksums()}


def _write_parquet(path: Path, metrics: dict[str, Any], manifest: dict[str, Any]) -> dict[str, str]:
    """Write the table as Parquet; returns name of the file and reason where that cannot be done here."""
    try:
        content = metrics_parquet(metrics, manifest)
    except MissingDependencyError as error:
        path.unlink(missing_ok=True)
        return {path.name: str(error)}
    with replacing(path) as file:
        file.write(content)
    return {}


def _move_first(directory: RunDirectory) -> None:
    """The outputs of a run that was the only one lie at the top."""
    manifest = read_manifest(directory.path)
    if manifest is None:
        return
    folder = directory.path / manifest["name"]
    folder.mkdir(exist_ok=True)
    for name in reversed(_OUTPUTS):  # run.json, which says whose they are, goes last
        with suppress(FileNotFoundError):
            (directory.path / name).rename(folder / name)


def _read_outputs(out: Path) -> tuple[dict | None, dict | None]:
    manifest, metrics = read_manifest(out), _read_json(out / "metrics.json")
    return (manifest, metrics) if manifest and metrics else (None, None)


def _read_json(path: Path) -> dict | None:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _exported(folder: Path) -> dict[str, list]:
    return _read_json(folder / _EXPORTED) or {}


def _exports(prepared: PreparedRun) -> list[Unit]:
    return prepared.md_units() + prepared.reference_md_units()


def _export_name(unit: Unit) -> str:
    run = unit.payload
    of = "reference-" if isinstance(run, ReferenceRun) else ""
    return f"{of}{run.molecule.file_stem}-{run.protocol.name}-{run.replica}.extxyz"


def _sha256(path: Path) -> str | None:
    """None for a file that is not there, as where a trajectory has no frames to write."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
