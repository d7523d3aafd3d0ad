"""Collects the log and the frames of one run, or of several that advance together.

Symbols in the shapes: M runs still recorded, A their atoms, N atoms of one run, S logged steps, F stored frames.
"""

from collections.abc import Sequence

import numpy as np

from compcalc.dynamics.protocols import Protocol

_LONGEST = 4096
"""Logged steps after which the entries are put into arrays, which take a fraction of their memory."""


class Recorder:
    """Log and frames at the spacings of `protocol`, and at the step that ends a run.

    Args:
        protocol: for its spacings.
        sizes: number of atoms of each run, in the order of the arrays that `record` gets.
    """

    def __init__(self, protocol: Protocol, sizes: Sequence[int]):
        self._log_every, self._frame_every = protocol.log_steps, protocol.frame_steps
        self._sizes = np.asarray(sizes)
        self._running = np.arange(len(self._sizes))
        # One entry a step for all runs; taken apart by run when one leaves, or when there are many.
        self._log, self._frames = [], []
        self._log_parts = [[np.empty((0, 4))] for _ in self._sizes]
        self._frame_parts = [[(np.empty(0), np.empty((0, n, 3)), np.empty((0, n, 3)))] for n in self._sizes]

    def record(self, step, time_fs, positions, velocities, energy, kinetic, hot, ended: Sequence[int] = ()) -> None:
        """Store a step if it is due, and in any case for the runs that end at it.

        Args:
            step: index of the step.
            time_fs: fs.
            positions: angstrom, (A, 3).
            velocities: angstrom/fs, (A, 3).
            energy: potential energies, eV, (M,), or a number.
            kinetic: kinetic energies, eV, (M,), or a number.
            hot: temperatures, K, (M,), or a number.
            ended: which of the M runs end here.
        """
        log, frame = step % self._log_every == 0, step % self._frame_every == 0
        if log:
            self._log.append((time_fs, energy, kinetic, hot))
        if frame:
            self._frames.append((time_fs, positions.copy(), velocities.copy()))
        if len(self._log) == _LONGEST:
            self._take_apart()
        if not len(ended) or (log and frame):
            return
        self._take_apart()
        entry = (time_fs, energy, kinetic, hot)
        for place in ended:
            if not log:
                self._log_parts[self._running[place]].append(self._logs([entry])[:, place])
            if not frame:
                atoms = self._atoms()[place]
                part = (np.array([time_fs]), positions[None, atoms].copy(), velocities[None, atoms].copy())
                self._frame_parts[self._running[place]].append(part)

    def keep(self, runs: np.ndarray, atoms: np.ndarray) -> None:
        """Go on with the `runs` (M,) bool alone; `atoms` (A,) bool are theirs."""
        self._take_apart()
        self._running = self._running[runs]

    def arrays(self, run: int) -> dict[str, np.ndarray]:
        """The arrays of run number `run`, by their names in `Trajectory`."""
        self._take_apart()
        log = np.concatenate(self._log_parts[run])
        times, positions, velocities = (np.concatenate(parts) for parts in zip(*self._frame_parts[run], strict=True))
        return {
            "log_time_fs": log[:, 0],
            "potential_energy": log[:, 1],
            "kinetic_energy": log[:, 2],
            "temperature": log[:, 3],
            "frame_time_fs": times,
            "positions": positions,
            "velocities": velocities,
        }

    def _take_apart(self) -> None:
        if self._log:
            log = self._logs(self._log)
            for place, run in enumerate(self._running):
                self._log_parts[run].append(log[:, place].copy())
        if self._frames:
            times, *columns = zip(*self._frames, strict=True)
            for run, atoms in zip(self._running, self._atoms(), strict=True):
                positions, velocities = (np.array([frame[atoms] for frame in column]) for column in columns)
                self._frame_parts[run].append((np.array(times), positions, velocities))
        self._log, self._frames = [], []

    def _logs(self, entries: list[tuple]) -> np.ndarray:
        """Time, energies and temperature, (S, M, 4)."""
        log = np.empty((len(entries), len(self._running), 4))
        for column, values in enumerate(zip(*entries, strict=True)):
            log[..., column] = np.array(values, dtype=float).reshape(len(entries), -1)
        return log

    def _atoms(self) -> list[slice]:
        ends = np.cumsum(self._sizes[self._running])
        return [slice(end - size, end) for end, size in zip(ends, self._sizes[self._running], strict=True)]
