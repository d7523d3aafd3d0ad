"""Runs one molecule through one protocol with ASE's integrators."""

import functools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

from compcalc.dynamics.ase_langevin import AseLangevin
from compcalc.dynamics.checkpoint import Checkpoint, identity
from compcalc.dynamics.control import CONTROL_LOG, control_arrays
from compcalc.dynamics.failures import failure
from compcalc.dynamics.limits import Limits
from compcalc.dynamics.momenta import remove_rigid_motion, rigid_kinetic_energy
from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.pulse import Pulse
from compcalc.dynamics.recorder import Recorder
from compcalc.dynamics.seeding import run_generator
from compcalc.dynamics.start import Start
from compcalc.dynamics.watch import Step, Watch
from compcalc.metrics.temperature import degrees_of_freedom, temperature
from compcalc.records import Molecule, Outcome, OutcomeKind, Trajectory


class _Ended(Exception):
    """Carries the outcome out of the stepping loop."""

    def __init__(self, outcome: Outcome):
        self.outcome = outcome


def run_protocol(
    molecule: Molecule,
    numbers: np.ndarray,
    positions: np.ndarray,
    bonds: np.ndarray,
    calculator: BaseCalculator,
    protocol: Protocol,
    *,
    replica: int = 0,
    seed: int = 0,
    limits: Limits | None = None,
    checkpoint: Path | None = None,
    checkpoint_every_s: float = 30.0,
    on_progress: Callable[[float], None] | None = None,
) -> Trajectory:
    """Equilibrate, then run `protocol`; a failure of the molecule or the calculator is the outcome, not an exception.

    Random numbers depend on `seed`, the molecule's name, the protocol and the replica alone.

    Args:
        molecule: which molecule.
        numbers: atomic numbers, (N,).
        positions: starting geometry, angstrom, (N, 3).
        bonds: its bonded pairs, (B, 2).
        calculator: the potential under test.
        protocol: what to run.
        replica: index of the replica.
        seed: seed of the run.
        limits: of the guard.
        checkpoint: file in which the state is kept while the run goes on, so that one that was killed goes on from it;
            removed at the end. One that is damaged, or of another start, protocol, limits or seed, is not used.
        checkpoint_every_s: how often it is written, s.
        on_progress: gets the fraction of the steps that is done, about twice a second.
    """
    start = Start(molecule, np.asarray(numbers), np.asarray(positions), bonds, replica)
    atoms = Atoms(start.numbers, start.positions, calculator=calculator)
    return run_atoms(
        start, atoms, protocol, seed=seed, limits=limits, checkpoint=checkpoint, checkpoint_every_s=checkpoint_every_s,
        on_progress=on_progress,
    )  # fmt: skip


def run_atoms(
    start: Start, atoms: Atoms, protocol: Protocol, *, seed: int = 0, limits: Limits | None = None,
    checkpoint: Path | None = None, checkpoint_every_s: float = 30.0,
    on_progress: Callable[[float], None] | None = None,
) -> Trajectory:  # fmt: skip
    """The same for atoms that carry more than numbers and positions: masses, charges, `info`; they are left alone.

    Args:
        start: which molecule, its bonds and its replica.
        atoms: the same molecule, with a calculator.
        protocol: what to run.
        seed: seed of the run.
        limits: of the guard.
        checkpoint, checkpoint_every_s, on_progress: as of `run_protocol`.
    """
    limits = limits or Limits()
    run = _Run(start, atoms, protocol, limits, seed)
    saves = None if checkpoint is None else Checkpoint(checkpoint, _owner(start, atoms, protocol, limits, seed))
    run.pulse = Pulse(protocol, on_progress, saves, checkpoint_every_s)
    try:
        run.equilibrate()
        run.produce()
        outcome = Outcome(OutcomeKind.COMPLETED, protocol.production_ps)
        extras = run.control() if protocol.control_ps else {}
    except _Ended as ended:
        outcome = ended.outcome
        extras = run.watch.event(0, outcome, run.atoms.get_positions()) if run.watch else {}
    run.pulse.end()
    return Trajectory(
        molecule=start.molecule,
        protocol=protocol.name,
        kind=protocol.kind or "",
        replica=start.replica,
        numbers=start.numbers,
        degrees_of_freedom=run.freedom,
        outcome=outcome,
        n_steps=run.n_steps,
        seconds=run.seconds(),
        **run.recorder.arrays(0),
        **extras,
    )


