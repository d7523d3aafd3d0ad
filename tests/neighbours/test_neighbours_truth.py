"""All faces against brute force, over random cells, periodicities, cutoffs and positions."""

import numpy as np
import pytest
from ase import Atoms
from brute import as_set, brute, check
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compcalc.neighbours import batch_edges, neighbour_list

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@st.composite
def structures(draw, most=25):
    """Positions, cell, pbc, cutoff: skewed, tiny and flat cells, atoms far outside, cutoffs beyond the cell."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([(1, 1, 1), (4, 4, 4), (8, 8, 8), (6, 6, 0.7), (9, 1.5, 9), (2, 9, 9)]))
    skew = draw(st.sampled_from([0.0, 0.3, 1.2]))
    cell = np.diag(scale).astype(float) @ (np.eye(3) + skew * np.tril(rng.uniform(-1, 1, (3, 3)), -1))
    cell = cell[rng.permutation(3)] @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    pbc = np.array(draw(st.tuples(*[st.booleans()] * 3)))
    n = draw(st.integers(1, most if min(scale) > 1 else 6))
    spread = draw(st.sampled_from([1.0, 3.0]))
    positions = rng.uniform(-spread + 1, spread, (n, 3)) @ np.diag([*scale][:3])
    cutoff = draw(st.sampled_from([0.0, 0.8, 1.7, 3.1, 4.5])) if min(scale) > 1 else draw(st.sampled_from([0.5, 2.2]))
    return positions, cell, pbc, cutoff


@QUIET
@given(structures())
def test_one_structure_equals_brute_force(structure):
    positions, cell, pbc, cutoff = structure
    i, j, d, vectors, shifts = neighbour_list("ijdDS", Atoms(positions=positions, cell=cell, pbc=pbc), cutoff)
    check(as_set((i, j), shifts), *brute(positions, cell, pbc, cutoff))
    assert np.all(np.diff(i) >= 0)
    np.testing.assert_allclose(vectors, positions[j] - positions[i] + shifts @ cell, atol=1e-10)
    np.testing.assert_allclose(d, np.linalg.norm(vectors, axis=1), rtol=1e-12)
    assert np.all(d < cutoff)


@QUIET
@given(st.lists(structures(most=10), min_size=1, max_size=5), st.sampled_from([np.float32, np.float64]))
def test_a_batch_equals_one_by_one(molecules, dtype):
    positions = [m[0].astype(dtype) for m in molecules]
    offsets = np.cumsum([0] + [len(p) for p in positions])
    cells, pbc = np.array([m[1] for m in molecules]), np.array([m[2] for m in molecules])
    cutoff = molecules[0][3]
    edges = batch_edges(np.concatenate(positions), offsets, cutoff, cells, pbc)
    singles = [
        batch_edges(p, [0, len(p)], cutoff, c[None], b[None]) for p, c, b in zip(positions, cells, pbc, strict=True)
    ]
    assert edges.vectors.dtype == edges.distances.dtype == dtype
    assert edges.index.dtype == np.int64
    np.testing.assert_array_equal(edges.counts, [len(s) for s in singles])
    np.testing.assert_array_equal(
        edges.index, np.concatenate([s.index + o for s, o in zip(singles, offsets, strict=False)], axis=1)
    )
    for name in ("vectors", "distances", "shifts"):
        np.testing.assert_array_equal(getattr(edges, name), np.concatenate([getattr(s, name) for s in singles]))


@QUIET
@given(structures())
def test_every_edge_has_its_reverse_to_the_last_bit(structure):
    positions, cell, pbc, cutoff = structure
    e = batch_edges(positions, [0, len(positions)], cutoff, cell[None], pbc[None])
    there = {(i, j, *s): tuple(v) for i, j, s, v in zip(*e.index.tolist(), e.shifts.tolist(), e.vectors, strict=True)}
    for (i, j, *s), v in there.items():
        assert np.all(np.array(there[(j, i, *[-x for x in s])]) == -np.array(v))


@pytest.mark.parametrize("pbc", [(1, 1, 1), (1, 0, 1), (0, 0, 0)])
@pytest.mark.parametrize("n", [400, 2000])
def test_large_structures_equal_ase(n, pbc):
    from ase.neighborlist import neighbor_list

    rng = np.random.default_rng(n)
    cell = np.diag([(n / 0.1) ** (1 / 3)] * 3) + rng.normal(scale=2, size=(3, 3))
    atoms = Atoms("H" * n, positions=rng.uniform(-0.3, 1.2, (n, 3)) @ cell, cell=cell, pbc=pbc)
    i, j, shifts = neighbour_list("ijS", atoms, 3.0)
    expected = neighbor_list("ijS", atoms, 3.0)
    assert as_set((i, j), shifts) == as_set(expected[:2], expected[2])


def test_a_huge_box_costs_no_memory_by_volume():
    rng = np.random.default_rng(0)
    clusters = [rng.uniform(0, 8, (200, 3)) + rng.uniform(0, 1e7, 3) for _ in range(20)]
    positions = np.concatenate(clusters)
    apart = batch_edges(positions, np.arange(0, 4001, 200), 3.0)
    together = batch_edges(positions, [0, 4000], 3.0)
    boxed = batch_edges(positions, [0, 4000], 3.0, np.eye(3)[None] * 1e8, np.ones((1, 3)))
    for edges in (together, boxed):
        assert as_set(edges.index, edges.shifts) == as_set(apart.index, apart.shifts)


def test_many_images_of_a_thin_cell():
    cell = np.diag([5.0, 5.0, 0.02])
    edges = batch_edges(np.zeros((1, 3)), [0, 1], 3.001, cell[None], np.ones((1, 3)))
    assert sorted(edges.shifts[:, 2].tolist()) == [s for s in range(-150, 151) if s]
