"""The runs themselves: units computed, metrics derived, manifest and report written."""

import shlex
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from compcalc.errors import CompcalcError, InputError, RunDirectoryError
from compcalc.execution import Executor, Followed, ResultStore, Unit, run_units
from compcalc.execution.files import CannotWriteError, make_directory
from compcalc.execution.log import LOG, RunLog
from compcalc.execution.run_directory import MANIFEST, RunDirectory, write_json
from compcalc.pipeline.directory import enter, read_input, with_kept_replicas
from compcalc.pipeline.finishing import Outputs, add_time, finish_all, now
from compcalc.pipeline.inputs import RunInput
from compcalc.pipeline.machines import CHECKPOINTS, open_executor
from compcalc.pipeline.ontrajectory import lost_labels, prediction_units, relabel_units
from compcalc.pipeline.outputs import make_manifest, read_manifest, settle
from compcalc.pipeline.own import OwnInput, label_own
from compcalc.pipeline.potential import Potential, try_potential
from compcalc.pipeline.prepared import STAGES, PreparedRun, in_order, stage_of
from compcalc.pipeline.settings import Progress, RunSettings
from compcalc.pipeline.work import lost_result

REFERENCE = "reference"
"""Stage in which the molecules of the user's own are labelled."""
TRUTH = "truth"
"""Stage in which frames of the trajectories are labelled."""


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
    given = [read_input(settings) for settings in all_settings]
    _say_what_is_refused(given, progress)
    _refuse_twice(given)
    directory = RunDirectory(out)
    directory.refuse_unwritable()
    given = [with_kept_replicas(one, directory, progress.notice) for one in given]
    potentials = list(dict.fromkeys(one.spec.text for one in given))
    done: dict[str, dict[str, Any]] = {}
    for place, text in enumerate(potentials, 1):
        progress.potential(text, place, len(potentials))
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
        self.log = RunLog(directory.path / LOG)
        self.started = time.perf_counter()

    def run(self) -> dict[str, dict[str, Any]]:
        with open_executor(self.given[0], self.directory.path, self.progress) as executor:
            executor.limit_to(sum(one.most_tasks for one in self.given))
            tried = {one.molecule.name: one for given in self.given for one in given.tried}
            potential, found = try_potential(self.given[0].spec, list(tried.values()), executor)
            self.progress.examined(found)
            loading = time.perf_counter() - self.started
            self.given = [self._labelled(one, executor) for one in self.given]
            runs = self._enter(potential, loading, executor.capacity)
            begun = time.perf_counter()
            self._compute([prepared for prepared, _ in runs], executor)
            self._label_trajectories([prepared for prepared, _ in runs], executor)
            _add_time(runs, "units", time.perf_counter() - begun)
            workers = 0 if self.settings.workers == 0 else executor.capacity
        with self.directory.writing_outputs():
            return finish_all(self._outputs(runs), workers, self.progress.writing)

    def _labelled(self, given: RunInput, executor: Executor) -> RunInput:
        """With the labels of a reference method where own molecules are to have some."""
        if not (isinstance(given, OwnInput) and given.reference_units()):
            return given
        self.progress.begin(REFERENCE, given.reference_units())
        followed = Followed(done=lambda unit, result: self.progress.advance(REFERENCE, unit), log=self.log)
        make_directory(self.directory.path)
        labelled = label_own(given, executor, ResultStore(self.directory.path), followed)
        without = {one.molecule.name for one in given.starts} - {f.molecule.name for f in labelled.ood_frames}
        if without:
            names = ", ".join(sorted(without))
            self.progress.notice(f"{given.settings.reference} fails on {names}: checks and dynamics only, no errors.")
        return labelled

    def _enter(self, potential: Potential, loading: float, workers: int) -> list[tuple[PreparedRun, dict]]:
        runs = [enter(self.directory, one, potential, self.command, now()) for one in self.given]
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
        units = in_order(runs)
        stages = {unit.id: stage_of(unit) for unit in units.values()}
        for stage in STAGES:
            self.progress.begin(stage, [unit for unit in units.values() if stages[unit.id] == stage])
        make_directory(self.directory.path / CHECKPOINTS)
        self.log.write("begin", command=self.command, runs=[p.given.name for p in runs], units=len(units))
        followed = Followed(
            done=lambda unit, result: self.progress.advance(stages[unit.id], unit),
            under_way=self.progress.under_way,
            log=self.log,
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

    def _label_trajectories(self, runs: list[PreparedRun], executor: Executor) -> None:
        """Label frames of the potential's own trajectories, and predict them once more."""
        store = ResultStore(self.directory.path)
        units = {unit.id: unit for prepared in runs for unit in relabel_units(prepared, store)}
        self.progress.begin(TRUTH, list(units.values()))
        followed = Followed(
            done=lambda unit, result: self.progress.advance(TRUTH, unit),
            under_way=self.progress.under_way,
            log=self.log,
        )
        retry = self.settings.retry
        run_units(units.values(), executor, store, on_lost=lost_labels, followed=followed, retry_lost=retry)
        again = {unit.id: unit for prepared in runs for unit in prediction_units(prepared, store)}
        followed = Followed(log=self.log)
        run_units(again.values(), executor, store, on_lost=lost_result, followed=followed, retry_lost=retry)
        with suppress(OSError):  # another process has some in there
            (self.directory.path / CHECKPOINTS).rmdir()
        self.log.write("end", runs=[prepared.given.name for prepared in runs])

    def _outputs(self, runs: list[tuple[PreparedRun, dict]]) -> list[Outputs]:
        return [
            Outputs(prepared, self.directory.path, self.directory.outputs(prepared.given.name), manifest)
            for prepared, manifest in runs
        ]


def _add_time(runs: list[tuple[PreparedRun, dict]], what: str, seconds: float) -> None:
    """Add to the wall times of runs, which share what was done for all of them."""
    for _, manifest in runs:
        add_time(manifest, what, seconds / len(runs))


def unit_command(unit: Unit, out: Path) -> str:
    """The command that computes one unit alone, in the user's terminal."""
    return shlex.join(["compcalc", "run", "--unit", unit.id, "--out", str(out)])


def _say_what_is_refused(given: list[RunInput], progress: Progress) -> None:
    refused = {name: reason for one in given for name, reason in one.refused.items()}
    for name, reason in refused.items():
        progress.notice(f"{name} is left out: {reason}")


def _refuse_twice(given: list[RunInput]) -> None:
    names = [one.name for one in given]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError("runs", f"{twice} twice", "each potential, task, preset and seed once")
