"""Signals that end a command: Ctrl-C, a terminal that is closed, a scheduler that wants its machine back."""

import signal
import threading
import time

_HEEDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DEAF_S = 1.0


class Stopped(BaseException):
    """A signal asked this process to end.

    Not a KeyboardInterrupt: the library of the command line ends the process at one of those without a word.
    """


class Stopper:
    """While it is entered, the first signal that asks this process to end raises `Stopped`.

    More of them within a second are one impatient hand: they do not disturb what the first has set in motion. A signal
    that is ignored, as under nohup, stays so.

    Args:
        last: nothing follows but the end of the process: signals are ignored then, since all that they could do is to
            garble it.

    Attributes:
        by: the signal that was heeded last; None where there was none.
    """

    def __init__(self, last: bool = False):
        self.by: signal.Signals | None = None
        self._last, self._over = last, False
        self._heeded_at, self._before = 0.0, {}

    def __enter__(self) -> "Stopper":
        if threading.current_thread() is threading.main_thread():
            heeded = [each for each in _HEEDED if signal.getsignal(each) not in (signal.SIG_IGN, None)]
            self._before = {each: signal.signal(each, self._stop) for each in heeded}
        return self

    def __exit__(self, *_) -> None:
        self._over = True  # a signal between here and the next line is late, not a reason to raise
        for each, before in self._before.items():
            signal.signal(each, signal.SIG_IGN if self._last or self.by is not None else before)

    def _stop(self, number: int, _frame) -> None:
        if self._over:
            return
        now = time.monotonic()
        if self.by is None or now - self._heeded_at > _DEAF_S:
            self.by, self._heeded_at = signal.Signals(number), now
            raise Stopped
