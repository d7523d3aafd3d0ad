"""What matscipy and ASE promise: letters, shifts, cutoffs by element and by radius, and refusals."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.neighborlist import neighbor_list as ase_list
from brute import as_set
from matscipy.neighbours import neighbour_list as matscipy_list

from compcalc.errors import InputError
from compcalc.neighbours import batch_edges, neighbour_list

STRUCTURES = {
    "ethanol": molecule("CH3CH2OH", vacuum=10.0),
    "copper, one atom": bulk("Cu"),
    "salt": bulk("NaCl", "rocksalt", a=5.64) * (2, 1, 3),
    "slab": Atoms("C6", positions=np.arange(18).reshape(6, 3) % 7, cell=[4, 5, 20], pbc=[1, 1, 0]),
    "skewed, atoms outside": Atoms(
        "H3", [[9, -8, 7], [0.1, 0, 0], [-3, 2, 30]], cell=[[3, 0, 0], [5, 2, 0], [1, 4, 4]], pbc=True
    ),
}


@pytest.mark.parametrize("peer", [ase_list, matscipy_list])
@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("cutoff", [1.3, 2.9, 6.1])
def test_equals_the_peers(peer, name, cutoff):
    atoms = STRUCTURES[name]
    i, j, d, vectors, shifts = neighbour_list("ijdDS", atoms, cutoff)
    pi, pj, pd, pvectors, pshifts = peer("ijdDS", atoms, cutoff)
    assert as_set((i, j), shifts) == as_set((pi, pj), pshifts)
    np.testing.assert_allclose(np.sort(d), np.sort(pd))
    np.testing.assert_allclose(vectors.sum(0), pvectors.sum(0), atol=1e-8)


def test_letters_in_any_order_and_one_alone():
    atoms = STRUCTURES["salt"]
    i, j, d, vectors, shifts = neighbour_list("ijdDS", atoms, 3.0)
    for letters, expected in [("DjS", (vectors, j, shifts)), ("di", (d, i)), ("SdDji", (shifts, d, vectors, j, i))]:
        for got, want in zip(neighbour_list(letters, atoms, 3.0), expected, strict=True):
            np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(neighbour_list("j", atoms, 3.0), j)


@pytest.mark.parametrize("cutoff", [
    {("C", "H"): 1.2, ("C", "C"): 1.6, (8, 6): 1.6},
    {(6, 1): 1.2},
    {("Au", "Au"): 3.0},
    np.linspace(0.3, 1.1, 9),
])  # fmt: skip
@pytest.mark.parametrize("pbc", [False, True])
def test_cutoffs_by_pair_equal_ase(cutoff, pbc):
    atoms = molecule("CH3CH2OH", vacuum=0.8)
    atoms.pbc = pbc
    expected = ase_list("ijS", atoms, cutoff)
    i, j, d, shifts = neighbour_list("ijdS", atoms, cutoff)
    assert as_set((i, j), shifts) == as_set(expected[:2], expected[2])
    assert len(d) == len(i)
    np.testing.assert_array_equal(neighbour_list("i", atoms, cutoff), i)


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("cell", [np.zeros((3, 3)), np.eye(3), np.full((3, 3), np.nan)])
def test_without_pbc_the_cell_is_ignored(n, cell):
    atoms = Atoms("H" * n, positions=[[0, 0, 0], [1.4, -0.3, 2.1]][:n])
    atoms.cell[:] = cell
    i, j, vectors, shifts = neighbour_list("ijDS", atoms, 5.0)
    assert list(zip(i, j, strict=True)) == [(0, 1), (1, 0)][: n * (n - 1)]
    np.testing.assert_array_equal(vectors, atoms.positions[j] - atoms.positions[i])
    assert shifts.shape == (len(i), 3) and not shifts.any()


def test_a_pair_at_the_cutoff_is_left_out_both_ways():
    atoms = bulk("Cu", "sc", a=2.5) * (6, 6, 6)
    assert len(neighbour_list("i", atoms, 2.5)) == 0
    i, j = neighbour_list("ij", atoms, 2.5 * (1 + 1e-12))
    assert len(i) == 6 * len(atoms)
    assert set(zip(i, j, strict=True)) == set(zip(j, i, strict=True))


def test_atoms_on_one_place_are_neighbours():
    i, d = neighbour_list("id", Atoms("H2", positions=np.zeros((2, 3))), 1.0)
    assert i.tolist() == [0, 1] and not d.any()


def test_wrapping_changes_shifts_only():
    atoms = bulk("NaCl", "rocksalt", a=5.64) * 2
    atoms.rattle(0.1, seed=1)
    wrapped = atoms.copy()
    atoms.positions += np.random.default_rng(0).integers(-3, 4, (len(atoms), 3)) @ atoms.cell
    wrapped.wrap()
    a, b = neighbour_list("ijd", atoms, 4.0), neighbour_list("ijd", wrapped, 4.0)
    np.testing.assert_array_equal(np.bincount(a[0]), np.bincount(b[0]))
    np.testing.assert_allclose(np.sort(a[2]), np.sort(b[2]))


def bad_atoms(**changes):
    atoms = Atoms("H2", positions=[[0, 0, 0], [0, 0, 1.0]], cell=np.eye(3) * 9, pbc=True)
    for name, value in changes.items():
        setattr(atoms, name, value)
    return atoms


@pytest.mark.parametrize(("quantities", "changes", "cutoff", "match"), [
    ("ijx", {}, 3.0, "quantities"),
    ("ijx", {"pbc": False}, 3.0, "quantities"),
    ("ij", {}, -1.0, "cutoff: got -1.0; allowed: a finite number, not negative"),
    ("ij", {"pbc": False}, -1.0, "cutoff"),
    ("ij", {}, np.nan, "cutoff"),
    ("ij", {}, {("H", "H"): -1.0}, "cutoff"),
    ("ij", {}, {("H", "Xy"): 1.0}, "cutoff"),
    ("ij", {}, [1.0, 2.0, 3.0], "cutoff.*2 finite radii"),
    ("ij", {}, [1.0, -2.0], "cutoff.*2 finite radii"),
    ("ij", {"positions": [[0, 0, 0], [0, 0, np.nan]]}, 3.0, r"atoms \[1\].*exploded"),
    ("ij", {"positions": [[0, 0, 0], [0, 0, np.inf]], "pbc": False}, 3.0, r"atoms \[1\]"),
    ("ij", {"cell": np.zeros((3, 3))}, 3.0, "cell.*Set the cell"),
    ("ij", {"cell": [[1, 0, 0], [2, 0, 0], [0, 0, 1]]}, 3.0, "cell"),
    ("ij", {"cell": [9, 9, 1e-3]}, 3.0, "cell.*Repeat"),
])  # fmt: skip
def test_refusals(quantities, changes, cutoff, match):
    with pytest.raises(InputError, match=match):
        neighbour_list(quantities, bad_atoms(**changes), cutoff)


@pytest.mark.parametrize(("changes", "match"), [
    ({"positions": np.zeros((3, 2))}, "positions"),
    ({"offsets": [0, 2]}, "offsets"),
    ({"offsets": [0, 2, 1, 3]}, "offsets"),
    ({"cutoff": -2.0}, "cutoff"),
    ({"pbc": np.ones((1, 3))}, "cells"),
    ({"pbc": np.ones((2, 3)), "cells": np.zeros((1, 3, 3))}, "pbc"),
])  # fmt: skip
def test_refusals_of_the_batch(changes, match):
    with pytest.raises(InputError, match=match):
        batch_edges(**{"positions": np.zeros((3, 3)), "offsets": [0, 3], "cutoff": 1.0} | changes)


def test_empty_batches():
    for offsets in ([0], [0, 0, 0]):
        edges = batch_edges(np.empty((0, 3)), offsets, 3.0)
        assert len(edges) == 0 and edges.index.shape == (2, 0) and len(edges.counts) == len(offsets) - 1
