"""Runs one molecule through one protocol with ASE's integrators."""

import time
import zlib

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

from compcalc.dynamics.guard import Guard, Limits
from compcalc.dynamics.momenta import remove_rigid_motion
from compcalc.dynamics.protocols import Protocol
from compcalc.errors import ChildError
from compcalc.metrics.temperature import degrees_of_freedom, temperature
from compcalc.records import Molecule, Outcome, OutcomeKind, Trajectory

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")
"""How torch, on GPU and CPU, and the operating system say it."""


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
    """
    key = (seed, zlib.crc32(molecule.name.encode()), zlib.crc32(protocol.name.encode()), replica)
    rng = np.random.default_rng(np.random.SeedSequence(key))
    recorder = _Recorder(protocol)
    started = time.perf_counter()
    run = _Run(numbers, positions, bonds, calculator, protocol, limits or Limits(), rng)
    try:
        run.equilibrate()
        run.produce(recorder)
        outcome = Outcome(OutcomeKind.COMPLETED, protocol.production_ps)
    except _Ended as ended:
        outcome = ended.outcome
    return Trajectory(
        molecule=molecule,
        protocol=protocol.name,
        replica=replica,
        numbers=np.asarray(numbers),
        degrees_of_freedom=run.freedom,
        outcome=outcome,
        n_steps=run.n_steps,
        seconds=time.perf_counter() - started,
        **recorder.arrays(len(numbers)),
    )


class _Run:
    def __init__(self, numbers, positions, bonds, calculator, protocol, limits, rng):
        self.atoms = Atoms(numbers, positions, calculator=calculator)
        self.calculator, self.protocol, self.rng = calculator, protocol, rng
        self.bonds, self.limits = bonds, limits
        self.freedom = 3 * len(numbers)
        self.n_steps = 0

    def equilibrate(self) -> None:
        """Langevin from Maxwell-Boltzmann velocities at the target temperature."""
        protocol = self.protocol
        thermalize_momenta(self.atoms, protocol.temperature_k, rng=self.rng)
        with self._failures("equilibration"):
            getattr(self.calculator, "forget", lambda: None)()
            getattr(self.calculator, "prepare", lambda atoms: None)(self.atoms)
        self._advance(self._langevin(), protocol.equilibration_steps, "equilibration")

    def produce(self, recorder: "_Recorder") -> None:
        """The protocol itself. NVE starts at rest as a whole; Langevin heats all 3N degrees of freedom."""
        if self.protocol.name == "nve":
            masses, positions = self.atoms.get_masses(), self.atoms.get_positions()
            self.atoms.set_velocities(remove_rigid_motion(positions, self.atoms.get_velocities(), masses))
            self.freedom = degrees_of_freedom(positions, masses, remove_translation=True, remove_rotation=True)
            dynamics = VelocityVerlet(self.atoms, self.protocol.timestep_fs * units.fs)
        else:
            dynamics = self._langevin()
        self._advance(dynamics, self.protocol.production_steps, "production", recorder)

    def _langevin(self) -> Langevin:
        protocol = self.protocol
        return Langevin(
            self.atoms,
            protocol.timestep_fs * units.fs,
            temperature_K=protocol.temperature_k,
            friction=protocol.friction_per_fs / units.fs,
            fixcm=False,
            rng=self.rng,
        )

    def _advance(self, dynamics, steps: int, phase: str, recorder: "_Recorder | None" = None) -> None:
        guard = Guard(self.atoms.numbers, self.bonds, self.limits)
        forces = None
        for step in range(steps + 1):
            time_fs = step * self.protocol.timestep_fs
            with self._failures(phase, time_fs):
                forces = dynamics.step(forces) if step else self.atoms.get_forces()
                energy = self.atoms.get_potential_energy()
            self.n_steps += step > 0
            kinetic = self.atoms.get_kinetic_energy()
            hot = temperature(kinetic, self.freedom)
            positions, velocities = self.atoms.positions, self.atoms.get_velocities() * units.fs
            outcome = guard.check(time_fs, positions, velocities, energy, forces, hot)
            if recorder is not None:
                recorder.record(step, time_fs, positions, velocities, energy, kinetic, hot, last=outcome is not None)
            if outcome is not None:
                raise _Ended(_in_phase(outcome, phase))

    def _failures(self, phase: str, time_fs: float = 0.0) -> "_Failures":
        return _Failures(phase, time_fs)


class _Failures:
    """Turns an exception of the calculator into the outcome of the run."""

    def __init__(self, phase: str, time_fs: float):
        self._phase, self._time_ps = phase, time_fs / 1000

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if error is None or not isinstance(error, Exception):
            return False
        cause = f"{type(error).__name__}: {error}"
        raise _Ended(Outcome(_kind_of(error), self._time_ps, cause, phase=self._phase)) from error


def _kind_of(error: Exception) -> OutcomeKind:
    # Before the words are searched: the message quotes what the process printed, whatever that was about.
    if isinstance(error, ChildError):
        return OutcomeKind(error.outcome_kind)
    memory = isinstance(error, MemoryError) or any(text in str(error).lower() for text in _OUT_OF_MEMORY)
    return OutcomeKind.OUT_OF_MEMORY if memory else OutcomeKind.CALCULATOR_ERROR


class _Recorder:
    """Collects the log and the frames of a production run."""

    def __init__(self, protocol: Protocol):
        self._log_every = max(1, round(protocol.log_every_fs / protocol.timestep_fs))
        self._frame_every = max(1, round(protocol.frame_every_fs / protocol.timestep_fs))
        self._log, self._frames = [], []

    def record(self, step, time_fs, positions, velocities, energy, kinetic, hot, last: bool) -> None:
        if step % self._log_every == 0 or last:
            self._log.append((time_fs, energy, kinetic, hot))
        if step % self._frame_every == 0 or last:
            self._frames.append((time_fs, positions.copy(), velocities.copy()))

    def arrays(self, n_atoms: int) -> dict[str, np.ndarray]:
        log = np.array(self._log, dtype=float).reshape(-1, 4)
        shape = (len(self._frames), n_atoms, 3)
        return {
            "log_time_fs": log[:, 0],
            "potential_energy": log[:, 1],
            "kinetic_energy": log[:, 2],
            "temperature": log[:, 3],
            "frame_time_fs": np.array([frame[0] for frame in self._frames], dtype=float),
            "positions": np.array([frame[1] for frame in self._frames], dtype=float).reshape(shape),
            "velocities": np.array([frame[2] for frame in self._frames], dtype=float).reshape(shape),
        }


def _in_phase(outcome: Outcome, phase: str) -> Outcome:
    return Outcome(outcome.kind, outcome.time_ps, outcome.cause, outcome.atoms, phase)
