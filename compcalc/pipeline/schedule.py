"""When the last of a list of tasks ends on a number of workers."""

import heapq
from collections.abc import Iterable


def list_schedule(durations: Iterable[float], workers: int, start_up_s: float = 0.0) -> float:
    """Time until all tasks are done, each begun in its turn by the worker that is free first, as a run does it.

    Args:
        durations: of the tasks in their order, s.
        workers: how many there are, at least 1.
        start_up_s: what each worker but the first, which is up already, takes before its first task, s. It is free
            before that: a task that it is given waits for it.

    Returns:
        s; 0 without tasks.
    """
    free = [(0.0, k) for k in range(workers)]
    starting = set(range(1, workers))
    last = 0.0
    for duration in durations:
        end, worker = heapq.heappop(free)
        end += duration + (start_up_s if worker in starting else 0.0)
        starting.discard(worker)
        heapq.heappush(free, (end, worker))
        last = max(last, end)
    return last
