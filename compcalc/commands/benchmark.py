"""`compcalc benchmark`: the matrix trained and tested, with its progress, leaderboards and one file for programs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from compcalc.benchmark import Cell, Matrix
from compcalc.benchmark.record import make_record
from compcalc.benchmark.trainings import train_all
from compcalc.commands.compare import make_boards, print_boards
from compcalc.commands.following import Shown
from compcalc.commands.progress import run_bars
from compcalc.commands.trainings import FollowedTrainings
from compcalc.errors import RunDirectoryError
from compcalc.execution.run_directory import RunDirectory, write_json
from compcalc.pipeline import RunSettings, read_input, run_all
from compcalc.reference.dataset import DataSet
from compcalc.report.comparison import Board
from compcalc.report.comparison.page import write_page
from compcalc.report.comparison.plain import plain_boards
from compcalc.report.wording import plural, printable
from compcalc.tasks import get_task
from compcalc.training.catalogue import get_architecture
from compcalc.training.folder import differences_from
from compcalc.training.request import make_request

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

    def plain(self) -> dict[str, Any]:
        """JSON-able."""
        return {**vars(self), "data": None if self.data is None else str(self.data)}


def benchmark(matrix: Matrix, sizes: Sizes, command: str, console: Console | None = None) -> int:
    """Train and test every cell of the matrix, or what is left of it; returns the exit code: 0, or 3 with failures.

    Raises:
        CompcalcError: the input cannot be used.
    """
    console = console or Console()
    matrix.refuse_missing()
    cells = matrix.cells()
    settings = {cell: _settings(cell, sizes) for cell in cells}
    for cell in {(cell.task, cell.variant): cell for cell in cells}.values():
        read_input(settings[cell])  # whatever cannot be tested is said before hours of training
    trained = [cell for cell in cells if cell.seed is not None]
    _refuse_other_trainings(trained, sizes)
    failed = _train(trained, sizes, console)
    tested = _test({cell: settings[cell] for cell in cells if cell not in failed}, matrix.out, command, console)
    boards = _boards(tested, matrix.out)
    record = make_record(matrix, sizes.plain(), failed, tested, command, plain_boards(boards))
    write_json(matrix.out / RECORD, record)
    if boards:
        write_page(matrix.out / PAGE, boards)
        print_boards(boards, console, matrix.out / PAGE)
    left_out = {**failed, **{cell: str(one["error"]) for cell, one in tested.items() if "error" in one}}
    _say_left_out(left_out, console)
    _say(console, f"Everything in one file: {matrix.out / RECORD}")
    return WITH_FAILURES if left_out else COMPLETE


def _refuse_other_trainings(cells: Sequence[Cell], sizes: Sizes) -> None:
    """Refuse to take models for those asked for that were trained with another budget, other settings or other data.

    Raises:
        RunDirectoryError: there is such a model.
    """
    data = DataSet(sizes.data)
    for cell in (cell for cell in cells if cell.card() is not None):
        architecture, task = get_architecture(str(cell.model.architecture)), get_task(cell.task, cell.variant)
        asked = make_request(
            architecture, cell.model.settings, task, data, int(cell.seed or 0), sizes.minutes, cell.model.frames
        )
        for what, there, here in differences_from(cell.folder, asked.content):
            raise RunDirectoryError(
                f"{cell.folder} holds a model trained otherwise: {what} is {there!r} there and {here!r} here. "
                "Choose another directory with --out, or delete this one."
            )


def _settings(cell: Cell, sizes: Sizes) -> RunSettings:
    return RunSettings(
        cell.spec,
        task=cell.task,
        variant=cell.variant,
        preset=sizes.preset,
        only=sizes.only,
        data=sizes.data,
        workers=sizes.workers,
        replicas=sizes.replicas,
    )


def _train(cells: Sequence[Cell], sizes: Sizes, console: Console) -> dict[Cell, str]:
    waiting = [cell for cell in cells if cell.card() is None]
    if len(waiting) < len(cells):
        _say(console, f"{plural(len(cells) - len(waiting), 'training')} finished before")
    if not waiting:
        return {}
    workers = min(sizes.workers or os.cpu_count() or 1, len(waiting))
    with FollowedTrainings(console, len(waiting)) as followed:
        return train_all(waiting, workers, followed.told(), minutes=sizes.minutes, data=sizes.data)


def _test(
    settings: Mapping[Cell, RunSettings], out: Path, command: str, console: Console
) -> dict[Cell, dict[str, Any]]:
    """Cell -> name of its run with `manifest` and `metrics`, or `error`."""
    if not settings:
        return {}
    names = {cell: read_input(one).name for cell, one in settings.items()}
    called = {cell.spec: cell.name if cell.seed is not None else cell.model.text for cell in settings}
    with run_bars(console) as bars:
        progress = Shown(console, bars, names=called).progress()
        done = run_all(list(settings.values()), out / RUNS, command=command, progress=progress)
    return {cell: {"name": names[cell], **done[names[cell]]} for cell in settings}


def _boards(tested: Mapping[Cell, Mapping[str, Any]], out: Path) -> list[Board]:
    directory = RunDirectory(out / RUNS)
    good = {cell: directory.outputs(one["name"]) for cell, one in tested.items() if "error" not in one}
    rows = {folder: cell.model.text for cell, folder in good.items()}
    several = len({cell.seed for cell in good if cell.seed is not None}) > 1
    return make_boards(list(rows), pool=several, rows=rows) if rows else []


def _say_left_out(left_out: Mapping[Cell, str], console: Console) -> None:
    if not left_out:
        return
    _say(console, f"{plural(len(left_out), 'cell')} without a result; the same command tries them again:", "bold")
    for cell, cause in left_out.items():
        _say(console, f"  {cell.name}: {cause}")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text)), style=style, highlight=False, soft_wrap=True)
