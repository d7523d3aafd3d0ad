"""The kernel for one small molecule that does not repeat."""

import numpy as np

from compcalc.neighbours.jit import kernel


@kernel
def all_pairs(positions, limit, index, vectors):
    """Write all pairs closer than the root of `limit`; returns how many, or -1 where a position is not finite.

    Args:
        positions: (N, 3).
        index: (2, N * N), filled from the front. vectors: (N * N, 3), likewise.
    """
    n = len(positions)
    end = np.uint64(0)
    for i in range(n):
        begin = end
        x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
        if not abs(x) + abs(y) + abs(z) < np.inf:
            return -1
        for j in range(n):
            dx, dy, dz = positions[j, 0] - x, positions[j, 1] - y, positions[j, 2] - z
            index[1, end] = j
            end += np.uint64((dx * dx + dy * dy + dz * dz < limit) & (j != i))
        for e in range(begin, end):
            index[0, e] = i
            j = np.uint64(index[1, e])
            vectors[e, 0], vectors[e, 1], vectors[e, 2] = positions[j, 0] - x, positions[j, 1] - y, positions[j, 2] - z
    return np.int64(end)
