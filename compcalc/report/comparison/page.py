"""The comparison as an HTML page: one file that needs no network."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from compcalc.report.comparison.figures import error_figure, pareto_figure
from compcalc.report.comparison.measured import Measured
from compcalc.report.comparison.records import Board, Column, Line
from compcalc.report.comparison.words import (
    HOW_RANKED,
    agreements_words,
    difference_words,
    has_trajectory_forces,
    over_words,
    pooling_words,
    range_words,
    rank_words,
    seeds_words,
    spread_words,
)
from compcalc.report.files import write_text_atomically
from compcalc.report.html import environment
from compcalc.report.provenance import SPLIT_NOTE
from compcalc.report.wording import MISSING, moment, shown

_TITLES = {
    "errors": ("Errors of each potential", "Best on top; bars are 95% intervals over molecules and frames."),
    "pareto": (
        "Error against speed",
        "Lower left is better. Times include whatever else the machine did meanwhile. Touch a point for its name.",
    ),
}


def write_page(path: str | Path, boards: Sequence[Board]) -> None:
    """Write the page.

    Args:
        path: the file; replaced in one step. It links to the report of each run by a relative path.
        boards: one a task.
    """
    write_text_atomically(path, render_page(boards, Path(path).absolute().parent))


def render_page(boards: Sequence[Board], beside: Path) -> str:
    """The page as HTML text.

    Args:
        boards: one a task.
        beside: the folder that links start from.
    """
    from plotly.offline import get_plotlyjs

    figures = {key: figure for place, board in enumerate(boards) for key, figure in _figures(place, board)}
    return (
        environment()
        .get_template("compare.html.j2")
        .render(
            boards=[_board(place, board, beside) for place, board in enumerate(boards)],
            n_runs=sum(len(line.pool.runs) for board in boards for line in board.lines),
            how_ranked=HOW_RANKED,
            split_note=SPLIT_NOTE,
            figures=figures,
            plotly_js=get_plotlyjs(),
        )
    )


def _figures(place: int, board: Board) -> Iterator[tuple[str, dict]]:
    for name, make in (("errors", error_figure), ("pareto", pareto_figure)):
        figure = make(board)
        if figure is not None:
            yield f"{name}-{place}", figure


def _board(place: int, board: Board, beside: Path) -> dict[str, Any]:
    """Everything that the template shows of one task."""
    return {
        "subject": board.subject,
        "question": board.lines[0].pool.runs[0].manifest.get("question") if board.lines else "",
        "columns": [_column(column) for column in board.columns],
        "both_sides": any(line.ratio is not None for line in board.lines),
        "has_md": any(line.pool.has_md for line in board.lines),
        "has_trajectory_forces": has_trajectory_forces(board),
        "lines": [_line(board, line, beside) for line in board.lines],
        "over": [over_words(column) for column in board.columns],
        "level": f"{board.level:.0%}",
        "agreements": agreements_words(board),
        "notes": board.notes,
        "pooling": pooling_words(board),
        "facts": list(_facts(board.lines[0].pool.runs[0])) if board.lines else [],
        "figures": [_figure(key, figure) for key, figure in _figures(place, board)],
    }


def _figure(key: str, figure: dict) -> dict[str, Any]:
    title, note = _TITLES[key.partition("-")[0]]
    return {"key": key, "title": title, "note": note, "height": figure["layout"]["height"]}


def _column(column: Column) -> dict[str, Any]:
    places = range(len(column.labels))
    return {
        "label": column.criterion.label,
        "quantity": column.criterion.quantity,
        "unit": column.criterion.unit,
        "labels": column.labels,
        "differences": [[None if i == j else difference_words(column, i, j) for j in places] for i in places],
    }


def _line(board: Board, line: Line, beside: Path) -> dict[str, Any]:
    places = [line.places[column.criterion.key] for column in board.columns]
    return {
        "label": line.label,
        "link": _link(line.pool.runs[0], beside) if len(line.pool.runs) == 1 else "",
        "seeds": seeds_words(line.pool) or MISSING,
        "places": [
            {
                "rank": rank_words(p),
                "value": shown(p.value) if p else MISSING,
                "spread": spread_words(p),
                "range": range_words(p),
            }
            for p in places
        ],
        "ratio": shown(line.ratio, 2),
        "ratio_range": range_words(line.over_id, 2),
        "stable": f"{line.stable}/{line.physical}" if line.pool.has_md else "not run",
        "other": line.other,
        "drift": shown(line.drift, 2),
        "trajectory": shown(line.pool.trajectory_force),
        "trajectory_most": shown(line.pool.largest_trajectory_force) if len(line.pool.trajectory_forces) > 1 else "",
        "speed": shown(line.pool.ms_per_frame, 2),
        "step": shown(line.pool.ms_per_step, 2),
        "front": line.front,
        "runs": [{"link": _link(run, beside), "facts": list(_facts(run).values())} for run in line.pool.runs],
    }


def _link(run: Measured, beside: Path) -> str:
    report = os.path.relpath(Path(run.folder).absolute() / "report.html", beside)
    return quote(Path(report).as_posix())


def _facts(run: Measured) -> dict[str, str]:
    manifest = run.manifest
    potential, data, hardware = (manifest.get(key) or {} for key in ("potential", "data", "hardware"))
    return {
        "run": str(manifest.get("name")),
        "folder": run.folder,
        "model": str(potential.get("name")),
        "precision": str(potential.get("dtype") or MISSING),
        "model SHA-256": str(potential.get("sha256") or MISSING)[:12],
        "reference": str(data.get("method") or MISSING),
        "preset": str((manifest.get("preset") or {}).get("name")) if run.has_md else "no dynamics",
        "seed of training": str((potential.get("trained") or {}).get("seed", MISSING)),
        "seed": str(manifest.get("seed")),
        "hardware": f"{hardware.get('cpu')}, {hardware.get('cores')} cores, workers: {hardware.get('workers')}",
        "compcalc": str(manifest.get("compcalc")),
        "finished": moment(manifest.get("finished")),
    }
