"""Kernels that sort atoms into the bins of a grid, for any cell and periodicity, with memory bounded by the atoms."""

import numpy as np

from compcalc.neighbours.jit import kernel

GOOD, NOT_FINITE, FLAT_CELL, TOO_MANY_IMAGES = 0, 1, 2, 3
MOST_IMAGES = 511
MOST_BINS_AN_AXIS = 1 << 20
ATOMS_A_BIN = 6.0  # finer bins cost more to gather, coarser ones more to compare


@kernel
def make_bins(positions, first, last, cell, pbc, cutoff, wraps):
    """Sort the atoms `first` to `last` into bins; fill `wraps` with the cell of each.

    Returns a status; numbers of bins along the axes, bins reached along the axes, (2, 3); the largest coordinate; the
    bins' keys, their first atoms; the hash table of the keys (empty where the keys are the bins' numbers); the atoms
    in the order of the bins and their wrapped positions, (3, n).
    """
    n = last - first
    grid = np.empty((2, 3), np.int64)
    keys, starts, table = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    order = np.empty(n, np.uint32)
    wrapped = np.empty((3, n))
    largest = 0.0
    reciprocal = np.empty((3, 3))
    if not _reciprocal(cell, pbc, reciprocal):
        return FLAT_CELL, grid, largest, keys, starts, table, order, wrapped

    fractions = np.empty((n, 3))
    low, high = np.empty(3), np.empty(3)
    for k in range(3):
        low[k], high[k] = np.inf, -np.inf
    for a in range(n):
        x, y, z = positions[first + a, 0], positions[first + a, 1], positions[first + a, 2]
        size = abs(x) + abs(y) + abs(z)
        if not size < np.inf:
            return NOT_FINITE, grid, largest, keys, starts, table, order, wrapped
        largest = max(largest, size)
        for k in range(3):
            f = x * reciprocal[k, 0] + y * reciprocal[k, 1] + z * reciprocal[k, 2]
            if pbc[k]:
                w = np.floor(f)
                wraps[first + a, k] = int(w)
                f -= w
            else:
                wraps[first + a, k] = 0
            fractions[a, k] = f
            low[k] = min(low[k], f)
            high[k] = max(high[k], f)

    reach = cutoff * (1.0 + 1e-9) + 1e-13 * largest
    lengths, scale = np.empty(3), np.empty(3)
    for k in range(3):
        height = 1.0 / _length(reciprocal, k)
        if pbc[k]:
            low[k], lengths[k] = 0.0, height
        else:
            lengths[k] = (high[k] - low[k]) * height
        scale[k] = height
    volume = max(lengths[0], reach) * max(lengths[1], reach) * max(lengths[2], reach)
    finer = min(8.0, max(1.0, np.floor(reach / (ATOMS_A_BIN * volume / n) ** (1.0 / 3.0))))
    total = 1
    for k in range(3):
        bins = min(lengths[k] / (reach / finer), float(MOST_BINS_AN_AXIS))
        grid[0, k] = max(1, int(bins))
        images = reach * grid[0, k] / lengths[k] if lengths[k] > 0.0 else 0.0
        if pbc[k] and images > MOST_IMAGES * grid[0, k]:
            return TOO_MANY_IMAGES, grid, largest, keys, starts, table, order, wrapped
        grid[1, k] = int(np.ceil(min(images, 1e9)))
        if not pbc[k]:
            grid[1, k] = min(grid[1, k], grid[0, k] - 1)
        scale[k] *= grid[0, k] / lengths[k] if lengths[k] > 0.0 else 0.0
        total *= grid[0, k]

    bin_of = np.empty(n, np.int64)
    for a in range(n):
        key = 0
        for k in range(3):
            b = min(max(int((fractions[a, k] - low[k]) * scale[k]), 0), grid[0, k] - 1)
            key = key * grid[0, k] + b
        bin_of[a] = key
    n_bins = total
    if total > 4 * n + 64:  # mostly empty: number only the bins that hold atoms
        keys, table, n_bins = _number_occupied(bin_of)
    starts = _sort(positions, first, cell, wraps, bin_of, n_bins, order, wrapped)
    return GOOD, grid, largest, keys, starts, table, order, wrapped


