"""What a run is to do, and how a caller follows it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compcalc.checks import Examination
from compcalc.errors import InputError
from compcalc.execution import Unit

HALVES = ("all", "static", "md")


@dataclass(frozen=True)
class RunSettings:
    """What a run is to do.

    Attributes:
        spec: the potential.
        task: name of the task.
        variant: of the task.
        preset: size of the dynamics.
        only: `all`, `static` or `md`.
        seed: of every random number.
        data: directory of a data set; None for the shipped one.
        workers: processes; None for one a core.
        timeout_s: wall time limit of one work unit, s; None for none.
    """

    spec: str
    task: str
    variant: str = "base"
    preset: str = "quick"
    only: str = "all"
    seed: int = 0
    data: Path | None = None
    workers: int | None = None
    timeout_s: float | None = None

    def __post_init__(self):
        if self.only not in HALVES:
            raise InputError("only", self.only, ", ".join(HALVES))
        if self.workers is not None and self.workers < 1:
            raise InputError("workers", self.workers, "1 or more")
        if self.seed < 0:
            raise InputError("seed", self.seed, "0 or more")


@dataclass(frozen=True)
class Progress:
    """How a caller follows a run.

    Attributes:
        begin: told the name of a stage and its number of units.
        advance: told each finished unit.
        examined: told what the short examination of the potential found, before the first unit.
    """

    begin: Callable[[str, int], None] = lambda stage, n: None
    advance: Callable[[str, Unit], None] = lambda stage, unit: None
    examined: Callable[[Examination], None] = lambda found: None
