"""Kernels that find the pairs: a row of packed neighbours for each atom.

The work is done bin by bin: the atoms around a bin are gathered once, as single-precision positions about its centre,
and each atom of the bin is compared with all of them. What lies too near the cutoff to be told in single precision is
decided by `square`, as everywhere else, so that all faces agree and the list is symmetric to the last bit.

Indices in inner loops are unsigned: signed ones cost a test for negative values each time.

A neighbour is an atom j and a code, ten bits an axis, of the cell shift between the wrapped atoms.
"""

import numpy as np

from compcalc.neighbours.bins import GOOD, NOT_FINITE, make_bins, slot_of
from compcalc.neighbours.jit import kernel

NO_SHIFT = (512 << 20) | (512 << 10) | 512
SMALL = 150  # atoms; up to here an isolated molecule is one bin


@kernel
def translation(s0, s1, s2, cell):
    """s @ cell; that of -s is its negative to the last bit."""
    return (
        s0 * cell[0, 0] + s1 * cell[1, 0] + s2 * cell[2, 0],
        s0 * cell[0, 1] + s1 * cell[1, 1] + s2 * cell[2, 1],
        s0 * cell[0, 2] + s1 * cell[1, 2] + s2 * cell[2, 2],
    )


@kernel
def pack(s0, s1, s2):
    """The code of three shifts."""
    return ((s0 + 512) << 20) | ((s1 + 512) << 10) | (s2 + 512)


@kernel
def unpack(code):
    """The three shifts of a code."""
    bits = np.int64(code)
    return (bits >> 20) - 512, ((bits >> 10) & 1023) - 512, (bits & 1023) - 512


@kernel
def square(positions, i, j, code, wraps, cell):
    """Squared distance of a pair, by the one formula that decides."""
    s0, s1, s2 = unpack(code)
    s0 += np.int64(wraps[i, 0]) - np.int64(wraps[j, 0])
    s1 += np.int64(wraps[i, 1]) - np.int64(wraps[j, 1])
    s2 += np.int64(wraps[i, 2]) - np.int64(wraps[j, 2])
    tx, ty, tz = translation(s0, s1, s2, cell)
    x = (positions[j, 0] - positions[i, 0]) + tx
    y = (positions[j, 1] - positions[i, 1]) + ty
    z = (positions[j, 2] - positions[i, 2]) + tz
    return x * x + y * y + z * z


