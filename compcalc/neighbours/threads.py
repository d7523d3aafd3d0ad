"""Several threads for one list.

Plain Python threads that live for one call: the kernels run without the interpreter lock. Unlike a parallel kernel's
pool they may be started from several threads at once, and a forked process inherits nothing that could hang.
"""

import os
import threading
from collections.abc import Callable, Sequence

import numpy as np


def default_threads() -> int:
    """What OMP_NUM_THREADS says, else the number of usable cores."""
    wish = os.environ.get("OMP_NUM_THREADS", "")
    if wish.isdigit() and int(wish) > 0:
        return int(wish)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_parts(parts: Sequence[Callable[[], object]]) -> list:
    """The results of the parts, each run in a thread of its own, the first in the calling one."""
    if len(parts) == 1:
        return [parts[0]()]
    results: list = [None] * len(parts)
    errors: list[BaseException] = []

    def run(n):
        try:
            results[n] = parts[n]()
        except BaseException as error:
            errors.append(error)

    others = [threading.Thread(target=run, args=(n,)) for n in range(1, len(parts))]
    for thread in others:
        thread.start()
    run(0)
    for thread in others:
        thread.join()
    if errors:
        raise errors[0]
    return results


def even_cuts(ends: np.ndarray, parts: int) -> list[int]:
    """Cuts of the index range of `ends`, running totals of work that begin with 0, (n + 1,), into even parts."""
    if parts == 1:
        return [0, len(ends) - 1]
    targets = np.linspace(0, ends[-1], parts + 1)[1:-1]
    return [0, *np.searchsorted(ends, targets).tolist(), len(ends) - 1]