def _owner(start: Start, atoms: Atoms, protocol: Protocol, limits: Limits, seed: int) -> str:
    arrays = [atoms.get_masses(), atoms.get_initial_charges(), atoms.get_initial_magnetic_moments(), start.bonds]
    arrays = [start.numbers, start.positions, *(np.asarray(array) for array in arrays)]
    return identity("ase", protocol, limits, seed, arrays, [start.molecule.name, start.replica, str(atoms.info)])


class _Run:
    def __init__(self, start, atoms, protocol, limits, seed):
        self.atoms = atoms.copy()
        self.atoms.calc = atoms.calc
        self.start, self.calculator, self.protocol = start, atoms.calc, protocol
        self.limits = limits.at(max(protocol.temperature_k, protocol.end_temperature_k))
        self.rng = run_generator(seed, start.molecule.name, protocol.name, start.replica)
        self.freedom, self.at_rest = 3 * len(start.numbers), False
        self.n_steps = 0
        self.watch: Watch | None = None
        self.origin = self.atoms.copy()
        self.recorder = Recorder(protocol, [len(atoms)])
        self.pulse: Pulse | None = None
        self.saved: dict | None = None
        self.begun, self.before = time.perf_counter(), 0.0

    def seconds(self) -> float:
        """Wall time so far, with what was spent up to the checkpoint."""
        return self.before + time.perf_counter() - self.begun

    def equilibrate(self) -> None:
        """Langevin from Maxwell-Boltzmann velocities at the target temperature."""
        protocol = self.protocol
        thermalize_momenta(self.atoms, protocol.temperature_k, rng=self.rng)
        with self._failures("equilibration"):
            getattr(self.calculator, "forget", lambda: None)()
        self._begin("equilibration", thermostat=True)
        with self._failures("equilibration"):
            getattr(self.calculator, "prepare", lambda atoms: None)(self.atoms)
        self._resume()
        if self.saved is None or self.saved["phase"] == "equilibration":
            self._advance(self._langevin("equilibration"), protocol.equilibration_steps, "equilibration")

    def produce(self) -> None:
        """The protocol itself. NVE starts at rest as a whole; Langevin heats all 3N degrees of freedom."""
        nve = self.protocol.ensemble == "nve"
        if nve and self.saved is None:
            masses, positions = self.atoms.get_masses(), self.atoms.get_positions()
            self.atoms.set_velocities(remove_rigid_motion(positions, self.atoms.get_velocities(), masses))
            self.freedom = degrees_of_freedom(positions, masses, remove_translation=True, remove_rotation=True)
            self.at_rest = True
            self.origin = self.atoms.copy()
        self._begin("production", not nve, self.recorder)
        step = self.protocol.timestep_fs * units.fs
        dynamics = VelocityVerlet(self.atoms, step) if nve else self._langevin("production")
        self._advance(dynamics, self.protocol.production_steps, "production")

    def control(self) -> dict[str, np.ndarray]:
        """Run the first part again at half of the time step; what it logged, by the names in `Trajectory`."""
        half, atoms = self.protocol.control, self.atoms
        log = Recorder(half, [len(atoms)], CONTROL_LOG)
        atoms.set_positions(self.origin.positions)
        atoms.set_momenta(self.origin.get_momenta())
        dynamics, forces = VelocityVerlet(atoms, half.timestep_fs * units.fs), None
        for step in range(half.production_steps + 1):
            try:
                forces = dynamics.step(forces) if step else atoms.get_forces()
                energy = atoms.get_potential_energy()
            except Exception:
                break
            if not np.isfinite(forces).all():
                break
            self.n_steps += step > 0
            state = (atoms.positions, atoms.get_velocities(), (energy, atoms.get_kinetic_energy()))
            self.pulse.beat(self.n_steps)
            log.record(step, step * half.timestep_fs, *state, pulls=lambda: np.full((1, 2), np.nan))
        return control_arrays(log, 0)

    def _resume(self) -> None:
        """Go back to where the checkpoint was written, if there is one; the phase restores its own parts."""
        self.saved = saved = self.pulse.saved()
        if saved is None:
            return
        for atoms, (positions, momenta) in zip((self.atoms, self.origin), saved["atoms"], strict=True):
            atoms.set_positions(positions)
            atoms.set_momenta(momenta)
        self.recorder.restore(saved["recorder"])
        self.n_steps, self.before, self.begun = saved["n_steps"], saved["seconds"], time.perf_counter()
        self.freedom, self.at_rest = saved["freedom"], saved["at_rest"]
        self.rng.bit_generator.state = saved["rng"]

    def _state(self, step: int, phase: str, dynamics, forces: np.ndarray) -> dict:
        """What a checkpoint holds."""
        return {
            "phase": phase,
            "step": step,
            "n_steps": self.n_steps,
            "seconds": self.seconds(),
            "freedom": self.freedom,
            "at_rest": self.at_rest,
            "rng": self.rng.bit_generator.state,
            "atoms": [(atoms.get_positions(), atoms.get_momenta()) for atoms in (self.atoms, self.origin)],
            "forces": forces,
            "recorder": self.recorder.state(),
            "watch": self.watch.state(),
            "dynamics": dynamics.state() if isinstance(dynamics, AseLangevin) else None,
        }

    def _begin(self, phase: str, thermostat: bool, recorder: Recorder | None = None) -> None:
        self.watch = Watch([self.start], [self.freedom], self.protocol, phase, thermostat, self.limits, recorder)

    def _langevin(self, phase: str) -> AseLangevin:
        with self._failures(phase):  # it asks for the forces at once
            return AseLangevin(self.atoms, self.protocol, self.rng, phase)

    def _advance(self, dynamics, steps: int, phase: str) -> None:
        forces, first, saved, self.saved = None, 0, self.saved, None
        if saved is not None:
            forces, first = saved["forces"], saved["step"] + 1
            self.watch.restore(saved["watch"])
            if isinstance(dynamics, AseLangevin):
                dynamics.restore(saved["dynamics"])
        for step in range(first, steps + 1):
            with self._failures(phase, step * self.protocol.timestep_fs):
                forces = dynamics.step(forces) if step else self.atoms.get_forces()
                energy = self.atoms.get_potential_energy()
            self.n_steps += step > 0
            outcomes = self.watch.look(step, self._now(energy, forces, getattr(dynamics, "heat", 0.0)))
            if outcomes:
                raise _Ended(outcomes[0])
            self.pulse.beat(self.n_steps, functools.partial(self._state, step, phase, dynamics, forces))

    def _now(self, energy: float, forces: np.ndarray, heat: float) -> Step:
        velocities = self.atoms.get_velocities() * units.fs
        scalars = (np.array([value]) for value in (energy, self.atoms.get_kinetic_energy()))
        return Step(self.atoms.get_positions(), velocities, np.array(forces), *scalars, self._hot, np.array([heat]))

    def _hot(self) -> np.ndarray:
        atoms = self.atoms
        moving = atoms.get_kinetic_energy()
        if self.at_rest:  # the motion as a whole is no degree of freedom: its energy is left out
            state = (atoms.get_positions(), atoms.get_velocities(), atoms.get_masses())
            moving -= rigid_kinetic_energy(*state, [len(atoms)], [3 * len(atoms) - 3 - self.freedom])[0]
        return np.array([temperature(moving, self.freedom)])

    def _failures(self, phase: str, time_fs: float = 0.0) -> "_Failures":
        return _Failures(phase, time_fs)


class _Failures:
    """Turns an exception of the calculator into the outcome of the run."""

    def __init__(self, phase: str, time_fs: float):
        self._phase, self._time_fs = phase, time_fs

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if error is None or not isinstance(error, Exception):
            return False
        raise _Ended(failure(error, self._time_fs, self._phase)) from error
