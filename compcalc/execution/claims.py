"""Who computes what, where several processes fill one store: a lock on each task, which ends with its holder."""

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from compcalc.execution.units import content_hash


class Claims:
    """Tasks that this process has taken; others that work on the same directory leave them alone.

    The locks are those of the operating system: it gives them up when a process ends, however it ends. Where a file
    system has none, each process takes what it likes; results are written whole, so that nothing but time is lost.

    Args:
        directory: for the lock files; made when it is needed, in one that is there.
    """

    def __init__(self, directory: Path):
        self._directory = directory
        self._held: dict[str, FileLock] = {}

    def take(self, *parts: str) -> bool:
        """Claim the task with this identity; False where another process has it."""
        name = content_hash(*parts)[:32]
        if name in self._held:
            return True
        # Of the process, and not of the thread that takes it.
        lock = FileLock(self._directory / name, thread_local=False)
        try:
            self._directory.mkdir(exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            return False
        except (OSError, NotImplementedError):
            return True
        self._held[name] = lock
        return True

    def release(self, *parts: str) -> None:
        """Give one up, done or not."""
        lock = self._held.pop(content_hash(*parts)[:32], None)
        if lock is not None:
            lock.release()

    def release_all(self) -> None:
        """Give up all, and clear the lock files that nobody holds."""
        for lock in self._held.values():
            lock.release()
        self._held.clear()
        with suppress(OSError):  # somebody else's are in there
            for file in self._directory.iterdir():
                if _unused(file):
                    file.unlink(missing_ok=True)
            self._directory.rmdir()


def _unused(file: Path) -> bool:
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError, NotImplementedError):
        return False
    lock.release()
    return True
