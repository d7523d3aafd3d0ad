"""Training programs in processes of their own, which end with the process that started them."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

_BOOT = """
import ctypes, os, runpy, signal, sys
parent = int(sys.argv.pop(1))
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != parent:
    sys.exit("the process that started this one is gone")
sys.argv.pop(0)
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""Runs a module in a process that ends with its parent, however that ends: a training that goes on finds no other at
its files."""


def command(module: str, arguments: Sequence[str]) -> list[str]:
    """The command line that runs `module` as a program of this process."""
    return [sys.executable, "-c", _BOOT, str(os.getpid()), module, *arguments]


def environment() -> dict[str, str]:
    """What the program finds in its environment."""
    # Threads that spin while they wait slow a shared machine down by a factor of ten and more.
    return {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONWARNINGS": "ignore", **os.environ}


def end_of_log(path: Path, lines: int = 15) -> str:
    """Its last lines."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
