"""The list for MD against a fresh list at every step."""

import numpy as np
import pytest
from fresh import assert_fresh

from compcalc.errors import InputError
from compcalc.neighbours import VerletList


@pytest.mark.parametrize("pbc", [(0, 0, 0), (1, 1, 0), (1, 1, 1)])
def test_a_random_walk_with_changes_of_the_cell(pbc):
    rng = np.random.default_rng(1)
    cell = np.diag([9.0, 8.0, 10.0]) + rng.normal(size=(3, 3))
    positions = rng.uniform(size=(60, 3)) @ cell
    verlet = VerletList(3.0, 0.6)
    for step in range(80):
        positions = positions + rng.normal(scale=0.03, size=positions.shape)
        if step == 30:
            positions[3] += cell[0]
        if step in (40, 41):
            cell = cell * 1.01
        assert_fresh(verlet.update(positions, cell, pbc), positions, 3.0, cell, pbc)
    assert 3 < verlet.rebuilds < 30


def test_a_batch_walks():
    rng = np.random.default_rng(2)
    offsets = np.array([0, 9, 9, 40, 300])
    positions = rng.uniform(0, 9, (300, 3)).astype(np.float32)
    verlet = VerletList(3.0, 0.6)
    for _ in range(20):
        positions = positions + rng.normal(scale=0.03, size=positions.shape).astype(np.float32)
        assert_fresh(verlet.update(positions, offsets=offsets), positions, 3.0, offsets=offsets)
    before = verlet.rebuilds
    offsets = np.array([0, 10, 10, 40, 300])
    assert_fresh(verlet.update(positions, offsets=offsets), positions, 3.0, offsets=offsets)
    assert verlet.rebuilds == before + 1


def test_two_atoms_that_approach_by_more_than_half_the_skin_each():
    cutoff, skin = 3.0, 0.5
    positions = np.array([[0, 0, 0], [cutoff + 1.01 * skin, 0, 0]])
    verlet = VerletList(cutoff, skin)
    assert len(verlet.update(positions)) == 0
    positions += [[0.6 * skin, 0, 0], [-0.6 * skin, 0, 0]]
    assert len(verlet.update(positions)) == 2
    assert verlet.rebuilds == 2


def test_small_moves_do_not_search_again():
    positions = np.random.default_rng(0).uniform(0, 6, (30, 3))
    verlet = VerletList(3.0, 0.5)
    for n in range(10):
        verlet.update(positions + 0.01 * n)
    assert verlet.rebuilds == 1


def test_a_cell_that_shrinks_around_fixed_positions():
    positions = np.array([[0.2, 0, 0], [8.0, 0, 0]])
    verlet = VerletList(2.0, 0.3)
    assert len(verlet.update(positions, np.eye(3) * 12, True)) == 0
    assert len(verlet.update(positions, np.eye(3) * 9, True)) == 2
    assert len(verlet.update(positions, np.eye(3) * 9, False)) == 0
    assert len(verlet.update(positions[:1], np.eye(3) * 9, True)) == 0
    assert verlet.rebuilds == 4


def test_the_caller_may_change_its_arrays_in_place():
    positions, cell = np.array([[0.2, 0, 0], [8.0, 0, 0]]), np.eye(3) * 12
    verlet = VerletList(2.0, 0.3)
    verlet.update(positions, cell, True)
    cell *= 0.75
    assert len(verlet.update(positions, cell, True)) == 2
    positions[1, 0] -= 3
    assert len(verlet.update(positions, cell, True)) == 0


def test_positions_that_exploded_are_refused_and_not_kept():
    positions = np.random.default_rng(0).uniform(0, 6, (30, 3))
    verlet = VerletList(3.0, 0.5)
    verlet.update(positions)
    with pytest.raises(InputError, match="positions"):
        verlet.update(np.where(np.arange(30)[:, None] == 4, np.nan, positions))
    assert_fresh(verlet.update(positions), positions, 3.0)


def test_negative_skin_is_refused():
    with pytest.raises(InputError, match="skin"):
        VerletList(3.0, -0.1)
