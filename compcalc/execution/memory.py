"""How much memory this machine, or the container that this process runs in, has left, and what a process takes."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int:
    """Memory that can still be taken, bytes: of the machine, or less where a control group allows less."""
    machine = psutil.virtual_memory().available
    limit = _read_number(_CGROUP / "memory.max")
    used = _read_number(_CGROUP / "memory.current")
    if limit is None or used is None:
        return machine
    return min(machine, limit - used + _reclaimable())


def total_bytes() -> int:
    """Memory of the machine, or what a control group allows, bytes."""
    return min(psutil.virtual_memory().total, _read_number(_CGROUP / "memory.max") or 2**63)


def used_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants, bytes; 0 where it has ended."""
    return _total(pid, lambda member: member.memory_info().rss)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its descendants, s; 0 where it has ended."""
    return _total(pid, lambda member: sum(member.cpu_times()[:4]))


def _total(pid: int, taken: Callable[[psutil.Process], float]) -> float:
    """Sum over a process and its descendants of what each has taken; those that end meanwhile are left out."""
    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += taken(member)
    return total


def _reclaimable() -> int:
    """Cached files count as used in a control group, though they are given up when memory is short."""
    try:
        lines = (_CGROUP / "memory.stat").read_text().split("\n")
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no control group, or the word `max`
        return None
