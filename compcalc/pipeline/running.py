"""The runs themselves: units computed, metrics derived, manifest and report written."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from compcalc.errors import CompcalcError, InputError, RunDirectoryError
from compcalc.execution import Executor, Followed, Here, Limits, LocalPool, ResultStore, Unit, run_units
from compcalc.execution.environment import usable_cores
from compcalc.execution.files import CannotWriteError
from compcalc.execution.log import LOG, RunLog
from compcalc.execution.run_directory import MANIFEST, WORKER_OUTPUT, RunDirectory, write_json
from compcalc.pipeline.directory import enter
from compcalc.pipeline.inputs import RunInput
from compcalc.pipeline.outputs import make_manifest, read_manifest, settle, write_outputs
from compcalc.pipeline.potential import Potential, try_potential
from compcalc.pipeline.prepared import STAGES, PreparedRun, stage_of
from compcalc.pipeline.settings import Progress, RunSettings
from compcalc.pipeline.work import PotentialWorker, lost_result

_GIB = 2**30


def run(settings: RunSettings, out: Path, *, command: str = "", progress: Progress | None = None) -> dict[str, Any]:
    """Do the run in directory `out`, or go on with one that was cut off; returns manifest and metrics.

    Raises:
        CompcalcError: the input cannot be used; nothing has been written then.
    """
    (done,) = run_all([settings], out, command=command, progress=progress).values()
    return done


def run_all(
    all_settings: Sequence[RunSettings], out: Path, *, command: str = "", progress: Progress | None = None
) -> dict[str, dict[str, Any]]:
    """Do several runs in one directory: potentials, tasks and sizes as they like. Units that they share are done once.

    Args:
        all_settings: what to do; workers and limits are those of the first.
        out: the directory; runs that it holds stay in it.
        command: as the user gave it, for the record.
        progress: how the caller follows.

    Returns:
        Name of each run -> its `manifest` and `metrics`; or `error` where its potential cannot be used, which takes
        nothing from the others.

    Raises:
        CompcalcError: the input cannot be used, or the only potential.
    """
    progress = progress or Progress()
    given = [RunInput(settings) for settings in all_settings]
    _refuse_twice(given)
    directory = RunDirectory(out)
    directory.refuse_unwritable()
    given = [_at_least_as_many_replicas(one, directory, progress) for one in given]
    potentials = list(dict.fromkeys(one.spec.text for one in given))
    done: dict[str, dict[str, Any]] = {}
    for text in potentials:
        mine = [one for one in given if one.spec.text == text]
        try:
            done |= _Potential(mine, directory, command, progress).run()
        except (CannotWriteError, RunDirectoryError):
            raise
        except CompcalcError as error:
            if len(potentials) == 1:
                raise
            progress.notice(f"{text} is left out: {error}")
            RunLog(out / LOG).write("left out", potential=text, cause=str(error))
            done |= {one.name: {"error": str(error)} for one in mine}
    settle(directory)
    return done


class _Potential:
    """The runs of one potential, on one set of workers."""

    def __init__(self, given: list[RunInput], directory: RunDirectory, command: str, progress: Progress):
        self.given, self.directory, self.command, self.progress = given, directory, command, progress
        self.settings = given[0].settings
        self.started = time.perf_counter()

    def run(self) -> dict[str, dict[str, Any]]:
        with _executor(self.given[0], self.directory.path, self.progress) as executor:
            executor.limit_to(sum(_most_tasks(one) for one in self.given))
            frames = {f.molecule.name: f for one in self.given for f in one.frames}
            potential, found = try_potential(self.given[0].spec, list(frames.values()), executor)
            self.progress.examined(found)
            loading = time.perf_counter() - self.started
            runs = self._enter(potential, loading, executor.capacity)
            begun = time.perf_counter()
            self._compute([prepared for prepared, _ in runs], executor)
            _add_time(runs, "units", time.perf_counter() - begun)
        return {prepared.given.name: self._finish(prepared, manifest) for prepared, manifest in runs}

    def _enter(self, potential: Potential, loading: float, workers: int) -> list[tuple[PreparedRun, dict]]:
        runs = [enter(self.directory, one, potential, self.command, _now()) for one in self.given]
        settle(self.directory)
        entries, entered = self.directory.runs(), []
        for prepared in runs:
            out = self.directory.outputs(prepared.given.name)
            timings = dict((read_manifest(out) or {}).get("timings_s", {}))
            manifest = make_manifest(prepared, entries[prepared.given.name], workers, timings)
            out.mkdir(exist_ok=True)
            write_json(out / MANIFEST, manifest)
            entered.append((prepared, manifest))
        _add_time(entered, "loading", loading)
        return entered

    def _compute(self, runs: list[PreparedRun], executor: Executor) -> None:
        # Long units first, so that short ones fill the gaps at the end.
        units = {u.id: u for stage in reversed(STAGES) for p in runs for u in p.units() if stage_of(u) == stage}
        stages = {unit.id: stage_of(unit) for unit in units.values()}
        for stage in STAGES:
            self.progress.begin(stage, sum(other == stage for other in stages.values()))
        log = RunLog(self.directory.path / LOG)
        log.write("begin", command=self.command, runs=[p.given.name for p in runs], units=len(units))
        followed = Followed(
            done=lambda unit, result: self.progress.advance(stages[unit.id], unit),
            under_way=lambda fractions: self.progress.under_way([(stages[k], f) for k, f in fractions.items()]),
            log=log,
            remedy=lambda unit: unit_command(unit, self.directory.path),
        )
        run_units(
            units.values(),
            executor,
            ResultStore(self.directory.path),
            on_lost=lost_result,
            followed=followed,
            retry_lost=self.settings.retry,
        )
        log.write("end", runs=[p.given.name for p in runs])

    def _finish(self, prepared: PreparedRun, manifest: dict[str, Any]) -> dict[str, Any]:
        out = self.directory.outputs(prepared.given.name)
        begun, manifest["finished"] = time.perf_counter(), _now()
        metrics = write_outputs(prepared, ResultStore(self.directory.path), out, manifest)
        manifest = read_manifest(out)
        _add_time([(prepared, manifest)], "report", time.perf_counter() - begun)
        _add_time([(prepared, manifest)], "total", time.perf_counter() - self.started)
        write_json(out / MANIFEST, manifest)
        return {"manifest": manifest, "metrics": metrics}


def _add_time(runs: list[tuple[PreparedRun, dict]], what: str, seconds: float) -> None:
    """Add to the wall times of runs, which share what was done for all of them."""
    for _, manifest in runs:
        timings = manifest["timings_s"]
        timings[what] = round(timings.get(what, 0.0) + seconds / len(runs), 2)


def unit_command(unit: Unit, out: Path) -> str:
    """The command that computes one unit alone, in the user's terminal."""
    return shlex.join(["compcalc", "run", "--unit", unit.id, "--out", str(out)])


