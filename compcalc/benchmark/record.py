"""What a benchmark found, as one JSON-able object: every cell with its training and its test."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from compcalc import __version__
from compcalc.benchmark.matrix import Cell, Matrix

FORMAT = 1
_OF_THE_CARD = ("frames", "data", "parameters", "selection", "errors", "training_seconds", "details", "notes", "sha256")
_OF_THE_SUMMARY = (
    "force_mae_mev_per_angstrom",
    "energy_mae_mev_per_atom",
    "relative_energy_mae_mev_per_atom",
    "shifted_energy_mae_mev_per_atom",
)
_OF_THE_MD = (
    "molecule",
    "protocol",
    "replica",
    "outcome",
    "time_ps",
    "drift_mev_per_atom_per_ps",
    "trajectory_force_mae_mev_per_angstrom",
    "bond_angle_wasserstein_degrees",
    "ms_per_step",
)


def make_record(
    matrix: Matrix,
    sizes: Mapping[str, Any],
    failed: Mapping[Cell, str],
    tested: Mapping[Cell, Mapping[str, Any]],
    command: str,
    boards: Mapping[str, Any],
) -> dict[str, Any]:
    """The record.

    Args:
        matrix: what was asked for.
        sizes: how much of it, JSON-able.
        failed: cells whose training failed, with the cause.
        tested: cell -> `error`, or `name`, `manifest` and `metrics` of its run.
        command: as the user gave it.
        boards: the leaderboards as plain data.
    """
    return {
        "format": FORMAT,
        "compcalc": __version__,
        "command": command,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "sizes": dict(sizes),
        "models": {model.text: _model(model) for model in matrix.models},
        "tasks": [f"{task}/{variant}" for task, variant in matrix.tasks],
        "seeds": list(matrix.seeds),
        "data_sha256": _data(tested),
        "cells": [_cell(cell, failed.get(cell), tested.get(cell)) for cell in matrix.cells()],
        **boards,
    }


def _data(tested: Mapping[Cell, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Task -> molecule -> SHA-256 of the frames that it was tested on."""
    good = [run["manifest"] for run in tested.values() if "error" not in run]
    return {str(manifest["task"]): dict((manifest.get("data") or {}).get("sha256") or {}) for manifest in good}


def _model(model) -> dict[str, Any]:
    return {"architecture": model.architecture, "settings": dict(model.values), "frames_each": model.frames}


def _cell(cell: Cell, cause: str | None, run: Mapping[str, Any] | None) -> dict[str, Any]:
    card = cell.card() if cell.seed is not None else None
    state = "untrained" if cell.seed is None else "trained" if card else "failed"
    return {
        "model": cell.model.text,
        "task": f"{cell.task}/{cell.variant}",
        "seed": cell.seed,
        "state": state,
        "cause": cause or (run or {}).get("error"),
        "training": None if card is None else {key: card.get(key) for key in _OF_THE_CARD},
        "test": None if run is None or "error" in run else _test(run),
    }


def _test(run: Mapping[str, Any]) -> dict[str, Any]:
    manifest, metrics = run["manifest"], run["metrics"]
    return {
        "run": run["name"],
        "potential": manifest.get("spec"),
        "sha256": (manifest.get("potential") or {}).get("sha256"),
        "static": _static(metrics.get("static")),
        "md": _md(metrics.get("md")),
    }


def _static(static: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if static is None:
        return None
    summary = static["summary"]
    sides = {side: {key: (summary.get(side) or {}).get(key) for key in _OF_THE_SUMMARY} for side in ("id", "ood")}
    molecules = [
        {key: row.get(key) for key in ("molecule", "split", "n_atoms", "n_failed", *_OF_THE_SUMMARY)}
        | {"force_mae_by_environment": row.get("force_mae_by_environment")}
        for row in static["molecules"]
    ]
    return {"ratio": summary.get("ratio"), **sides, "molecules": molecules}


def _md(md: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if md is None else {"summary": md["summary"], "runs": _runs(md["runs"])}


def _runs(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: row.get(key) for key in _OF_THE_MD} for row in rows]
