"""The run: task, data and potential joined with the checks, the dynamics, the metrics and the report."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from compcalc.calculators import Spec, get_calculator, parse_spec
from compcalc.checks import Examination
from compcalc.checks.accuracy import evaluate, predict
from compcalc.checks.preflight import fatal, preflight
from compcalc.dynamics.ase_engine import run_protocol
from compcalc.dynamics.export import write_extxyz
from compcalc.dynamics.protocols import Preset, Protocol, get_preset
from compcalc.errors import CompcalcError, InputError
from compcalc.execution import Lost, Result, ResultStore, Unit, content_hash, run_units
from compcalc.execution.environment import hardware, package_versions, usable_cores
from compcalc.execution.packing import (
    lost_prediction,
    lost_trajectory,
    pack_prediction,
    pack_trajectory,
    unpack_prediction,
    unpack_trajectory,
)
from compcalc.execution.run_directory import MANIFEST, open_run_directory, write_json
from compcalc.metrics import dynamics as dynamic_metrics
from compcalc.metrics import static as static_metrics
from compcalc.molecules.groups import chain_end_distance, environments
from compcalc.records import Frames, Molecule, OutcomeKind
from compcalc.reference.dataset import DataSet
from compcalc.report.html import write_html
from compcalc.report.tables import write_metrics_csv
from compcalc.tasks import Task, get_task

HALVES = ("all", "static", "md")


class PotentialError(CompcalcError):
    """The potential fails on every molecule of the task, or gives results of other atoms than those it is asked for."""


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
class StaticBlock:
    """Payload of a static unit: frames of one molecule."""

    frames: Frames


@dataclass(frozen=True)
class MDRun:
    """Payload of a dynamic unit: one molecule, one protocol, one replica."""

    molecule: Molecule
    numbers: np.ndarray
    positions: np.ndarray
    bonds: np.ndarray
    protocol: Protocol
    replica: int
    seed: int


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


class PreparedRun:
    """A run whose input has been checked: everything that can be refused has been refused.

    Args:
        settings: what to do.

    Attributes:
        preflight: what the short examination of the potential found.

    Raises:
        CompcalcError: an unknown name, missing or damaged data, a potential that cannot be built, fails everywhere or
            gives results of other atoms than those it is asked for.
    """

    def __init__(self, settings: RunSettings):
        self.settings = settings
        self.task: Task = get_task(settings.task, settings.variant)
        self.preset: Preset = get_preset(settings.preset)
        self.spec: Spec = parse_spec(settings.spec)
        self.dataset = DataSet(settings.data)
        self.id_frames = self._frames(self.task.train) if settings.only != "md" else []
        self.ood_frames = self._frames(self.task.ood)
        self.potential, self.preflight = self._try_potential()
        self.identity = content_hash(
            {
                "spec": self.spec.text,
                "potential": self.potential,
                "task": self.task.name,
                "preset": asdict(self.preset),
                "only": settings.only,
                "seed": settings.seed,
                "data": self._checksums(),
                "compcalc": version("compcalc"),
            }
        )

    def _frames(self, molecules) -> list[Frames]:
        return [self.dataset.frames(molecule, "B") for molecule in molecules]

    def _checksums(self) -> list:
        return [[f.molecule.name, f.attributes["sha256"]] for f in self.id_frames + self.ood_frames]

    def _try_potential(self) -> tuple[dict[str, Any], Examination]:
        """Build the potential, evaluate one frame of each molecule, and examine it on the smallest that works.

        Raises:
            PotentialError: not one molecule works, or results are kept too long.
        """
        calculator = get_calculator(self.spec)
        failures = {}
        groups = self.id_frames + self.ood_frames
        for frames in groups:
            try:
                evaluate(calculator, frames.numbers, frames.positions[0])
            except Exception as error:
                failures[frames.molecule.name] = f"{type(error).__name__}: {error}"
        if len(failures) == len(groups):
            name, reason = next(iter(failures.items()))
            reason = reason.rstrip(".")
            raise PotentialError(
                f"{self.spec.text} fails on all {len(groups)} molecules of {self.task.name}; on {name}: {reason}. "
                "Try the calculator on one molecule in an ASE script, or choose another task."
            )
        working = [frames for frames in groups if frames.molecule.name not in failures]
        described = {
            "name": getattr(calculator, "label_name", type(calculator).__name__),
            "dtype": getattr(calculator, "dtype", None),
            "sha256": getattr(calculator, "sha256", None),
            "files": self.spec.file_hashes(),
        }
        return described, self._examined(calculator, min(working, key=lambda frames: len(frames.numbers)))

    def _examined(self, calculator, frames: Frames) -> Examination:
        found = preflight(calculator, Atoms(frames.numbers, frames.positions[0]))
        reason = fatal(found)
        if reason is not None:
            raise PotentialError(
                f"{self.spec.text} cannot be measured: {reason.title!r} fails on {frames.molecule.name}. "
                f"{reason.message} `compcalc check {self.spec.text}` examines it in full."
            )
        return replace(found, molecule=frames.molecule.name)

    def static_units(self) -> list[Unit]:
        """One unit a molecule and split."""
        if self.settings.only == "md":
            return []
        groups = [("id", f) for f in self.id_frames] + [("ood", f) for f in self.ood_frames]
        return [self._unit(f"predictions/{s}/{f.molecule.file_stem}", StaticBlock(f)) for s, f in groups]

    def md_units(self) -> list[Unit]:
        """One unit an OOD molecule, protocol and replica; large molecules first, so that no worker ends up alone."""
        if self.settings.only == "static":
            return []
        units = []
        for frames in sorted(self.ood_frames, key=lambda f: -len(f.numbers)):
            for protocol in self.preset.protocols:
                for replica in range(self.preset.replicas):
                    start = (replica * len(frames)) // self.preset.replicas
                    payload = MDRun(
                        frames.molecule,
                        frames.numbers,
                        frames.positions[start],
                        frames.bonds,
                        protocol,
                        replica,
                        self.settings.seed,
                    )
                    stem = f"{frames.molecule.file_stem}-{protocol.name}-{replica}"
                    units.append(self._unit(f"trajectories/{stem}", payload))
        return units

    def _unit(self, name: str, payload) -> Unit:
        return Unit(name, payload, content_hash(self.identity, name))


@dataclass(frozen=True)
class PotentialWorker:
    """Worker factory: builds the calculator once, then works through units."""

    spec: Spec

    def __call__(self) -> Callable[[StaticBlock | MDRun], Result]:
        calculator = get_calculator(self.spec)

        def work(payload: StaticBlock | MDRun) -> Result:
            if isinstance(payload, StaticBlock):
                return pack_prediction(predict(calculator, payload.frames))
            return pack_trajectory(
                run_protocol(
                    payload.molecule,
                    payload.numbers,
                    payload.positions,
                    payload.bonds,
                    calculator,
                    payload.protocol,
                    replica=payload.replica,
                    seed=payload.seed,
                )
            )

        return work


def run(settings: RunSettings, out: Path, *, command: str = "", progress: Progress | None = None) -> dict[str, Any]:
    """Do the run in directory `out`, or go on with one that was cut off; returns manifest and metrics.

    Raises:
        CompcalcError: the input cannot be used; nothing has been written then.
    """
    progress = progress or Progress()
    started = time.perf_counter()
    prepared = PreparedRun(settings)
    progress.examined(prepared.preflight)
    loading = time.perf_counter() - started
    earlier = open_run_directory(out, prepared.identity)
    manifest = _manifest(prepared, command, earlier)
    write_json(out / MANIFEST, manifest)
    store = ResultStore(out)
    timings = dict(manifest["timings_s"])
    timings["loading"] = round(timings.get("loading", 0.0) + loading, 2)
    for stage, units in (("static", prepared.static_units()), ("md", prepared.md_units())):
        begun = time.perf_counter()
        progress.begin(stage, len(units))
        run_units(
            units,
            PotentialWorker(prepared.spec),
            store,
            workers=min(settings.workers or usable_cores(), max(1, len(units))),
            timeout_s=settings.timeout_s,
            on_lost=_lost,
            on_done=lambda unit, result, stage=stage: progress.advance(stage, unit),
        )
        timings[stage] = round(timings.get(stage, 0.0) + time.perf_counter() - begun, 2)
    _export_trajectories(prepared, store)
    metrics = compute_metrics(prepared, store)
    begun = time.perf_counter()
    manifest = {**manifest, "finished": _now(), "timings_s": timings}
    _write_outputs(out, manifest, metrics)
    timings["report"] = round(time.perf_counter() - begun, 2)
    timings["total"] = round(timings.get("total", 0.0) + time.perf_counter() - started, 2)
    write_json(out / MANIFEST, manifest)
    return {"manifest": manifest, "metrics": metrics}


def compute_metrics(prepared: PreparedRun, store: ResultStore) -> dict[str, Any]:
    """Every metric of a finished run, from its stored predictions and trajectories alone."""
    return {
        "schema_version": 1,
        "static": _static(prepared, store) if prepared.settings.only != "md" else None,
        "md": _dynamics(prepared, store) if prepared.settings.only != "static" else None,
    }


def _static(prepared: PreparedRun, store: ResultStore) -> dict[str, Any]:
    units = prepared.static_units()
    pairs = [(u.payload.frames, unpack_prediction(u.payload.frames.molecule, store.read(u))) for u in units]
    n_id = len(prepared.id_frames)
    shift = static_metrics.element_shift(pairs[:n_id])
    rows = [
        static_metrics.molecule_row(
            frames,
            prediction,
            "id" if k < n_id else "ood",
            environments=environments(frames.numbers, frames.bonds),
            chain_end=chain_end_distance(frames.numbers, frames.bonds).tolist(),
            shift=shift,
        )
        for k, (frames, prediction) in enumerate(pairs)
    ]
    return {"molecules": rows, "summary": static_metrics.summarise(rows, pairs, prepared.settings.seed)}


def _dynamics(prepared: PreparedRun, store: ResultStore) -> dict[str, Any]:
    reference = {f.molecule.name: f for f in prepared.ood_frames}
    rows = []
    for unit in prepared.md_units():
        trajectory = unpack_trajectory(unit.payload.molecule, store.read(unit))
        frames = reference[trajectory.molecule.name]
        rows.append(dynamic_metrics.run_row(trajectory, unit.payload.protocol.production_ps, frames))
    order = list(reference)
    rows.sort(key=lambda row: (order.index(row["molecule"]), row["protocol"], row["replica"]))
    return {"runs": rows, "summary": dynamic_metrics.summarise(rows)}


def _lost(unit: Unit, lost: Lost) -> Result:
    """The result of a unit whose worker process died or ran out of time."""
    payload = unit.payload
    if isinstance(payload, StaticBlock):
        return pack_prediction(lost_prediction(payload.frames, f"{lost.kind}: {lost.cause}"))
    kind = OutcomeKind(lost.kind)
    return pack_trajectory(
        lost_trajectory(payload.molecule, payload.protocol.name, payload.replica, payload.numbers, kind, lost.cause)
    )


def _manifest(prepared: PreparedRun, command: str, earlier: dict | None) -> dict[str, Any]:
    settings = prepared.settings
    return {
        "compcalc": version("compcalc"),
        "spec": prepared.spec.text,
        "potential": prepared.potential,
        "preflight": prepared.preflight.to_dict(),
        "task": prepared.task.name,
        "question": prepared.task.question,
        "preset": asdict(prepared.preset),
        "only": settings.only,
        "seed": settings.seed,
        "command": command,
        "identity": prepared.identity,
        "started": earlier["started"] if earlier else _now(),
        "finished": None,
        "timings_s": earlier["timings_s"] if earlier else {},
        "hardware": {**hardware(), "workers": settings.workers or usable_cores()},
        "versions": package_versions(),
        "data": {
            "path": "shipped" if settings.data is None else str(settings.data),
            "method": prepared.dataset.description.get("method"),
            "description": prepared.dataset.description,
        },
    }


def _export_trajectories(prepared: PreparedRun, store: ResultStore) -> None:
    """Write each trajectory beside its raw result as extended XYZ, for ASE and everything that reads it."""
    for unit in prepared.md_units():
        path = store.path(unit).with_suffix(".extxyz")
        if not path.exists():
            write_extxyz(path, unpack_trajectory(unit.payload.molecule, store.read(unit)))


def _write_outputs(out: Path, manifest: dict, metrics: dict) -> None:
    write_json(out / "metrics.json", metrics)
    write_metrics_csv(out / "metrics.csv", metrics)
    write_html(out / "report.html", manifest, metrics)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