def _executor(given: RunInput, out: Path, progress: Progress) -> Executor:
    settings, factory = given.settings, PotentialWorker(given.spec)
    memory = None if settings.memory_gib is None else int(settings.memory_gib * _GIB)
    limits = Limits(settings.timeout_s, memory)
    if settings.workers == 0:
        return Here(factory)
    workers = settings.workers or usable_cores()
    if workers > usable_cores():
        progress.notice(
            f"{workers} workers on {usable_cores()} cores would only take turns: {usable_cores()} are used."
        )
    return LocalPool(factory, workers, limits, output=out / WORKER_OUTPUT)


def _most_tasks(given: RunInput) -> int:
    parts = {"static": len(given.frames), "md": len(given.ood_frames) * len(given.preset.protocols)}
    return sum(n for part, n in parts.items() if given.settings.only in ("all", part))


def _refuse_twice(given: list[RunInput]) -> None:
    names = [one.name for one in given]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError("runs", f"{twice} twice", "each potential, task, preset and seed once")


def _at_least_as_many_replicas(given: RunInput, directory: RunDirectory, progress: Progress) -> RunInput:
    """A run that has more replicas keeps them: those that advance together need each other."""
    entry = directory.runs().get(given.name)
    had = (entry or {}).get("settings", {}).get("replicas") or 0
    if had <= given.preset.replicas:
        return given
    progress.notice(f"{given.name} has {had} replicas already, which are kept.")
    return RunInput(replace(given.settings, replicas=had))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
