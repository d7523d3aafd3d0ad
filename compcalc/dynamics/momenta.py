"""Momenta: taking the motion of the whole molecule out of them, and the energy of that motion."""

from collections.abc import Sequence

import numpy as np

from compcalc.dynamics.sums import Sums

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


def rigid_kinetic_energy(
    positions: np.ndarray, velocities: np.ndarray, masses: np.ndarray, sizes: Sequence[int], rotations: Sequence[int]
) -> np.ndarray:
    """Kinetic energy of molecules that move and turn as a whole, (M,), in the units of mass times velocity squared.

    That of the centre of mass, and L^2 / 2I about each of the principal axes: what `remove_rigid_motion` would take
    away. Forces that are a gradient leave it at zero where it begins there.

    Args:
        positions: angstrom, of all M molecules one after the other, (A, 3).
        velocities: (A, 3).
        masses: u, (A,).
        sizes: number of atoms of each molecule, (M,).
        rotations: axes that each can turn about, those of the largest moments of inertia, (M,): 2 for a linear one,
            whose bending would otherwise count as a rotation about its own axis.
    """
    weight, sums = masses[:, None], Sums(np.asarray(sizes))
    with np.errstate(over="ignore", invalid="ignore"):  # positions that overflow are the guards' business
        totals, momentum = sums.vectors(weight), sums.vectors(weight * velocities)
        centred = positions - np.repeat(sums.vectors(weight * positions) / totals, sizes, axis=0)
        angular = sums.vectors(weight * np.cross(centred, velocities))
        second = sums.vectors((weight * centred)[:, :, None] * centred[:, None, :])
        inertia = np.trace(second, axis1=1, axis2=2)[:, None, None] * np.eye(3) - second
        sound = np.isfinite(inertia).all(axis=(1, 2), keepdims=True)
        moments, axes = np.linalg.eigh(np.where(sound, inertia, np.eye(3)))
        about = np.einsum("mik,mi->mk", axes, angular)
        turns = np.arange(3) >= 3 - np.reshape(rotations, (-1, 1))
        turns &= moments > RANK_TOLERANCE * moments[:, -1:]
        turning = np.where(turns, about**2 / np.where(turns, moments, 1.0), 0.0).sum(axis=1)
        return 0.5 * (np.einsum("mi,mi->m", momentum, momentum) / totals[:, 0] + turning)


def inertia_tensor(centred: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Inertia tensor in u angstrom^2, (3, 3), of positions about their centre of mass."""
    squares = (masses[:, None] * centred**2).sum()
    return squares * np.eye(3) - np.einsum("n,ni,nj->ij", masses, centred, centred)
