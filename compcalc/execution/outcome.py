"""How a task ended: computed, at what cost, or lost and why."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cost:
    """What a task took.

    Attributes:
        seconds: wall time, s.
        cpu_seconds: processor time of all threads of the worker, s.
        memory_mib: most memory that the worker process had in use, from its start on, MiB.
    """

    seconds: float
    cpu_seconds: float
    memory_mib: float

    def share(self, n: int) -> dict[str, float]:
        """JSON-able cost of one of `n` units that were computed together."""
        share = {"seconds": self.seconds / n, "cpu_seconds": self.cpu_seconds / n, "memory_mib": self.memory_mib}
        return {name: round(value, 4) for name, value in share.items()}


@dataclass(frozen=True)
class Done:
    """What the work function returned, and its cost."""

    value: Any
    cost: Cost


@dataclass(frozen=True)
class Lost:
    """A task that ended without a result.

    Attributes:
        kind: `crashed`, `timeout`, `out_of_memory` or `calculator_error`.
        cause: what is known of it, one sentence.
        details: a traceback, or the end of what the worker printed.
        blameless: whether it ended for a reason outside of the work, so that it is to be tried again.
    """

    kind: str
    cause: str
    details: str = ""
    blameless: bool = False
