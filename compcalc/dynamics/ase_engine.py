"""Runs one molecule through one protocol with ASE's integrators."""

import time

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.md.langevinbaoab import LangevinBAOAB
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

from compcalc.dynamics.failures import failure
from compcalc.dynamics.limits import Limits
from compcalc.dynamics.momenta import remove_rigid_motion
from compcalc.dynamics.protocols import Protocol
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
    start = Start(molecule, np.asarray(numbers), np.asarray(positions), bonds, replica)
    recorder = Recorder(protocol, [len(numbers)])
    started = time.perf_counter()
    run = _Run(start, calculator, protocol, limits or Limits(), seed)
    events = {}
    try:
        run.equilibrate()
        run.produce(recorder)
        outcome = Outcome(OutcomeKind.COMPLETED, protocol.production_ps)
    except _Ended as ended:
        outcome = ended.outcome
        events = run.watch.event(0, outcome, run.atoms.get_positions()) if run.watch else {}
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
        **events,
    )


class _Run:
    def __init__(self, start, calculator, protocol, limits, seed):
        self.atoms = Atoms(start.numbers, start.positions, calculator=calculator)
        self.start, self.calculator, self.protocol = start, calculator, protocol
        self.limits = limits.at(protocol.temperature_k)
        self.rng = run_generator(seed, start.molecule.name, protocol.name, start.replica)
        self.freedom, self.at_rest = 3 * len(start.numbers), False
        self.n_steps = 0
        self.watch: Watch | None = None

    def equilibrate(self) -> None:
        """Langevin from Maxwell-Boltzmann velocities at the target temperature."""
        protocol = self.protocol
        thermalize_momenta(self.atoms, protocol.temperature_k, rng=self.rng)
        with self._failures("equilibration"):
            getattr(self.calculator, "forget", lambda: None)()
        self._begin("equilibration", thermostat=True)
        with self._failures("equilibration"):
            getattr(self.calculator, "prepare", lambda atoms: None)(self.atoms)
        self._advance(self._langevin("equilibration"), protocol.equilibration_steps, "equilibration")

    def produce(self, recorder: Recorder) -> None:
        """The protocol itself. NVE starts at rest as a whole; Langevin heats all 3N degrees of freedom."""
        nve = self.protocol.name == "nve"
        if nve:
            masses, positions = self.atoms.get_masses(), self.atoms.get_positions()
            self.atoms.set_velocities(remove_rigid_motion(positions, self.atoms.get_velocities(), masses))
            self.freedom = degrees_of_freedom(positions, masses, remove_translation=True, remove_rotation=True)
            self.at_rest = True
        self._begin("production", not nve, recorder)
        step = self.protocol.timestep_fs * units.fs
        dynamics = VelocityVerlet(self.atoms, step) if nve else self._langevin("production")
        self._advance(dynamics, self.protocol.production_steps, "production")

    def _begin(self, phase: str, thermostat: bool, recorder: Recorder | None = None) -> None:
        self.watch = Watch([self.start], [self.freedom], self.protocol, phase, thermostat, self.limits, recorder)

    def _langevin(self, phase: str) -> "_Langevin":
        with self._failures(phase):  # it asks for the forces at once
            return _Langevin(self.atoms, self.protocol, self.rng)

    def _advance(self, dynamics, steps: int, phase: str) -> None:
        forces = None
        for step in range(steps + 1):
            with self._failures(phase, step * self.protocol.timestep_fs):
                forces = dynamics.step(forces) if step else self.atoms.get_forces()
                energy = self.atoms.get_potential_energy()
            self.n_steps += step > 0
            outcomes = self.watch.look(step, self._now(energy, forces, getattr(dynamics, "heat", 0.0)))
            if outcomes:
                raise _Ended(outcomes[0])

    def _now(self, energy: float, forces: np.ndarray, heat: float) -> Step:
        kinetic, velocities = self.atoms.get_kinetic_energy(), self.atoms.get_velocities() * units.fs
        moving = kinetic
        if self.at_rest:  # the centre of mass is no degree of freedom: what moves it is left out
            momentum = self.atoms.get_momenta().sum(axis=0)
            moving = kinetic - 0.5 * momentum @ momentum / self.atoms.get_masses().sum()
        scalars = (energy, kinetic, temperature(moving, self.freedom), heat)
        return Step(self.atoms.get_positions(), velocities, forces, *(np.array([value]) for value in scalars))

    def _failures(self, phase: str, time_fs: float = 0.0) -> "_Failures":
        return _Failures(phase, time_fs)


class _Langevin(LangevinBAOAB):
    """ASE's BAOAB at a fixed cell, in the units of `Protocol`; its step gives the forces, as that of VelocityVerlet.

    Attributes:
        heat: what the thermostat gave so far, eV.
    """

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
        self.heat = 0.0

    def step(self, forces=None) -> np.ndarray:
        super().step()
        return self.atoms.get_forces()

    def _BAOAB_OU(self, gamma_mod):
        before = self.atoms.get_kinetic_energy()
        super()._BAOAB_OU(gamma_mod)
        self.heat += self.atoms.get_kinetic_energy() - before


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
