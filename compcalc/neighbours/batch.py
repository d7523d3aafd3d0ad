"""The neighbour list of many molecules in one call."""

import numpy as np

from compcalc.errors import InputError
from compcalc.neighbours.edges import Edges
from compcalc.neighbours.pairs import Pairs, find_pairs, write_pairs
from compcalc.neighbours.threads import default_threads


def batch_edges(
    positions: np.ndarray,
    offsets: np.ndarray,
    cutoff: float,
    cells: np.ndarray | None = None,
    pbc: np.ndarray | None = None,
    *,
    threads: int | None = None,
) -> Edges:
    """All pairs of atoms of the same molecule that are closer than the cutoff.

    Decisions are made in double precision, whatever the type of the positions.

    Args:
        positions: of all molecules one after the other, float32 or float64, (A, 3).
        offsets: first atom of each molecule, and A at the end, (M + 1,).
        cutoff: in the unit of the positions.
        cells: cell vectors as rows, (M, 3, 3); needed where `pbc` is given.
        pbc: which cell vectors repeat, (M, 3) bool; none by default.
        threads: at most; by default OMP_NUM_THREADS, or the number of cores. Small batches take one.

    Raises:
        InputError: positions are not finite, the cutoff is negative, periodic cell vectors do not span.
    """
    exact, dtype, offsets, cells, pbc = checked_batch(positions, offsets, cells, pbc)
    threads = default_threads() if threads is None else threads
    pairs = find_pairs(exact, offsets, cells, pbc, checked_cutoff(cutoff), threads)
    return to_edges(pairs, exact, dtype, threads)


def to_edges(pairs: Pairs, positions: np.ndarray, dtype: type, threads: int) -> Edges:
    """The pairs as arrays, for positions (A, 3)."""
    index, vectors, distances, shifts = _arrays(pairs.total, dtype)
    if len(pairs.found) == 1:
        shifts[:] = 0
    ends = write_pairs(pairs, positions, threads, index[0], index[1], vectors, distances, shifts)
    upto = ends[pairs.offsets]
    return Edges(index, vectors, distances, shifts, upto[1:] - upto[:-1])


def _arrays(total, dtype):
    """Empty arrays of an `Edges`, cut from one block: the system clears one large block faster than several."""
    size = np.dtype(dtype).itemsize
    cuts = np.cumsum([16 * total, 3 * size * total, size * total, 12 * total]).tolist()
    block = np.empty(cuts[-1], np.uint8)
    return (
        block[: cuts[0]].view(np.int64).reshape(2, total),
        block[cuts[0] : cuts[1]].view(dtype).reshape(total, 3),
        block[cuts[1] : cuts[2]].view(dtype),
        block[cuts[2] :].view(np.int32).reshape(total, 3),
    )


def checked_cutoff(cutoff) -> float:
    """The cutoff as a float.

    Raises:
        InputError: negative or not finite.
    """
    if not 0 <= cutoff < np.inf:
        raise InputError("cutoff", cutoff, "a finite number, not negative", "Give it in the unit of the positions.")
    return float(cutoff)


def checked_batch(positions, offsets, cells, pbc):
    """Positions in double precision, their own type, offsets, cells with zeros for what does not repeat, and pbc.

    Raises:
        InputError: a shape is wrong.
    """
    positions = np.asarray(positions)
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise InputError("positions", positions.shape, "shape (A, 3)")
    dtype = np.float32 if positions.dtype == np.float32 else np.float64
    offsets = np.ascontiguousarray(offsets, dtype=np.int64)
    sizes = offsets[1:] - offsets[:-1] if offsets.ndim == 1 and len(offsets) else None
    if sizes is None or offsets[0] != 0 or offsets[-1] != len(positions) or (len(sizes) and sizes.min() < 0):
        raise InputError("offsets", offsets.tolist(), f"ascending from 0 to {len(positions)}")
    return np.ascontiguousarray(positions, dtype=np.float64), dtype, offsets, *_checked_cells(cells, pbc, len(sizes))


def _checked_cells(cells, pbc, n_molecules):
    if pbc is None or not np.any(pbc):
        return np.zeros((n_molecules, 3, 3)), np.zeros((n_molecules, 3), bool)
    pbc = np.ascontiguousarray(pbc, dtype=bool)
    if pbc.shape != (n_molecules, 3):
        raise InputError("pbc", pbc.shape, f"shape {(n_molecules, 3)}")
    if cells is None or np.shape(cells) != (n_molecules, 3, 3):
        raise InputError("cells", None if cells is None else np.shape(cells), f"shape {(n_molecules, 3, 3)}")
    return np.where(pbc[:, :, None], cells, 0.0), pbc
