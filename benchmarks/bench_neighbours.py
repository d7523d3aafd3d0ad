"""Full neighbour lists (i, j, D; cutoff 5 angstrom) against matscipy, vesin, matscipy-neighbours and ASE.

    OMP_NUM_THREADS=1 python -m pytest benchmarks/bench_neighbours.py --benchmark-group-by=param:case

Peers that are not installed are skipped. Compare the rows of one group; absolute times depend on the machine. Where the
peers can, they sort by the first atom as compcalc does. matscipy-neighbours may use more threads than asked for.
"""

from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from compcalc.neighbours import VerletList, batch_edges, neighbour_list

CUTOFF = 5.0


def molecule(n, seed=0):
    """Atoms at least 0.9 angstrom apart at the density of an organic molecule."""
    rng = np.random.default_rng(seed)
    places = []
    while len(places) < n:
        place = rng.uniform(0, (n / 0.08) ** (1 / 3), 3)
        if all(np.sum((place - other) ** 2) > 0.81 for other in places):
            places.append(place)
    return Atoms("C" * n, places, cell=np.eye(3) * 40)  # matscipy needs a cell


def box(n):
    """0.1 atoms/angstrom^3, in no spatial order."""
    length = (n / 0.1) ** (1 / 3)
    return Atoms("C" * n, np.random.default_rng(n).uniform(0, length, (n, 3)), cell=np.eye(3) * length, pbc=True)


def compcalc(atoms):
    return lambda: neighbour_list("ijD", atoms, CUTOFF, threads=1)


def compcalc_with_shifts(atoms):
    return lambda: neighbour_list("ijDS", atoms, CUTOFF, threads=1)


def compcalc_two_threads(atoms):
    return lambda: neighbour_list("ijD", atoms, CUTOFF, threads=2)


def matscipy(atoms):
    peer = pytest.importorskip("matscipy.neighbours")
    return lambda: peer.neighbour_list("ijD", atoms, CUTOFF)


def matscipy_neighbours(atoms):
    peer = pytest.importorskip("matscipy_neighbours")
    return lambda: peer.neighbour_list("ijD", atoms, CUTOFF)


def vesin(atoms):
    peer = pytest.importorskip("vesin").NeighborList(cutoff=CUTOFF, full_list=True, sorted=True)
    periodic = bool(atoms.pbc.all())
    return lambda: peer.compute(points=atoms.positions, box=atoms.cell.array, periodic=periodic, quantities="ijD")


def ase(atoms):
    return lambda: neighbor_list("ijD", atoms, CUTOFF)


@pytest.mark.parametrize("case", [9, 41])
@pytest.mark.parametrize("make", [compcalc, compcalc_with_shifts, matscipy, matscipy_neighbours, vesin, ase])
def test_one_molecule(benchmark, make, case):
    call = make(molecule(case))
    benchmark.pedantic(call, rounds=200, iterations=20, warmup_rounds=5)


@pytest.mark.parametrize("case", [10**3, 10**4, 10**5, pytest.param(10**6, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "make", [compcalc, compcalc_with_shifts, compcalc_two_threads, matscipy, matscipy_neighbours, vesin]
)
def test_periodic_box(benchmark, make, case):
    call = make(box(case))
    benchmark.pedantic(call, rounds=max(3, 30_000 // case), warmup_rounds=1)


def batch():
    """A thousand molecules, none like another: copies of one would train the branch predictor."""
    sizes = np.random.default_rng(1).integers(5, 36, 1000)
    positions = np.concatenate([molecule(n, seed).positions for seed, n in enumerate(sizes)])
    return positions, np.concatenate([[0], np.cumsum(sizes)])


def batch_compcalc(positions, offsets):
    return lambda: batch_edges(positions, offsets, CUTOFF, threads=1)


def batch_compcalc_two_threads(positions, offsets):
    return lambda: batch_edges(positions, offsets, CUTOFF, threads=2)


def batch_vesin_apart(positions, offsets):
    """All molecules in one call, 40 angstrom apart."""
    corners = np.stack(np.meshgrid(*[np.arange(10)] * 3), -1).reshape(-1, 3) * 40.0
    return vesin(Atoms(positions=positions + np.repeat(corners, np.diff(offsets), axis=0)))


def batch_matscipy_loop(positions, offsets):
    calls = [matscipy(Atoms(positions=positions[a:b], cell=np.eye(3) * 40)) for a, b in pairwise(offsets)]
    return lambda: [call() for call in calls]


@pytest.mark.parametrize("case", ["1000 molecules"])
@pytest.mark.parametrize("make", [batch_compcalc, batch_compcalc_two_threads, batch_vesin_apart, batch_matscipy_loop])
def test_batch(benchmark, make, case):
    call = make(*batch())
    benchmark.pedantic(call, rounds=20, warmup_rounds=2)


def trajectory_fresh(positions):
    return lambda step: batch_edges(positions[step % len(positions)], [0, positions.shape[1]], CUTOFF, threads=1)


def trajectory_verlet(positions):
    verlet = VerletList(CUTOFF, 0.5, threads=1)
    return lambda step: verlet.update(positions[step % len(positions)])


@pytest.mark.parametrize("case", ["41 atoms over time", "1000 atoms over time"])
@pytest.mark.parametrize("make", [trajectory_fresh, trajectory_verlet])
def test_trajectory(benchmark, make, case):
    start = molecule(int(case.split()[0])).positions
    steps = np.random.default_rng(0).normal(scale=0.01, size=(100, *start.shape)).cumsum(0)
    call = make(start + steps)
    call(0)
    benchmark.pedantic(lambda: [call(step) for step in range(100)], rounds=5, warmup_rounds=1)
