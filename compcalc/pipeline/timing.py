"""A short piece of a work unit, timed in the worker: what a frame or a time step costs, and what comes before it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compcalc.dynamics.protocols import Protocol
from compcalc.records import Frames, Trajectory
from compcalc.units import FS_PER_PS

_PIECES = 4
_FEW_STEPS = 4


@dataclass(frozen=True)
class Took:
    """Time of something.

    Attributes:
        seconds: wall time, s.
        cpu_seconds: processor time of all threads, s.
    """

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Timing:
    """What a unit, or a group of units, costs.

    Attributes:
        atoms: of the molecule, or of all molecules that advance together.
        start: what the first call takes beyond its frames or steps, such as tracing or compiling.
        pieces: one frame, or one time step of all molecules, as measured several times.
    """

    atoms: int
    start: Took
    pieces: tuple[Took, ...]


def time_frames(compute: Callable[[Frames], Any], frames: Frames, budget_s: float) -> Timing:
    """Time the evaluation of frames, up to all of them at once; a piece is the mean over all.

    Args:
        compute: evaluates frames as a run does.
        frames: of one molecule.
        budget_s: time to spend, s; a few frames are evaluated in any case.
    """
    one, whole = frames.select(slice(0, 1)), len(frames)
    cold, _ = timed(lambda: compute(one))
    warm, _ = timed(lambda: compute(one))
    until = time.perf_counter() + budget_s
    n, each_s, pieces = 1, warm.seconds, []
    while not pieces or (time.perf_counter() < until and len(pieces) < _PIECES):
        more = min(whole, _affordable(budget_s, each_s, n, whole) + (n == 1))
        # Many frames say more than few of what all of them cost.
        n, pieces = more, pieces if more == n else []
        took, _ = timed(lambda n=n: compute(frames.select(slice(0, n))))
        pieces.append(_per_frame(took, n, warm, whole))
        each_s = pieces[-1].seconds
    return Timing(len(frames.numbers), _beyond(cold, warm, 1), tuple(pieces))


def time_steps(
    compute: Callable[[Protocol], Sequence[Trajectory]], protocol: Protocol, atoms: int, budget_s: float
) -> Timing:
    """Time steps of molecules that advance together, equilibration and production in the shares of the whole run.

    Args:
        compute: makes the runs by a protocol that it is given.
        protocol: of the whole run.
        atoms: of all molecules.
        budget_s: time to spend, s; a few steps are made in any case.
    """
    few = shortened(protocol, _FEW_STEPS)
    cold, _ = timed(lambda: compute(few))
    until = time.perf_counter() + budget_s
    # Again without what only the first call has to do; what is left of it is subtracted from longer pieces.
    warm, made = timed(lambda: compute(few))
    warm_steps = _steps(made)
    pieces, n = [], _FEW_STEPS
    while not pieces or (time.perf_counter() < until and len(pieces) < _PIECES):
        expected = pieces[-1].seconds if pieces else warm.seconds / max(1, warm_steps)
        n = max(4 * _FEW_STEPS, _affordable(budget_s, expected, n, total_steps(protocol)))
        took, made = timed(lambda n=n: compute(shortened(protocol, n)))
        pieces.append(_per_step(took, _steps(made), warm, warm_steps))
    return Timing(atoms, _beyond(cold, min(pieces, key=lambda piece: piece.seconds), warm_steps), tuple(pieces))


def total_steps(protocol: Protocol) -> int:
    """Time steps of one run, equilibration included."""
    return protocol.equilibration_steps + protocol.production_steps


def shortened(protocol: Protocol, steps: int) -> Protocol:
    """The protocol with so many steps, divided between its phases as in the whole, and without its control."""
    equilibration = round(steps * protocol.equilibration_steps / max(1, total_steps(protocol)))
    ps = protocol.timestep_fs / FS_PER_PS
    production_ps = (steps - equilibration) * ps
    return replace(
        protocol,
        equilibration_ps=equilibration * ps,
        production_ps=production_ps,
        control_ps=0.0,
        velocity_ps=min(protocol.velocity_ps, production_ps),
    )


def timed(call: Callable[[], Any]) -> tuple[Took, Any]:
    """What a call took, and what it returned."""
    wall, cpu = time.perf_counter(), time.process_time()
    value = call()
    return Took(time.perf_counter() - wall, time.process_time() - cpu), value


def _affordable(budget_s: float, each_s: float, before: int, most: int) -> int:
    """How many fit into one piece: no fewer than before, and at most eight times as many."""
    return max(before, min(most, 8 * before, int(budget_s / _PIECES / max(each_s, 1e-9))))


def _per_frame(took: Took, n: int, first: Took, whole: int) -> Took:
    """Mean over the `whole` block from `n` of its frames, where the first costs more: it is compared with a batch."""
    if n == 1:
        return took
    further = [max(0.0, getattr(took, c) - getattr(first, c)) / (n - 1) for c in ("seconds", "cpu_seconds")]
    return Took(
        *((c + (whole - 1) * f) / whole for c, f in zip((first.seconds, first.cpu_seconds), further, strict=True))
    )


def _steps(made: Sequence[Trajectory]) -> int:
    return max(trajectory.n_steps for trajectory in made)


def _per_step(took: Took, steps: int, warm: Took, warm_steps: int) -> Took:
    more = steps - warm_steps
    if more <= 0 or took.seconds <= warm.seconds:  # all molecules broke at once, or steps cost next to nothing
        return Took(took.seconds / max(1, steps), took.cpu_seconds / max(1, steps))
    return Took((took.seconds - warm.seconds) / more, max(0.0, took.cpu_seconds - warm.cpu_seconds) / more)


def _beyond(cold: Took, piece: Took, n: int) -> Took:
    return Took(max(0.0, cold.seconds - n * piece.seconds), max(0.0, cold.cpu_seconds - n * piece.cpu_seconds))
