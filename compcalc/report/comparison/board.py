"""The leaderboard of one task: rankings by error and by stability, and how far they agree.

Symbols in the shapes: K potentials, T frames or MD runs of one molecule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from compcalc.metrics.ranking import pareto_front, rank_agreement, rank_paired
from compcalc.metrics.stability import survived_share
from compcalc.metrics.statistics import FEWEST_PAIRS
from compcalc.report.comparison.alike import (
    differences_in_words,
    hardware_differences,
    refuse_unlike,
    version_differences,
)
from compcalc.report.comparison.measured import Measured
from compcalc.report.comparison.records import ID, OOD, OWN, STABILITY, Agreement, Board, Column, Criterion, Line
from compcalc.report.rows import count_runs, ensemble, md_runs, median_drift
from compcalc.report.wording import clipped, outcome_kind, plural

N_RESAMPLES, LEVEL = 2000, 0.95


def make_board(runs: Sequence[Measured], seed: int = 0) -> Board:
    """Rank runs on one subject.

    Args:
        runs: with labels that differ.
        seed: of the bootstrap.

    Raises:
        IncomparableError: they were not measured alike.
    """
    refuse_unlike(runs)
    own = not runs[0].manifest.get("task")
    notes: list[str] = []
    tables = [(OWN, _errors(runs, "ood"))] if own else [(ID, _errors(runs, "id")), (OOD, _errors(runs, "ood"))]
    tables.append((STABILITY, _survival(runs)))
    # Rankings over the same molecules share their draws; the ID molecules are others.
    seeds = {ID: seed, OOD: seed + 1, OWN: seed + 1, STABILITY: seed + 1}
    made = [_column(criterion, table, seeds[criterion], notes) for criterion, table in tables]
    columns = tuple(column for column in made if column is not None)
    hardware, versions = hardware_differences(runs), version_differences(runs)
    if hardware:
        notes.append(f"Speeds were measured on different hardware: {differences_in_words(hardware)}.")
    if versions:
        notes.append(f"Package versions differ: {differences_in_words(versions)}.")
    board = Board(runs[0].subject, columns, (), _agreements(columns), tuple(notes), not hardware, LEVEL)
    return replace(board, lines=_lines(runs, board))


def _errors(runs: Sequence[Measured], split: str) -> dict[str, dict[str, np.ndarray]]:
    """Molecule -> label -> force MAE of each frame, meV/angstrom, (T,); runs without errors are left out."""
    names = dict.fromkeys(name for run in runs for side, name in run.force_mae if side == split)
    return {
        name: {run.label: run.force_mae[split, name] for run in runs if (split, name) in run.force_mae}
        for name in names
    }


def _survival(runs: Sequence[Measured]) -> dict[str, dict[str, np.ndarray]]:
    """Molecule -> label -> share of the asked time that each MD run survived, (T,), NaN where it does not count."""
    shares: dict[str, dict[tuple, dict[str, float]]] = {}
    rows = [(run.label, row) for run in runs for row in md_runs(run.metrics) if ensemble(row) != "heat"]
    for label, row in rows:
        alike = (row.get("protocol"), row.get("replica"))
        shares.setdefault(str(row["molecule"]), {}).setdefault(alike, {})[label] = _share(row)
    with_md = list(dict.fromkeys(label for label, _ in rows))
    return {
        name: {label: np.array([one.get(label, float("nan")) for one in cells.values()]) for label in with_md}
        for name, cells in shares.items()
    }


def _share(row: Mapping) -> float:
    """Share of the asked time that an MD run survived; NaN for one that ended for other than physical reasons."""
    kind = outcome_kind(row.get("outcome"))
    share = survived_share([row]) if kind is not None and kind.physical else None
    return float("nan") if share is None else share


def _column(
    criterion: Criterion, table: Mapping[str, Mapping[str, np.ndarray]], seed: int, notes: list[str]
) -> Column | None:
    """The ranking over what all potentials have; None for fewer than two of them. What is left out joins `notes`."""
    measured = list(dict.fromkeys(label for row in table.values() for label in row))
    labels = [label for label in measured if any(np.isfinite(row[label]).any() for row in table.values())]
    notes += [f"{label} has no usable result for {criterion.label}." for label in measured if label not in labels]
    if len(labels) < 2:
        return None
    groups, lost, gone = {}, 0, []
    for name, row in table.items():
        values = np.array([row[label] for label in labels])
        shared = np.isfinite(values).all(axis=0)
        lost += int((~shared).sum())
        if shared.any():
            groups[name] = values[:, shared]
        else:
            gone.append(name)
    if lost:
        notes.append(_left_out(criterion, table, labels, lost, gone))
    if not groups:
        return None
    ranking = rank_paired(
        list(groups.values()),
        seed,
        larger_is_better=criterion.larger_is_better,
        n_resamples=N_RESAMPLES,
        level=LEVEL,
    )
    return Column(criterion, tuple(labels), ranking, tuple(groups))


def _left_out(criterion: Criterion, table: Mapping, labels: list[str], lost: int, gone: list[str]) -> str:
    what = "MD run" if criterion is STABILITY else "frame"
    culprits = [label for label in labels if any(np.isnan(row[label]).any() for row in table.values())]
    text = f"{plural(lost, what)} are left out of {criterion.label} for all, since {', '.join(culprits)} failed there"
    return f"{text}; nothing is left of {clipped(', '.join(gone), 100)}." if gone else f"{text}."


def _agreements(columns: Sequence[Column]) -> tuple[Agreement, ...]:
    pairs = [(a, b) for i, a in enumerate(columns) for b in columns[i + 1 :]]
    return tuple(_agreement(a, b) for a, b in pairs)


def _agreement(first: Column, second: Column) -> Agreement:
    keys = first.criterion.key, second.criterion.key
    both = [label for label in first.labels if label in second.labels]
    if len(both) < FEWEST_PAIRS:
        return Agreement(*keys, None, f"needs {FEWEST_PAIRS} potentials with both", len(both))
    parts = [column.ranking.of([column.labels.index(label) for label in both]) for column in (first, second)]
    tau = rank_agreement(*parts)
    return Agreement(*keys, tau, "" if tau else "not defined: one of the two is the same for all", len(both))


def _lines(runs: Sequence[Measured], board: Board) -> tuple[Line, ...]:
    judged, front = board.judged, _front(runs, board)
    lines = []
    for run in runs:
        count = count_runs(md_runs(run.metrics))
        places = {column.criterion.key: column.place(run.label) for column in board.columns}
        numbers = (count.stable, count.physical, count.other, median_drift(run.metrics))
        lines.append(Line(run.label, run, places, *numbers, front.get(run.label)))
    if judged is None:
        return tuple(lines)
    sign = -1 if judged.criterion.larger_is_better else 1

    def place(line: Line) -> tuple[bool, float]:
        mine = line.places[judged.criterion.key]
        return mine is None, 0.0 if mine is None else sign * mine.value

    return tuple(sorted(lines, key=place))


def _front(runs: Sequence[Measured], board: Board) -> dict[str, bool]:
    """Label -> whether nothing is both faster and more accurate; empty where speeds or errors cannot be compared."""
    judged = board.judged
    if judged is None or judged.criterion is STABILITY or not board.same_hardware:
        return {}
    both = [(run, judged.place(run.label)) for run in runs if run.ms_per_frame is not None]
    known = [(run, place) for run, place in both if place is not None]
    if not known:
        return {}
    front = pareto_front([place.value for _, place in known], [run.ms_per_frame for run, _ in known])
    return {run.label: bool(on) for (run, _), on in zip(known, front, strict=True)}
