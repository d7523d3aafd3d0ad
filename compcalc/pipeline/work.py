"""The work units' payloads, and the function that a worker process computes them with."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from compcalc.calculators import Spec, get_calculator
from compcalc.checks import Examination
from compcalc.checks.accuracy import evaluate, predict
from compcalc.checks.doctor import chosen, examine
from compcalc.checks.preflight import preflight
from compcalc.dynamics.ase_engine import run_protocol
from compcalc.dynamics.lockstep import run_lockstep
from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.start import Start
from compcalc.execution import Lost, Result, Unit, content_hash
from compcalc.execution.packing import lost_prediction, lost_trajectory, pack_prediction, pack_trajectory
from compcalc.execution.progress import tell
from compcalc.pipeline.timing import Timing, time_frames, time_steps, total_steps
from compcalc.records import Frames, Geometries, Molecule, OutcomeKind, Trajectory
from compcalc.reference.labelling import Labeller

OF_A_SURFACE = ("determinism", "conservativeness", "symmetry", "two_copies", "smoothness")
"""Checks and topics of checks whose outcome depends on the molecule."""

CHECKS_BUDGET_S = 120.0
"""Checks of one molecule that would end later are left out, s."""


@dataclass(frozen=True)
class StaticBlock:
    """Payload of a static unit: frames of one molecule."""

    frames: Frames

    @property
    def numbers(self) -> np.ndarray:
        """Atomic numbers, (N,)."""
        return self.frames.numbers

    @property
    def evaluations(self) -> int:
        """How often the potential is asked."""
        return len(self.frames)


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

    @property
    def evaluations(self) -> int:
        """Time steps."""
        return total_steps(self.protocol)


@dataclass(frozen=True)
class ReferenceRun(MDRun):
    """Payload of a dynamic unit that is run with the reference method, to stand beside those of the potential.

    Attributes:
        method: spec of the reference.
    """

    method: str


@dataclass(frozen=True)
class CheckedMolecule:
    """Payload of a check unit: the potential energy surface of one molecule is to be examined."""

    geometry: Geometries

    @property
    def numbers(self) -> np.ndarray:
        """Atomic numbers, (N,)."""
        return self.geometry.numbers

    @property
    def evaluations(self) -> int:
        """About how often the potential is asked."""
        return sum(check.evaluations for check in chosen(OF_A_SURFACE))


@dataclass(frozen=True)
class Try:
    """Payload that evaluates the first geometry of each molecule; gives a `Description`, and molecule -> reason."""

    frames: tuple[Frames | Geometries, ...]


@dataclass(frozen=True)
class Examine:
    """Payload of the short examination on one molecule; gives an `Examination`."""

    frames: Frames | Geometries


@dataclass(frozen=True)
class Calibrate:
    """Payload that times a short piece of the work of another payload; gives a `Timing`.

    Attributes:
        part: what a run would compute.
        budget_s: time to spend, s.
    """

    part: StaticBlock | MDRun | tuple[MDRun, ...]
    budget_s: float


@dataclass(frozen=True)
class ReferenceTask:
    """Payload for a reference method, which a worker builds when it meets the first of them.

    Attributes:
        method: spec of the reference.
    """

    method: str

    def compute(self, labeller: Labeller) -> Result:
        """What the reference says."""
        raise NotImplementedError


@dataclass(frozen=True)
class Description:
    """What a calculator says of itself; `batch_atoms` is None where it does not batch, `training` where unknown.

    `trained` is the same as the calculator's, JSON-able.
    """

    name: str
    dtype: str | None
    sha256: str | None
    batch_atoms: int | None
    training: str | None = None
    trained: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class PotentialWorker:
    """Worker factory: builds the calculator once, then works through payloads.

    Attributes:
        spec: the potential.
        checkpoints: folder for the state of dynamics under way; None, or one that is not there, to keep none.
    """

    spec: Spec
    checkpoints: Path | None = None

    def __call__(self) -> Callable[[Any], Any]:
        calculator = get_calculator(self.spec)

        def work(payload: StaticBlock | MDRun | tuple[MDRun, ...] | Try | Examine | Calibrate) -> Any:
            if isinstance(payload, StaticBlock):
                return pack_prediction(predict(calculator, payload.frames))
            if isinstance(payload, MDRun):
                used = _potential_of(payload, calculator)
                return pack_trajectory(_alone(payload, used, self.checkpoint((payload,))))
            if isinstance(payload, ReferenceTask):
                return payload.compute(_labeller(payload.method))
            if isinstance(payload, CheckedMolecule):
                return _surface(calculator, payload.geometry)
            if isinstance(payload, Try):
                return _describe(calculator), _failures(calculator, payload.frames)
            if isinstance(payload, Examine):
                return _examine(calculator, payload.frames)
            if isinstance(payload, Calibrate):
                return _timing(calculator, payload.part, payload.budget_s)
            made = _in_lockstep(payload, calculator, self.checkpoint(payload))
            return tuple(pack_trajectory(trajectory) for trajectory in made)

        return work

    def checkpoint(self, runs: tuple[MDRun, ...]) -> Path | None:
        """Where runs that advance together keep their state."""
        if self.checkpoints is None or not self.checkpoints.is_dir():
            return None
        names = [[run.molecule.name, asdict(run.protocol), run.replica, run.seed] for run in runs]
        potential = f"reference {runs[0].method}" if isinstance(runs[0], ReferenceRun) else self.spec.text
        return self.checkpoints / content_hash(potential, names)[:32]


@cache
def _labeller(method: str) -> Labeller:
    return Labeller(get_calculator(method))


def _potential_of(run: MDRun, calculator: BaseCalculator) -> BaseCalculator:
    """The potential under test, or the reference method."""
    return _labeller(run.method).calculator if isinstance(run, ReferenceRun) else calculator


def _describe(calculator: BaseCalculator) -> Description:
    return Description(
        getattr(calculator, "label_name", type(calculator).__name__),
        getattr(calculator, "dtype", None),
        getattr(calculator, "sha256", None),
        calculator.batch_atoms if getattr(calculator, "can_batch", False) else None,
        getattr(calculator, "training", None),
        getattr(calculator, "trained", None),
    )


def _failures(calculator: BaseCalculator, frames: tuple[Frames, ...]) -> dict[str, str]:
    failures = {}
    for one in frames:
        try:
            evaluate(calculator, one.numbers, one.positions[0])
        except Exception as error:
            failures[one.molecule.name] = f"{type(error).__name__}: {error}"
    return failures


def _examine(calculator: BaseCalculator, frames: Frames) -> Examination:
    found = preflight(calculator, Atoms(frames.numbers, frames.positions[0]))
    return replace(found, molecule=frames.molecule.name)


def _surface(calculator: BaseCalculator, geometry: Geometries) -> Result:
    """The checks that say something about this very molecule; those about the calculator's manners are made once."""
    found = examine(
        calculator, Atoms(geometry.numbers, geometry.positions[0]), only=OF_A_SURFACE, budget_s=CHECKS_BUDGET_S
    )
    return Result({}, {"molecule": geometry.molecule.name, "examination": found.to_dict()})


