"""The C library's allocator, told to keep memory that a potential frees and asks for again at every step."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory instead of giving it back, for the rest of this process.

    torch on a CPU asks for large arrays at every call; mapped afresh each time, their pages cost as much as the
    arithmetic. Meant for worker processes: the memory stays with the process until it ends.

    Returns:
        whether the allocator took it; False on other C libraries.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_THRESHOLD, 2**30), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 2**26))
    return all([mallopt(name, value) == 1 for name, value in settings])
