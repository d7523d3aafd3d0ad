"""A leaderboard on the terminal."""

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from compcalc.report.comparison.records import Board, Line
from compcalc.report.comparison.words import (
    HOW_RANKED,
    agreements_words,
    has_trajectory_forces,
    over_words,
    pooling_words,
    rank_words,
    seeds_words,
    spread_words,
    title,
)
from compcalc.report.wording import MISSING, printable, shown

_VALUE_HEADERS = {
    "id": "ID\nMAE\nmeV/Å",
    "ood": "OOD\nMAE\nmeV/Å",
    "own": "MAE\nmeV/Å",
    "stability": "sur-\nvived",
}
_RANK_HEADERS = {"id": "ID\nrank", "ood": "OOD\nrank", "own": "rank", "stability": "stab.\nrank"}


def print_board(console: Console, board: Board) -> None:
    """Print one row a run or pool of seeds, how far the rankings agree, and what a reader has to know.

    Args:
        console: where to print; a console that is no terminal gets plain text.
        board: the leaderboard.
    """
    _say(console, title(board), "bold")
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("potential", overflow="fold", min_width=12)
    rows = [list(_cells(board, line)) for line in board.lines]
    for header, *cells in zip(_headers(board), *rows, strict=True):
        least = max(map(len, [*header.split("\n"), *cells]))
        table.add_column(header, justify="right", no_wrap=True, min_width=least)
    for line, cells in zip(board.lines, rows, strict=True):
        table.add_row(Text(printable(line.label)), *map(Text, cells))
    _print_whole(console, table)
    if not board.columns:
        _say(console, "Nothing to rank: fewer than two of these runs have errors, or dynamics.")
        return
    for column in board.columns:
        _say(console, over_words(column))
    for words in agreements_words(board):
        _say(console, f"Kendall tau of {words}")
    _say(console, HOW_RANKED)
    if any(line.front for line in board.lines):
        _say(console, "* on the Pareto front: none of the others is both faster and more accurate.")
    if words := pooling_words(board):
        _say(console, words)
    for note in board.notes:
        _say(console, f"Note: {note}")


def _headers(board: Board) -> Iterator[str]:
    if pooling_words(board):
        yield "seeds"
    for column in board.columns:
        yield _RANK_HEADERS[column.criterion.key]
        yield _VALUE_HEADERS[column.criterion.key]
    if _both_sides(board):
        yield "OOD\n/ID"
    if any(line.pool.has_md for line in board.lines):
        if has_trajectory_forces(board):
            yield "MD\nMAE\nmeV/Å"
        yield "sta-\nble\nruns"
        yield "NVE\ndrift\nmeV/\natom\n/ps"
    yield "ms a\nframe"


def _cells(board: Board, line: Line) -> Iterator[str]:
    if pooling_words(board):
        yield seeds_words(line.pool) or MISSING
    for column in board.columns:
        place = line.places[column.criterion.key]
        yield rank_words(place)
        yield " ".join(filter(None, (shown(place.value), spread_words(place)))) if place else MISSING
    if _both_sides(board):
        yield shown(line.ratio, 2)
    if any(other.pool.has_md for other in board.lines):
        if has_trajectory_forces(board):
            yield shown(line.pool.trajectory_force)
        yield f"{line.stable}/{line.physical}" if line.pool.has_md else "not run"
        yield shown(line.drift, 2)
    yield f"{shown(line.pool.ms_per_frame, 2)}{'*' if line.front else ' '}"


def _both_sides(board: Board) -> bool:
    return {"id", "ood"} <= {column.criterion.key for column in board.columns}


def _print_whole(console: Console, table: Table) -> None:
    """Print a table in lines that are too long where it does not fit: columns would vanish without a word."""
    width = console.width
    console.width = max(width, sum(column.min_width + 1 for column in table.columns))
    try:
        console.print(table, crop=False)
    finally:
        console.width = width


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(Text(printable(text)), style=style, highlight=False)
