"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from compcalc.errors import CompcalcError

PARTIAL = ".partial"
"""Suffix of a file that is being written; one that a killed process leaves is worthless."""


class CannotWriteError(CompcalcError, OSError):
    """A file cannot be written: the disk is full, the directory read-only, or gone.

    Args:
        path: what was to be written.
        reason: in the system's words.
    """

    def __init__(self, path: Path, reason: str):
        self.path, self.reason = path, reason
        super().__init__(path, reason)

    def __str__(self) -> str:
        return (
            f"{self.path} cannot be written: {self.reason}. What is finished is kept: make room, or make it "
            "writable, then give the same command again."
        )


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that becomes `path` when the block ends well, flushed to the disk, and vanishes otherwise.

    Raises:
        CannotWriteError: it cannot be written; a file that was there is as before.
    """
    try:
        with _replacing(path) as file:
            yield file
    except CannotWriteError:
        raise
    except OSError as error:
        raise CannotWriteError(path, error.strerror or str(error)) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that only this run reads.

    Raises:
        CannotWriteError: it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CannotWriteError(path, error.strerror or str(error)) from error


def make_directory(path: Path) -> None:
    """Make a directory and its parents where they are missing.

    Raises:
        CannotWriteError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWriteError(path, error.strerror or str(error)) from error


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=PARTIAL)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's own mode shuts everybody else out
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
