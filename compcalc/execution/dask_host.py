"""The watched processes of one run beside one Dask worker, and what of its machine they may take."""

import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from distributed.utils import sync

from compcalc.execution.devices import take_devices
from compcalc.execution.environment import usable_cores
from compcalc.execution.pool import Limits, LocalPool, WorkerFactory

_MOST_OUTPUT_BYTES = 2**24


class Closed(Exception):
    """The processes were ended while a task waited for one."""


class Host:
    """Computes the tasks that a Dask worker's threads bring, in as many processes as it has threads.

    Args:
        factory: of the work.
        limits: of one unit.
        worker: the Dask worker.
        cores: that its processes share.
        gpus: devices that it takes for itself; its resource `GPU` counts instead where it has one.
        devices: to take them from; empty for those that it sees.

    Attributes:
        place: to hold while a task is computed.
        pool: the processes.
        closed: whether they were ended.
    """

    def __init__(
        self,
        factory: WorkerFactory,
        limits: Limits,
        worker: Any,
        cores: int,
        gpus: int = 0,
        devices: tuple[str, ...] = (),
    ):
        threads = worker.state.nthreads
        self._folder = tempfile.TemporaryDirectory(
            prefix="compcalc-", dir=worker.local_directory, ignore_cleanup_errors=True
        )
        self._output = Path(self._folder.name) / "output.txt"
        self.pool = LocalPool(
            factory,
            threads,
            limits,
            self._output,
            take_devices(worker.address, int(worker.state.total_resources.get("GPU", gpus)), devices),
            cores=cores,
            memory_bytes=worker.memory_manager.memory_limit or None,
            folder=Path(self._folder.name),
        )
        self.place = threading.Semaphore(self.pool.capacity)
        self.closed = False
        self._lock, self._tasks, self._used = threading.Lock(), set(), time.monotonic()

    @property
    def idle_s(self) -> float:
        """For how long nothing has been computed, s."""
        with self._lock:
            self._forget_ended()
            return 0.0 if self._tasks else time.monotonic() - self._used

    def submit(self, payload: bytes, n_units: int) -> Future:
        """Begin a task.

        Raises:
            Closed: the processes were ended.
        """
        with self._lock:
            if self.closed:
                raise Closed
            self._forget_ended()
            self._shorten_output()
            with _children_allowed():
                future = self.pool.submit(payload, n_units)
            self._tasks.add(future)
            return future

    def close(self) -> None:
        """End the processes now."""
        with self._lock:
            if not self.closed:
                self.closed = True
                self.pool.stop()
                self._folder.cleanup()

    def _forget_ended(self) -> None:
        ended = {future for future in self._tasks if future.done()}
        if ended:
            self._tasks -= ended
            self._used = time.monotonic()

    def _shorten_output(self) -> None:
        """A potential that prints at every step would fill the node's disk; the end of it is shown with a lost unit."""
        if not self._tasks and self._output.exists() and self._output.stat().st_size > _MOST_OUTPUT_BYTES:
            os.truncate(self._output, 0)


@contextmanager
def _children_allowed() -> Iterator[None]:
    """Let this process start children.

    Dask's nanny makes its workers daemonic, and multiprocessing forbids those to have children, since nobody would end
    them. Ours end with their parent by themselves, which the system sees to (`compcalc.execution.worker`).
    """
    process = multiprocessing.current_process()
    daemonic = process.daemon
    process._config["daemon"] = False
    try:
        yield
    finally:
        process._config["daemon"] = daemonic


def cores_of(worker: Any) -> int:
    """Cores that are this Dask worker's: those of its machine, shared by the threads of all Dask workers there."""
    by_address = sync(worker.loop, worker.scheduler.ncores)
    here = urlparse(worker.address).hostname
    threads = sum(n for address, n in by_address.items() if urlparse(address).hostname == here)
    own = worker.state.nthreads
    return max(1, usable_cores() * own // max(own, threads))
