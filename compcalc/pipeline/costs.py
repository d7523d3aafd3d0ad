"""What the work units of a run took, from what is stored with their results."""

from collections.abc import Iterable
from typing import Any

from compcalc.execution import ResultStore
from compcalc.pipeline.prepared import PreparedRun
from compcalc.units import FS_PER_NS, SECONDS_PER_DAY


def run_cost(prepared: PreparedRun, store: ResultStore) -> dict[str, Any]:
    """Speed and cost of a run's units, JSON-able; None where nothing was computed.

    `frames_per_s` and `steps_per_s` count one worker: frames, and time steps of one molecule, over the wall time of the
    units that they belong to. `ns_per_day` is how far one worker carries one molecule in a day at the mean over the
    molecules of the run; `atom_steps_per_s` allows a comparison of runs on other molecules. `reference_cpu_seconds` is
    what the reference method's own dynamics took, which other runs of the directory share and nothing else counts.
    """
    static = [(len(u.payload.frames), store.read(u)) for u in prepared.static_units()]
    md = [(u.payload, store.read(u)) for u in prepared.md_units()]
    steps = [r.meta["n_steps"] if r else 0 for _, r in md]
    dt_fs = md[0][0].protocol.timestep_fs if md else 0.0
    md_seconds = _total((r for _, r in md), "seconds")
    results = [r for _, r in (*static, *md)]
    reference = _total((store.read(u) for u in prepared.reference_md_units()), "cpu_seconds")
    steps_per_s = _ratio(sum(steps), md_seconds)
    return {
        "frames_per_s": _ratio(sum(n for n, r in static if r and r.cost), _total((r for _, r in static), "seconds")),
        "steps_per_s": steps_per_s,
        "atom_steps_per_s": _ratio(
            sum(n * len(run.numbers) for n, (run, _) in zip(steps, md, strict=True)), md_seconds
        ),
        "ns_per_day": None if steps_per_s is None else steps_per_s * dt_fs * SECONDS_PER_DAY / FS_PER_NS,
        "worker_seconds": _total(results, "seconds"),
        "cpu_seconds": _total(results, "cpu_seconds"),
        "reference_cpu_seconds": reference,
        "memory_mib": max((r.cost["memory_mib"] for r in results if r and r.cost), default=None),
    }


def _total(results: Iterable, name: str) -> float:
    return sum(result.cost[name] for result in results if result is not None and result.cost)


def _ratio(count: float, seconds: float) -> float | None:
    return count / seconds if count and seconds > 0 else None
