"""Runs the work units that have no result yet, and stores each result as it arrives."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

from compcalc.execution.claims import Claims
from compcalc.execution.files import make_directory
from compcalc.execution.log import RunLog
from compcalc.execution.outcome import Done, Lost
from compcalc.execution.store import Result, ResultStore
from compcalc.execution.units import Unit

_LOOK_EVERY_S = 0.5
_MOST_ATTEMPTS = 5


class Executor(Protocol):
    """Where tasks are computed: `LocalPool`, `Here` or a cluster.

    Attributes:
        capacity: how many tasks can be under way.
    """

    capacity: int

    def limit_to(self, n_tasks: int) -> None:
        """Told before the first task how many there are."""

    def submit(self, payload: Any, n_units: int = 1) -> Future:
        """Begin a task; a future of `Done` or `Lost`."""

    def fraction(self, future: Future) -> float:
        """How much of it is done, 0 to 1."""


@dataclass
class Followed:
    """How a caller follows `run_units`; every part may be left out.

    Attributes:
        done: told each unit and its result, old ones included.
        under_way: told, twice a second, the units being computed and how much of each is done.
        log: takes one event a unit.
        remedy: command that computes one unit alone, for the log.
    """

    done: Callable[[Unit, Result], None] = lambda unit, result: None
    under_way: Callable[[dict[str, float]], None] = lambda fractions: None
    log: RunLog = field(default_factory=lambda: RunLog(None))
    remedy: Callable[[Unit], str] = lambda unit: ""


def run_units(
    units: Iterable[Unit],
    executor: Executor,
    store: ResultStore,
    *,
    on_lost: Callable[[Unit, Lost], Result],
    followed: Followed | None = None,
    retry_lost: bool = False,
) -> None:
    """Run every unit that has no result in `store` yet; several processes may do so on one store at the same time.

    Args:
        units: what to run; results that exist with the same hash are kept.
        executor: computes payloads, and for a group the tuple of its payloads to a tuple of results.
        store: where results are written.
        on_lost: makes the result of a unit that was lost; the members of a group are first run one by one.
        followed: who is told.
        retry_lost: run units again whose result is that they were lost.

    Raises:
        Exception: what the executor's factory raised, or the store; what is finished is kept.
    """
    make_directory(store.directory)
    run = _Run(executor, store, on_lost, followed or Followed(), retry_lost)
    # Gives up the claims also where storing or reporting a result fails.
    with closing(run):
        run.go(_tasks(units))


def _tasks(units: Iterable[Unit]) -> list[list[Unit]]:
    """Units that run together, in the order of the first of each; a unit that is named twice runs once."""
    tasks: dict[str, dict[str, Unit]] = {}
    for unit in units:
        tasks.setdefault(f"group {unit.group}" if unit.group else f"unit {unit.id}", {})[unit.id] = unit
    return [list(task.values()) for task in tasks.values()]


class _Run:
    def __init__(self, executor, store, on_lost, followed, retry_lost):
        self._executor, self._store, self._on_lost = executor, store, on_lost
        self._followed, self._retry_lost = followed, retry_lost
        self._claims = Claims(store.directory / ".claims")
        self._waiting: deque[list[Unit]] = deque()
        self._elsewhere: list[list[Unit]] = []
        self._running: dict[Future, list[Unit]] = {}
        self._attempts: dict[str, int] = {}

    def close(self) -> None:
        self._claims.release_all()

    def go(self, tasks: list[list[Unit]]) -> None:
        self._waiting.extend(task for task in tasks if not self._finished(task))
        if self._waiting:
            self._executor.limit_to(len(self._waiting))
        while self._waiting or self._running or self._elsewhere:
            self._fill()
            if self._running:
                ended, _ = wait(self._running, timeout=_LOOK_EVERY_S, return_when=FIRST_COMPLETED)
                for future in ended:
                    self._end(self._running.pop(future), future.result())
            else:
                time.sleep(_LOOK_EVERY_S)
            self._tell()
            self._look_elsewhere()

    def _finished(self, task: list[Unit]) -> bool:
        """Tell the results of a task that is done, if it is.

        A group is done again as a whole: what its members are computed beside decides their last digits.
        """
        found = [self._store.read(unit) for unit in task]
        if any(result is None or (self._retry_lost and result.lost) for result in found):
            return False
        for unit, result in zip(task, found, strict=True):
            self._followed.done(unit, result)
        return True

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._executor.capacity:
            task = self._waiting.popleft()
            if not self._claims.take(*_claim(task)):
                self._elsewhere.append(task)
                continue
            # Another process may have finished it before the claim was taken.
            if self._attempts.get(task[0].id) or not self._finished(task):
                payload = tuple(unit.payload for unit in task) if task[0].group else task[0].payload
                self._running[self._executor.submit(payload, len(task))] = task
            else:
                self._claims.release(*_claim(task))

    def _look_elsewhere(self) -> None:
        """Tasks that others had claimed are done now, or free again because their process ended."""
        others, self._elsewhere = self._elsewhere, []
        for task in others:
            if self._finished(task):
                continue
            if self._claims.take(*_claim(task)):
                self._waiting.append(task)
            else:
                self._elsewhere.append(task)

    def _end(self, task: list[Unit], ended: Done | Lost) -> None:
        if isinstance(ended, Done):
            self._keep(task, ended)
        elif ended.blameless and self._try_again(task):
            self._log("again", task, cause=ended.cause)
            self._waiting.appendleft(task)
            return
        elif len(task) > 1:
            # Which of them it was shows when each runs alone.
            self._log("split", task, cause=ended.cause)
            self._waiting.extendleft([unit] for unit in reversed(task))
        else:
            self._lose(task[0], ended)
        self._claims.release(*_claim(task))

    def _try_again(self, task: list[Unit]) -> bool:
        self._attempts[task[0].id] = self._attempts.get(task[0].id, 0) + 1
        return self._attempts[task[0].id] < _MOST_ATTEMPTS

    def _keep(self, task: list[Unit], done: Done) -> None:
        results, cost = done.value if task[0].group else [done.value], done.cost.share(len(task))
        for unit, result in zip(task, results, strict=True):
            self._store.write(unit, result, cost=cost)
            self._followed.log.write("done", unit=unit.id, **cost)
            self._followed.done(unit, result)

    def _lose(self, unit: Unit, lost: Lost) -> None:
        result = self._on_lost(unit, lost)
        self._store.write(unit, result, lost=lost.kind)
        facts = {
            "kind": lost.kind,
            "cause": lost.cause,
            "details": lost.details,
            "command": self._followed.remedy(unit),
        }
        self._followed.log.write("lost", unit=unit.id, **facts)
        self._followed.done(unit, result)

    def _log(self, event: str, task: list[Unit], **facts) -> None:
        self._followed.log.write(event, units=[unit.id for unit in task], **facts)

    def _tell(self) -> None:
        fractions = {
            unit.id: self._executor.fraction(future) for future, task in self._running.items() for unit in task
        }
        self._followed.under_way(fractions)


def _claim(task: list[Unit]) -> list[str]:
    return [f"{unit.id} {unit.hash}" for unit in task]