@kernel
def _wider(array, size):
    """A copy of which each row has room for at least `size`, and for half as much again."""
    bigger = np.empty((array.shape[0], size + size // 2 + 16), array.dtype)
    for r in range(array.shape[0]):
        for k in range(array.shape[1]):
            bigger[r, k] = array[r, k]
    return bigger


@kernel
def _bits(x):
    """Bits of x in single precision: those of positive numbers are in the order of the numbers."""
    box = np.empty(1, np.float32)
    box[0] = x
    return box.view(np.int32)[0]


@kernel
def _is_less(a, b):
    """1 if a < b, else 0, for bits of positive numbers; written so that no compiler makes it a jump."""
    return np.uint64(np.uint32(np.int32(a - b)) >> np.uint32(31))


@kernel
def _margin(cutoff, radius, largest):
    """What a squared distance near the cutoff's may be wrong by in single precision, generously."""
    return 1e-6 * cutoff * (radius + cutoff) + 1e-14 * largest * cutoff


@kernel
def find_rows(positions, cell, wraps, n_centres, n, radius, largest, cutoff, floats, ints, found, used, rows):
    """Compare the first `n_centres` of `n` candidates with all, and append their rows to `found`.

    Args:
        radius: of the candidates about their centre.
        floats: positions about the centre, filled, and room for squared distances, (4, capacity) float32.
        ints: atoms and codes, filled, and room for a selection, (3, capacity) uint32.
        found: atoms and codes found so far, (2, capacity); codes may be left out, (1, capacity).
        used: how many.
        rows: where each atom's row starts, and its length, (A, 2); filled.
    """
    xs, ys, zs, squares = floats[0], floats[1], floats[2], floats[3]
    atoms, codes, chosen = ints[0], ints[1], ints[2]
    coded = found.shape[0] == 2
    limit = cutoff * cutoff
    margin = _margin(cutoff, radius, largest)
    below, above = _bits(limit - margin), _bits(limit + margin)
    bits = squares.view(np.int32)
    for c in range(n_centres):
        x, y, z = xs[c], ys[c], zs[c]
        for k in range(n):
            dx, dy, dz = xs[k] - x, ys[k] - y, zs[k] - z
            squares[k] = dx * dx + dy * dy + dz * dz
        squares[c] = np.inf
        near_limit = 0
        for k in range(n):
            near_limit += (bits[k] >= below) & (bits[k] < above)
        m = np.uint64(0)
        for k in range(n):
            chosen[m] = k
            m += _is_less(bits[k], above)
        i = atoms[c]
        if near_limit:
            kept = np.uint64(0)
            for q in range(m):
                k = chosen[q]
                chosen[kept] = k
                kept += np.uint64(bits[k] < below or square(positions, i, atoms[k], codes[k], wraps, cell) < limit)
            m = kept
        if used + np.int64(m) > found.shape[1]:
            found = _wider(found, used + np.int64(m))
        begin = np.uint64(used)
        for q in range(m):
            found[0, begin + q] = atoms[chosen[q]]
        if coded:
            for q in range(m):
                found[1, begin + q] = codes[chosen[q]]
        rows[i, 0] = used
        rows[i, 1] = m
        used += np.int64(m)
    return found, used


@kernel
def _gather(wrapped, order, first, last, tx, ty, tz, code, floats, ints, n):
    """Append the atoms of a bin, displaced."""
    for a in range(last - first):
        floats[0, n + a] = wrapped[0, first + a] + tx
        floats[1, n + a] = wrapped[1, first + a] + ty
        floats[2, n + a] = wrapped[2, first + a] + tz
        ints[0, n + a] = order[first + a]
        ints[1, n + a] = code


@kernel
def _prune(floats, ints, first, last, half, limit):
    """Drop the candidates that no atom of the box about the centre can reach; returns where they end."""
    xs, ys, zs, squares = floats[0], floats[1], floats[2], floats[3]
    zero = np.float32(0.0)
    hx, hy, hz = np.float32(half[0]), np.float32(half[1]), np.float32(half[2])
    for k in range(first, last):
        dx, dy, dz = max(abs(xs[k]) - hx, zero), max(abs(ys[k]) - hy, zero), max(abs(zs[k]) - hz, zero)
        squares[k] = dx * dx + dy * dy + dz * dz
    bits, above = squares.view(np.int32), _bits(limit)
    atoms, codes = ints[0], ints[1]
    at = np.uint64(first)
    for k in range(first, last):
        xs[at], ys[at], zs[at] = xs[k], ys[k], zs[k]
        atoms[at], codes[at] = atoms[k], codes[k]
        at += _is_less(bits[k], above)
    return np.int64(at)


@kernel
def search_bins(positions, cell, pbc, cutoff, bins, wraps, first_bin, last_bin, floats, ints, found, used, rows):
    """Rows of the atoms in the bins `first_bin` to `last_bin`; `bins` as from `make_bins`."""
    _, grid, largest, keys, starts, table, order, wrapped = bins
    n0, n1, n2 = grid[0, 0], grid[0, 1], grid[0, 2]
    m0, m1, m2 = grid[1, 0], grid[1, 1], grid[1, 2]
    centre, half = np.empty(3), np.empty(3)
    for b in range(first_bin, last_bin):
        begin, end = starts[b], starts[b + 1]
        if begin == end:
            continue
        key = keys[b] if len(table) else b
        b0, b1, b2 = key // (n1 * n2), (key // n2) % n1, key % n2

        for k in range(3):
            low, high = wrapped[k, begin], wrapped[k, begin]
            for a in range(begin + 1, end):
                low, high = min(low, wrapped[k, a]), max(high, wrapped[k, a])
            centre[k], half[k] = 0.5 * (low + high), 0.5 * (high - low)

        n = end - begin
        if n > floats.shape[1]:
            floats, ints = _wider(floats, n), _wider(ints, n)
        for a in range(n):
            for k in range(3):
                floats[k, a] = wrapped[k, begin + a] - centre[k]
            ints[0, a] = order[begin + a]
            ints[1, a] = NO_SHIFT
        for o0 in range(-m0, m0 + 1):
            s0 = (b0 + o0) // n0
            if s0 and not pbc[0]:
                continue
            for o1 in range(-m1, m1 + 1):
                s1 = (b1 + o1) // n1
                if s1 and not pbc[1]:
                    continue
                for o2 in range(-m2, m2 + 1):
                    s2 = (b2 + o2) // n2
                    if (s2 and not pbc[2]) or (o0 == 0 and o1 == 0 and o2 == 0):
                        continue
                    other = ((b0 + o0 - s0 * n0) * n1 + b1 + o1 - s1 * n1) * n2 + b2 + o2 - s2 * n2
                    if len(table):
                        other = table[slot_of(other, keys, table)]
                        if other < 0:
                            continue
                    p, q = starts[other], starts[other + 1]
                    if n + q - p > floats.shape[1]:
                        floats, ints = _wider(floats, n + q - p), _wider(ints, n + q - p)
                    tx, ty, tz = translation(s0, s1, s2, cell)
                    tx, ty, tz = tx - centre[0], ty - centre[1], tz - centre[2]
                    _gather(wrapped, order, p, q, tx, ty, tz, pack(s0, s1, s2), floats, ints, n)
                    n += q - p
        radius = half[0] + half[1] + half[2] + 2.0 * cutoff
        n = _prune(floats, ints, end - begin, n, half, cutoff * cutoff + _margin(cutoff, radius, largest))
        found, used = find_rows(
            positions, cell, wraps, end - begin, n, radius, largest, cutoff, floats, ints, found, used, rows
        )
    return floats, ints, found, used


@kernel
def _search_isolated(positions, first, last, limit, wraps, found, used, rows, visit):
    """Rows of a small molecule that does not repeat, all pairs compared at once. The first value is a status."""
    n = last - first
    if used + n * n > found.shape[1]:
        found = _wider(found, used + n * n)
    coded = found.shape[0] == 2
    end = np.uint64(used)
    for i in range(first, last):
        begin = end
        x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
        if not abs(x) + abs(y) + abs(z) < np.inf:
            return NOT_FINITE, found, used
        for j in range(first, last):
            dx, dy, dz = positions[j, 0] - x, positions[j, 1] - y, positions[j, 2] - z
            found[0, end] = j
            end += np.uint64((dx * dx + dy * dy + dz * dz < limit) & (j != i))
        if coded:
            for e in range(begin, end):
                found[1, e] = NO_SHIFT
        rows[i, 0], rows[i, 1] = begin, end - begin
        for k in range(3):
            wraps[i, k] = 0
        visit[i] = i
    return GOOD, found, np.int64(end)


@kernel
def search_batch(positions, offsets, cells, pbc, cutoff, wraps, first, last, found, used, rows, visit):
    """Rows of the molecules `first` to `last`: a status, the molecule concerned, what was found and its length."""
    floats, ints = np.empty((4, 512), np.float32), np.empty((3, 512), np.uint32)
    for m in range(first, last):
        p, q = offsets[m], offsets[m + 1]
        if p == q:
            continue
        cell, periodic = cells[m], pbc[m]
        if q - p <= SMALL and not (periodic[0] or periodic[1] or periodic[2]):
            status, found, used = _search_isolated(positions, p, q, cutoff * cutoff, wraps, found, used, rows, visit)
        else:
            bins = make_bins(positions, p, q, cell, periodic, cutoff, wraps)
            status = bins[0]
            if status == GOOD:
                order, last_bin = bins[6], len(bins[4]) - 1
                floats, ints, found, used = search_bins(
                    positions, cell, periodic, cutoff, bins, wraps, p - p, last_bin, floats, ints, found, used, rows
                )
                for a in range(q - p):
                    visit[p + a] = order[a]
        if status != GOOD:
            return status, m, found, used
    return GOOD, -1, found, used
