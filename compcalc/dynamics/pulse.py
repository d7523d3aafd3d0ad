"""What happens by the wall clock while a run goes on: progress is told, the state is saved."""

import time
import warnings
from collections.abc import Callable
from typing import Any

from compcalc.dynamics.checkpoint import Checkpoint
from compcalc.dynamics.protocols import Protocol

PROGRESS_EVERY_S = 0.5


class Pulse:
    """Beats at every step, and acts when it is time.

    Args:
        protocol: for the number of steps.
        on_progress: gets the fraction of the steps that is done, at most twice a second, and 1 at the end.
        checkpoint: where the state is saved; None for nowhere.
        every_s: how often, s.
    """

    def __init__(
        self, protocol: Protocol, on_progress: Callable[[float], None] | None, checkpoint: Checkpoint | None,
        every_s: float,
    ):  # fmt: skip
        control = protocol.control.production_steps if protocol.control_ps else 0
        self._total = max(1, protocol.equilibration_steps + protocol.production_steps + control)
        self._on_progress, self._checkpoint, self._every_s = on_progress, checkpoint, every_s
        now = time.monotonic()
        self._next_progress, self._next_save = now + PROGRESS_EVERY_S, now + every_s

    def beat(self, steps: int, state: Callable[[], dict[str, Any]] | None = None) -> None:
        """After `steps` steps of the whole run; `state` gives what is to be saved."""
        now = time.monotonic()
        if self._on_progress is not None and now >= self._next_progress:
            self._next_progress = now + PROGRESS_EVERY_S
            self._on_progress(min(1.0, steps / self._total))
        if self._checkpoint is not None and state is not None and now >= self._next_save:
            try:
                self._checkpoint.write(state())
            except OSError as error:  # a full disk must not cost the run
                warnings.warn(
                    f"The checkpoint could not be written, and the run goes on without: {error}", stacklevel=2
                )
            # Counted from when it was written: a slow disk must not take all of the time.
            self._next_save = time.monotonic() + self._every_s

    def saved(self) -> dict[str, Any] | None:
        """The state to go on from, if there is one."""
        return None if self._checkpoint is None else self._checkpoint.read()

    def end(self) -> None:
        """The run has ended: nothing is left to go on from."""
        if self._checkpoint is not None:
            self._checkpoint.remove()
        if self._on_progress is not None:
            self._on_progress(1.0)
