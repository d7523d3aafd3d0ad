"""A crystal of argon that melts: velocity Verlet, with the forces of Lennard-Jones pairs from a list's own vectors."""

import itertools

import numpy as np

from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, KB_EV_PER_K

EPSILON_EV, SIGMA, MASS_U = 0.0104, 3.40, 39.948
CUTOFF = 6.0  # angstrom; beyond the second shell of the crystal
LATTICE = 5.4  # angstrom, fcc
TIME_STEP_FS = 10.0


class Argon:
    """Atoms of a periodic fcc crystal with random velocities; positions are never wrapped.

    Attributes:
        positions: (N, 3). cell: (3, 3).
    """

    def __init__(self, repeats: int, kelvin: float):
        basis = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2 + 0.25  # off the faces of the cell
        corners = np.array(list(itertools.product(range(repeats), repeat=3)))
        self.repeats = repeats
        self.cell = np.eye(3) * LATTICE * repeats
        self._start = (corners[:, None] + basis).reshape(-1, 3) / repeats
        self.positions = self._start @ self.cell
        self._velocities = np.random.default_rng(7).normal(size=self.positions.shape)
        self._velocities -= self._velocities.mean(axis=0)
        self._forces = np.zeros_like(self.positions)  # as in any perfect crystal
        self._rescale(kelvin)

    def drift(self):
        """The first half of a step: half the kick of the last forces, then the move."""
        self._kick()
        self.positions = self.positions + TIME_STEP_FS * self._velocities

    def kick(self, edges, kelvin: float):
        """The second half, with the forces at the new positions; then velocities are scaled to the temperature."""
        self._forces = pair_forces(edges, len(self.positions))
        self._kick()
        self._rescale(kelvin)

    def deform(self, strain):
        """Apply a strain, (3, 3), to the cell and all that is in it."""
        self.positions, self.cell = (x + x @ strain for x in (self.positions, self.cell))

    def fractions(self) -> np.ndarray:
        """Positions in units of the cell vectors, (N, 3)."""
        return self.positions @ np.linalg.inv(self.cell)

    def displacement(self) -> float:
        """Root mean square of how far atoms are from where they started, but for the strain; angstrom."""
        return float(np.sqrt(np.mean(np.sum(((self.fractions() - self._start) @ self.cell) ** 2, axis=1))))

    def order(self) -> float:
        """Mean strength of the four {111} reflections: 1 in the perfect crystal, about 1/sqrt(N) in a liquid."""
        planes = self.repeats * np.array([[1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]])
        return float(np.abs(np.exp(2j * np.pi * self.fractions() @ planes.T).mean(axis=0)).mean())

    def _kick(self):
        self._velocities += 0.5 * TIME_STEP_FS / (MASS_U * EV_PER_U_ANGSTROM2_PER_FS2) * self._forces

    def _rescale(self, kelvin):
        kinetic = 0.5 * MASS_U * EV_PER_U_ANGSTROM2_PER_FS2 * np.sum(self._velocities**2)
        wanted = 1.5 * (len(self.positions) - 1) * KB_EV_PER_K * kelvin
        self._velocities *= np.sqrt(wanted / kinetic)


def pair_forces(edges, n_atoms: int) -> np.ndarray:
    """Forces of Lennard-Jones pairs cut off where the list ends, eV/angstrom, (N, 3)."""
    sixth = (SIGMA / edges.distances.astype(float)) ** 6
    slope_over_length = 24 * EPSILON_EV * (sixth - 2 * sixth**2) / edges.distances.astype(float) ** 2
    pulls = slope_over_length[:, None] * edges.vectors
    return np.stack([np.bincount(edges.index[0], weights=p, minlength=n_atoms) for p in pulls.T], axis=1)
