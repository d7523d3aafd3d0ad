"""Runs many molecules and replicas through one protocol together, with one batched evaluation a step."""

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from ase import units

from compcalc.dynamics.checkpoint import Checkpoint, identity
from compcalc.dynamics.control import CONTROL_LOG, control_arrays
from compcalc.dynamics.evaluation import BatchPotential, Evaluator
from compcalc.dynamics.failures import failure
from compcalc.dynamics.integrators import Langevin, Verlet
from compcalc.dynamics.limits import Limits
from compcalc.dynamics.members import Members
from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.pulse import Pulse
from compcalc.dynamics.recorder import Recorder
from compcalc.dynamics.start import Start
from compcalc.dynamics.watch import Step, Watch
from compcalc.records import Outcome, OutcomeKind, Trajectory

__all__ = ["Start", "run_lockstep"]


def run_lockstep(
    starts: Sequence[Start],
    calculator: BatchPotential,
    protocol: Protocol,
    *,
    seed: int = 0,
    limits: Limits | None = None,
    checkpoint: Path | None = None,
    checkpoint_every_s: float = 30.0,
    on_progress: Callable[[float], None] | None = None,
) -> list[Trajectory]:
    """Equilibrate, then run `protocol`, for all `starts` at once; how each ends is its outcome, not an exception.

    The same physics, random numbers, guards and records as `ase_engine.run_protocol`, run by run: a trajectory does not
    depend on its neighbours, apart from what rounding in the calculator's batches does. A run that ends leaves the
    batch. `seconds` of the trajectories add up to the wall time of the group.

    Args:
        starts: one entry a run.
        calculator: the potential under test.
        protocol: what to run.
        seed: seed of the run.
        limits: of the guards.
        checkpoint: file in which the state is kept while the run goes on, so that one that was killed goes on from it;
            removed at the end. One that is damaged, or of another start, protocol, limits or seed, is not used.
        checkpoint_every_s: how often it is written, s.
        on_progress: gets the fraction of the steps that is done, about twice a second.

    Returns:
        One trajectory a start, in their order.
    """
    if not starts:
        return []
    limits = limits or Limits()
    owner = identity("lockstep", protocol, limits, seed, *_content(starts))
    saves = None if checkpoint is None else Checkpoint(checkpoint, owner)
    group = _Lockstep(starts, calculator, protocol, seed, limits)
    group.pulse = Pulse(protocol, on_progress, saves, checkpoint_every_s)
    # Numbers that overflow are the guards' business.
    with np.errstate(over="ignore", invalid="ignore"):
        group.run(calculator)
    group.pulse.end()
    return group.trajectories()


def _content(starts: Sequence[Start]) -> tuple[list[np.ndarray], list]:
    """Arrays and names that say what is run, for `identity`."""
    arrays = [np.asarray(array) for start in starts for array in (start.numbers, start.positions, start.bonds)]
    return arrays, [[start.molecule.name, start.replica] for start in starts]


