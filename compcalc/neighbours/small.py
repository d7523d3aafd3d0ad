"""The kernel for one small molecule that does not repeat."""

import numpy as np

from compcalc.neighbours.jit import kernel


@kernel
def all_pairs(positions, limit, i_out, j_out, vectors):
    """Write all pairs closer than the root of `limit`; returns how many, or -1 where a position is not finite.

    Args:
        positions: (N, 3). i_out, j_out: (N * N,). vectors: (N * N, 3).
    """
    n = len(positions)
    end = np.uint64(0)
    for i in range(n):
        x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
        if not abs(x) + abs(y) + abs(z) < np.inf:
            return -1
        for j in range(n):
            dx, dy, dz = positions[j, 0] - x, positions[j, 1] - y, positions[j, 2] - z
            i_out[end], j_out[end] = i, j
            vectors[end, 0], vectors[end, 1], vectors[end, 2] = dx, dy, dz
            end += np.uint64((dx * dx + dy * dy + dz * dz < limit) & (j != i))
    return np.int64(end)
