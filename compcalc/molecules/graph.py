"""Bond graph of any geometry, from distances and covalent radii alone. Symbols: N atoms, B bonds."""

from collections import deque
from collections.abc import Iterable

import numpy as np
from ase.data import covalent_radii

from compcalc.errors import InputError

BOND_SCALE = 1.25
"""Two atoms count as bonded below this multiple of the sum of their covalent radii."""


def bond_graph(numbers: np.ndarray, positions: np.ndarray, scale: float = BOND_SCALE) -> np.ndarray:
    """Bonded pairs of one geometry without a periodic cell.

    Two hydrogens are bonded only as H2: where either is nearer to a heavy atom, in units of the covalent radii, than to
    the other hydrogen, they are not. Distances to NaN positions bond nothing.

    Args:
        numbers: atomic numbers, (N,).
        positions: angstrom, (N, 3).
        scale: bonded where the distance is below `scale` times the sum of the covalent radii.

    Returns:
        Pairs with the smaller index first, sorted, (B, 2) int32.

    Raises:
        InputError: the shapes do not fit each other.
    """
    numbers, positions = np.asarray(numbers, dtype=int), np.asarray(positions, dtype=float)
    if positions.shape != (len(numbers), 3):
        raise InputError("positions", positions.shape, f"shape {(len(numbers), 3)}, as many rows as atomic numbers")
    reduced = _reduced_distances(numbers, positions)
    hydrogen = numbers == 1
    nearest_heavy = np.min(reduced, axis=1, where=~hydrogen[None, :], initial=np.inf)
    first, second = np.triu_indices(len(numbers), k=1)
    distance = reduced[first, second]
    both_hydrogen = hydrogen[first] & hydrogen[second]
    h2 = distance < np.minimum(nearest_heavy[first], nearest_heavy[second])
    bonded = (distance < scale) & (~both_hydrogen | h2)
    return np.stack([first[bonded], second[bonded]], axis=1).astype(np.int32)


def _reduced_distances(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Distances over the sums of the covalent radii, (N, N)."""
    radii = covalent_radii[numbers]
    distance = np.linalg.norm(positions[:, None] - positions[None, :], axis=2)
    return distance / (radii[:, None] + radii[None, :])


def adjacency(n: int, bonds: np.ndarray) -> list[list[int]]:
    """Sorted neighbours of each of the `n` atoms."""
    neighbours: list[list[int]] = [[] for _ in range(n)]
    for i, j in np.asarray(bonds, dtype=int).reshape(-1, 2).tolist():
        neighbours[i].append(j)
        neighbours[j].append(i)
    return [sorted(row) for row in neighbours]


def bond_distance(n: int, bonds: np.ndarray, sources: Iterable[int]) -> np.ndarray:
    """Bonds on the shortest way from each atom to the nearest of `sources`, (N,) int; -1 where there is no way."""
    neighbours = adjacency(n, bonds)
    distance = np.full(n, -1, dtype=int)
    queue = deque(int(source) for source in sources)
    distance[list(queue)] = 0
    while queue:
        here = queue.popleft()
        for there in neighbours[here]:
            if distance[there] < 0:
                distance[there] = distance[here] + 1
                queue.append(there)
    return distance


def fragments(n: int, bonds: np.ndarray) -> list[np.ndarray]:
    """Atoms of each connected piece, as sorted index arrays, in the order of their first atoms."""
    pieces = []
    unseen = np.ones(n, dtype=bool)
    for atom in range(n):
        if unseen[atom]:
            piece = np.flatnonzero(bond_distance(n, bonds, [atom]) >= 0)
            unseen[piece] = False
            pieces.append(piece)
    return pieces