class _Lockstep:
    def __init__(self, starts, calculator, protocol, seed, limits):
        self.begun = time.perf_counter()
        self.starts, self.protocol, self.limits = starts, protocol, limits
        self.members = Members(starts, protocol, seed)
        self.evaluate = Evaluator(calculator)
        self.recorder = Recorder(protocol, self.members.sizes)
        self.n_steps, self.seconds = 0, 0.0
        self.ended: dict[int, dict] = {}
        self.control: Recorder | None = None
        self.pulse: Pulse | None = None
        self.saved: dict | None = None

    def run(self, calculator: BatchPotential) -> None:
        protocol = self.protocol
        try:
            getattr(calculator, "forget", lambda: None)()
        except Exception as error:
            self._leave({place: failure(error, 0.0, "equilibration") for place in range(len(self.members))}, ())
        self._resume()
        if self.saved is None or self.saved["phase"] == "equilibration":
            self._advance(self._langevin("equilibration"), protocol.equilibration_steps, "equilibration")
        if self.saved is None and protocol.ensemble == "nve":
            self.members.stop_rigid_motion()
        if protocol.ensemble == "nve":
            integrator = Verlet(self.members.masses, self.members.sizes, protocol)
        else:
            integrator = self._langevin("production")
        self._advance(integrator, protocol.production_steps, "production")
        if protocol.control_ps and len(self.members):
            self._control(protocol.control)
        self._complete(range(len(self.members)))

    def _control(self, half: Protocol) -> None:
        """Run the first part again at half of the time step. Runs that fail in it leave; they have completed."""
        members = self.members
        members.return_to_origin()
        self.control = Recorder(half, [len(start.numbers) for start in self.starts], CONTROL_LOG)
        runs = np.isin(np.arange(len(self.starts)), members.starts)
        self.control.keep(runs, np.repeat(runs, [len(start.numbers) for start in self.starts]))
        integrator = Verlet(members.masses, members.sizes, half)
        for step in range(half.production_steps + 1):
            if step:
                members.positions, members.velocities = integrator.before(
                    members.positions, members.velocities, members.forces
                )
            members.energies, members.forces, errors = self.evaluate(members.batch())
            sound = np.logical_and.reduceat(np.isfinite(members.forces).all(axis=1), members.offsets[:-1])
            self._complete({*errors, *np.flatnonzero(~sound).tolist()}, (integrator, self.control))
            if not len(members):
                return
            if step:
                members.velocities = integrator.after(members.velocities, members.forces)
                self.n_steps += 1
            state = (members.positions, members.velocities, (members.energies, members.kinetic()))
            pulls = functools.partial(np.full, (len(members), 2), np.nan)
            self.control.record(step, step * half.timestep_fs, *state, pulls)
            self.pulse.beat(self.n_steps)

    def _resume(self) -> None:
        """Go back to where the checkpoint was written, if there is one; the phase restores its own parts."""
        self.saved = self.pulse.saved() if len(self.members) else None
        if self.saved is None:
            return
        self.members.restore(self.saved["members"])
        self.evaluate.restore(self.saved["evaluate"], self.members.batch())
        self.recorder.restore(self.saved["recorder"])
        self.n_steps, self.seconds = self.saved["n_steps"], self.saved["seconds"]
        for index, ended in self.saved["ended"].items():
            outcome = dict(ended["outcome"], kind=OutcomeKind(ended["outcome"]["kind"]))
            self.ended[int(index)] = {**ended, "outcome": Outcome(**outcome)}

    def _state(self, step: int, phase: str, parts: tuple) -> dict:
        """What a checkpoint holds."""
        self._share_time()
        ended = {index: {**end, "outcome": asdict(end["outcome"])} for index, end in self.ended.items()}
        return {
            "phase": phase,
            "step": step,
            "n_steps": self.n_steps,
            "seconds": self.seconds,
            "members": self.members.state(),
            "evaluate": self.evaluate.state(),
            "recorder": self.recorder.state(),
            "parts": [part.state() for part in parts],
            "ended": {str(index): end for index, end in ended.items()},
        }

    def _complete(self, places: Iterable[int], parts: tuple = ()) -> None:
        completed = Outcome(OutcomeKind.COMPLETED, self.protocol.production_ps)
        self._leave(dict.fromkeys(places, completed), parts)

    def trajectories(self) -> list[Trajectory]:
        return [
            Trajectory(
                molecule=start.molecule,
                protocol=self.protocol.name,
                kind=self.protocol.kind or "",
                replica=start.replica,
                numbers=np.asarray(start.numbers),
                **self.ended[index],
                **self.recorder.arrays(index),
                **({} if self.control is None else control_arrays(self.control, index)),
            )
            for index, start in enumerate(self.starts)
        ]

    def _langevin(self, phase: str) -> Langevin:
        members = self.members
        return Langevin(members.masses, members.sizes, members.rngs, self.protocol, phase)

    def _advance(self, integrator: Langevin | Verlet, steps: int, phase: str) -> None:
        members = self.members
        if not len(members):
            return
        begin = [self.starts[index] for index in members.starts]
        limits = self.limits.at(max(self.protocol.temperature_k, self.protocol.end_temperature_k))
        recorder = self.recorder if phase == "production" else None
        thermostat = isinstance(integrator, Langevin)
        watch = Watch(begin, members.freedom, self.protocol, phase, thermostat, limits, recorder)
        parts = (integrator, watch)
        for step in range(self._first(parts), steps + 1):
            time_fs = step * self.protocol.timestep_fs
            if step:
                members.positions, members.velocities = integrator.before(
                    members.positions, members.velocities, members.forces
                )
            if step or phase == "equilibration":
                self._new_forces(time_fs, phase, parts)
            if not len(members):
                return
            if step:
                members.velocities = integrator.after(members.velocities, members.forces)
                self.n_steps += 1
            self._leave(watch.look(step, self._now(integrator)), parts)
            if not len(members):
                return
            self.pulse.beat(self.n_steps, functools.partial(self._state, step, phase, parts))

    def _first(self, parts: tuple) -> int:
        """The first step of a phase to make: 0, or the one after the checkpoint's, to whose state `parts` are set."""
        saved, self.saved = self.saved, None
        if saved is None:
            return 0
        for part, state in zip(parts, saved["parts"], strict=True):
            part.restore(state)
        return saved["step"] + 1

    def _new_forces(self, time_fs: float, phase: str, parts: tuple) -> None:
        self.members.energies, self.members.forces, errors = self.evaluate(self.members.batch())
        self._leave({place: failure(error, time_fs, phase) for place, error in errors.items()}, parts)

    def _now(self, integrator: Langevin | Verlet) -> Step:
        members = self.members
        kinetic = members.kinetic()
        hot, velocities = functools.partial(members.temperatures, kinetic), members.velocities * units.fs
        return Step(members.positions, velocities, members.forces, members.energies, kinetic, hot, integrator.heat)

    def _leave(self, outcomes: dict[int, Outcome], parts: tuple) -> None:
        """End the runs that have an outcome, and go on with the others."""
        if not outcomes:
            return
        self._share_time()
        members = self.members
        for place, outcome in outcomes.items():
            atoms = slice(members.offsets[place], members.offsets[place + 1])
            failed = parts and outcome.kind is not OutcomeKind.COMPLETED
            events = parts[1].event(place, outcome, members.positions[atoms]) if failed else {}
            self.ended[int(members.starts[place])] = {
                **events,
                "outcome": outcome,
                "degrees_of_freedom": int(members.freedom[place]),
                "n_steps": self.n_steps,
                "seconds": self.seconds,
            }
        runs = np.ones(len(members), dtype=bool)
        runs[list(outcomes)] = False
        atoms = np.repeat(runs, members.sizes)
        # Without a run left nothing looks at the parts of this phase again.
        for part in (members, self.recorder, self.evaluate, *(parts if runs.any() else ())):
            part.keep(runs, atoms)

    def _share_time(self) -> None:
        # All runs began together, so that the shares of those that go on are equal.
        now = time.perf_counter()
        self.seconds, self.begun = self.seconds + (now - self.begun) / len(self.members), now
