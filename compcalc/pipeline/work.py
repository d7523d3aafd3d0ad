"""The work units' payloads, and the function that a worker process computes them with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator

from compcalc.calculators import Spec, get_calculator
from compcalc.checks.accuracy import predict
from compcalc.dynamics.ase_engine import run_protocol
from compcalc.dynamics.lockstep import Start, run_lockstep
from compcalc.dynamics.protocols import Protocol
from compcalc.execution import Lost, Result, Unit
from compcalc.execution.packing import lost_prediction, lost_trajectory, pack_prediction, pack_trajectory
from compcalc.records import Frames, Molecule, OutcomeKind, Trajectory


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
class PotentialWorker:
    """Worker factory: builds the calculator once, then works through units."""

    spec: Spec

    def __call__(self) -> Callable[[Any], Any]:
        calculator = get_calculator(self.spec)

        def work(payload: StaticBlock | MDRun | tuple[MDRun, ...]) -> Result | tuple[Result, ...]:
            if isinstance(payload, StaticBlock):
                return pack_prediction(predict(calculator, payload.frames))
            if isinstance(payload, MDRun):
                return pack_trajectory(_alone(payload, calculator))
            return tuple(pack_trajectory(trajectory) for trajectory in _in_lockstep(payload, calculator))

        return work


def _alone(run: MDRun, calculator: BaseCalculator) -> Trajectory:
    return run_protocol(
        run.molecule,
        run.numbers,
        run.positions,
        run.bonds,
        calculator,
        run.protocol,
        replica=run.replica,
        seed=run.seed,
    )


def _in_lockstep(runs: tuple[MDRun, ...], calculator: BaseCalculator) -> list[Trajectory]:
    starts = [Start(run.molecule, run.numbers, run.positions, run.bonds, run.replica) for run in runs]
    return run_lockstep(starts, calculator, runs[0].protocol, seed=runs[0].seed)


def lost_result(unit: Unit, lost: Lost) -> Result:
    """The result of a unit whose worker process died or ran out of time."""
    payload = unit.payload
    if isinstance(payload, StaticBlock):
        return pack_prediction(lost_prediction(payload.frames, f"{lost.kind}: {lost.cause}"))
    kind = OutcomeKind(lost.kind)
    return pack_trajectory(
        lost_trajectory(payload.molecule, payload.protocol.name, payload.replica, payload.numbers, kind, lost.cause)
    )
