"""Progress bars with time left; plain lines when the output is no terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

NARROW = 112
"""Console width below which a run's bar is short, so that speed and time left find room beside it."""


@contextmanager
def progress_bar(console: Console) -> Iterator[Progress]:
    """A rich progress display on `console`, silent where it is no terminal."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        yield progress


@contextmanager
def run_bars(console: Console) -> Iterator[Progress]:
    """The same for a run, whose tasks bring their own words: fields `units` and `pace`, and a `total` of 1."""
    narrow = console.width < NARROW
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=8 if narrow else 20),
        TextColumn("{task.fields[units]}"),
        *([] if narrow else [TimeElapsedColumn()]),
        TextColumn("{task.fields[pace]}"),
        console=console,
        disable=console.quiet or not console.is_terminal,
    ) as progress:
        yield progress
