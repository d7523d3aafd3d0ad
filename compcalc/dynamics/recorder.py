"""Collects the log, the frames and the dense velocities of one run, or of several that advance together.

Symbols in the shapes: M runs still recorded, A their atoms, N atoms of one run, S logged steps, F stored frames, V
steps with dense velocities, C columns of the log.
"""

from collections.abc import Callable, Sequence

import numpy as np

from compcalc.dynamics.protocols import Protocol

LOG = ("potential_energy", "kinetic_energy", "temperature", "work", "coarse_work", "heat")
"""What a run logs, besides the time."""

_LONGEST = 4096
"""Logged steps after which the entries are put into arrays, which take a fraction of their memory."""


class Recorder:
    """Log and frames at the spacings of `protocol`, and at the step that ends a run; velocities alone more often.

    Args:
        protocol: for its spacings, and for how long velocities are dense.
        sizes: number of atoms of each run, in the order of the arrays that `record` gets.
        columns: names of what is logged.
    """

    def __init__(self, protocol: Protocol, sizes: Sequence[int], columns: Sequence[str] = LOG):
        self._log_every, self._frame_every = protocol.log_steps, protocol.frame_steps
        self._dense_every, self._dense_end = protocol.velocity_steps, protocol.velocity_end
        self._sizes, self._columns = np.asarray(sizes), ("log_time_fs", *columns)
        self._running = np.arange(len(self._sizes))
        # One entry a step for all runs; taken apart by run when one leaves, or when there are many.
        self._log, self._frames, self._dense = [], [], []
        self._log_parts = [[np.empty((0, len(self._columns)))] for _ in self._sizes]
        self._frame_parts = [
            [(np.empty(0), np.empty((0, n, 3)), np.empty((0, n, 3)), np.empty((0, 2)))] for n in self._sizes
        ]
        self._dense_parts = [[(np.empty(0), np.empty((0, n, 3), np.float32))] for n in self._sizes]

    def due(self, step: int) -> bool:
        """Whether a step is to be stored where no run ends at it."""
        return step % self._log_every == 0 or step % self._frame_every == 0 or self._due_dense(step)

    def record(
        self, step: int, time_fs: float, positions: np.ndarray, velocities: np.ndarray, log: Sequence[np.ndarray],
        pulls: Callable[[], np.ndarray], ended: Sequence[int] = (),
    ) -> None:  # fmt: skip
        """Store a step if it is due, and in any case for the runs that end at it.

        Args:
            step: index of the step.
            time_fs: fs.
            positions: angstrom, (A, 3).
            velocities: angstrom/fs, (A, 3).
            log: one array a column, (M,) each, or numbers.
            pulls: gives net force in eV/angstrom and net torque in eV, (M, 2); called where a frame is due.
            ended: which of the M runs end here.
        """
        due_log, due_frame = step % self._log_every == 0, step % self._frame_every == 0
        if due_log:
            self._log.append((time_fs, *log))
        if self._due_dense(step):
            self._dense.append((time_fs, velocities.astype(np.float32)))
        frame = (time_fs, positions.copy(), velocities.copy(), pulls()) if due_frame or len(ended) else None
        if due_frame:
            self._frames.append(frame)
        if len(self._log) == _LONGEST or len(self._dense) == _LONGEST:
            self._take_apart()
        if not len(ended) or (due_log and due_frame):
            return
        self._take_apart()
        for place in ended:
            if not due_log:
                self._log_parts[self._running[place]].append(self._logs([(time_fs, *log)])[:, place])
            if not due_frame:
                self._frame_parts[self._running[place]].append(self._of([frame], place))

    def keep(self, runs: np.ndarray, atoms: np.ndarray) -> None:
        """Go on with the `runs` (M,) bool alone; `atoms` (A,) bool are theirs."""
        self._take_apart()
        self._running = self._running[runs]

    def state(self) -> dict:
        """Everything recorded, for `restore`."""
        self._take_apart()
        state = {
            "running": self._running,
            "log": [np.concatenate(parts) for parts in self._log_parts],
            "frames": [_joined(parts) for parts in self._frame_parts],
            "dense": [_joined(parts) for parts in self._dense_parts],
        }
        self.restore(state)  # the next time there is less to join
        return state

    def restore(self, state: dict) -> None:
        """Go on from what was recorded of the same runs."""
        self._running = state["running"]
        self._log_parts = [[log] for log in state["log"]]
        self._frame_parts = [[frames] for frames in state["frames"]]
        self._dense_parts = [[velocities] for velocities in state["dense"]]

    def arrays(self, run: int) -> dict[str, np.ndarray]:
        """The arrays of run number `run`, by their names in `Trajectory`."""
        self._take_apart()
        log = np.concatenate(self._log_parts[run])
        times, positions, velocities, pulls = _joined(self._frame_parts[run])
        dense_times, dense_velocities = _joined(self._dense_parts[run])
        return {
            **{name: log[:, column] for column, name in enumerate(self._columns)},
            "frame_time_fs": times,
            "positions": positions,
            "velocities": velocities,
            "net_force": pulls[:, 0],
            "net_torque": pulls[:, 1],
            "dense_time_fs": dense_times,
            "dense_velocities": dense_velocities,
        }

    def _due_dense(self, step: int) -> bool:
        return step <= self._dense_end and step % self._dense_every == 0

    def _take_apart(self) -> None:
        if self._log:
            log = self._logs(self._log)
            for place, run in enumerate(self._running):
                self._log_parts[run].append(log[:, place].copy())
        if self._frames:
            for place, run in enumerate(self._running):
                self._frame_parts[run].append(self._of(self._frames, place))
        if self._dense:
            times, velocities = zip(*self._dense, strict=True)
            for place, run in enumerate(self._running):
                atoms = self._atoms(place)
                part = (np.array(times), np.array([frame[atoms] for frame in velocities]))
                self._dense_parts[run].append(part)
        self._log, self._frames, self._dense = [], [], []

    def _logs(self, entries: list[tuple]) -> np.ndarray:
        """Time and columns, (S, M, C)."""
        log = np.empty((len(entries), len(self._running), len(self._columns)))
        for column, values in enumerate(zip(*entries, strict=True)):
            log[..., column] = np.array(values, dtype=float).reshape(len(entries), -1)
        return log

    def _of(self, frames: list[tuple], place: int) -> tuple[np.ndarray, ...]:
        """Times, positions, velocities and pulls of the run at `place`."""
        atoms = self._atoms(place)
        times, positions, velocities, pulls = zip(*frames, strict=True)
        columns = ([frame[atoms] for frame in positions], [frame[atoms] for frame in velocities])
        return np.array(times), *(np.array(column) for column in columns), np.array([pull[place] for pull in pulls])

    def _atoms(self, place: int) -> slice:
        """Where the atoms of the run at `place` stand."""
        sizes = self._sizes[self._running]
        end = int(sizes[: place + 1].sum())
        return slice(end - int(sizes[place]), end)


def _joined(parts: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """Each column of the parts, one after the other."""
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))
