"""Work functions for spawned workers, which import them by name."""

import os
import time
from pathlib import Path

import numpy as np

from compcalc.errors import CompcalcError, UnknownNameError
from compcalc.execution import Result

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
