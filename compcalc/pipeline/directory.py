"""Runs in a run directory: entered, found again, and laid out from what is kept there alone."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from compcalc.dynamics.protocols import Preset, Protocol
from compcalc.errors import RunDirectoryError
from compcalc.execution import ResultStore
from compcalc.execution.run_directory import INDEX, RunDirectory
from compcalc.pipeline.inputs import RunInput, TaskInput
from compcalc.pipeline.own import OwnInput
from compcalc.pipeline.potential import Potential
from compcalc.pipeline.prepared import PreparedRun
from compcalc.pipeline.settings import RunSettings

_OF_THE_MOMENT = ("workers", "timeout_s", "memory_gib", "dask", "retry")


def enter(directory: RunDirectory, given: RunInput, potential: Potential, command: str, now: str) -> PreparedRun:
    """Enter a run in its directory, or go on with it; its units are then laid out.

    Raises:
        RunDirectoryError: a run of the same name was made from something else.
    """
    facts = {**PreparedRun(given, potential).facts(), "data": given.checksums()}

    def make(earlier: dict | None) -> dict[str, Any]:
        known = earlier["groups"] if earlier else []
        return {
            "settings": kept_settings(given.settings),
            "groups": PreparedRun(given, potential, known).groups,
            "preset": asdict(given.preset),
            "input": given.kept(),
            "preflight": potential.preflight,
            "command": command,
            "started": earlier["started"] if earlier else now,
        }

    entry = directory.add(given.name, facts, make)
    return PreparedRun(given, potential, entry["groups"])


def with_kept_replicas(given: RunInput, directory: RunDirectory, notice: Callable[[str], None]) -> RunInput:
    """A run that has more replicas keeps them: those that advance together need each other.

    Those of the reference method are kept as well, where dynamics are run.
    """
    kept = (directory.runs().get(given.name) or {}).get("settings", {})
    more = {}
    if (had := kept.get("replicas") or 0) > given.preset.replicas:
        more["replicas"] = had
        notice(f"{given.name} has {had} replicas already, which are kept.")
    had = kept.get("reference_replicas", 0)
    if had > given.settings.reference_replicas and given.settings.only != "static":
        more["reference_replicas"] = had
        notice(f"{given.name} has {had} replicas of the reference method already, which are kept.")
    return read_input(replace(given.settings, **more)) if more else given


def kept_settings(settings: RunSettings) -> dict[str, Any]:
    """The settings that determine what is computed, JSON-able."""
    kept = {key: value for key, value in asdict(settings).items() if key not in _OF_THE_MOMENT}
    return {**kept, "data": None if settings.data is None else str(settings.data)}


def entered_runs(path: Path) -> dict[str, PreparedRun]:
    """Name -> the runs of a directory, laid out without building a potential.

    Raises:
        RunDirectoryError: there is none, or it cannot be read.
    """
    if not (path / INDEX).is_file():
        raise RunDirectoryError(
            f"{path} holds no {INDEX}: it is not a run directory. Name one that `compcalc run` made."
        )
    return {name: _entered(entry, ResultStore(path)) for name, entry in RunDirectory(path).runs().items()}


def read_input(settings: RunSettings) -> RunInput:
    """What the settings name, checked.

    Raises:
        CompcalcError: an unknown name, missing or damaged data, not one molecule that can be used, or dynamics of a
            reference method that cannot be run.
    """
    given = TaskInput(settings) if settings.task is not None else OwnInput(settings)
    given.refuse_reference()
    return given


def _preset(kept: dict[str, Any]) -> Preset:
    return Preset(kept["name"], tuple(Protocol(**protocol) for protocol in kept["protocols"]), kept["replicas"])


def _entered(entry: dict[str, Any], store: ResultStore) -> PreparedRun:
    kept = dict(entry["settings"])
    kept["data"] = None if kept["data"] is None else Path(kept["data"])
    kept["molecules"] = tuple(kept["molecules"])
    # The preset is laid out from what was kept of it, so that its name need not be known any more.
    settings = RunSettings(**{**kept, "preset": "quick", "replicas": None})
    own = settings.task is None
    given = OwnInput(settings, entry["input"]).with_labels(store) if own else TaskInput(settings)
    # Of the time of the run: a file of a preset may have changed, or be gone.
    given.preset = _preset(entry["preset"])
    given.method_files = entry["input"].get("method_files", {})
    return PreparedRun(given, Potential(entry["facts"]["potential"], entry["preflight"]), entry["groups"])
