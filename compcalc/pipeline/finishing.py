"""The outputs of several runs at a time: each is made from stored results alone, and takes one core for seconds."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from compcalc.execution import Done, LocalPool, ResultStore
from compcalc.execution.run_directory import MANIFEST, write_json
from compcalc.pipeline.outputs import read_manifest, write_outputs
from compcalc.pipeline.prepared import PreparedRun


@dataclass(frozen=True)
class Outputs:
    """What is to be written.

    Attributes:
        prepared: the run, whose units are all done.
        store: directory of the results.
        out: where the outputs belong.
        manifest: content of its run.json so far.
    """

    prepared: PreparedRun
    store: Path
    out: Path
    manifest: dict[str, Any]


def finish_all(
    outputs: Sequence[Outputs], workers: int, told: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, dict[str, Any]]:
    """Write the outputs of runs; returns name -> `manifest` and `metrics`.

    Args:
        outputs: of each run.
        workers: processes to take; this one alone where there is one run, or less than two.
        told: told how many runs are written, and of how many.

    Raises:
        CannotWriteError: the disk is full, or the directory cannot be written.
    """
    found: dict[str, dict[str, Any]] = {}
    told(0, len(outputs))
    if min(workers, len(outputs)) < 2:
        for one in outputs:
            found[one.prepared.given.name] = finish(one)
            told(len(found), len(outputs))
        return found
    with LocalPool(Writer(), min(workers, len(outputs))) as pool:
        for name, done in _in_parallel(pool, outputs):
            found[name] = done
            told(len(found), len(outputs))
    return {one.prepared.given.name: found[one.prepared.given.name] for one in outputs}


def finish(one: Outputs) -> dict[str, Any]:
    """Write the outputs of a run; returns its `manifest` and `metrics`.

    Raises:
        CannotWriteError: the disk is full, or the directory cannot be written.
    """
    begun, manifest = time.perf_counter(), {**one.manifest, "finished": now()}
    metrics = write_outputs(one.prepared, ResultStore(one.store), one.out, manifest)
    manifest = read_manifest(one.out)
    add_time(manifest, "report", time.perf_counter() - begun)
    timings = manifest["timings_s"]
    timings["total"] = round(sum(seconds for what, seconds in timings.items() if what != "total"), 2)
    write_json(one.out / MANIFEST, manifest)
    return {"manifest": manifest, "metrics": metrics}


class Writer:
    """Makes a worker process one that writes outputs."""

    def __call__(self) -> Callable[[Outputs], dict[str, Any]]:
        return finish


def add_time(manifest: dict[str, Any], what: str, seconds: float) -> None:
    """Add to the wall times of a run."""
    timings = manifest["timings_s"]
    timings[what] = round(timings.get(what, 0.0) + seconds, 2)


def now() -> str:
    """Date and time, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _in_parallel(pool: LocalPool, outputs: Sequence[Outputs]) -> Iterator[tuple[str, dict[str, Any]]]:
    waiting, under_way = list(outputs), {}
    while waiting or under_way:
        while waiting and len(under_way) < pool.capacity:
            one = waiting.pop(0)
            under_way[pool.submit(one)] = one
        for future in wait(under_way, return_when=FIRST_COMPLETED).done:
            one = under_way.pop(future)
            yield one.prepared.given.name, _value(future, one)


def _value(future: Future, one: Outputs) -> dict[str, Any]:
    """What a worker made; where it failed, this process tries, and whatever it meets is the user's to know."""
    ended = None if future.exception() else future.result()
    return ended.value if isinstance(ended, Done) else finish(one)
