"""One place for a worker process: an executor with a single worker, replaced with it."""

import multiprocessing
import os
import pickle
import signal
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from compcalc.errors import CompcalcError
from compcalc.execution import worker
from compcalc.execution.outcome import Lost
from compcalc.execution.progress import Activity, read_record

_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)
_MOST_DEATHS_WHILE_BUILDING = 3
_SHOWN_OUTPUT = 2000
_EXIT_WAIT_S = 2.0


@dataclass(frozen=True)
class Heard:
    """A sign of life of a worker.

    Attributes:
        at_s: monotonic time, s.
        fraction: how much of its job was done, 0 to 1.
        cpu_s: processor time that it had taken, s.
    """

    at_s: float
    fraction: float
    cpu_s: float


class Slot:
    """A worker process and the one task that it is computing.

    Attributes:
        index: of the slot.
        future: of the task under way; None where it is free.
        n_units: how many units that task has.
        since: state of the worker and the monotonic time at which a watch first saw it, s; None before that.
        heard: the last sign of life that a watch saw.
        stopped_for: what a watch says of a worker that it stopped.
    """

    def __init__(self, index: int, setup: worker.Setup):
        self.index, self._setup = index, setup
        self.future: Future | None = None
        self.n_units, self.since, self.heard, self.stopped_for = 1, None, None, None
        self._executor: ProcessPoolExecutor | None = None
        self._process, self._answer, self._output_from, self._deaths = None, None, 0, 0

    @property
    def free(self) -> bool:
        """Whether a task can begin."""
        return self.future is None or self.future.done()

    @property
    def started(self) -> bool:
        """Whether there has been a worker process."""
        return self._executor is not None

    @property
    def activity(self) -> Activity | None:
        """What the worker last said; None where there is none."""
        found = read_record(self._setup.record) if self._process is not None else None
        return found if found is not None and found.pid == self._process.pid else None

    @property
    def pid(self) -> int | None:
        """Process id of the worker."""
        return self._process.pid if self._process is not None else None

    def begin(self, job: Path, answer: Path, n_units: int) -> Future:
        """Start a task, and a worker where there is none alive."""
        self.future, self.n_units, self.since, self.heard = Future(), n_units, None, None
        self.stopped_for = None
        self._answer = answer
        self._send(job, self.future)
        return self.future

    def kill(self, lost: Lost) -> None:
        """End the worker, and wait until its memory is free; its task is `lost`."""
        self.stopped_for = lost
        process = self._process
        self._kill()
        process.join(_EXIT_WAIT_S)

    def stop(self) -> None:
        """End the worker now; its task is forgotten."""
        executor, self._executor = self._executor, None
        self._kill()
        if executor is not None:
            # Waited for: a thread of it that ends together with this process may fail there, aloud.
            executor.shutdown(wait=True, cancel_futures=True)

    def _send(self, job: Path, future: Future) -> None:
        if self._process is None or not self._process.is_alive():
            self._start()
        self._output_from = self._output_size()
        try:
            running = self._executor.submit(worker.compute, job, self._answer)
        except BrokenProcessPool:  # it died since, by whatever hand
            self._start()
            running = self._executor.submit(worker.compute, job, self._answer)
        running.add_done_callback(lambda ended: self._ended(ended, job, future))

    def _start(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
        self._setup.record.unlink(missing_ok=True)
        with worker.signals_held():
            self._executor = ProcessPoolExecutor(
                1, multiprocessing.get_context("spawn"), initializer=worker.start, initargs=[self._setup]
            )
            self._executor.submit(os.getpid)
            # The executor shows its process to nobody, and its exit code tells why it ended.
            (self._process,) = self._executor._processes.values()

    def _ended(self, ended: Future, job: Path, future: Future) -> None:
        if self._executor is None:  # stopped with the run
            return
        try:
            ended.result()
            answer = pickle.loads(self._answer.read_bytes())
            self._deaths = 0
        except BrokenProcessPool:
            answer = self._why_it_died()
        except BaseException as error:
            answer = error
        finally:
            for file in (job, self._answer):
                file.unlink(missing_ok=True)
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    def _why_it_died(self) -> Lost | CompcalcError:
        activity = self.activity
        self._process.join(_EXIT_WAIT_S)
        how, said = _ending(self._process.exitcode), self._said()
        if self.stopped_for is not None:
            return self.stopped_for
        # Killed by another hand, or before it had begun: nothing that the task can be blamed for.
        blameless = -(self._process.exitcode or 0) in _FROM_OUTSIDE
        if activity is None or activity.state != "working":
            blameless, self._deaths = True, self._deaths + 1
        if self._deaths >= _MOST_DEATHS_WHILE_BUILDING:
            return CompcalcError(
                f"the worker process {how} while the potential was being built, {self._deaths} times in a row. "
                f"Try the potential in an ASE script of its own. The last that it printed:\n{said or '(nothing)'}"
            )
        return Lost("crashed", f"the worker process {how}", said, blameless)

    def _said(self) -> str:
        output = self._setup.output
        if output is None:
            return ""
        with suppress(OSError), output.open("rb") as file:
            file.seek(max(self._output_from, self._output_size() - _SHOWN_OUTPUT))
            return file.read(_SHOWN_OUTPUT).decode(errors="replace").strip()
        return ""

    def _output_size(self) -> int:
        output = self._setup.output
        return output.stat().st_size if output is not None and output.exists() else 0

    def _kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, ValueError):
                self._process.kill()


def _ending(exitcode: int | None) -> str:
    if exitcode is None:
        return "died"
    if exitcode >= 0:
        return f"ended by itself (exit code {exitcode})"
    name = signal.Signals(-exitcode).name if -exitcode in signal.Signals.__members__.values() else f"signal {-exitcode}"
    hint = ", as the system does when memory runs out" if -exitcode == signal.SIGKILL else ""
    return f"was ended by {name}{hint}"
