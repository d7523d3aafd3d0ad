"""Momenta: taking the motion of the whole molecule out of them, and the energy of that motion."""

from collections.abc import Sequence

import numpy as np

from compcalc.dynamics.sums import Sums

RANK_TOLERANCE = 1e-6
"""Moments of inertia below this share of the largest count as zero: the molecule is linear."""

# Of x, y, z: the axis that follows each one, and the one after that; for cross products.
_NEXT, _AFTER = np.array([1, 2, 0]), np.array([2, 0, 1])


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
        totals, both = sums.vectors(weight), sums.vectors(weight * np.concatenate([positions, velocities], axis=1))
        centred, momentum = positions - np.repeat(both[:, :3] / totals, sizes, axis=0), both[:, 3:]
        angular, inertia = _turning(centred, velocities, weight, sums)
        sound = np.isfinite(inertia)
        moments, axes = np.linalg.eigh(inertia if sound.all() else np.where(sound, inertia, 0.0))
        turns = np.arange(3) >= 3 - np.reshape(rotations, (-1, 1))
        turns &= moments > RANK_TOLERANCE * moments[:, -1:]
        about = np.where(turns, (angular[:, None] @ axes)[:, 0], 0.0)
        twice = (momentum**2).sum(axis=1) / totals[:, 0] + (about**2 / np.where(turns, moments, 1.0)).sum(axis=1)
        return np.where(sound.all(axis=(1, 2)), 0.5 * twice, np.nan)


def _turning(
    centred: np.ndarray, velocities: np.ndarray, weight: np.ndarray, sums: Sums
) -> tuple[np.ndarray, np.ndarray]:
    """Angular momenta (M, 3) and inertia tensors (M, 3, 3) of molecules about their centres of mass.

    In a few sums over all atoms: this is asked for at every logged step, and `np.cross` alone would take longer.
    """
    moved = weight * centred
    turning = moved[:, _NEXT] * velocities[:, _AFTER] - moved[:, _AFTER] * velocities[:, _NEXT]
    second = (moved[:, :, None] * centred[:, None, :]).reshape(-1, 9)
    both = sums.vectors(np.concatenate([turning, second], axis=1))
    second = both[:, 3:].reshape(-1, 3, 3)
    squares = second[:, 0, 0] + second[:, 1, 1] + second[:, 2, 2]
    return both[:, :3], squares[:, None, None] * np.eye(3) - second


def inertia_tensor(centred: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Inertia tensor in u angstrom^2, (3, 3), of positions about their centre of mass."""
    squares = (masses[:, None] * centred**2).sum()
    return squares * np.eye(3) - np.einsum("n,ni,nj->ij", masses, centred, centred)