@kernel
def _number_occupied(bin_of):
    """Replace the keys of bins by numbers in the order of their coming; returns keys, hash table and how many."""
    n = len(bin_of)
    bits = 1
    while (1 << bits) < 2 * n:
        bits += 1
    table = np.empty(1 << bits, np.int64)
    for slot in range(len(table)):
        table[slot] = -1
    keys = np.empty(n, np.int64)
    n_bins = 0
    for a in range(n):
        slot = slot_of(bin_of[a], keys, table)
        if table[slot] < 0:
            table[slot] = n_bins
            keys[n_bins] = bin_of[a]
            n_bins += 1
        bin_of[a] = table[slot]
    return keys, table, n_bins


@kernel
def _sort(positions, first, cell, wraps, bin_of, n_bins, order, wrapped):
    """Fill `order` and `wrapped` in the order of the bins; returns where each bin starts, (n_bins + 1,)."""
    n = len(bin_of)
    starts = np.zeros(n_bins + 1, np.int64)
    for a in range(n):
        starts[bin_of[a] + 1] += 1
    for b in range(n_bins):
        starts[b + 1] += starts[b]
    place = np.empty(n_bins, np.int64)
    for b in range(n_bins):
        place[b] = starts[b]
    for a in range(n):
        at = place[bin_of[a]]
        place[bin_of[a]] += 1
        i = first + a
        order[at] = i
        w0, w1, w2 = wraps[i, 0], wraps[i, 1], wraps[i, 2]
        for k in range(3):
            wrapped[k, at] = positions[i, k] - (w0 * cell[0, k] + w1 * cell[1, k] + w2 * cell[2, k])
    return starts


@kernel
def slot_of(key, keys, table):
    """Where in the hash table a key stands, or the free place where it would."""
    slot = ((key * 0x9E3779B97F4A7C1 + (key >> 17)) >> 7) & (len(table) - 1)
    while table[slot] >= 0 and keys[table[slot]] != key:
        slot = (slot + 1) & (len(table) - 1)
    return slot


@kernel
def _cross(out, p, a, q, b, r):
    """Row p of `out` becomes row q of `a` times row r of `b`."""
    for k in range(3):
        n, m = (k + 1) % 3, (k + 2) % 3
        out[p, k] = a[q, n] * b[r, m] - a[q, m] * b[r, n]


@kernel
def _length(a, p):
    return np.sqrt(a[p, 0] * a[p, 0] + a[p, 1] * a[p, 1] + a[p, 2] * a[p, 2])


@kernel
def _complete(basis, pbc):
    """Replace the rows that do not repeat by unit vectors at right angles to the rest."""
    for k in range(3):
        p, q = (k + 1) % 3, (k + 2) % 3
        if pbc[k] and not pbc[p] and not pbc[q]:
            for c in range(3):
                basis[p, c] = 0.0
            least = 0
            for c in range(1, 3):
                if abs(basis[k, c]) < abs(basis[k, least]):
                    least = c
            basis[p, least] = 1.0
            _cross(basis, q, basis, k, basis, p)
            _normalise(basis, q)
            _cross(basis, p, basis, q, basis, k)
            _normalise(basis, p)
        if pbc[p] and pbc[q] and not pbc[k]:
            _cross(basis, k, basis, p, basis, q)
            _normalise(basis, k)


@kernel
def _normalise(a, p):
    length = _length(a, p)
    for k in range(3):
        a[p, k] /= length


@kernel
def _reciprocal(cell, pbc, reciprocal):
    """Fill `reciprocal`, by rows, for the cell completed where it does not repeat. False for a flat cell."""
    basis = np.empty((3, 3))
    scale = 1.0
    for k in range(3):
        for c in range(3):
            basis[k, c] = cell[k, c] if pbc[k] else (1.0 if k == c else 0.0)
        scale *= _length(basis, k)
    if pbc[0] or pbc[1] or pbc[2]:
        _complete(basis, pbc)
    for k in range(3):
        _cross(reciprocal, k, basis, (k + 1) % 3, basis, (k + 2) % 3)
    volume = basis[0, 0] * reciprocal[0, 0] + basis[0, 1] * reciprocal[0, 1] + basis[0, 2] * reciprocal[0, 2]
    for k in range(3):
        for c in range(3):
            reciprocal[k, c] /= volume
    return abs(volume) > 1e-12 * scale
