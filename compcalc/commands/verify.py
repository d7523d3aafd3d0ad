"""`compcalc verify`: whether a run directory holds what it says."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from compcalc.pipeline.verifying import Verified, verify
from compcalc.report.wording import printable

MOST_SHOWN = 10


def verify_directory(path: Path, repair: bool, recompute: int, console: Console) -> int:
    """Say of each run what is missing, lost or wrong; returns the exit code, 1 if anything is not as it should be.

    Raises:
        CompcalcError: there is no run directory, its data are gone, or the potential cannot be built.
    """
    found = verify(path, repair=repair, recompute=recompute, on_run=lambda run: _print(run, console))
    good = all(run.good for run in found)
    if not good:
        _say(console, "Give the command of the run again to compute what is missing; --repair writes outputs again.")
    return 0 if good else 1


def as_rows(found: list[Verified]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [{**vars(run), "good": run.good} for run in found]


def _print(run: Verified, console: Console) -> None:
    state = "good" if run.good else "not whole"
    again = f", {run.recomputed} computed again" if run.recomputed else ""
    _say(console, f"{run.name}: {state}; {run.units - len(run.missing)} of {run.units} units{again}", "bold")
    _list(console, "missing or damaged", run.missing)
    _list(console, "lost", [f"{unit}: {kind}" for unit, kind in run.lost.items()])
    _list(console, "differs", [f"{unit}: {how}" for unit, how in run.differing.items()])
    _list(console, "output missing, damaged or not what the results give", run.outputs)


def _list(console: Console, what: str, entries: list[str]) -> None:
    for entry in entries[:MOST_SHOWN]:
        _say(console, f"  {what}: {entry}")
    if len(entries) > MOST_SHOWN:
        _say(console, f"  {what}: {len(entries) - MOST_SHOWN} more")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text)), style=style, highlight=False)
