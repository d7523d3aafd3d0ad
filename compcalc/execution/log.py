"""The log of a run directory: one JSON object a line, appended by any number of processes."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOG = "log.jsonl"


class RunLog:
    """Appends events to a file.

    Every event has `time` (UTC), `pid` and `event`; units have `unit` and what they cost, and those without a result
    their `cause` and the command that computes that unit alone.

    Args:
        path: the file; None to keep no log.
    """

    def __init__(self, path: Path | None):
        self._path = path

    def write(self, event: str, **facts: Any) -> None:
        """Append one event. A disk that is full or gone is left to the results' writer to complain about."""
        if self._path is None:
            return
        entry = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "pid": os.getpid(), "event": event}
        line = json.dumps({**entry, **facts}, default=str) + "\n"
        # One write to a file opened for appending: lines of several processes do not mix.
        with suppress(OSError):
            handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                os.write(handle, (_end_of_line(handle) + line).encode())
            finally:
                os.close(handle)


def _end_of_line(handle: int) -> str:
    """What is missing of the last line, where a full disk or a copy that was cut off left a part of it."""
    size = os.fstat(handle).st_size
    return "\n" if size and os.pread(handle, 1, size - 1) != b"\n" else ""


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a log, without lines that a killed process left unfinished."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            with suppress(ValueError):
                yield json.loads(line)
