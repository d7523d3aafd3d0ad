"""Velocity Verlet and BAOAB Langevin dynamics for the atoms of many molecules at once, on bare arrays.

A step is `before` (from the old forces to the new positions), then the new forces, then `after`. Positions in angstrom,
forces in eV/angstrom, masses in u, times in ASE's unit (angstrom sqrt(u/eV)), so that no factor is needed between them;
velocities accordingly. Arrays are (A, 3) over the A atoms of the batch, (M,) over its M runs; `before` returns new
arrays.
"""

from collections.abc import Sequence

import numpy as np
from ase import units

from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.sums import Sums

_BLOCK = 64
"""Steps whose noise is drawn at once: a call for each run at each step would cost more than the step itself."""


_STATE = ("heat", "_noise", "_next", "_drawn")


def thermal_velocities(masses: np.ndarray, temperature_k: float, rng: np.random.Generator) -> np.ndarray:
    """Maxwell-Boltzmann velocities, (N, 3), for `masses`, (N,); the same draw as ASE's `thermalize_momenta`."""
    return rng.standard_normal((len(masses), 3)) * _thermal_spread(masses, temperature_k)


class Verlet:
    """Velocity Verlet.

    Args:
        masses: u, (A,).
        sizes: number of atoms of each run, (M,).
        protocol: for its time step.

    Attributes:
        heat: nothing, for there is no thermostat, eV, (M,).
    """

    def __init__(self, masses: np.ndarray, sizes: Sequence[int], protocol: Protocol):
        self.heat = np.zeros(len(sizes))
        self._step = protocol.timestep_fs * units.fs
        self._kick = 0.5 * self._step / masses[:, None]

    def before(
        self, positions: np.ndarray, velocities: np.ndarray, forces: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities at which the forces are needed."""
        velocities = velocities + self._kick * forces
        return positions + self._step * velocities, velocities

    def after(self, velocities: np.ndarray, forces: np.ndarray) -> np.ndarray:
        """Velocities at the end of the step."""
        return velocities + self._kick * forces

    def keep(self, runs: np.ndarray, atoms: np.ndarray) -> None:
        """Go on with the `runs` (M,) bool alone; `atoms` (A,) bool are theirs."""
        self._kick, self.heat = self._kick[atoms], self.heat[runs]

    def state(self) -> dict:
        """Nothing: a step depends on the one before alone."""
        return {}

    def restore(self, state: dict) -> None:
        """Go on from there."""


class Langevin:
    """BAOAB (Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34); nothing is held fixed.

    Args:
        masses: u, (A,).
        sizes: number of atoms of each run, (M,).
        rngs: one generator a run.
        protocol: for its time step, friction and temperatures.
        phase: `production`, in which `heat` warms, or `equilibration`. No more random numbers are drawn than its steps
            take.

    Attributes:
        heat: what the thermostat gave so far, eV, (M,).
    """

    def __init__(
        self, masses: np.ndarray, sizes: Sequence[int], rngs: Sequence[np.random.Generator], protocol: Protocol,
        phase: str,
    ):  # fmt: skip
        self._half = 0.5 * protocol.timestep_fs * units.fs
        self._kick = self._half / masses[:, None]
        self._decay = np.exp(-protocol.friction_per_fs * protocol.timestep_fs)
        self._spread = np.sqrt(1.0 - self._decay**2) * _thermal_spread(masses, 1.0)
        production = phase == "production"
        self._steps = protocol.production_steps if production else protocol.equilibration_steps
        self._protocol, self._warms, self._drawn = protocol, production, 0
        self._half_masses, self._sizes, self._rngs = 0.5 * masses[:, None], list(sizes), list(rngs)
        self.heat, self._sums = np.zeros(len(self._sizes)), Sums(self._sizes)
        self._noise, self._next = np.empty((0, len(masses), 3)), 0

    def before(
        self, positions: np.ndarray, velocities: np.ndarray, forces: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities at which the forces are needed."""
        velocities = velocities + self._kick * forces
        positions = positions + self._half * velocities
        thermal = self._decay * velocities + self._draw()
        gained = self._half_masses * (thermal - velocities) * (thermal + velocities)
        self.heat = self.heat + self._sums.components(gained)
        return positions + self._half * thermal, thermal

    def after(self, velocities: np.ndarray, forces: np.ndarray) -> np.ndarray:
        """Velocities at the end of the step."""
        return velocities + self._kick * forces

    def keep(self, runs: np.ndarray, atoms: np.ndarray) -> None:
        """Go on with the `runs` (M,) bool alone; `atoms` (A,) bool are theirs."""
        self._kick, self._spread, self._noise = self._kick[atoms], self._spread[atoms], self._noise[:, atoms]
        self._half_masses, self.heat = self._half_masses[atoms], self.heat[runs]
        self._sizes = [size for size, kept in zip(self._sizes, runs, strict=True) if kept]
        self._rngs = [rng for rng, kept in zip(self._rngs, runs, strict=True) if kept]
        self._sums = Sums(self._sizes)

    def state(self) -> dict:
        """Noise that has been drawn, and where more comes from, for `restore`."""
        rngs = [rng.bit_generator.state for rng in self._rngs]
        return {**{name: getattr(self, name) for name in _STATE}, "rngs": rngs}

    def restore(self, state: dict) -> None:
        """Go on from the state of the same runs and phase."""
        for name in _STATE:
            setattr(self, name, state[name])
        for rng, saved in zip(self._rngs, state["rngs"], strict=True):
            rng.bit_generator.state = saved

    def _draw(self) -> np.ndarray:
        if self._next == len(self._noise):
            steps = np.arange(self._drawn, min(self._drawn + _BLOCK, self._steps)) + 1
            kelvin = self._protocol.thermostat_k(steps if self._warms else np.zeros(len(steps)))
            drawn = [rng.standard_normal((len(steps), n, 3)) for rng, n in zip(self._rngs, self._sizes, strict=True)]
            self._noise = np.concatenate(drawn, axis=1) * self._spread * np.sqrt(kelvin)[:, None, None]
            self._next, self._drawn = 0, self._drawn + len(steps)
        self._next += 1
        return self._noise[self._next - 1]


def _thermal_spread(masses: np.ndarray, temperature_k: float) -> np.ndarray:
    return np.sqrt(units.kB * temperature_k / masses[:, None])
