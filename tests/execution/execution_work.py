"""Work functions for spawned workers, which import them by name."""

import ctypes
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from compcalc.errors import CompcalcError, UnknownNameError
from compcalc.execution import Result
from compcalc.execution.progress import tell

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def square():
    """Work that depends on its payload alone."""
    return lambda x: Result({"square": np.array([x, x * x])}, {"x": x})


def by_command():
    """Work that does what its payload says."""

    def work(payload):
        command, value = payload
        if command == "exit":
            os._exit(value)
        elif command == "segfault":
            ctypes.string_at(0)
        elif command == "abort":
            os.abort()
        elif command == "killed":
            os.kill(os.getpid(), value)
        elif command == "killed once":
            if not Path(value).exists():
                Path(value).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        elif command == "parent killed once":
            if not Path(value).exists():
                Path(value).touch()
                os.kill(os.getppid(), signal.SIGKILL)
                time.sleep(60)
        elif command == "parent killed":
            os.kill(os.getppid(), value)
            time.sleep(60)
        elif command == "hang":
            ctypes.PyDLL(None).sleep(value)  # holds the interpreter's lock, as a deadlock in C does
        elif command == "compute":
            begun = time.process_time()
            while time.process_time() - begun < value:
                pass
        elif command == "go on":
            for step in range(20):
                time.sleep(value / 20)
                tell(step / 20)
        elif command == "memory":
            hold = [np.ones(value // 8) for _ in range(1000)]
            return Result({}, {"held": len(hold)})
        elif command == "recursion":
            return by_recursion(0)
        elif command == "print":
            libc = ctypes.CDLL(None)
            libc.puts(value.encode())
            libc.fflush(None)
            print(value, flush=True)
        elif command == "print and exit":
            libc = ctypes.CDLL(None)
            libc.puts(value.encode())
            libc.fflush(None)
            os._exit(3)
        elif command == "device":
            time.sleep(value)
            return Result({}, {"device": os.environ["CUDA_VISIBLE_DEVICES"]})
        elif command == "tell":
            for k in range(1, 11):
                tell(k / 10)
                time.sleep(value / 10)
        elif command == "sleep":
            time.sleep(value)
        elif command == "unknown":
            raise UnknownNameError("task", "lenght", ["length", "other"])
        elif command == "timeout error":
            raise TimeoutError("the licence server did not answer")
        elif command == "touch":
            Path(value).touch()
        return Result({}, {"pid": os.getpid(), **{name: os.environ.get(name) for name in THREAD_VARIABLES}})

    return work


def by_recursion(depth):
    """Ends in a RecursionError."""
    return by_recursion(depth + 1)


@dataclass(frozen=True)
class DiesWhileStarting:
    """A worker factory whose process is killed the first `times` times that it is called."""

    folder: Path
    times: int

    def __call__(self):
        deaths = len(list(self.folder.glob("death-*")))
        if deaths < self.times:
            (self.folder / f"death-{deaths}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return square()


def slow_to_start():
    """A worker that takes long to set up."""
    time.sleep(1.5)
    return square()


def unknown_while_starting():
    """A worker that was asked for something that does not exist."""
    raise UnknownNameError("task", "lenght", ["length", "other"])


def free_memory() -> int:
    """Bytes that the machine has left."""
    return psutil.virtual_memory().available


def fails_to_start():
    """A worker that cannot be set up."""
    raise CompcalcError("the model file is missing")


def dies_while_starting():
    """A worker whose process ends while it is set up."""
    os._exit(5)


def together():
    """Work on groups: a result says how many were computed together; a payload `exit` ends the process."""

    def work(payloads):
        if "exit" in payloads:
            os._exit(3)
        if "sleep" in payloads:
            time.sleep(60)
        return tuple(Result({}, {"x": x, "together": len(payloads)}) for x in payloads)

    return work
