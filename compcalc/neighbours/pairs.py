"""From positions to rows of neighbours, and from these to arrays, in one or several threads."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from compcalc.errors import InputError
from compcalc.neighbours.bins import FLAT_CELL, GOOD, MOST_IMAGES, NOT_FINITE, make_bins
from compcalc.neighbours.search import search_batch, search_bins
from compcalc.neighbours.threads import even_cuts, run_parts
from compcalc.neighbours.write import write_edges

ATOMS_A_THREAD = 1500  # below this a second thread costs more than it brings


class Pairs(NamedTuple):
    """Pairs of a batch, packed: see `compcalc.neighbours.search`.

    Attributes:
        offsets: (M + 1,). cells: (M, 3, 3). pbc: (M, 3).
        wraps: cell of each atom, (A, 3).
        visit: atoms in the order of the search, molecule by molecule, (A,).
        found: atoms, and codes where anything repeats, (1 or 2, E or more).
        rows: first pair and number of pairs of each atom, (A, 2).
        total: E.
    """

    offsets: np.ndarray
    cells: np.ndarray
    pbc: np.ndarray
    wraps: np.ndarray
    visit: np.ndarray
    found: np.ndarray
    rows: np.ndarray
    total: int


def find_pairs(positions, offsets, cells, pbc, cutoff: float, threads: int) -> Pairs:
    """All pairs within the cutoff. Arguments are checked but for what only the search sees."""
    n_atoms, n_molecules = len(positions), len(offsets) - 1
    wraps = np.empty((n_atoms, 3), np.int32)
    rows, visit = np.empty((n_atoms, 2), np.int64), np.empty(n_atoms, np.uint32)
    parts = max(1, min(threads, n_atoms // ATOMS_A_THREAD))
    if parts == 1:
        found = _room(n_atoms, pbc)
        status, where, found, used = search_batch(
            positions, offsets, cells, pbc, cutoff, wraps, 0, n_molecules, found, 0, rows, visit
        )
        _refuse(status, positions, cells, where)
        return Pairs(offsets, cells, pbc, wraps, visit, found, rows, used)
    search = _parts_of_one if n_molecules == 1 else _parts_of_batch
    found = search(positions, offsets, cells, pbc, cutoff, wraps, visit, rows, parts)
    return Pairs(offsets, cells, pbc, wraps, visit, found, rows, found.shape[1])


def _room(n_atoms, pbc):
    return np.empty((2 if pbc.any() else 1, 64 * n_atoms + 64), np.uint32)


def _parts_of_batch(positions, offsets, cells, pbc, cutoff, wraps, visit, rows, parts):
    cuts = even_cuts(offsets, parts)

    def part(first, last):
        room = _room(offsets[last] - offsets[first], pbc)
        return search_batch(positions, offsets, cells, pbc, cutoff, wraps, first, last, room, 0, rows, visit)

    results = run_parts([lambda a=a, b=b: part(a, b) for a, b in pairwise(cuts)])
    for status, where, _, _ in results:
        _refuse(status, positions, cells, where)
    base = 0
    for (_, _, _, used), first, last in zip(results, cuts, cuts[1:], strict=False):
        rows[offsets[first] : offsets[last], 0] += base
        base += used
    return np.concatenate([found[:, :used] for _, _, found, used in results], axis=1)


def _parts_of_one(positions, offsets, cells, pbc, cutoff, wraps, visit, rows, parts):
    cell, periodic = cells[0], pbc[0]
    bins = make_bins(positions, 0, len(positions), cell, periodic, cutoff, wraps)
    _refuse(bins[0], positions, cells, 0)
    starts, order = bins[4], bins[6]
    visit[:] = order
    cuts = even_cuts(starts, parts)

    def part(first, last):
        floats, ints = np.empty((4, 512), np.float32), np.empty((3, 512), np.uint32)
        room = _room(starts[last] - starts[first], pbc)
        return search_bins(
            positions, cell, periodic, cutoff, bins, wraps, first, last, floats, ints, room, 0, rows
        )[2:]  # fmt: skip

    results = run_parts([lambda a=a, b=b: part(a, b) for a, b in pairwise(cuts)])
    base = 0
    for (_, used), first, last in zip(results, cuts, cuts[1:], strict=False):
        if base:
            rows[order[starts[first] : starts[last]], 0] += base
        base += used
    return np.concatenate([found[:, :used] for found, used in results], axis=1)


def write_pairs(pairs: Pairs, positions, threads: int, i, j, vectors, distances, shifts) -> np.ndarray:
    """Fill the arrays, (E,) or (E, 3) and of length zero where not wanted; return the running totals, (A + 1,)."""
    n_atoms = len(positions)
    ends = np.zeros(n_atoms + 1, np.int64)
    np.cumsum(pairs.rows[:, 1], out=ends[1:])
    parts = max(1, min(threads, n_atoms // ATOMS_A_THREAD))
    cuts = [n_atoms * n // parts for n in range(parts + 1)]

    def part(first, last):
        write_edges(
            positions, pairs.offsets, pairs.cells, pairs.wraps, pairs.visit, pairs.found, pairs.rows, ends, first, last,
            i, j, vectors, distances, shifts,
        )  # fmt: skip

    run_parts([lambda a=a, b=b: part(a, b) for a, b in pairwise(cuts)])
    return ends


def _refuse(status, positions, cells, where) -> None:
    if status == GOOD:
        return
    if status == NOT_FINITE:
        raise not_finite(positions)
    if status == FLAT_CELL:
        raise InputError("cell", cells[where].tolist(), "periodic cell vectors that span their space",
                         "Set the cell, or pbc to False.")  # fmt: skip
    raise InputError("cell", cells[where].tolist(), f"at most {MOST_IMAGES} repeats of the cell within the cutoff",
                     "Repeat the short cell vectors.")  # fmt: skip


def not_finite(positions) -> InputError:
    """The error for positions with NaN or infinity."""
    bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    return InputError("positions", f"NaN or infinity at atoms {bad[:5].tolist()}", "finite numbers",
                      "Look at the step before: a run that exploded gives such positions.")  # fmt: skip
