"""Momenta: drawing them, and taking the motion of the whole molecule out of them."""

import numpy as np

RANK_TOLERANCE = 1e-6
"""Moments of inertia below this share of the largest count as zero: the molecule is linear."""


def remove_rigid_motion(positions: np.ndarray, velocities: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Velocities without centre-of-mass and rotational motion, in the units of `velocities`, (N, 3).

    Nothing is rescaled: the temperature is counted over the degrees of freedom that are left. A single atom is left at
    rest, a linear molecule keeps no rotation about its two axes.

    Args:
        positions: angstrom, (N, 3).
        velocities: (N, 3).
        masses: u, (N,).
    """
    weight = masses[:, None]
    velocities = velocities - (weight * velocities).sum(axis=0) / masses.sum()
    centred = positions - (weight * positions).sum(axis=0) / masses.sum()
    momentum = (weight * np.cross(centred, velocities)).sum(axis=0)
    moments, axes = np.linalg.eigh(inertia_tensor(centred, masses))
    turning = np.zeros(3)
    for moment, axis in zip(moments, axes.T, strict=True):
        if moment > RANK_TOLERANCE * max(moments[-1], 1e-12):
            turning += axis * (axis @ momentum) / moment
    return velocities - np.cross(turning, centred)


def inertia_tensor(centred: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Inertia tensor in u angstrom^2, (3, 3), of positions about their centre of mass."""
    squares = (masses[:, None] * centred**2).sum()
    return squares * np.eye(3) - np.einsum("n,ni,nj->ij", masses, centred, centred)
