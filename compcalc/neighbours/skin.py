"""Kernels of the list for MD: whether it still holds, and what of it lies within the cutoff."""

import numpy as np

from compcalc.neighbours.jit import kernel
from compcalc.neighbours.search import translation, unpack


@kernel
def moved(positions, before, limit):
    """Whether an atom is displaced by the root of `limit` or more, or is not at a finite place."""
    for i in range(len(positions)):
        x, y, z = positions[i, 0] - before[i, 0], positions[i, 1] - before[i, 1], positions[i, 2] - before[i, 2]
        if not x * x + y * y + z * z < limit:
            return True
    return False


@kernel
def narrow(positions, offsets, cells, wraps, visit, found, rows, limit, kept, kept_rows):
    """Copy the pairs closer than the root of `limit` to `kept`, as wide as `found`; returns how many."""
    coded = found.shape[0] == 2
    end = np.uint64(0)
    for m in range(len(offsets) - 1):
        cell = cells[m]
        for v in range(offsets[m], offsets[m + 1]):
            i = visit[v]
            begin, row = end, np.uint64(rows[i, 0])
            last = row + np.uint64(rows[i, 1])
            if coded:
                end = _narrow_row(positions, i, cell, wraps, found, row, last, limit, kept, end)
            else:
                x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
                for q in range(row, last):
                    j = found[0, q]
                    dx, dy, dz = positions[j, 0] - x, positions[j, 1] - y, positions[j, 2] - z
                    kept[0, end] = j
                    end += np.uint64(dx * dx + dy * dy + dz * dz < limit)
            kept_rows[i, 0], kept_rows[i, 1] = begin, end - begin
    return np.int64(end)


@kernel
def _narrow_row(positions, i, cell, wraps, found, row, last, limit, kept, end):
    x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
    w0, w1, w2 = np.int64(wraps[i, 0]), np.int64(wraps[i, 1]), np.int64(wraps[i, 2])
    u0, u1, u2 = 0, 0, 0
    tx, ty, tz = 0.0, 0.0, 0.0
    for q in range(row, last):
        j, code = found[0, q], found[1, q]
        s0, s1, s2 = unpack(code)
        s0 += w0 - np.int64(wraps[j, 0])
        s1 += w1 - np.int64(wraps[j, 1])
        s2 += w2 - np.int64(wraps[j, 2])
        if s0 != u0 or s1 != u1 or s2 != u2:
            u0, u1, u2 = s0, s1, s2
            tx, ty, tz = translation(s0, s1, s2, cell)
        dx, dy, dz = (positions[j, 0] - x) + tx, (positions[j, 1] - y) + ty, (positions[j, 2] - z) + tz
        kept[0, end], kept[1, end] = j, code
        end += np.uint64(dx * dx + dy * dy + dz * dz < limit)
    return end
