"""Temporary folders, and what killed processes left of theirs."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from compcalc.errors import CompcalcError

_PREFIX = "compcalc-run-"
_LOCK = "owner.lock"


class TemporaryFolder:
    """A folder that goes with this process.

    A process that is killed leaves its folder; the next one that makes a folder beside it takes that away. Whose folder
    is in use is known by a lock, which the operating system gives up when a process ends, however it ends.

    Args:
        below: in which folder; None for the system's.

    Attributes:
        path: of the folder.

    Raises:
        CompcalcError: none can be made.
    """

    def __init__(self, below: Path | None = None):
        self._folder = None
        try:
            self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=below, ignore_cleanup_errors=True)
            self.path = Path(self._folder.name)
            self._lock = FileLock(self.path / _LOCK, thread_local=False)
            with suppress(NotImplementedError):  # a file system without locks: nobody will call it forsaken
                self._lock.acquire(timeout=0)
        except OSError as error:
            if self._folder is not None:
                self._folder.cleanup()
            raise CompcalcError(
                f"no temporary directory can be made ({error.strerror or error}). Make room, or name another in TMPDIR."
            ) from error
        for other in self.path.parent.glob(f"{_PREFIX}*"):
            if other != self.path:
                _remove_forsaken(other)

    def cleanup(self) -> None:
        """Remove it."""
        with suppress(OSError):
            self._lock.release()
        self._folder.cleanup()


def _remove_forsaken(folder: Path) -> None:
    """Remove a folder whose owner has ended; one that has no lock yet is just being made."""
    lock = folder / _LOCK
    with suppress(OSError, NotImplementedError, Timeout):
        if lock.is_file():
            with FileLock(lock).acquire(timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
