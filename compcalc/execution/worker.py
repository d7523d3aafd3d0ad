"""What happens inside a worker process: it is set up once, then computes one job after the other.

Jobs and results travel in files, so that the messages between the processes are a few bytes: a process that is killed
in the middle of a long message would leave the other side waiting for the rest.
"""

import ctypes
import faulthandler
import os
import pickle
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from compcalc.errors import is_out_of_memory
from compcalc.execution import progress
from compcalc.execution.allocator import keep_freed_memory
from compcalc.execution.files import write_bytes
from compcalc.execution.outcome import Cost, Done, Lost

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_HELD = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@dataclass(frozen=True)
class Setup:
    """What a worker process is given when it starts.

    Attributes:
        factory: called once; gives the function from payload to result.
        parent: process id of the run; the worker ends with it.
        record: file in which the worker says what it is doing.
        output: file that takes what the worker's code prints, from C as well; None leaves it where it is.
        environment: variables to set before the factory is called.
    """

    factory: Callable[[], Callable[[Any], Any]]
    parent: int
    record: Path
    output: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)


_setup: Setup | None = None
_work: Callable[[Any], Any] | None = None


@contextmanager
def signals_held() -> Iterator[None]:
    """Put off signals that end a process, while a worker is started that would not be known to whoever stops it.

    The worker inherits this, too: Ctrl-C reaches all processes of a terminal, and the run decides what it means.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        # Started here, the tracker does not die with the terminal; to start it lifts a part of the mask.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
        with _handlers_put_off():
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _handlers_put_off() -> Iterator[None]:
    """The mask is that of one thread: where another one takes a signal, Python calls its handler in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: dict[int, None] = {}
    handlers = {each: signal.getsignal(each) for each in _HELD}
    put_off = {each: handler for each, handler in handlers.items() if callable(handler)}
    for each in put_off:
        signal.signal(each, lambda number, _frame: came.update({number: None}))
    try:
        yield
    finally:
        for each, handler in put_off.items():
            signal.signal(each, handler)
        for number in came:
            signal.raise_signal(number)  # handled once the mask is lifted


def start(setup: Setup) -> None:
    """Make this process a worker; cheap, so that it is over before the first job is waited for."""
    global _setup
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
    _die_with(setup.parent)
    _offer_to_the_memory_killer()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if setup.output is not None:
        _print_to(setup.output)
    faulthandler.enable(sys.__stderr__)
    os.environ.update(setup.environment)
    keep_freed_memory()
    _setup = setup
    progress.open_record(setup.record)


def compute(job: Path, answer: Path) -> None:
    """Do the pickled job in `job`, and leave a `Done` or a `Lost` in `answer`.

    Raises:
        CannotWriteError: the disk of the temporary files is full.
        Exception: what the factory raised; the work's own exceptions are a `Lost`.
    """
    global _work
    if _work is None:
        progress.enter("building")
        _work = _setup.factory()
    payload = pickle.loads(job.read_bytes())
    progress.enter("working")
    write_bytes(answer, pickle.dumps(do(_work, payload), protocol=pickle.HIGHEST_PROTOCOL))
    progress.enter("idle")


def do(work: Callable[[Any], Any], payload: Any) -> Done | Lost:
    """Call `work`, with its cost; an exception is a `Lost`."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        value = work(payload)
    except Exception as error:
        kind = "out_of_memory" if is_out_of_memory(error) else "calculator_error"
        return Lost(kind, f"{type(error).__name__}: {error}", traceback.format_exc())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Done(value, Cost(time.perf_counter() - wall, time.process_time() - cpu, peak))


def _die_with(parent: int) -> None:
    """A worker that hangs in C would otherwise outlive a run that was killed."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it died before this could be asked for
        os._exit(1)


def _offer_to_the_memory_killer() -> None:
    """When the machine runs out of memory, Linux is to kill a worker and not the run, or somebody else's work."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _print_to(output: Path) -> None:
    """Send what anything in this process prints, in Python or in C, to the end of a file."""
    with suppress(OSError), output.open("ab", buffering=0) as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
