"""Trainings side by side, each in a process of its own, so that one that fails takes nothing from the others."""

import json
import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from compcalc.benchmark.matrix import Cell
from compcalc.training.folder import PROGRESS
from compcalc.training.process import command, end_of_log, environment

LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Told:
    """How a caller follows the trainings.

    Attributes:
        begun: told a cell whose training begins.
        under_way: told a cell and how far it is: 0 to 1 or None where that is not known, and a few words.
        ended: told a cell and why it failed; None where it did not.
    """

    begun: Callable[[Cell], None] = lambda cell: None
    under_way: Callable[[Cell, float | None, str], None] = lambda cell, share, words: None
    ended: Callable[[Cell, str | None], None] = lambda cell, cause: None


@dataclass(frozen=True)
class _Training:
    cell: Cell
    process: subprocess.Popen


def train_all(
    cells: Sequence[Cell],
    workers: int,
    told: Told,
    *,
    minutes: float | None = None,
    data: Path | None = None,
) -> dict[Cell, str]:
    """Train every cell that is not; returns why those failed that did.

    Args:
        cells: with a seed.
        workers: trainings at a time.
        told: of progress.
        minutes: wall time of one fit.
        data: directory of a data set; None: the shipped one.
    """
    waiting = deque(cell for cell in cells if cell.card() is None)
    failed: dict[Cell, str] = {}
    with _ended_with_this() as running:
        while waiting or running:
            while waiting and len(running) < workers:
                cell = waiting.popleft()
                running.append(_Training(cell, _start(cell, workers, minutes, data)))
                told.begun(cell)
            time.sleep(LOOK_EVERY_S)
            for training in list(running):
                code = training.process.poll()
                if code is None:
                    told.under_way(training.cell, *_progress(training.cell))
                    continue
                running.remove(training)
                cause = None if code == 0 else _cause(training.cell, code)
                if cause is not None:
                    failed[training.cell] = cause
                told.ended(training.cell, cause)
    return failed


@contextmanager
def _ended_with_this() -> Iterator[list[_Training]]:
    """Trainings that are stopped where this is left early."""
    running: list[_Training] = []
    try:
        yield running
    finally:
        for training in running:
            training.process.kill()
        for training in running:
            training.process.wait()


def _start(cell: Cell, workers: int, minutes: float | None, data: Path | None) -> subprocess.Popen:
    cell.place.mkdir(parents=True, exist_ok=True)
    with cell.log.open("wb") as log:
        return subprocess.Popen(
            command("compcalc", cell.arguments(minutes, data)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(workers),
        )


def _environment(workers: int) -> Mapping[str, str]:
    # Trainings share the cores; each with a thread a core would be slower than one after the other.
    threads = max(1, (os.cpu_count() or 1) // workers)
    return {"OMP_NUM_THREADS": str(threads), "COLUMNS": "200", **environment()}


def _progress(cell: Cell) -> tuple[float | None, str]:
    try:
        found = json.loads((cell.folder / PROGRESS).read_text())
    except (OSError, ValueError):
        return None, ""
    total = found.get("total") or 0
    return (found.get("done", 0) / total if total else None), str(found.get("words", ""))


def _cause(cell: Cell, code: int) -> str:
    said = [line for line in end_of_log(cell.log, 40).splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in said if line.startswith("error: ")]
    words = errors[-1] if errors else (said[-1] if said else "it said nothing")
    ended = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return f"{words} ({ended}; {cell.log})"
