"""Runs work units in this process or in spawned worker processes, and stores each result as it arrives.

Workers are spawned, never forked: tblite, torch and CUDA do not survive a fork. Each worker builds what it needs once.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, TimeoutError, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

from compcalc.errors import CompcalcError
from compcalc.execution.allocator import keep_freed_memory
from compcalc.execution.environment import usable_cores
from compcalc.execution.store import Result, ResultStore
from compcalc.execution.units import Unit

WorkerFactory = Callable[[], Callable[[Any], Result]]

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_work: Callable[[Any], Result] | None = None


@dataclass(frozen=True)
class Lost:
    """A unit whose process ended without a result.

    Attributes:
        kind: `crashed` or `timeout`.
        cause: what is known of it.
    """

    kind: str
    cause: str


def run_units(
    units: Iterable[Unit],
    factory: WorkerFactory,
    store: ResultStore,
    *,
    workers: int = 1,
    timeout_s: float | None = None,
    on_lost: Callable[[Unit, Lost], Result],
    on_done: Callable[[Unit, Result], None] = lambda unit, result: None,
) -> None:
    """Run every unit that has no result in `store` yet.

    Args:
        units: what to run; results that exist with the same hash are kept.
        factory: picklable; called once a worker process, gives the function from payload to result, and from the
            payloads of a group to its results.
        store: where results are written.
        workers: number of processes; 1 runs in this process unless there is a time limit, and then a crash of the
            potential ends it.
        timeout_s: wall time after which a unit's worker is killed, s, for a group times its size; None for no limit.
        on_lost: makes the result of a unit whose process died or ran out of time; the members of a group are first run
            one by one.
        on_done: told of each result, old ones included.
    """
    tasks = []
    for task in _tasks(units):
        found = [store.read(unit) for unit in task]
        missing = any(result is None for result in found)
        if missing:
            # A group is done again as a whole: what its members are computed beside decides their last digits.
            tasks.append(task)
        for unit, result in zip(task, found, strict=True):
            if not missing:
                on_done(unit, result)
    if workers <= 1 and timeout_s is None:
        results = _run_here(tasks, factory)
    else:
        results = _run_pool(tasks, factory, workers, timeout_s, on_lost)
    # Closing ends the workers at once, also where storing or reporting a result fails.
    with closing(results):
        for unit, result in results:
            store.write(unit, result)
            on_done(unit, result)


def _tasks(units: Iterable[Unit]) -> list[list[Unit]]:
    """Units that run together, in the order of the first of each."""
    tasks: dict[str, list[Unit]] = {}
    for unit in units:
        tasks.setdefault(f"group {unit.group}" if unit.group else f"unit {unit.id}", []).append(unit)
    return list(tasks.values())


def _payload(task: list[Unit]) -> Any:
    return tuple(unit.payload for unit in task) if task[0].group else task[0].payload


def _results(task: list[Unit], output: Any) -> Iterator[tuple[Unit, Result]]:
    yield from zip(task, output if task[0].group else [output], strict=True)


def _run_here(tasks: list[list[Unit]], factory: WorkerFactory) -> Iterator[tuple[Unit, Result]]:
    work = factory() if tasks else None
    for task in tasks:
        yield from _results(task, work(_payload(task)))


def _run_pool(tasks, factory, workers, timeout_s, on_lost) -> Iterator[tuple[Unit, Result]]:
    if not tasks:
        return
    from pebble import ProcessExpired, ProcessPool

    workers = min(workers, len(tasks))
    with (
        _threads_for(workers),
        ProcessPool(workers, initializer=_start_worker, initargs=[factory], context=get_context("spawn")) as pool,
    ):

        def schedule(task: list[Unit]):
            limit = timeout_s and timeout_s * len(task)
            return pool.schedule(_run_one, args=[_payload(task)], timeout=limit)

        try:
            pending = {schedule(task): task for task in tasks}
            while pending:
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    task = pending.pop(future)
                    try:
                        yield from _results(task, future.result())
                        continue
                    except TimeoutError as error:
                        if error.__cause__ is not None:  # raised by the work itself
                            raise
                        lost = Lost("timeout", f"stopped at the time limit of {timeout_s:g} s")
                    except ProcessExpired as error:
                        lost = Lost("crashed", f"the worker process died (exit code {error.exitcode})")
                    except BrokenProcessPool as error:
                        raise CompcalcError(
                            "every worker process died while it was starting. Try again with one worker: what fails "
                            "is then seen in this process."
                        ) from error
                    if len(task) > 1:
                        # Which of them it was shows when each runs alone.
                        pending |= {schedule([unit]): [unit] for unit in task}
                    else:
                        yield task[0], on_lost(task[0], lost)
        except BaseException:
            pool.stop()
            raise


def _start_worker(factory: WorkerFactory) -> None:
    global _work
    keep_freed_memory()
    try:
        _work = factory()
    except Exception as error:  # told by the worker's first unit: the pool would only say that its workers are gone
        _work = partial(_raise, error)


def _raise(error: Exception, payload: Any) -> Result:
    raise error


def _run_one(payload: Any) -> Any:
    return _work(payload)


@contextmanager
def _threads_for(workers: int):
    """Give each spawned process its share of the cores: threads x workers <= cores."""
    share = str(max(1, usable_cores() // workers))
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, share))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
