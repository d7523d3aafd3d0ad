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
    """What a run is to do, and with what.

    Attributes:
        spec: the potential.
        task: name of the task; None for molecules of the user's own.
        variant: of the task.
        preset: size of the dynamics.
        only: `all`, `static` or `md`.
        seed: of every random number.
        data: directory of a data set; None for the shipped one.
        workers: processes; None for one a core, 0 to compute in this one, where a crash of the potential ends the run.
        timeout_s: wall time limit of one work unit, s; None for none.
        replicas: independent MD runs a molecule and protocol; None for the preset's own number.
        memory_gib: memory limit of one work unit, GiB; None for what the machine has.
        dask: address of a Dask scheduler, or a cluster file; None for this machine.
        retry: compute units again that ended in a crash, a limit or an error.
        molecules: the user's own, as SMILES, family names, files or directories.
        reference: method that labels their geometries, as a potential; None for no errors, only checks and dynamics.
        reference_replicas: independent MD runs a molecule and protocol with the reference method, for comparison.
    """

    spec: str
    task: str | None = None
    variant: str = "base"
    preset: str = "quick"
    only: str = "all"
    seed: int = 0
    data: Path | None = None
    workers: int | None = None
    timeout_s: float | None = None
    replicas: int | None = None
    memory_gib: float | None = None
    dask: str | None = None
    retry: bool = False
    molecules: tuple[str, ...] = ()
    reference: str | None = None
    reference_replicas: int = 0

    def __post_init__(self):
        if (self.task is None) == (not self.molecules):
            raise InputError("task", self.task, "a task, or molecules of your own, and not both")
        if self.reference is not None and self.task is not None:
            raise InputError("reference", self.reference, "none with a task", "A task's data hold their own labels.")
        if self.only not in HALVES:
            raise InputError("only", self.only, ", ".join(HALVES))
        if self.workers is not None and self.workers < 0:
            raise InputError("workers", self.workers, "1 or more, or 0 for this process")
        if self.replicas is not None and self.replicas < 1:
            raise InputError("replicas", self.replicas, "1 or more")
        if self.memory_gib is not None and not self.memory_gib > 0:
            raise InputError("memory_gib", self.memory_gib, "above 0 GiB")
        if self.seed < 0:
            raise InputError("seed", self.seed, "0 or more")
        self._check_reference_md()

    def _check_reference_md(self) -> None:
        got = self.reference_replicas
        if not 0 <= got <= 1000:
            raise InputError("reference_replicas", got, "a whole number from 0 to 1000", "1 or 2 are usual.")
        if got and self.only == "static":
            raise InputError("reference_replicas", got, "0 where no dynamics are run", "Leave out only='static'.")
        if got and self.task is None and self.reference is None:
            remedy = "Name the method that is to be run, as a potential: reference, or --reference."
            raise InputError("reference_replicas", got, "0 for molecules without a reference method", remedy)


@dataclass(frozen=True)
class Progress:
    """How a caller follows a run.

    Attributes:
        begin: told the name of a stage and its units.
        advance: told the stage of each finished unit, and the unit.
        under_way: told, about twice a second, the id of each unit being computed and how much of it is done, 0 to 1.
        notice: told what a user should know while the run goes on, in a sentence.
        examined: told what the short examination of the potential found, before the first unit.
        writing: told how many reports are written and of how many, at the start and with each.
        potential: told the spec of the potential that comes next, its place from 1 and how many there are.
    """

    begin: Callable[[str, list[Unit]], None] = lambda stage, units: None
    advance: Callable[[str, Unit], None] = lambda stage, unit: None
    under_way: Callable[[dict[str, float]], None] = lambda fractions: None
    notice: Callable[[str], None] = lambda text: None
    examined: Callable[[Examination], None] = lambda found: None
    writing: Callable[[int, int], None] = lambda done, total: None
    potential: Callable[[str, int, int], None] = lambda spec, place, total: None
