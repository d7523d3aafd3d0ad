"""Whether a run directory holds what it says: every result whole, every output the one that its results give."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compcalc.execution import LocalPool, Lost, ResultStore
from compcalc.execution.run_directory import RunDirectory
from compcalc.pipeline.directory import entered_runs
from compcalc.pipeline.metrics import compute_metrics
from compcalc.pipeline.outputs import damaged_exports, damaged_files, read_manifest, settle, write_outputs
from compcalc.pipeline.prepared import PreparedRun
from compcalc.pipeline.single import compute_again
from compcalc.pipeline.work import PotentialWorker

SAME_EV_PER_ANGSTROM = 1e-4
"""How far a recomputed number may lie from the stored one, eV, eV/angstrom or angstrom."""

ROUNDING = 1e-9
"""How far numbers that are derived from the same results may lie apart, relative to them."""


@dataclass
class Verified:
    """What was found of one run.

    Attributes:
        name: of the run.
        units: how many it has.
        missing: ids of units without a result that can be read: not computed yet, or damaged.
        lost: unit id -> how it was lost.
        outputs: files that are missing, damaged or not what the results give; looked at once the run is whole.
        differing: unit id -> what differs from a computation done now.
        recomputed: how many units were computed again.
    """

    name: str
    units: int
    missing: list[str] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    differing: dict[str, str] = field(default_factory=dict)
    recomputed: int = 0

    @property
    def good(self) -> bool:
        """Whether everything is there and as it should be; units that were lost are results, too."""
        return not (self.missing or self.outputs or self.differing)


def verify(
    path: Path, *, repair: bool = False, recompute: int = 0, on_run: Callable[[Verified], None] = lambda found: None
) -> list[Verified]:
    """Look at every run of a directory; no potential is built unless units are to be computed again.

    Args:
        path: the run directory.
        repair: write outputs again that are missing or wrong, where all results are there.
        recompute: units of each run to compute again and compare, spread over the static ones: a trajectory computed on
            another processor parts from the stored one within a picosecond, as rounding grows in chaotic motion.
        on_run: told each run.

    Raises:
        CompcalcError: there is no run directory, its data are gone, or the potential cannot be built.
    """
    runs = entered_runs(path)
    directory, store, verified = RunDirectory(path), ResultStore(path), []
    for name, prepared in runs.items():
        found = _results(name, prepared, store)
        out = directory.outputs(name)
        if not found.missing:
            found.outputs = list(_wrong_outputs(prepared, store, out))
            if repair and found.outputs and (manifest := read_manifest(out)) is not None:
                write_outputs(prepared, store, out, manifest)
                found.outputs = list(_wrong_outputs(prepared, store, out))
        if recompute:
            _recompute(path, prepared, found, recompute)
        verified.append(found)
        on_run(found)
    if repair:
        settle(directory)
    return verified


def _results(name: str, prepared: PreparedRun, store: ResultStore) -> Verified:
    units = prepared.units()
    found = Verified(name, len(units))
    for unit in units:
        result = store.read(unit)
        if result is None:
            found.missing.append(unit.id)
        elif result.lost:
            found.lost[unit.id] = result.lost
    return found


def _wrong_outputs(prepared: PreparedRun, store: ResultStore, out: Path) -> Iterator[str]:
    metrics = compute_metrics(prepared, store)
    if not _same(_read(out / "metrics.json"), json.loads(json.dumps(metrics))):
        yield "metrics.json"
    yield from damaged_files(prepared, out)
    yield from (f"trajectories/{name}" for name in damaged_exports(prepared, out))


def _same(one: Any, other: Any) -> bool:
    """Whether two contents of JSON files agree, numbers up to rounding, which differs from process to process."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=ROUNDING) or (math.isnan(one) and math.isnan(other))
    return one == other


def _recompute(path: Path, prepared: PreparedRun, found: Verified, count: int) -> None:
    units = prepared.static_units() or prepared.md_units()
    there = [u for u in units if u.id not in found.missing and u.id not in found.lost]
    step = max(1, len(there) // count)
    with LocalPool(PotentialWorker(prepared.given.spec)) as pool:
        for unit in there[::step][:count]:
            again = compute_again(path, unit.id, pool)
            found.recomputed += 1
            wrong = _differs(again.computed, again.differences)
            if wrong:
                found.differing[unit.id] = wrong


def _differs(computed: Any, differences: dict[str, float | None]) -> str:
    if isinstance(computed, Lost):
        return f"{computed.kind}: {computed.cause}"
    wrong = {k: d for k, d in differences.items() if d is None or not d <= SAME_EV_PER_ANGSTROM}
    return ", ".join(f"{name} {'of another shape' if d is None else f'by {d:.1e}'}" for name, d in wrong.items())


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
