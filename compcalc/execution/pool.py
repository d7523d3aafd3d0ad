"""Worker processes on this machine: spawned, watched, and replaced where one crashes, hangs or takes too much memory.

Workers are spawned, never forked: tblite, torch and CUDA do not survive a fork. Each has an executor of its own, so
that the end of one, however it comes, touches no other.
"""

import os
import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compcalc.errors import InputError
from compcalc.execution.environment import usable_cores
from compcalc.execution.files import write_bytes
from compcalc.execution.outcome import Done, Lost
from compcalc.execution.slot import Slot
from compcalc.execution.temporary import TemporaryFolder
from compcalc.execution.watch import Watch
from compcalc.execution.worker import Setup, do

WorkerFactory = Callable[[], Callable[[Any], Any]]

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_PRINTED = "printed.txt"


@dataclass(frozen=True)
class Limits:
    """What one unit may take before its worker is stopped; a group may take the sum of its members' time.

    Attributes:
        timeout_s: wall time, s; None for no limit.
        memory_bytes: resident memory of the worker and its children, bytes; None for what the machine has: where it
            runs short, the largest worker is stopped.
    """

    timeout_s: float | None = None
    memory_bytes: int | None = None

    def __post_init__(self):
        for name, value in (("timeout_s", self.timeout_s), ("memory_bytes", self.memory_bytes)):
            if value is not None and not value > 0:
                raise InputError(name, value, "above 0, or None for no limit")


class LocalPool:
    """Computes tasks in worker processes of this machine.

    Args:
        factory: picklable; called once a worker, gives the function from payload to result.
        workers: number of processes, at least 1. More than one a core are not started: they would only take turns.
        limits: of one unit.
        output: file that what the workers' code prints is added to in the end, if its folder is there; None lets it
            through.
        devices: values of `CUDA_VISIBLE_DEVICES` that the workers take in turn; empty leaves it alone.
        cores: that the workers share; None for all that this process may run on.
        memory_bytes: that they may take together, bytes; None for what the machine has.
        folder: in which temporary files go; None for the system's.

    Attributes:
        capacity: how many tasks can be computed at a time.
    """

    def __init__(
        self,
        factory: WorkerFactory,
        workers: int = 1,
        limits: Limits = Limits(),
        output: Path | None = None,
        devices: tuple[str, ...] = (),
        cores: int | None = None,
        memory_bytes: int | None = None,
        folder: Path | None = None,
    ):
        self._cores = cores or usable_cores()
        self.capacity = max(1, min(workers, self._cores))
        self._factory, self._output, self._devices = factory, output, devices
        self._folder = TemporaryFolder(folder)
        self._slots = [Slot(k, self._setup(k)) for k in range(self.capacity)]
        self._watch = Watch(self._slots, limits, memory_bytes)
        self._jobs = 0

    def __enter__(self) -> "LocalPool":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def limit_to(self, n_tasks: int) -> None:
        """Start no more workers than there are tasks, with the more threads each; of no effect once one has started."""
        if not any(slot.started for slot in self._slots):
            self.capacity = max(1, min(self.capacity, n_tasks))
            self._slots = [Slot(k, self._setup(k)) for k in range(self.capacity)]
            self._watch.slots = self._slots

    def submit(self, payload: Any, n_units: int = 1) -> Future:
        """Begin a task; at most `capacity` may be under way.

        Returns:
            a future of `Done` or `Lost`; its exception is what the factory raised, or a `CompcalcError` where worker
            processes die while the factory is called.

        Raises:
            CannotWriteError: the disk of the temporary files is full.
        """
        slot = next(slot for slot in self._slots if slot.free)
        self._jobs += 1
        job, answer = (self._folder.path / f"{self._jobs}.{end}" for end in ("job", "answer"))
        write_bytes(job, pickle.dumps(payload, protocol=pickle.HIGHEST_PROTOCOL))
        self._watch.start()
        return slot.begin(job, answer, n_units)

    def fraction(self, future: Future) -> float:
        """How much of a task is done, 0 to 1, as far as it said."""
        return next((slot.activity.fraction for slot in self._slots if slot.future is future and slot.activity), 0.0)

    def stop(self) -> None:
        """End all workers now."""
        self._watch.stop()
        for slot in self._slots:
            slot.stop()
        self._keep_output()
        self._folder.cleanup()

    def _keep_output(self) -> None:
        printed = self._folder.path / _PRINTED
        if self._output is None or not self._output.parent.is_dir() or not printed.is_file():
            return
        if printed.stat().st_size:
            with suppress(OSError), printed.open("rb") as source, self._output.open("ab") as target:
                shutil.copyfileobj(source, target)

    def _setup(self, k: int) -> Setup:
        # Threads times workers stay within the cores.
        environment = dict.fromkeys(_THREAD_VARIABLES, str(max(1, self._cores // self.capacity)))
        if self._devices:
            environment["CUDA_VISIBLE_DEVICES"] = self._devices[k % len(self._devices)]
        record = self._folder.path / f"worker-{k}"
        printed = None if self._output is None else self._folder.path / _PRINTED
        return Setup(self._factory, os.getpid(), record, printed, environment)


class Here:
    """Computes tasks in this process, one after the other: for a single unit that is to be looked at."""

    capacity = 1

    def __init__(self, factory: WorkerFactory):
        self._factory, self._work = factory, None

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, *_) -> None:
        pass

    def limit_to(self, n_tasks: int) -> None:
        """Nothing to limit."""

    def submit(self, payload: Any, n_units: int = 1) -> Future:
        """Compute the task now; exceptions are a `Lost`."""
        self._work = self._work or self._factory()
        future: Future[Done | Lost] = Future()
        future.set_result(do(self._work, payload))
        return future

    def fraction(self, future: Future) -> float:
        """A task is over when `submit` returns."""
        return 1.0
