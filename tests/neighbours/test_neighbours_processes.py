"""Threads, forks and a cache that cannot be written."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from brute import as_set

from compcalc.neighbours import batch_edges

RNG = np.random.default_rng(5)
BOX = (RNG.uniform(0, 34, (4000, 3)), [0, 4000], 3.0, np.eye(3)[None] * 34, np.ones((1, 3)))
MOLECULES = (RNG.uniform(0, 8, (6000, 3)), np.arange(0, 6001, 20), 3.0)


@pytest.mark.parametrize("inputs", [BOX, MOLECULES])
def test_two_threads_give_the_same_as_one(inputs):
    one, two = batch_edges(*inputs, threads=1), batch_edges(*inputs, threads=2)
    for name in ("index", "vectors", "distances", "shifts", "counts"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_an_error_in_a_thread_reaches_the_caller():
    positions = MOLECULES[0].copy()
    positions[5990] = np.nan
    with pytest.raises(ValueError, match="5990"):
        batch_edges(positions, *MOLECULES[1:], threads=2)


def test_four_threads_call_at_once():
    expected = as_set(*_pairs(1))
    with ThreadPoolExecutor(4) as pool:
        for pairs in pool.map(_pairs, [2] * 8):
            assert as_set(*pairs) == expected


def _pairs(threads):
    edges = batch_edges(*BOX, threads=threads)
    return edges.index, edges.shifts


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_works_on():
    expected = len(batch_edges(*BOX, threads=2))
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_length).get(timeout=20) == expected


def _length():
    return len(batch_edges(*BOX, threads=2))


def test_without_a_place_for_the_cache_kernels_still_run(tmp_path):
    blocker = tmp_path / "a file"
    blocker.touch()
    code = (
        "import numpy as np, numba\n"
        "from compcalc.neighbours import neighbour_list\n"
        "from compcalc.neighbours.jit import kernel\n"
        "from ase import Atoms\n"
        "assert numba.config.CACHE_DIR\n"
        "print(neighbour_list('i', Atoms('H2', [[0, 0, 0], [0, 0, 1.0]]), 2.0).tolist())"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(blocker / "cache")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert result.stdout.strip() == "[0, 1]", result.stderr
