"""`compcalc benchmark`: the matrix trained and tested, with its progress, leaderboards and one file for programs."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from compcalc.benchmark import Cell, Matrix
from compcalc.benchmark.record import make_record, write_record
from compcalc.benchmark.trainings import Told, train_all
from compcalc.commands.compare import compare_found, print_boards
from compcalc.commands.following import Shown
from compcalc.commands.progress import percent_bars, run_bars
from compcalc.pipeline import RunSettings, run_all
from compcalc.report.comparison.page import write_page
from compcalc.report.comparison.plain import plain_boards
from compcalc.report.wording import plural, printable

COMPLETE, WITH_FAILURES = 0, 3
"""Exit codes."""
RUNS, PAGE, RECORD = "runs", "leaderboard.html", "benchmark.json"


@dataclass(frozen=True)
class Sizes:
    """How much is done.

    Attributes:
        minutes: wall time of one fit; None: as much as its settings ask for.
        preset: size of the dynamics.
        replicas: MD runs a molecule and protocol; None for the preset's own number.
        only: `all`, `static` or `md`.
        workers: processes; None for one a core.
        data: directory of a data set; None for the shipped one.
    """

    minutes: float | None = None
    preset: str = "quick"
    replicas: int | None = None
    only: str = "all"
    workers: int | None = None
    data: Path | None = None


def benchmark(matrix: Matrix, sizes: Sizes, command: str, console: Console | None = None) -> int:
    """Train and test every cell of the matrix, or what is left of it; returns the exit code: 0, or 3 with failures.

    Raises:
        CompcalcError: the input cannot be used.
    """
    console = console or Console()
    matrix.refuse_missing()
    cells = matrix.cells()
    settings = {cell: _settings(cell, sizes) for cell in cells}
    failed = _train([cell for cell in cells if cell.seed is not None], sizes, console)
    trained = [cell for cell in cells if cell not in failed]
    done = _test([settings[cell] for cell in trained], matrix.out, command, console) if trained else {}
    runs = {cell: _run_of(settings[cell], done) for cell in trained}
    boards = compare_found([matrix.out / RUNS / name for name, one in done.items() if "error" not in one], pool=True)
    record = make_record(matrix, vars(sizes), failed, runs, command, plain_boards(boards))
    write_record(matrix.out / RECORD, record)
    page = matrix.out / PAGE if boards else None
    if page is not None:
        write_page(page, boards)
        print_boards(boards, console, page)
    _say_failures(failed, runs, console)
    _say(console, f"Everything as one file: {matrix.out / RECORD}")
    return COMPLETE
