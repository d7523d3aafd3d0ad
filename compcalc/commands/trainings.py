"""The progress of trainings side by side: a bar each on a terminal, elsewhere a line when one begins and ends."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from compcalc.benchmark import Cell
from compcalc.benchmark.trainings import Told
from compcalc.report.wording import duration, printable


class FollowedTrainings:
    """Shows trainings on a console while it is entered.

    Args:
        console: for bars or lines.
        count: trainings to come.
    """

    def __init__(self, console: Console, count: int):
        self._console, self._count, self._done = console, count, 0
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[words]}"),
            console=console,
            disable=console.quiet or not console.is_terminal,
        )
        self._rows: dict[Cell, TaskID] = {}
        self._began: dict[Cell, float] = {}

    def __enter__(self) -> "FollowedTrainings":
        self._bars.start()
        self._all = self._bars.add_task("trainings", total=self._count, words=f"0 of {self._count}")
        return self

    def __exit__(self, *_) -> None:
        self._bars.stop()

    def told(self) -> Told:
        """What the trainings tell."""
        return Told(self._begun, self._under_way, self._ended)

    def _begun(self, cell: Cell) -> None:
        self._began[cell] = time.monotonic()
        self._rows[cell] = self._bars.add_task(f"  {cell.name}", total=None, words="")
        if not self._console.is_terminal:
            self._say(f"training {cell.name}")

    def _under_way(self, cell: Cell, share: float | None, words: str) -> None:
        if share is not None:
            self._bars.update(self._rows[cell], completed=share, total=1.0, words=words)

    def _ended(self, cell: Cell, cause: str | None) -> None:
        self._done += 1
        self._bars.remove_task(self._rows.pop(cell))
        self._bars.update(self._all, completed=self._done, words=f"{self._done} of {self._count}")
        took = duration(time.monotonic() - self._began[cell])
        ended = f"{cell.name}: trained in {took}" if cause is None else f"{cell.name}: failed after {took}: {cause}"
        self._say(f"[{self._done}/{self._count}] {ended}")

    def _say(self, text: str) -> None:
        self._console.print(Text(printable(text)), highlight=False, soft_wrap=True)
