"""The last frames of runs that advance together, kept densely. Symbols: M runs, A atoms of all, E frames, N atoms."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from compcalc.dynamics.protocols import Protocol

SPACING_FS, MOST_KEPT = 1.0, 40
"""40 fs back from the end: a bond event ends a run 10 fs after it began."""

_SAME_FS = 1e-6
"""Times nearer than this differ by rounding."""


class EventFrames:
    """Frames `SPACING_FS` apart, or every step where that is longer, and the last step; the arrays must stay unchanged.

    Args:
        sizes: number of atoms of each run, (M,).
        protocol: for its time step.
    """

    def __init__(self, sizes: Sequence[int], protocol: Protocol):
        self._sizes = np.asarray(sizes)
        self._every = max(1, round(SPACING_FS / protocol.timestep_fs))
        self._kept: deque = deque(maxlen=MOST_KEPT)
        self._last = None

    def add(self, step: int, time_fs: float, positions: np.ndarray, energies: np.ndarray) -> None:
        """Enter a step: positions in angstrom, (A, 3), potential energies in eV, (M,)."""
        self._last = (time_fs, positions, energies)
        if step % self._every == 0:
            self._kept.append(self._last)

    def state(self) -> dict:
        """The frames, for `restore`."""
        return {"entries": self._entries(), "due": len(self._kept)}

    def restore(self, state: dict) -> None:
        """Go on from the frames of the same runs."""
        entries = state["entries"]
        self._kept = deque(entries[: state["due"]], maxlen=MOST_KEPT)
        self._last = entries[-1] if entries else None

    def keep(self, runs: np.ndarray, atoms: np.ndarray) -> None:
        """Go on with the `runs` (M,) bool alone; `atoms` (A,) bool are theirs."""
        self._sizes = self._sizes[runs]
        entries, due = self._entries(), len(self._kept)
        entries = [(time_fs, positions[atoms], energies[runs]) for time_fs, positions, energies in entries]
        self._kept = deque(entries[:due], maxlen=MOST_KEPT)
        self._last = entries[-1] if entries else None

    def arrays(self, place: int, time_fs: float, positions: np.ndarray) -> dict[str, np.ndarray]:
        """The event frames of the run at `place`, by their names in `Trajectory`.

        Args:
            place: which of the M runs.
            time_fs: when it ended, fs; past the last step where the potential failed on the step to come.
            positions: its positions then, angstrom, (N, 3), which become a frame without energy in that case.
        """
        end = int(self._sizes[: place + 1].sum())
        atoms = slice(end - int(self._sizes[place]), end)
        frames = [(time, all_positions[atoms], energies[place]) for time, all_positions, energies in self._entries()]
        if not frames or time_fs > frames[-1][0] + _SAME_FS:
            frames.append((time_fs, positions, np.nan))
        times, geometries, energies = zip(*frames, strict=True)
        return {
            "event_time_fs": np.array(times),
            "event_positions": np.array(geometries),
            "event_energy": np.array(energies, dtype=float),
        }

    def _entries(self) -> list[tuple]:
        kept = list(self._kept)
        return kept if self._last is None or (kept and kept[-1] is self._last) else [*kept, self._last]
