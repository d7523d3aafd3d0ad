"""The leaderboard of one task: rankings by error and by stability, and how far they agree."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from compcalc.metrics.ranking import pareto_front, rank_agreement, rank_paired, ratio_between
from compcalc.metrics.statistics import FEWEST_PAIRS, Interval
from compcalc.report.comparison.alike import (
    differences_in_words,
    hardware_differences,
    refuse_unlike,
    version_differences,
)
from compcalc.report.comparison.measured import Measured
from compcalc.report.comparison.pooling import Pool, pooled, single
from compcalc.report.comparison.records import ID, OOD, OWN, STABILITY, Agreement, Board, Column, Criterion, Line
from compcalc.report.comparison.samples import Table, errors, survival, usable
from compcalc.report.rows import count_runs
from compcalc.report.wording import clipped, plural

N_RESAMPLES, LEVEL = 2000, 0.95


def make_board(runs: Sequence[Measured], seed: int = 0, pool: bool = False) -> Board:
    """Rank runs on one subject.

    Args:
        runs: with labels that differ.
        seed: of the bootstrap.
        pool: whether runs that differ in a seed alone stand in one row.

    Raises:
        IncomparableError: they were not measured alike.
    """
    pools, notes = pooled(runs) if pool else (single(runs), [])
    refuse_unlike(runs, pools)
    own = not runs[0].manifest.get("task")
    tables = [(OWN, errors(pools, "ood"))] if own else [(ID, errors(pools, "id")), (OOD, errors(pools, "ood"))]
    tables.append((STABILITY, survival(pools)))
    # Rankings over the same molecules share their draws; the ID molecules are others.
    seeds = {ID: seed, OOD: seed + 1, OWN: seed + 1, STABILITY: seed + 1}
    # A row of several runs has something to show by itself.
    fewest = 1 if any(len(pool.runs) > 1 for pool in pools) else 2
    made = [_column(criterion, table, seeds[criterion], fewest, notes) for criterion, table in tables]
    columns = tuple(column for column in made if column is not None)
    hardware, versions = hardware_differences(pools), version_differences(pools)
    if hardware:
        notes.append(f"Speeds were measured on different hardware: {differences_in_words(hardware)}.")
    if versions:
        notes.append(f"Package versions differ: {differences_in_words(versions)}.")
    board = Board(runs[0].subject, columns, (), _agreements(columns), tuple(notes), not hardware, LEVEL)
    return replace(board, lines=_lines(pools, board))


def _column(criterion: Criterion, table: Table, seed: int, fewest: int, notes: list[str]) -> Column | None:
    """The ranking over what all rows have; None for fewer than `fewest` of them. What is left out joins `notes`."""
    table, without = usable(table)
    for label, (count, total) in without.items():
        whose = label if count == total else f"{count} of {plural(total, 'model')} of {label}"
        notes.append(f"{whose} {'have' if 1 < count < total else 'has'} no usable result for {criterion.label}.")
    labels = list(dict.fromkeys(label for row in table.values() for label in row))
    if len(labels) < fewest:
        return None
    groups, lost, gone = {}, 0, []
    for name, row in table.items():
        values = np.concatenate([row[label] for label in labels])
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
    ends = np.cumsum([0, *(len(next(iter(table.values()))[label]) for label in labels)])
    ranking = rank_paired(
        list(groups.values()),
        seed,
        pools=[range(first, last) for first, last in pairwise(ends)],
        larger_is_better=criterion.larger_is_better,
        n_resamples=N_RESAMPLES,
        level=LEVEL,
    )
    return Column(criterion, tuple(labels), ranking, tuple(groups))


def _left_out(criterion: Criterion, table: Table, labels: list[str], lost: int, gone: list[str]) -> str:
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


def _lines(pools: Sequence[Pool], board: Board) -> tuple[Line, ...]:
    judged, front = board.judged, _front(pools, board)
    lines = []
    for pool in pools:
        count = count_runs(pool.md_rows)
        places = {column.criterion.key: column.place(pool.label) for column in board.columns}
        numbers = (count.stable, count.physical, count.other, pool.drift)
        over_id = _ratio(pool.label, {column.criterion.key: column for column in board.columns})
        lines.append(Line(pool.label, pool, places, *numbers, front.get(pool.label), over_id))
    if judged is None:
        return tuple(lines)
    sign = -1 if judged.criterion.larger_is_better else 1

    def place(line: Line) -> tuple[bool, float]:
        mine = line.places[judged.criterion.key]
        return mine is None, 0.0 if mine is None else sign * mine.value

    return tuple(sorted(lines, key=place))


def _ratio(label: str, columns: Mapping[str, Column]) -> Interval | None:
    above, below = columns.get(OOD.key), columns.get(ID.key)
    if above is None or below is None or label not in above.labels or label not in below.labels:
        return None
    return ratio_between(above.ranking, above.labels.index(label), below.ranking, below.labels.index(label))


def _front(pools: Sequence[Pool], board: Board) -> dict[str, bool]:
    """Label -> whether nothing is both faster and more accurate; empty where speeds or errors cannot be compared."""
    judged = board.judged
    if judged is None or judged.criterion is STABILITY or not board.same_hardware:
        return {}
    both = [(pool, judged.place(pool.label)) for pool in pools if pool.ms_per_frame is not None]
    known = [(pool, place) for pool, place in both if place is not None]
    if not known:
        return {}
    front = pareto_front([place.value for _, place in known], [pool.ms_per_frame for pool, _ in known])
    return {pool.label: bool(on) for (pool, _), on in zip(known, front, strict=True)}
