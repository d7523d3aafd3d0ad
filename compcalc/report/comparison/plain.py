"""Leaderboards as JSON."""

from collections.abc import Sequence
from typing import Any

from compcalc.report.comparison.measured import Measured
from compcalc.report.comparison.records import Agreement, Board, Column, Line, Place


def plain_boards(boards: Sequence[Board]) -> dict[str, Any]:
    """What `compcalc compare --json` prints; null where something was not measured or is not defined."""
    return {"boards": [_board(board) for board in boards]}


def _board(board: Board) -> dict[str, Any]:
    return {
        "subject": board.subject,
        "level": board.level,
        "rankings": {column.criterion.key: _column(column) for column in board.columns},
        "runs": [_line(line) for line in board.lines],
        "kendall_tau": [_agreement(found) for found in board.agreements],
        "same_hardware": board.same_hardware,
        "notes": list(board.notes),
    }


def _column(column: Column) -> dict[str, Any]:
    found = column.ranking
    pairs = [(i, j) for i in range(len(column.labels)) for j in range(i + 1, len(column.labels))]
    return {
        "quantity": column.criterion.quantity,
        "unit": column.criterion.unit.replace("Å", "angstrom") or "1",
        "larger_is_better": column.criterion.larger_is_better,
        "molecules": list(column.molecules),
        "differences": [
            {
                "first": column.labels[i],
                "second": column.labels[j],
                "value": float(found.difference[i, j]),
                "low": float(found.difference_low[i, j]),
                "high": float(found.difference_high[i, j]),
                "tie": not (found.better[i, j] or found.better[j, i]),
            }
            for i, j in pairs
        ],
    }


def _line(line: Line) -> dict[str, Any]:
    runs = [_run(run) for run in line.pool.runs]
    return {
        "label": line.label,
        **{key: _common([run[key] for run in runs]) for key in ("run", "folder", "potential", "sha256")},
        "n_models": len(line.pool.models),
        "training_seeds": line.pool.training_seeds,
        "md_seeds": line.pool.run_seeds,
        "runs": runs,
        "places": {key: _place(place) for key, place in line.places.items()},
        "ood_id_ratio": line.ratio,
        "ood_id_ratio_low": line.over_id and line.over_id.low,
        "ood_id_ratio_high": line.over_id and line.over_id.high,
        "n_stable": line.stable,
        "n_physical": line.physical,
        "n_other": line.other,
        "median_drift_mev_per_atom_per_ps": line.drift,
        "trajectory_force_mae_mev_per_angstrom": line.pool.trajectory_force,
        "largest_trajectory_force_mae_mev_per_angstrom": line.pool.largest_trajectory_force,
        "ms_per_frame": line.pool.ms_per_frame,
        "ms_per_step": line.pool.ms_per_step,
        "on_pareto_front": line.front,
    }


def _run(run: Measured) -> dict[str, Any]:
    manifest, potential = run.manifest, run.manifest.get("potential") or {}
    return {
        "run": manifest.get("name"),
        "folder": run.folder,
        "potential": manifest.get("spec"),
        "sha256": potential.get("sha256"),
        "training_seed": (potential.get("trained") or {}).get("seed"),
        "seed": manifest.get("seed"),
    }


def _common(values: Sequence[Any]) -> Any:
    """What all runs of a row agree on; null where they differ."""
    return values[0] if len(set(values)) == 1 else None


def _place(place: Place | None) -> dict[str, Any] | None:
    return None if place is None else vars(place)


def _agreement(found: Agreement) -> dict[str, Any]:
    tau = found.tau
    return {
        "first": found.first,
        "second": found.second,
        "value": tau and tau.value,
        "low": tau and tau.low,
        "high": tau and tau.high,
        "n": found.n,
        "why": found.why,
    }
