"""What the parts of a run cost on this machine: short pieces of its own units, timed on all workers at once."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from statistics import median

from compcalc.execution import Done, Executor, Lost, Unit
from compcalc.pipeline.potential import PotentialError
from compcalc.pipeline.prepared import stage_of
from compcalc.pipeline.scaling import SizeLaw, smallest_middle_largest
from compcalc.pipeline.timing import Timing, Took
from compcalc.pipeline.work import Calibrate

LEVELS = ("low", "value", "high")
"""Of every law: from the fastest pieces, their medians, and the slowest ones."""

DYNAMICS = ("md", "reference_md")
"""Stages of dynamics."""

# No protocol's name has a blank in it.
_REFERENCE = "reference "

_MARGIN = 0.1
"""Pieces that agree better than this say more of their own evenness than of a long run."""

_MD_WEIGHT = 3
"""Time spent on a piece of dynamics, in units of that spent on frames: most of a run is dynamics."""

_LONGEST = 3.0
"""Beyond so many times the budget, sizes that are not needed for a law are left out."""


@dataclass
class Measured:
    """Pieces of one kind of work by number of atoms, and the laws that follow from them.

    Attributes:
        starts: atoms -> what comes before the first frame or step.
        pieces: atoms -> frames or steps, from every worker.
    """

    starts: dict[int, list[Took]] = field(default_factory=dict)
    pieces: dict[int, list[Took]] = field(default_factory=dict)

    def add(self, timing: Timing) -> None:
        """Add what one worker measured."""
        self.starts.setdefault(timing.atoms, []).append(timing.start)
        self.pieces.setdefault(timing.atoms, []).extend(timing.pieces)

    def laws(self, clock: str) -> dict[str, SizeLaw]:
        """Level -> time of a frame or step, s, over atoms; `clock` is `seconds` or `cpu_seconds`."""
        spread = {atoms: _spread([getattr(took, clock) for took in pieces]) for atoms, pieces in self.pieces.items()}
        return {level: SizeLaw({atoms: each[k] for atoms, each in spread.items()}) for k, level in enumerate(LEVELS)}

    def start_law(self, clock: str) -> SizeLaw:
        """What comes before the first, s, over atoms."""
        return SizeLaw({atoms: max(getattr(took, clock) for took in found) for atoms, found in self.starts.items()})


@dataclass
class Calibration:
    """What was measured of a potential.

    Attributes:
        workers: processes that computed at the same time, as in the run.
        loading_s: wall time until the potential was built, tried and examined, s.
        start_up_s: wall time in which another worker starts and builds the potential, s.
        memory_mib: most memory that a worker had in use, MiB.
        kinds: `static`, the names of protocols, and these with `reference` before them -> what was measured of them.
        seconds: wall time of the calibration, s.
    """

    workers: int
    loading_s: float
    start_up_s: float = 0.0
    memory_mib: float = 0.0
    kinds: dict[str, Measured] = field(default_factory=dict)
    seconds: float = 0.0

    def costs(self, tasks: Sequence[Sequence[Unit]], clock: str, level: str) -> list[float]:
        """Time of each task, s: its frames or steps, and for dynamics what comes before them.

        Args:
            tasks: units that are computed together, as a run has them.
            clock: `seconds` or `cpu_seconds`.
            level: one of `LEVELS`.
        """
        laws = {kind: measured.laws(clock)[level] for kind, measured in self.kinds.items()}
        starts = {stage: self._starts(clock, stage) for stage in DYNAMICS}
        costs = []
        for task in tasks:
            kind, stage, atoms = kind_of(task[0]), stage_of(task[0]), atoms_of(task)
            start = starts[stage](atoms) if stage in DYNAMICS else 0.0
            costs.append(_computed(task[0]) * laws[kind](atoms) + start)
        return costs

    def _starts(self, clock: str, stage: str) -> SizeLaw | None:
        """Of dynamics: a worker keeps what it made for one protocol, so that only the first shows what it takes."""
        together = Measured()
        for kind, measured in self.kinds.items():
            if kind != "static" and kind.startswith(_REFERENCE) == (stage == "reference_md"):
                for atoms, found in measured.starts.items():
                    together.starts.setdefault(atoms, []).extend(found)
        return together.start_law(clock) if together.starts else None


def kind_of(unit: Unit) -> str:
    """`static`, or the name of the protocol, with `reference` before it where that method is run."""
    stage = stage_of(unit)
    if stage == "static":
        return stage
    return f"{_REFERENCE if stage == 'reference_md' else ''}{unit.payload.protocol.name}"


def atoms_of(task: Sequence[Unit]) -> int:
    """Atoms of all molecules that are computed together in MD; of the one molecule of a static unit."""
    return sum(len(unit.payload.numbers) for unit in task)


def evaluations_of(unit: Unit) -> int:
    """Frames of a static unit, time steps of an MD run, or evaluations of another one."""
    return unit.payload.evaluations


def _computed(unit: Unit) -> int:
    """`evaluations_of`, and the steps of the half-step control, which are no part of the run."""
    protocol = getattr(unit.payload, "protocol", None)
    return evaluations_of(unit) + (protocol.control.production_steps if protocol and protocol.control_ps else 0)


def calibrate(
    tasks: Sequence[Sequence[Unit]],
    executor: Executor,
    found: Calibration,
    budget_s: float,
    on_step: Callable[[str, int, int], None],
) -> None:
    """Time the smallest, a middle and the largest of each kind of work, on all workers at once.

    Args:
        tasks: what a run would compute.
        executor: the workers, of which the first has built the potential.
        found: filled in.
        budget_s: time to spend beside the starting of workers, s.
        on_step: told what is measured now, how many measurements are over, and how many there are.

    Raises:
        PotentialError: a worker was lost.
    """
    samples = _samples(tasks)
    weights = [1 if kind_of(sample[0]) == "static" else _MD_WEIGHT for sample in samples]
    begun = time.perf_counter()
    for k, (sample, weight) in enumerate(zip(samples, weights, strict=True)):
        kind = kind_of(sample[0])
        if kind in found.kinds and time.perf_counter() - begun > _LONGEST * budget_s:
            continue
        on_step(f"{'frames' if kind == 'static' else kind.upper()} of {atoms_of(sample)} atoms", k, len(samples))
        _measure(sample, kind, executor, found, budget_s * weight / sum(weights))
    on_step("done", len(samples), len(samples))
    found.seconds = time.perf_counter() - begun


def _samples(tasks: Sequence[Sequence[Unit]]) -> list[Sequence[Unit]]:
    """Of each kind the largest, the smallest and a middle one; of dynamics all the largest first.

    Frames come before dynamics: they cost little, and what their first call takes in excess belongs to the start of the
    worker.
    """
    by_kind: dict[str, dict[int, Sequence[Unit]]] = {}
    for task in tasks:
        by_kind.setdefault(kind_of(task[0]), {}).setdefault(atoms_of(task), task)
    ranked = {}
    for kind, of_size in by_kind.items():
        sizes = smallest_middle_largest(of_size)
        ranked[kind] = [of_size[size] for size in dict.fromkeys([sizes[-1], *sizes[:2]])]
    frames = ranked.pop("static", [])
    return frames + [samples[k] for k in range(3) for samples in ranked.values() if k < len(samples)]


def _measure(sample: Sequence[Unit], kind: str, executor: Executor, found: Calibration, budget_s: float) -> None:
    payloads = tuple(unit.payload for unit in sample)
    first = not found.kinds
    measured = found.kinds.setdefault(kind, Measured())
    answers = _on_all(executor, Calibrate(payloads if sample[0].group else payloads[0], budget_s))
    for k, (ended, wall_s) in enumerate(answers):
        if not isinstance(ended, Done):
            raise PotentialError(
                f"{sample[0].id} cannot be timed: {ended.kind}: {ended.cause}. "
                "`compcalc check` examines the potential step by step."
            )
        if first and k:
            warm_up_s = ended.value.start.seconds if kind == "static" else 0.0
            found.start_up_s = max(found.start_up_s, wall_s - ended.cost.seconds + warm_up_s)
        found.memory_mib = max(found.memory_mib, ended.cost.memory_mib)
        measured.add(ended.value)


def _on_all(executor: Executor, payload: Calibrate) -> list[tuple[Done | Lost, float]]:
    """The same on every worker at once, since they slow each other down; with the wall time of each answer, s."""
    begun, ends = time.perf_counter(), {}
    futures: list[Future] = []
    for k in range(executor.capacity):
        futures.append(executor.submit(payload))
        futures[k].add_done_callback(lambda _, k=k: ends.__setitem__(k, time.perf_counter() - begun))
    answers = [future.result() for future in futures]
    return [(answer, ends.get(k, time.perf_counter() - begun)) for k, answer in enumerate(answers)]


def _spread(times: Iterable[float]) -> tuple[float, float, float]:
    times = list(times)
    value = median(times)
    return min(min(times), (1 - _MARGIN) * value), value, max(max(times), (1 + _MARGIN) * value)
