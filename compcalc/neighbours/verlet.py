"""A neighbour list for MD that is searched for anew only when atoms have moved far enough."""

import numpy as np

from compcalc.errors import InputError
from compcalc.neighbours.batch import checked_batch, checked_cutoff, to_edges
from compcalc.neighbours.edges import Edges
from compcalc.neighbours.pairs import Pairs, find_pairs
from compcalc.neighbours.skin import moved, narrow
from compcalc.neighbours.threads import default_threads


class VerletList:
    """Neighbours along a trajectory: at each step the same edges as from a fresh list.

    Pairs are searched for up to the cutoff and a skin. They serve until an atom has moved by half the skin, since then
    two atoms that approach each other may have crossed it; or until the cell, `pbc`, or the molecules change. An atom
    that was wrapped into the cell has moved far, and so renews the list too.

    Args:
        cutoff: in the unit of the positions.
        skin: what is added to the cutoff in the search; larger for fewer searches, smaller for fewer pairs.
        threads: at most, as in `batch_edges`.

    Attributes:
        rebuilds: number of searches so far.

    Raises:
        InputError: cutoff or skin negative.
    """

    def __init__(self, cutoff: float, skin: float = 0.5, *, threads: int | None = None):
        self.cutoff = checked_cutoff(cutoff)
        if not 0 <= skin < np.inf:
            raise InputError("skin", skin, "a finite number, not negative", "0.3 to 1 angstrom suit most MD.")
        self.skin = float(skin)
        self.rebuilds = 0
        self._threads = default_threads() if threads is None else threads
        self._pairs: Pairs | None = None
        self._positions = np.empty((0, 3))

    def update(
        self,
        positions: np.ndarray,
        cell: np.ndarray | None = None,
        pbc: np.ndarray | None = None,
        offsets: np.ndarray | None = None,
    ) -> Edges:
        """Edges at these positions.

        Args:
            positions: of one structure, or of a batch, (A, 3).
            cell: cell vectors as rows, (3, 3), or (M, 3, 3) for a batch.
            pbc: which of them repeat, (3,), or (M, 3) for a batch, or one bool for all; none by default.
            offsets: of a batch, (M + 1,); by default all atoms are one structure.

        Raises:
            InputError: as `batch_edges`.
        """
        offsets = np.array([0, len(positions)] if offsets is None else offsets)
        cells = None if cell is None else np.broadcast_to(cell, (len(offsets) - 1, 3, 3))
        pbc = None if pbc is None else np.broadcast_to(pbc, (len(offsets) - 1, 3))
        exact, dtype, offsets, cells, pbc = checked_batch(positions, offsets, cells, pbc)
        if not self._holds(exact, offsets, cells, pbc):
            self._pairs = None  # whatever happens in the search, the old list must not be used again
            pairs = find_pairs(exact, offsets, cells.copy(), pbc.copy(), self.cutoff + self.skin, self._threads)
            self._pairs, self._positions = pairs, exact.copy()
            self.rebuilds += 1
        return to_edges(self._within(exact), exact, dtype, self._threads)

    def _holds(self, positions, offsets, cells, pbc) -> bool:
        known = self._pairs
        if known is None or len(positions) != len(self._positions):
            return False
        same = all(
            now.tobytes() == before.tobytes()
            for now, before in ((offsets, known.offsets), (pbc, known.pbc), (cells, known.cells))
        )
        # A little less than the half, so that rounding cannot hide a pair.
        return same and not moved(positions, self._positions, (0.4999999 * self.skin) ** 2)

    def _within(self, positions) -> Pairs:
        wide = self._pairs
        found, rows = np.empty((len(wide.found), wide.total), np.uint32), np.empty_like(wide.rows)
        total = narrow(
            positions, wide.offsets, wide.cells, wide.wraps, wide.visit, wide.found, wide.rows,
            self.cutoff**2, found, rows,
        )  # fmt: skip
        return wide._replace(found=found, rows=rows, total=total)
