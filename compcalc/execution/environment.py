"""What a run was done with: hardware and software versions."""

import math
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("compcalc", "ase", "numpy", "scipy", "rdkit", "torch", "mace-torch", "e3nn", "torchani", "tblite", "h5py")
_IN_THE_RESULTS = ("ase", "numpy", "rdkit", "torch", "mace-torch", "e3nn", "torchani", "tblite")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that results depend on."""
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
    # Asked for once a work unit, and slow: the metadata of every package are parsed.
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def result_versions() -> dict[str, str]:
    """Installed versions of the packages whose arithmetic is in the results."""
    return {name: found for name, found in package_versions().items() if name in _IN_THE_RESULTS}


def hardware() -> dict[str, str | int | float | None]:
    """Processor, usable cores, memory in GiB and platform of this machine."""
    return {
        "cpu": _cpu_name(),
        "cores": usable_cores(),
        "memory_gib": _memory_gib(),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def usable_cores() -> int:
    """Cores that this process may run on: those of its affinity, or fewer where a container's quota allows less."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no control group, or the word `max`
        return cores


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
