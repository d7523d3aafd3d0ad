"""Paths of one molecule along a single coordinate: a bond that is stretched, a bond that is turned."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from compcalc.molecules.graph import adjacency, bond_distance, bond_graph

STRETCH = (0.7, 1.6)
CLEARANCE = 0.75
"""Atoms that are not bonded and come nearer than this part of the sum of their covalent radii end a torsion path."""


@dataclass(frozen=True)
class Path:
    """Positions along a coordinate s.

    Attributes:
        name: what happens, with the atoms named.
        unit: of s in words.
        start: s of the molecule as it is.
        grid: values of s, ascending, (K,).
        positions: s -> positions, angstrom, (N, 3).
        tangent: s -> derivative of the positions with respect to s, (N, 3).
    """

    name: str
    unit: str
    start: float
    grid: np.ndarray
    positions: Callable[[float], np.ndarray]
    tangent: Callable[[float], np.ndarray]


def stretch_path(atoms: Atoms, points: int) -> Path | None:
    """The bond nearest to the middle of the molecule from 0.7 to 1.6 times its length; None for a single atom.

    One side of the bond moves as a whole; where the bond is part of a ring, one atom moves alone. Atoms without bonds
    are taken by their shortest distance.
    """
    if len(atoms) < 2:
        return None
    bonds = bond_graph(atoms.numbers, atoms.positions)
    bonds = bonds if len(bonds) else _nearest_pair(atoms)
    sides = [_side(len(atoms), bonds, bond) for bond in bonds]
    heavy = [int((atoms.numbers[bond] > 1).sum()) for bond in bonds]
    # Two heavy atoms first, then the most even split.
    best = max(range(len(bonds)), key=lambda k: (heavy[k], min(sides[k].sum(), (~sides[k]).sum())))
    i, j = bonds[best]
    bond, start = atoms.positions[j] - atoms.positions[i], atoms.get_positions()
    moving = sides[best][:, None] * bond
    return Path(
        name=f"{_label(atoms, i)}-{_label(atoms, j)} stretched from {STRETCH[0]} to {STRETCH[1]} times its length",
        unit="times the bond length",
        start=1.0,
        grid=np.linspace(*STRETCH, points),
        positions=lambda s: start + (s - 1.0) * moving,
        tangent=lambda s: moving,
    )


def torsion_path(atoms: Atoms, points: int) -> Path | None:
    """One side of the rotatable bond with the most room turned once around; None without such a bond.

    The path ends where atoms would come too near to each other.
    """
    bonds = bond_graph(atoms.numbers, atoms.positions)
    candidates = [_turned(atoms, bonds, bond, points) for bond in bonds if _rotatable(len(atoms), bonds, bond)]
    candidates = [path for path in candidates if len(path.grid) >= 6]
    return max(candidates, key=lambda path: len(path.grid), default=None)


def _turned(atoms: Atoms, bonds: np.ndarray, bond: np.ndarray, points: int) -> Path:
    i, j = bond
    origin, start = atoms.positions[j], atoms.get_positions()
    axis = (origin - atoms.positions[i]) / np.linalg.norm(origin - atoms.positions[i])
    side = _side(len(atoms), bonds, bond)[:, None]
    arms = start - origin

    def positions(angle):
        """Rodrigues' formula for the atoms on one side."""
        parallel = np.outer(arms @ axis, axis)
        turned = parallel + np.cos(angle) * (arms - parallel) + np.sin(angle) * np.cross(axis, arms)
        return np.where(side, origin + turned, start)

    def tangent(angle):
        return side * np.cross(axis, positions(angle) - origin)

    grid = np.linspace(-np.pi, np.pi, points)
    free = np.array([_has_room(atoms.numbers, positions(angle), bonds) for angle in grid])
    return Path(
        name=f"{_label(atoms, i)}-{_label(atoms, j)} turned",
        unit="radian",
        start=0.0,
        grid=grid[_around_zero(grid, free)],
        positions=positions,
        tangent=tangent,
    )


def _side(n: int, bonds: np.ndarray, bond: np.ndarray) -> np.ndarray:
    """Mask of the atoms on the side of the second atom of `bond`; that atom alone where the bond is in a ring."""
    i, j = bond
    others = bonds[~np.all(bonds == bond, axis=1)]
    side = bond_distance(n, others, [j]) >= 0
    return side if not side[i] else np.arange(n) == j


def _nearest_pair(atoms: Atoms) -> np.ndarray:
    first, second = np.triu_indices(len(atoms), k=1)
    nearest = np.argmin(np.linalg.norm(atoms.positions[first] - atoms.positions[second], axis=1))
    return np.array([[first[nearest], second[nearest]]])


def _rotatable(n: int, bonds: np.ndarray, bond: np.ndarray) -> bool:
    neighbours, (i, j) = adjacency(n, bonds), bond
    if min(len(neighbours[i]), len(neighbours[j])) < 2:
        return False
    return bool(bond_distance(n, bonds[~np.all(bonds == bond, axis=1)], [j])[i] < 0)


def _has_room(numbers: np.ndarray, positions: np.ndarray, bonds: np.ndarray) -> bool:
    first, second = np.triu_indices(len(numbers), k=1)
    reduced = np.linalg.norm(positions[first] - positions[second], axis=1)
    reduced = reduced / (covalent_radii[numbers[first]] + covalent_radii[numbers[second]])
    bonded = {tuple(pair) for pair in bonds.tolist()}
    apart = np.array([pair not in bonded for pair in zip(first.tolist(), second.tolist(), strict=True)])
    return bool(np.all(reduced[apart] > CLEARANCE))


def _around_zero(grid: np.ndarray, free: np.ndarray) -> slice:
    """The stretch of free grid points around zero; empty where there is none."""
    middle = int(np.argmin(np.abs(grid)))
    if not free[middle]:
        return slice(0, 0)
    blocked = np.flatnonzero(~free)
    low = blocked[blocked < middle].max(initial=-1) + 1
    high = blocked[blocked > middle].min(initial=len(grid))
    return slice(int(low), int(high))


def _label(atoms: Atoms, index: int) -> str:
    return f"{atoms.symbols[index]}{index}"
