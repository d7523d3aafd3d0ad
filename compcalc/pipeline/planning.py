"""What runs will cost, said beforehand: their units laid out, and a short calibration of each potential."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from compcalc.errors import InputError
from compcalc.execution import LocalPool, ResultStore, Unit
from compcalc.execution.environment import usable_cores
from compcalc.execution.run_directory import RunDirectory
from compcalc.pipeline.calibration import LEVELS, Calibration, calibrate, evaluations_of
from compcalc.pipeline.directory import read_input, with_kept_replicas
from compcalc.pipeline.disk import export_bytes, result_bytes
from compcalc.pipeline.inputs import RunInput
from compcalc.pipeline.potential import try_potential
from compcalc.pipeline.prepared import PreparedRun, in_order, stage_of
from compcalc.pipeline.schedule import list_schedule
from compcalc.pipeline.settings import RunSettings
from compcalc.pipeline.work import PotentialWorker
from compcalc.units import FS_PER_NS, SECONDS_PER_DAY


@dataclass(frozen=True)
class Range:
    """An estimate, and the ends of where it may lie."""

    low: float
    value: float
    high: float


@dataclass(frozen=True)
class Planned:
    """What is still to be computed of a run, or of all runs of one potential; `None` where there is nothing of a kind.

    Attributes:
        task: name of the task; `all of them` for the sum over several.
        units: work units of the run.
        units_there: of these, units whose results are there.
        frames: geometries to evaluate.
        steps: time steps of one molecule to make with the potential, over all runs, equilibration included.
        cpu_seconds: processor time, s.
        worker_seconds: wall time summed over the workers, s.
        wall_seconds: wall time from the command to the last result, the start of the workers included, s.
        result_bytes: of the results.
        export_bytes: of the trajectories as extended XYZ.
        frames_per_s: of one worker, 1/s.
        steps_per_s: of one worker, time steps of one molecule, 1/s.
        atom_steps_per_s: the same times the atoms, 1/s.
        ns_per_day: how far one worker carries one molecule in a day, ns.
        reference_steps: time steps of one molecule to make with the reference method.
    """

    task: str
    units: int
    units_there: int
    frames: int
    steps: int
    cpu_seconds: Range
    worker_seconds: Range
    wall_seconds: Range
    result_bytes: int
    export_bytes: int
    frames_per_s: float | None
    steps_per_s: float | None
    atom_steps_per_s: float | None
    ns_per_day: float | None
    reference_steps: int = 0


@dataclass(frozen=True)
class PotentialPlan:
    """The plan of one potential.

    Attributes:
        potential: its spec.
        calibration: what was measured.
        runs: one entry a task.
        total: of all tasks, units that they share counted once.
        memory_mib: most memory of one worker, MiB.
    """

    potential: str
    calibration: Calibration
    runs: list[Planned]
    total: Planned
    memory_mib: float


def plan(
    all_settings: Sequence[RunSettings],
    out: Path | None = None,
    *,
    seconds: float = 20.0,
    on_step: Callable[[str, int, int], None] = lambda what, done, of: None,
    notice: Callable[[str], None] = lambda text: None,
) -> list[PotentialPlan]:
    """Say what runs will cost; nothing is written.

    Args:
        all_settings: what would be done; workers are those of the first.
        out: run directory; what it holds already is left out. None for a new one.
        seconds: time to spend on the measurements of each potential, beside the starting of its workers, s.
        on_step: told what is done now, how many measurements are over, and how many there are.
        notice: told what a user should know, in a sentence.

    Raises:
        CompcalcError: the input or a potential cannot be used.
    """
    if not seconds > 0:
        raise InputError("seconds", seconds, "above 0 s")
    given = [read_input(settings) for settings in all_settings]
    for name, reason in {n: r for one in given for n, r in one.refused.items()}.items():
        notice(f"{name} is left out: {reason}")
    directory = RunDirectory(out) if out is not None else None
    if directory is not None:
        given = [with_kept_replicas(one, directory, notice) for one in given]
    potentials = dict.fromkeys(one.spec.text for one in given)
    return [
        _plan_potential([o for o in given if o.spec.text == text], directory, seconds, on_step) for text in potentials
    ]


def open_tasks(runs: Sequence[PreparedRun], store: ResultStore | None) -> list[list[Unit]]:
    """Units that are computed together, in the order of a run, without those whose results are all there."""
    tasks: dict[str, list[Unit]] = {}
    for unit in _planned(runs).values():
        tasks.setdefault(unit.group or unit.id, []).append(unit)
    return [task for task in tasks.values() if store is None or any(store.read(unit) is None for unit in task)]


def _plan_potential(
    given: list[RunInput], directory: RunDirectory | None, seconds: float, on_step: Callable[[str, int, int], None]
) -> PotentialPlan:
    spec, workers = given[0].spec, given[0].settings.workers or usable_cores()
    begun = time.perf_counter()
    on_step(f"loading and examining {spec.text}", 0, 1)
    with (
        tempfile.TemporaryDirectory(prefix="compcalc-") as folder,
        LocalPool(PotentialWorker(spec), workers, output=Path(folder) / "printed.txt") as executor,
    ):
        executor.limit_to(sum(one.most_tasks for one in given))
        tried = {one.molecule.name: one for each in given for one in each.tried}
        potential, _ = try_potential(spec, list(tried.values()), executor)
        found = Calibration(executor.capacity, time.perf_counter() - begun)
        entries = directory.runs() if directory is not None else {}
        runs = [PreparedRun(one, potential, entries.get(one.name, {}).get("groups", ())) for one in given]
        store = ResultStore(directory.path) if directory is not None else None
        tasks = open_tasks(runs, store)
        calibrate(tasks, executor, found, seconds, on_step)
    planned = [predicted(_name(run), [run], open_tasks([run], store), found) for run in runs]
    total = predicted("all of them", runs, tasks, found)
    largest = max((sum(map(result_bytes, task)) for task in tasks), default=0)
    # A worker holds the results of a task, and their copy for the run.
    return PotentialPlan(spec.text, found, planned, total, found.memory_mib + 2 * largest / 2**20)


def _planned(runs: Sequence[PreparedRun]) -> dict[str, Unit]:
    """The units that are planned: physical checks of own molecules, some seconds each, are left out."""
    return {name: unit for name, unit in in_order(runs).items() if stage_of(unit) != "checks"}


def _name(run: PreparedRun) -> str:
    return run.given.task.name if run.given.task else "own molecules"


def predicted(name: str, runs: Sequence[PreparedRun], tasks: Sequence[Sequence[Unit]], found: Calibration) -> Planned:
    """Cost of `tasks`, which are what is still to be computed of `runs`."""
    units = [unit for task in tasks for unit in task]
    md = [task for task in tasks if stage_of(task[0]) == "md"]
    static = [task for task in tasks if stage_of(task[0]) == "static"]
    reference = [task for task in tasks if stage_of(task[0]) == "reference_md"]
    frames, steps, reference_steps = (
        sum(evaluations_of(unit) for task in part for unit in task) for part in (static, md, reference)
    )
    atom_steps = sum(evaluations_of(unit) * len(unit.payload.numbers) for task in md for unit in task)
    md_s, static_s = (sum(found.costs(part, "seconds", "value")) for part in (md, static))
    walls = {level: found.costs(tasks, "seconds", level) for level in LEVELS}
    steps_per_s = _ratio(steps, md_s)
    return Planned(
        name,
        len(_planned(runs)),
        len(_planned(runs)) - len(units),
        frames,
        steps,
        Range(*(sum(found.costs(tasks, "cpu_seconds", level)) for level in LEVELS)),
        Range(*(sum(walls[level]) for level in LEVELS)),
        Range(*(found.loading_s + list_schedule(walls[k], found.workers, found.start_up_s) for k in LEVELS)),
        sum(map(result_bytes, units)),
        sum(map(export_bytes, units)),
        _ratio(frames, static_s),
        steps_per_s,
        _ratio(atom_steps, md_s),
        None if steps_per_s is None else steps_per_s * _timestep_fs(md) * SECONDS_PER_DAY / FS_PER_NS,
        reference_steps,
    )


def _timestep_fs(md: Sequence[Sequence[Unit]]) -> float:
    return md[0][0].payload.protocol.timestep_fs


def _ratio(count: float, seconds: float) -> float | None:
    return count / seconds if count and seconds > 0 else None
