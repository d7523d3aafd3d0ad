"""One unit of a run directory, computed again in this process: to see why it failed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compcalc.errors import UnknownNameError
from compcalc.execution import Done, Executor, Here, Lost, Result, ResultStore, Unit
from compcalc.pipeline.directory import entered_runs
from compcalc.pipeline.prepared import PreparedRun
from compcalc.pipeline.work import PotentialWorker


@dataclass(frozen=True)
class Again:
    """A unit computed again.

    Attributes:
        run: name of the run that it belongs to.
        unit: the unit.
        computed: its result now, or how it was lost.
        stored: its result in the directory; None where there is none.
        differences: array -> largest difference from the stored result, NaN where one alone is NaN; None for another
            shape. Empty where the two cannot be compared.
    """

    run: str
    unit: Unit
    computed: Result | Lost
    stored: Result | None
    differences: dict[str, float | None]


def find_unit(runs: dict[str, PreparedRun], unit_id: str) -> tuple[str, list[Unit]]:
    """The run, and the unit with those that advance together with it, itself first.

    Args:
        runs: of a directory.
        unit_id: as the log has it, or without its last eight digits.

    Raises:
        UnknownNameError: there is no such unit, or several.
    """
    units = {unit.id: (name, unit, prepared) for name, prepared in runs.items() for unit in prepared.units()}
    wanted = unit_id.removesuffix(".npz")
    found = [key for key in units if key == wanted or key.rpartition("-")[0] == wanted]
    if len(found) != 1:
        raise UnknownNameError("unit", unit_id, found or units, "log.jsonl in the run directory names them all.")
    name, unit, prepared = units[found[0]]
    others = [u for u in prepared.md_units() if unit.group and u.group == unit.group and u.id != unit.id]
    return name, [unit, *others]


def compute_again(path: Path, unit_id: str, executor: Executor | None = None) -> Again:
    """Compute one unit of a run directory, beside whatever it advanced with, and compare; nothing is written.

    Args:
        path: the run directory.
        unit_id: see `find_unit`.
        executor: where; None for this process, where a crash can be seen by a debugger.

    Raises:
        CompcalcError: there is no such directory or unit, or the potential cannot be built.
    """
    runs = entered_runs(path)
    name, units = find_unit(runs, unit_id)
    executor = executor or Here(PotentialWorker(runs[name].given.spec))
    payload = tuple(unit.payload for unit in units) if units[0].group else units[0].payload
    ended = executor.submit(payload, len(units)).result()
    computed = _first(ended.value) if isinstance(ended, Done) else ended
    stored = ResultStore(path).read(units[0])
    return Again(name, units[0], computed, stored, _differences(computed, stored))


def _first(value: Any) -> Result:
    return value[0] if isinstance(value, tuple) else value


def _differences(computed: Result | Lost, stored: Result | None) -> dict[str, float | None]:
    if isinstance(computed, Lost) or stored is None or stored.lost:
        return {}
    return {name: _largest(array, stored.arrays[name]) for name, array in computed.arrays.items()}


def _largest(a: np.ndarray, b: np.ndarray) -> float | None:
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        return None
    difference = np.where(np.isnan(a) & np.isnan(b), 0.0, np.abs(a - b))
    return float(difference.max(initial=0.0))
