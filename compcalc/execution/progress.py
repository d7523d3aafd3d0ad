"""What a worker is doing, in a small file of fixed size that its parent reads: a killed writer damages nothing else."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

_BYTES = 128
_SHORTEST_S = 0.3
_record: int | None = None
_state, _told = "idle", 0.0


@dataclass(frozen=True)
class Activity:
    """What a worker last said.

    Attributes:
        pid: of its process.
        state: `idle`, `building` or `working`.
        fraction: how much of the present job is done, 0 to 1.
    """

    pid: int
    state: str = "idle"
    fraction: float = 0.0


def open_record(path: Path) -> None:
    """Let this process report to `path`."""
    global _record
    _record = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    enter("idle")


def enter(state: str) -> None:
    """Say that this process is now `idle`, `building` or `working`."""
    global _state, _told
    _state, _told = state, time.monotonic()
    _write(0.0)


def tell(fraction: float) -> None:
    """Say how much of the present job is done, 0 to 1; cheap enough for every step, silent outside workers."""
    global _told
    now = time.monotonic()
    if _record is not None and now - _told >= _SHORTEST_S:
        _told = now
        _write(fraction)


def read_record(path: Path) -> Activity | None:
    """What the worker that reports to `path` last said; None before it said anything."""
    try:
        return Activity(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _write(fraction: float) -> None:
    if _record is not None:
        text = json.dumps({"pid": os.getpid(), "state": _state, "fraction": round(float(fraction), 5)})
        os.pwrite(_record, text.ljust(_BYTES).encode(), 0)
