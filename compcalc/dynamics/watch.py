"""What looks at every step of runs that advance together: guards, the balance of energy, and the record.

Symbols in the shapes: M runs, A atoms of all.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from compcalc.dynamics.balance import Balance
from compcalc.dynamics.event_frames import EventFrames
from compcalc.dynamics.limits import Limits
from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.pulls import Pulls
from compcalc.dynamics.recorder import Recorder
from compcalc.dynamics.screen import Screen
from compcalc.dynamics.start import Start
from compcalc.records import Outcome, OutcomeKind
from compcalc.units import FS_PER_PS

_STATE = ("_screen", "_balance", "_frames")


class Step(NamedTuple):
    """The state of the runs at one step; the arrays must stay as they are.

    Attributes:
        positions: angstrom, (A, 3).
        velocities: angstrom/fs, (A, 3).
        forces: eV/angstrom, (A, 3).
        energies: potential energies, eV, (M,).
        kinetic: kinetic energies, eV, (M,).
        hot: gives the temperatures, K, (M,); NaN where they are undefined.
        heat: what a thermostat gave since the start of the phase, eV, (M,).
    """

    positions: np.ndarray
    velocities: np.ndarray
    forces: np.ndarray
    energies: np.ndarray
    kinetic: np.ndarray
    hot: Callable[[], np.ndarray]
    heat: np.ndarray


class Watch:
    """Watches one phase.

    Args:
        starts: one entry a run.
        freedom: degrees of freedom of each run, (M,).
        protocol: what is run.
        phase: `equilibration` or `production`.
        thermostat: whether one is at work.
        limits: of the guards.
        recorder: gets every step of production.
    """

    def __init__(
        self, starts: Sequence[Start], freedom: Sequence[float], protocol: Protocol, phase: str, thermostat: bool,
        limits: Limits, recorder: Recorder | None = None,
    ):  # fmt: skip
        self._protocol, self._phase, self._recorder = protocol, phase, recorder
        geometry = ([getattr(start, name) for start in starts] for name in ("numbers", "bonds", "positions"))
        numbers, bonds, positions = geometry
        self._screen = Screen(numbers, bonds, limits, positions)
        sizes = [len(z) for z in numbers]
        self._balance = Balance(sizes, freedom, protocol, thermostat)
        self._frames, self._pulls = EventFrames(sizes, protocol), Pulls(numbers)
        self._hottest = limits.temperature_k

    def look(self, step: int, now: Step) -> dict[int, Outcome]:
        """Record step number `step` of the phase; index of a run -> the outcome that ends it here."""
        time_fs, books = step * self._protocol.timestep_fs, self._balance
        self._frames.add(step, time_fs, now.positions, now.energies)
        books.add(now.positions, now.forces, now.energies, now.kinetic, now.heat)
        # The motion as a whole, which a temperature may have to leave out, can only make this one too high.
        bound = books.kelvin(now.kinetic)
        hot = now.hot() if (bound > self._hottest).any() else bound
        outcomes = self._screen.check(
            time_fs, now.positions, now.velocities, now.energies, now.forces, hot, books.rise_k
        )
        if self._recorder is not None and (outcomes or self._recorder.due(step)):
            log = (now.energies, now.kinetic, now.hot(), books.work, books.coarse_work, now.heat)
            pulls = functools.partial(self._pulls, now.positions, now.forces)
            self._recorder.record(step, time_fs, now.positions, now.velocities, log, pulls, ended=list(outcomes))
        return {run: self._explained(run, outcome) for run, outcome in outcomes.items()}

    def _explained(self, run: int, outcome: Outcome) -> Outcome:
        heated = outcome.kind is OutcomeKind.EXPLODED and not outcome.atoms
        cause = f"{outcome.cause}: {self._balance.cause(run)}" if heated else outcome.cause
        return dataclasses.replace(outcome, phase=self._phase, cause=cause)

    def event(self, run: int, outcome: Outcome, positions: np.ndarray) -> dict[str, np.ndarray]:
        """The event frames of a run that ends with `outcome`, by their names in `Trajectory`.

        Args:
            run: its index.
            outcome: how it ends.
            positions: where its atoms are, angstrom, (N, 3).
        """
        return self._frames.arrays(run, outcome.time_ps * FS_PER_PS, positions)

    def state(self) -> dict:
        """Everything seen, for `restore`; the record is its owner's to save."""
        return {name: getattr(self, name).state() for name in _STATE}

    def restore(self, state: dict) -> None:
        """Go on from the state of a watch of the same runs and phase."""
        for name in _STATE:
            getattr(self, name).restore(state[name])

    def keep(self, runs: np.ndarray, atoms: np.ndarray) -> None:
        """Go on with the `runs` (M,) bool alone; `atoms` (A,) bool are theirs."""
        for part in (self._screen, self._balance, self._frames, self._pulls):
            part.keep(runs, atoms)
