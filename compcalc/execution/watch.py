"""Watches busy workers, and stops those beyond their time or memory."""

import threading
import time
from collections.abc import Sequence

from compcalc.execution.memory import available_bytes, cpu_seconds, total_bytes, used_bytes
from compcalc.execution.outcome import Lost
from compcalc.execution.slot import Heard, Slot

_EVERY_S = 0.1
_LONGEST_BUILD_S = 1800.0
_LONGEST_SILENCE_S = 1800.0
_SILENT_SHARE = 0.01
"""Of a core, below which a worker does nothing: an interpreter that waits takes less, the slowest potential more."""
_SPARE_SHARE, _SPARE_BYTES = 0.03, 2**28
_GIB = 2**30


class Watch:
    """A thread that looks at busy slots a few times a second.

    Args:
        slots: the slots.
        limits: `timeout_s` and `memory_bytes` of one unit.
        together_bytes: memory that all workers may take together, bytes; None for what the machine has.
    """

    def __init__(self, slots: Sequence[Slot], limits, together_bytes: int | None = None):
        self.slots, self._limits, self._together = slots, limits, together_bytes
        self._longest_silence_s = _LONGEST_SILENCE_S
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch; again and again is once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="compcalc-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_EVERY_S):
            busy = [slot for slot in self.slots if not slot.free and slot.stopped_for is None and slot.pid]
            for slot in busy:
                self._check_time(slot)
            self._check_memory([slot for slot in busy if slot.stopped_for is None])

    def _check_time(self, slot: Slot) -> None:
        activity = slot.activity
        if activity is None or slot.since is None or slot.since[0] != activity.state:
            slot.since = (activity.state if activity else "idle", time.monotonic())
            return
        state, since = slot.since
        elapsed = time.monotonic() - since
        if state == "building" and elapsed > _LONGEST_BUILD_S:
            slot.kill(Lost("timeout", f"building the potential took more than {_LONGEST_BUILD_S:g} s"))
        limit = self._limits.timeout_s
        if state == "working" and limit is None:
            self._check_silence(slot, activity.fraction)
        elif state == "working" and elapsed > limit * slot.n_units:
            slot.kill(Lost("timeout", f"stopped at the time limit of {limit * slot.n_units:g} s"))

    def _check_silence(self, slot: Slot, fraction: float) -> None:
        """Whoever gives no time limit still wants no run that hangs: a deadlock neither goes on nor computes."""
        now = time.monotonic()
        if slot.heard is None or slot.heard.fraction != fraction:
            slot.heard = Heard(now, fraction, cpu_seconds(slot.pid))
        elif now - slot.heard.at_s > self._longest_silence_s:
            used = cpu_seconds(slot.pid)
            if used - slot.heard.cpu_s >= _SILENT_SHARE * (now - slot.heard.at_s):
                slot.heard = Heard(now, fraction, used)
            else:
                slot.kill(Lost("timeout", f"it neither went on nor computed for {self._longest_silence_s:g} s"))

    def _check_memory(self, busy: list[Slot]) -> None:
        if not busy:
            return
        limit = self._limits.memory_bytes
        if limit is not None:
            for slot in busy:
                used = used_bytes(slot.pid)
                if used > limit:
                    slot.kill(_too_large(used, f"the limit is {limit / _GIB:.3g} GiB"))
        if self._together is not None and sum(used_bytes(slot.pid) for slot in self.slots if slot.pid) > self._together:
            _stop_largest(busy, f"the workers may take {self._together / _GIB:.3g} GiB together")
        left = available_bytes()
        if left < max(_SPARE_BYTES, _SPARE_SHARE * total_bytes()):
            _stop_largest(busy, f"the machine had {left / _GIB:.2g} GiB left")


def _stop_largest(busy: list[Slot], why: str) -> None:
    used, slot = max(((used_bytes(slot.pid), slot) for slot in busy), key=lambda pair: pair[0])
    slot.kill(_too_large(used, why))


def _too_large(used: int, why: str) -> Lost:
    return Lost("out_of_memory", f"stopped while using {used / _GIB:.3g} GiB of memory; {why}")
