"""The state of molecules that advance together. Symbols in the shapes: M runs that still go on, A their atoms."""

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_masses

from compcalc.dynamics.integrators import thermal_velocities
from compcalc.dynamics.momenta import remove_rigid_motion, rigid_kinetic_energy
from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.seeding import run_generator
from compcalc.dynamics.start import Start
from compcalc.dynamics.sums import Sums
from compcalc.metrics.temperature import degrees_of_freedom
from compcalc.records import Batch
from compcalc.units import KB_EV_PER_K

_STATE = ("starts", "positions", "velocities", "energies", "forces", "freedom", "_at_rest", "origin")


class Members:
    """State of the runs that still go on, side by side; velocities in angstrom over ASE's unit of time.

    Args:
        starts: one entry a run.
        protocol: for its name and temperature.
        seed: of the random numbers.

    Attributes:
        origin: positions and velocities at which rigid motion was stopped, each (A, 3).
    """

    def __init__(self, starts: Sequence[Start], protocol: Protocol, seed: int):
        self.starts = np.arange(len(starts))
        batch = Batch.of([(np.asarray(start.numbers), np.asarray(start.positions)) for start in starts])
        self.numbers, self.positions, self.sizes = batch.numbers, batch.positions, batch.sizes
        self.masses = atomic_masses[self.numbers]
        self.rngs = [run_generator(seed, start.molecule.name, protocol.name, start.replica) for start in starts]
        masses = np.split(self.masses, batch.offsets[1:-1])
        drawn = [thermal_velocities(m, protocol.temperature_k, rng) for m, rng in zip(masses, self.rngs, strict=True)]
        self.velocities = np.concatenate(drawn)
        self.freedom, self._at_rest = 3.0 * self.sizes, False
        self.origin: tuple[np.ndarray, np.ndarray] | None = None
        # Filled by the first evaluation, in the equilibration.
        self.energies, self.forces = np.full(len(starts), np.nan), np.full(self.positions.shape, np.nan)
        self._index()

    def __len__(self) -> int:
        return len(self.starts)

    def batch(self) -> Batch:
        """What the potential is asked for."""
        return self._batch.moved(self.positions)

    def kinetic(self) -> np.ndarray:
        """Kinetic energies, eV, (M,)."""
        return self._sums.components(self._half_masses * self.velocities**2)

    def temperatures(self, kinetic: np.ndarray) -> np.ndarray:
        """K, (M,); NaN where no degrees of freedom are left.

        Where the motion of a molecule as a whole is no degree of freedom, its energy is left out.
        """
        if self._at_rest:
            rotations = 3 * self.sizes - 3 - self.freedom
            kinetic = kinetic - rigid_kinetic_energy(
                self.positions, self.velocities, self.masses, self.sizes, rotations
            )
        return 2 * kinetic / (KB_EV_PER_K * np.where(self.freedom > 0, self.freedom, np.nan))

    def stop_rigid_motion(self) -> None:
        """Take the motion of each molecule as a whole out of the velocities and of the degrees of freedom."""
        self._at_rest = True
        for place, (start, stop) in enumerate(zip(self.offsets[:-1], self.offsets[1:], strict=True)):
            atoms = slice(start, stop)
            positions, masses = self.positions[atoms], self.masses[atoms]
            self.velocities[atoms] = remove_rigid_motion(positions, self.velocities[atoms], masses)
            self.freedom[place] = degrees_of_freedom(positions, masses, remove_translation=True, remove_rotation=True)
        self.origin = self.positions, self.velocities.copy()

    def return_to_origin(self) -> None:
        """Go back to where rigid motion was stopped; energies and forces are for the caller to renew."""
        self.positions, self.velocities = self.origin

    def state(self) -> dict:
        """Which runs go on, and their state, for `restore`."""
        return {name: getattr(self, name) for name in _STATE}

    def restore(self, state: dict) -> None:
        """Go on from a state of the same group."""
        runs = np.isin(self.starts, state["starts"])
        self.keep(runs, np.repeat(runs, self.sizes))
        for name in _STATE:
            setattr(self, name, state[name])

    def keep(self, runs: np.ndarray, atoms: np.ndarray) -> None:
        """Go on with the `runs` (M,) bool alone; `atoms` (A,) bool are theirs."""
        for name in ("starts", "sizes", "freedom", "energies"):
            setattr(self, name, getattr(self, name)[runs])
        for name in ("numbers", "positions", "masses", "velocities", "forces"):
            setattr(self, name, getattr(self, name)[atoms])
        if self.origin is not None:
            self.origin = self.origin[0][atoms], self.origin[1][atoms]
        self.rngs = [rng for rng, kept in zip(self.rngs, runs, strict=True) if kept]
        self._index()

    def _index(self) -> None:
        self.offsets = np.concatenate([[0], np.cumsum(self.sizes)])
        if len(self):
            self._batch = Batch(self.numbers, self.positions, self.offsets)
            self._sums, self._half_masses = Sums(self.sizes), 0.5 * self.masses[:, None]
