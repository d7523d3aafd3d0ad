"""Freed memory is kept, so that large arrays made again and again cost no page faults."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from compcalc.execution.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
make = lambda: np.empty(2**23).fill(1.0)
make()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    make()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_arrays_made_again_cost_no_page_faults():
    faults = {}
    for case in ("kept", "given back"):
        done = subprocess.run([sys.executable, "-c", CODE, case], capture_output=True, text=True, check=True)
        faults[case] = int(done.stdout)
    assert faults["kept"] < 0.05 * faults["given back"]


def test_other_c_libraries_are_left_alone(monkeypatch):
    from compcalc.execution.allocator import keep_freed_memory

    monkeypatch.setattr("sys.platform", "darwin")
    assert keep_freed_memory() is False
