"""Kernels of the list for MD: whether it still holds, and what of it lies within the cutoff."""

import numpy as np

from compcalc.neighbours.jit import kernel
from compcalc.neighbours.search import NO_SHIFT, square


@kernel
def moved(positions, before, limit):
    """Whether an atom is displaced by the root of `limit` or more, or is not at a finite place."""
    for i in range(len(positions)):
        x, y, z = positions[i, 0] - before[i, 0], positions[i, 1] - before[i, 1], positions[i, 2] - before[i, 2]
        if not x * x + y * y + z * z < limit:
            return True
    return False


@kernel
def narrow(positions, offsets, cells, wraps, found, rows, limit, kept, kept_rows):
    """Copy the pairs closer than the root of `limit` to `kept`, as wide as `found`; returns how many."""
    coded = found.shape[0] == 2
    end = np.uint64(0)
    for m in range(len(offsets) - 1):
        cell = cells[m]
        for i in range(offsets[m], offsets[m + 1]):
            begin = end
            row = np.uint64(rows[i, 0])
            for q in range(row, row + np.uint64(rows[i, 1])):
                j = found[0, q]
                code = found[1, q] if coded else np.uint32(NO_SHIFT)
                kept[0, end] = j
                if coded:
                    kept[1, end] = code
                end += np.uint64(square(positions, i, j, code, wraps, cell) < limit)
            kept_rows[i, 0], kept_rows[i, 1] = begin, end - begin
    return np.int64(end)
