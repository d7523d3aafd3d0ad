"""Edges of a list that was kept, against those of a fresh one."""

import numpy as np

from compcalc.neighbours import batch_edges


def assert_fresh(edges, positions, cutoff, cell=None, pbc=None, offsets=None):
    """The same pairs as from `batch_edges`, in any order of the neighbours, and the same vectors to the last bit."""
    offsets = [0, len(positions)] if offsets is None else offsets
    m = len(offsets) - 1
    cells = None if cell is None else np.broadcast_to(cell, (m, 3, 3))
    fresh = batch_edges(positions, offsets, cutoff, cells, None if pbc is None else np.broadcast_to(pbc, (m, 3)))
    np.testing.assert_array_equal(edges.counts, fresh.counts)
    np.testing.assert_array_equal(edges.index[0], fresh.index[0])
    got, wanted = (np.lexsort((*e.shifts.T, *e.index[::-1])) for e in (edges, fresh))
    pairs = np.column_stack([*fresh.index[:, wanted], fresh.shifts[wanted]])
    assert not np.any(np.all(pairs[1:] == pairs[:-1], axis=1)), "a pair twice"
    np.testing.assert_array_equal(np.column_stack([*edges.index[:, got], edges.shifts[got]]), pairs)
    np.testing.assert_array_equal(edges.vectors[got], fresh.vectors[wanted])
    np.testing.assert_array_equal(edges.distances[got], fresh.distances[wanted])