def _timing(calculator: BaseCalculator, part: StaticBlock | MDRun | tuple[MDRun, ...], budget_s: float) -> Timing:
    if isinstance(part, StaticBlock):
        return time_frames(lambda frames: predict(calculator, frames), part.frames, budget_s)
    runs = part if isinstance(part, tuple) else (part,)
    calculator = _potential_of(runs[0], calculator)

    def compute(protocol: Protocol) -> list[Trajectory]:
        short = tuple(replace(run, protocol=protocol) for run in runs)
        return _in_lockstep(short, calculator) if isinstance(part, tuple) else [_alone(short[0], calculator)]

    return time_steps(compute, runs[0].protocol, sum(len(run.numbers) for run in runs), budget_s)


def _alone(run: MDRun, calculator: BaseCalculator, checkpoint: Path | None = None) -> Trajectory:
    return run_protocol(
        run.molecule,
        run.numbers,
        run.positions,
        run.bonds,
        calculator,
        run.protocol,
        replica=run.replica,
        seed=run.seed,
        checkpoint=checkpoint,
        on_progress=tell,
    )


def _in_lockstep(
    runs: tuple[MDRun, ...], calculator: BaseCalculator, checkpoint: Path | None = None
) -> list[Trajectory]:
    starts = [Start(run.molecule, run.numbers, run.positions, run.bonds, run.replica) for run in runs]
    first = runs[0]
    return run_lockstep(starts, calculator, first.protocol, seed=first.seed, checkpoint=checkpoint, on_progress=tell)


def lost_result(unit: Unit, lost: Lost) -> Result:
    """The result of a unit whose worker process died or ran out of time."""
    payload = unit.payload
    if isinstance(payload, CheckedMolecule):
        return Result({}, {"molecule": payload.geometry.molecule.name, "cause": f"{lost.kind}: {lost.cause}"})
    if isinstance(payload, StaticBlock):
        return pack_prediction(lost_prediction(payload.frames, f"{lost.kind}: {lost.cause}"))
    kind, protocol = OutcomeKind(lost.kind), payload.protocol
    made = lost_trajectory(payload.molecule, protocol.name, payload.replica, payload.numbers, kind, lost.cause)
    return pack_trajectory(replace(made, kind=protocol.kind or ""))
