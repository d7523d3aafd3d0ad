"""What more workers than cores cost: the same sixteen units of MMFF94 dynamics on 1, 2 and 8 workers.

    python -m pytest benchmarks/bench_execution.py

`test_eight_workers_against_one` measures both in turn, so that a busy machine slows both, and keeps the ratio of the
fastest rounds in `extra_info`: on two cores it is to be no larger than 1. The times of `test_workers` include the start
of the workers.
"""

import time
from pathlib import Path

import pytest

from compcalc.calculators import parse_spec
from compcalc.dynamics.protocols import Protocol
from compcalc.execution import LocalPool, ResultStore, Unit, run_units
from compcalc.molecules.own import own_molecule
from compcalc.pipeline.work import MDRun, PotentialWorker

UNITS, ROUNDS = 16, 3
PROTOCOL = Protocol("nve", 0.5, equilibration_ps=0.1)


def _units() -> list[Unit]:
    hexane = own_molecule("CCCCCC", "hexane")
    geometry = (hexane.molecule, hexane.numbers, hexane.positions, hexane.bonds)
    return [Unit(f"md/{k}", MDRun(*geometry, PROTOCOL, k, seed=0), str(k)) for k in range(UNITS)]


def _run(workers: int, out: Path) -> float:
    """Wall time of all units, workers started; s."""
    store, begun = ResultStore(out), time.perf_counter()
    with LocalPool(PotentialWorker(parse_spec("mmff94")), workers) as pool:
        run_units(_units(), pool, store, on_lost=None)
    return time.perf_counter() - begun


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_workers(benchmark, workers, tmp_path):
    outs = iter(tmp_path / str(k) for k in range(100))
    benchmark.pedantic(lambda: _run(workers, next(outs)), rounds=ROUNDS)


def test_eight_workers_against_one(benchmark, tmp_path):
    seconds: dict[int, list[float]] = {1: [], 8: []}

    def both():
        for workers, taken in seconds.items():
            taken.append(_run(workers, tmp_path / f"{workers}-{len(taken)}"))

    benchmark.pedantic(both, rounds=ROUNDS)
    benchmark.extra_info["eight_over_one"] = round(min(seconds[8]) / min(seconds[1]), 3)
