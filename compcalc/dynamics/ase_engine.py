"""Runs one molecule through one protocol with ASE's integrators."""

import dataclasses
import time

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.md.langevinbaoab import LangevinBAOAB
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

from compcalc.dynamics.failures import failure
from compcalc.dynamics.guard import Guard, Limits
from compcalc.dynamics.momenta import remove_rigid_motion
from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.recorder import Recorder
from compcalc.dynamics.seeding import run_generator
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
    rng = run_generator(seed, molecule.name, protocol.name, replica)
    recorder = Recorder(protocol, [len(numbers)])
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
        **recorder.arrays(0),
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
        self._advance(self._langevin("equilibration"), protocol.equilibration_steps, "equilibration")

    def produce(self, recorder: Recorder) -> None:
        """The protocol itself. NVE starts at rest as a whole; Langevin heats all 3N degrees of freedom."""
        if self.protocol.name == "nve":
            masses, positions = self.atoms.get_masses(), self.atoms.get_positions()
            self.atoms.set_velocities(remove_rigid_motion(positions, self.atoms.get_velocities(), masses))
            self.freedom = degrees_of_freedom(positions, masses, remove_translation=True, remove_rotation=True)
            dynamics = VelocityVerlet(self.atoms, self.protocol.timestep_fs * units.fs)
        else:
            dynamics = self._langevin("production")
        self._advance(dynamics, self.protocol.production_steps, "production", recorder)

    def _langevin(self, phase: str) -> "_Langevin":
        with self._failures(phase):  # it asks for the forces at once
            return _Langevin(self.atoms, self.protocol, self.rng)

    def _advance(self, dynamics, steps: int, phase: str, recorder: Recorder | None = None) -> None:
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
                ended = [] if outcome is None else [0]
                recorder.record(step, time_fs, positions, velocities, energy, kinetic, hot, ended)
            if outcome is not None:
                raise _Ended(dataclasses.replace(outcome, phase=phase))

    def _failures(self, phase: str, time_fs: float = 0.0) -> "_Failures":
        return _Failures(phase, time_fs)


class _Langevin(LangevinBAOAB):
    """ASE's BAOAB at a fixed cell, in the units of `Protocol`; its step gives the forces, as that of VelocityVerlet."""

    def __init__(self, atoms: Atoms, protocol: Protocol, rng: np.random.Generator):
        friction = protocol.friction_per_fs / units.fs
        super().__init__(
            atoms,
            protocol.timestep_fs * units.fs,
            # Without friction there is no thermostat, which ASE is told by giving no temperature.
            temperature_K=protocol.temperature_k if friction else None,
            T_tau=1 / friction if friction else None,
            # Says nothing at a fixed cell, but spares a matrix exponential a step.
            hydrostatic=True,
            rng=rng,
        )

    def step(self, forces=None) -> np.ndarray:
        super().step()
        return self.atoms.get_forces()


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
