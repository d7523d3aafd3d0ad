"""The kernel that turns rows of neighbours into arrays in the order of the atoms."""

import numpy as np

from compcalc.neighbours.jit import kernel
from compcalc.neighbours.search import NO_SHIFT, translation, unpack


@kernel
def write_edges(
    positions, offsets, cells, wraps, visit, found, rows, ends, first, last, i_out, j_out, vectors, lengths, shifts
):  # fmt: skip
    """Write the rows of the atoms `visit[first:last]`, each from its place in `ends`, (A + 1,).

    They are visited in the order of the search, in which neighbours lie close together in memory. Outputs of length
    zero are not wanted.
    """
    want_i, want_j, more = len(i_out) > 0, len(j_out) > 0, len(vectors) > 0 or len(lengths) > 0 or len(shifts) > 0
    for m in range(len(offsets) - 1):
        if offsets[m + 1] <= first or offsets[m] >= last:
            continue
        wrapped = found.shape[0] == 2 and _any_wrap(wraps, offsets[m], offsets[m + 1])
        for v in range(max(first, offsets[m]), min(last, offsets[m + 1])):
            i = visit[v]
            begin, end = np.uint64(ends[i]), np.uint64(ends[i + 1])
            row = np.uint64(rows[i, 0])
            if want_i:
                for e in range(begin, end):
                    i_out[e] = i
            if want_j:
                for e in range(begin, end):
                    j_out[e] = found[0, row + (e - begin)]
            if more:
                _write_row(positions, i, cells[m], wraps, wrapped, found, row, begin, end, vectors, lengths, shifts)


@kernel
def _any_wrap(wraps, first, last):
    some = 0
    for i in range(first, last):
        some |= wraps[i, 0] | wraps[i, 1] | wraps[i, 2]
    return some != 0


@kernel
def _write_row(positions, i, cell, wraps, wrapped, found, row, begin, end, vectors, lengths, shifts):
    """Vectors, lengths and shifts of one atom. Neighbours come by bin, so the translation changes seldom."""
    want_v, want_d, coded = len(vectors) > 0, len(lengths) > 0, found.shape[0] == 2
    want_s = coded and len(shifts) > 0
    x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
    s0, s1, s2 = 0, 0, 0
    tx, ty, tz = 0.0, 0.0, 0.0
    known = np.uint32(NO_SHIFT)
    for e in range(begin, end):
        j = found[0, row + (e - begin)]
        if coded:
            code = found[1, row + (e - begin)]
            if wrapped or code != known:
                known = code
                s0, s1, s2 = unpack(code)
                s0 += np.int64(wraps[i, 0]) - np.int64(wraps[j, 0])
                s1 += np.int64(wraps[i, 1]) - np.int64(wraps[j, 1])
                s2 += np.int64(wraps[i, 2]) - np.int64(wraps[j, 2])
                tx, ty, tz = translation(s0, s1, s2, cell)
        dx, dy, dz = (positions[j, 0] - x) + tx, (positions[j, 1] - y) + ty, (positions[j, 2] - z) + tz
        if want_v:
            vectors[e, 0], vectors[e, 1], vectors[e, 2] = dx, dy, dz
        if want_d:
            lengths[e] = dx * dx + dy * dy + dz * dz
        if want_s:
            shifts[e, 0], shifts[e, 1], shifts[e, 2] = s0, s1, s2
    if want_d:
        for e in range(begin, end):
            lengths[e] = np.sqrt(lengths[e])
