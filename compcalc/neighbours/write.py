"""Kernels that turn rows of neighbours into arrays in the order of the atoms."""

import numpy as np

from compcalc.neighbours.jit import kernel
from compcalc.neighbours.search import translation, unpack


@kernel
def write_edges(
    positions, offsets, cells, wraps, found, rows, ends, first, last, i_out, j_out, vectors, lengths, shifts
):
    """Write the rows of the atoms `first` to `last`, each from its place in `ends`, (A + 1,).

    Outputs of length zero are not wanted.
    """
    want_i, want_j, want_v, want_d = len(i_out) > 0, len(j_out) > 0, len(vectors) > 0, len(lengths) > 0
    want_s = len(shifts) > 0 and found.shape[0] == 2
    for m in range(len(offsets) - 1):
        if offsets[m + 1] <= first or offsets[m] >= last:
            continue
        for i in range(max(first, offsets[m]), min(last, offsets[m + 1])):
            begin, end = np.uint64(ends[i]), np.uint64(ends[i + 1])
            row = np.uint64(rows[i, 0])
            if want_i:
                for e in range(begin, end):
                    i_out[e] = i
            if want_j:
                for e in range(begin, end):
                    j_out[e] = found[0, row + (e - begin)]
            if want_s:
                _write_shifts(i, wraps, found, row, begin, end, shifts)
            if want_v:
                _write_vectors(positions, i, cells[m], wraps, found, row, begin, end, vectors)
            if want_d:
                _write_lengths(positions, i, cells[m], wraps, found, row, begin, end, lengths)


@kernel
def _write_shifts(i, wraps, found, row, begin, end, shifts):
    w0, w1, w2 = wraps[i, 0], wraps[i, 1], wraps[i, 2]
    for e in range(begin, end):
        j = found[0, row + (e - begin)]
        s0, s1, s2 = unpack(found[1, row + (e - begin)])
        shifts[e, 0] = s0 + w0 - wraps[j, 0]
        shifts[e, 1] = s1 + w1 - wraps[j, 1]
        shifts[e, 2] = s2 + w2 - wraps[j, 2]


@kernel
def _write_vectors(positions, i, cell, wraps, found, row, begin, end, vectors):
    x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
    w0, w1, w2 = np.int64(wraps[i, 0]), np.int64(wraps[i, 1]), np.int64(wraps[i, 2])
    if found.shape[0] == 1:
        for e in range(begin, end):
            j = found[0, row + (e - begin)]
            vectors[e, 0] = positions[j, 0] - x
            vectors[e, 1] = positions[j, 1] - y
            vectors[e, 2] = positions[j, 2] - z
        return
    u0, u1, u2 = 0, 0, 0
    tx, ty, tz = 0.0, 0.0, 0.0
    for e in range(begin, end):
        j = found[0, row + (e - begin)]
        s0, s1, s2 = unpack(found[1, row + (e - begin)])
        s0 += w0 - np.int64(wraps[j, 0])
        s1 += w1 - np.int64(wraps[j, 1])
        s2 += w2 - np.int64(wraps[j, 2])
        if s0 != u0 or s1 != u1 or s2 != u2:
            u0, u1, u2 = s0, s1, s2
            tx, ty, tz = translation(s0, s1, s2, cell)
        vectors[e, 0] = (positions[j, 0] - x) + tx
        vectors[e, 1] = (positions[j, 1] - y) + ty
        vectors[e, 2] = (positions[j, 2] - z) + tz


@kernel
def _write_lengths(positions, i, cell, wraps, found, row, begin, end, lengths):
    x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
    w0, w1, w2 = np.int64(wraps[i, 0]), np.int64(wraps[i, 1]), np.int64(wraps[i, 2])
    coded = found.shape[0] == 2
    u0, u1, u2 = 0, 0, 0
    tx, ty, tz = 0.0, 0.0, 0.0
    for e in range(begin, end):
        j = found[0, row + (e - begin)]
        if coded:
            s0, s1, s2 = unpack(found[1, row + (e - begin)])
            s0 += w0 - np.int64(wraps[j, 0])
            s1 += w1 - np.int64(wraps[j, 1])
            s2 += w2 - np.int64(wraps[j, 2])
            if s0 != u0 or s1 != u1 or s2 != u2:
                u0, u1, u2 = s0, s1, s2
                tx, ty, tz = translation(s0, s1, s2, cell)
        dx = (positions[j, 0] - x) + tx
        dy = (positions[j, 1] - y) + ty
        dz = (positions[j, 2] - z) + tz
        lengths[e] = dx * dx + dy * dy + dz * dz
    for e in range(begin, end):
        lengths[e] = np.sqrt(lengths[e])
