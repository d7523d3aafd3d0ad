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
        factory: picklable; called once a worker process, gives the function from payload to result.
        store: where results are written.
        workers: number of processes; 1 runs in this process unless there is a time limit, and then a crash of the
            potential ends it.
        timeout_s: wall time after which a unit's worker is killed, s; None for no limit.
        on_lost: makes the result of a unit whose process died or ran out of time.
        on_done: told of each result, old ones included.
    """
    missing = []
    for unit in units:
        result = store.read(unit)
        if result is None:
            missing.append(unit)
        else:
            on_done(unit, result)
    if workers <= 1 and timeout_s is None:
        results = _run_here(missing, factory)
    else:
        results = _run_pool(missing, factory, workers, timeout_s, on_lost)
    # Closing ends the workers at once, also where storing or reporting a result fails.
    with closing(results):
        for unit, result in results:
            store.write(unit, result)
            on_done(unit, result)


def _run_here(units: list[Unit], factory: WorkerFactory) -> Iterator[tuple[Unit, Result]]:
    work = factory() if units else None
    for unit in units:
        yield unit, work(unit.payload)


def _run_pool(units, factory, workers, timeout_s, on_lost) -> Iterator[tuple[Unit, Result]]:
    if not units:
        return
    from pebble import ProcessExpired, ProcessPool

    workers = min(workers, len(units))
    with (
        _threads_for(workers),
        ProcessPool(workers, initializer=_start_worker, initargs=[factory], context=get_context("spawn")) as pool,
    ):
        try:
            pending = {pool.schedule(_run_one, args=[u.payload], timeout=timeout_s): u for u in units}
            while pending:
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    unit = pending.pop(future)
                    try:
                        result = future.result()
                    except TimeoutError as error:
                        if error.__cause__ is not None:  # raised by the work itself
                            raise
                        result = on_lost(unit, Lost("timeout", f"stopped at the time limit of {timeout_s:g} s"))
                    except ProcessExpired as error:
                        cause = f"the worker process died (exit code {error.exitcode})"
                        result = on_lost(unit, Lost("crashed", cause))
                    except BrokenProcessPool as error:
                        raise CompcalcError(
                            "every worker process died while it was starting. Try again with one worker: what fails "
                            "is then seen in this process."
                        ) from error
                    yield unit, result
        except BaseException:
            pool.stop()
            raise


def _start_worker(factory: WorkerFactory) -> None:
    global _work
    try:
        _work = factory()
    except Exception as error:  # told by the worker's first unit: the pool would only say that its workers are gone
        _work = partial(_raise, error)


def _raise(error: Exception, payload: Any) -> Result:
    raise error


def _run_one(payload: Any) -> Result:
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
