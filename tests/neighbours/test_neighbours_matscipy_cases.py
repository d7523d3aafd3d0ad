"""The cases by which matscipy tests its neighbour list, as properties: known counts, odd cells, its helpers."""

import itertools
from collections import defaultdict

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.geometry import get_distances
from ase.lattice.hexagonal import Graphite
from brute import as_set, brute, check
from matscipy.neighbours import find_indices_of_reversed_pairs, first_neighbours, triplet_list
from matscipy.neighbours import neighbour_list as matscipy_list

from compcalc.neighbours import neighbour_list

PERIODICITIES = list(itertools.product([False, True], repeat=3))


def counts(atoms, cutoff):
    return np.bincount(neighbour_list("i", atoms, cutoff), minlength=len(atoms))


@pytest.mark.parametrize("pbc", [(1, 1, 1), (0, 0, 0), (1, 0, 1)])
@pytest.mark.parametrize("outside", [False, True])
def test_bonds_of_a_network_are_minimum_images(pbc, outside):
    atoms = bulk("C", cubic=True) * (2, 3, 2)
    atoms.rattle(0.03, seed=3)
    atoms.pbc = pbc
    if outside:
        for axis, atom in enumerate((10, 20, 30)):
            atoms.positions[atom] += atoms.cell[axis]
    j, vectors, i, d, shifts = neighbour_list("jDidS", atoms, 1.85)
    check(as_set((i, j), shifts), *brute(atoms.positions, atoms.cell, pbc, 1.85))
    np.testing.assert_array_equal(np.bincount(i, minlength=len(atoms)), np.bincount(j, minlength=len(atoms)))
    direct = atoms.positions[j] - atoms.positions[i]
    lengths = atoms.cell.lengths()
    nearest = direct - np.where(pbc, np.round(direct / lengths), 0) * lengths
    np.testing.assert_allclose(vectors, nearest, atol=1e-12)
    np.testing.assert_allclose(d, np.linalg.norm(nearest, axis=1), atol=1e-12)
    assert not shifts[:, ~np.array(pbc, bool)].any()
    if all(pbc):
        np.testing.assert_array_equal(counts(atoms, 1.85), 4)


@pytest.mark.parametrize(("cutoff", "by_periodic_axes"), [
    (0.99, (0, 0, 0, 0)),
    (1.1, (0, 2, 4, 6)),
    (1.5, (0, 2, 8, 18)),
    (1.8, (0, 2, 8, 26)),
    (2.1, (0, 4, 12, 32)),
    (10.001, (0, 20, 316, 4168)),
])  # fmt: skip
@pytest.mark.parametrize("pbc", PERIODICITIES)
@pytest.mark.parametrize("cell", [np.eye(3), -np.eye(3)[[1, 2, 0]]])
def test_one_atom_counts_the_points_of_the_lattice_in_a_sphere(pbc, cell, cutoff, by_periodic_axes):
    i, j, vectors, shifts = neighbour_list("ijDS", Atoms("C", [[0.5, 0.5, 0.5]], cell=cell, pbc=pbc), cutoff)
    assert len(i) == by_periodic_axes[sum(pbc)]
    assert not i.any() and not j.any()
    np.testing.assert_array_equal(vectors, shifts @ cell)


@pytest.mark.parametrize(("first", "cell"), [(0.5, 1.0), (9.5, 10.0)])
def test_a_pair_across_a_face_that_does_not_repeat(first, cell):
    atoms = Atoms("C2", [[first, 0.5, 0.5], [first + 0.6, 0.5, 0.5]], cell=np.eye(3) * cell)
    for wider in (atoms, Atoms(atoms, cell=[2 * cell, cell, cell])):
        i, j, d, shifts = neighbour_list("ijdS", wider, 1.1)
        assert (i.tolist(), j.tolist()) == ([0, 1], [1, 0])
        np.testing.assert_allclose(d, 0.6)
        assert not shifts.any()


def test_a_pair_across_a_face_that_repeats():
    atoms = Atoms("C2", [[0.5, 0.5, 0.5], [1.1, 0.5, 0.5]], cell=np.eye(3), pbc=[1, 0, 0])
    i, j, vectors, shifts = neighbour_list("ijDS", atoms, 1.1)
    assert as_set((i, j), shifts) == {
        (a, b, s, 0, 0)
        for a, b, steps in [(0, 0, (-1, 1)), (0, 1, (-1, 0)), (1, 0, (0, 1)), (1, 1, (-1, 1))]
        for s in steps
    }
    np.testing.assert_allclose(np.sort(vectors[:, 0]), [-1, -1, -0.6, -0.4, 0.4, 0.6, 1, 1])


@pytest.mark.parametrize("n", [20, 100, 400])
@pytest.mark.parametrize("cutoff", [3, 3.0])
def test_an_isolated_cluster_has_no_shifts_in_whatever_cell(n, cutoff):
    positions = np.random.default_rng(n).uniform(-5, 9, (n, 3))
    shrunk = np.diag(np.ptp(positions, axis=0))
    pairs = set()
    for cell in (np.zeros((3, 3)), np.eye(3), shrunk):
        i, j, vectors, shifts = neighbour_list("ijDS", Atoms(positions=positions, cell=cell), cutoff)
        np.testing.assert_array_equal(vectors, positions[j] - positions[i])
        assert not shifts.any()
        pairs.add(frozenset(as_set((i, j), shifts)))
    assert len(pairs) == 1
    check(set(pairs.pop()), *brute(positions, np.eye(3), np.zeros(3), cutoff))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_graphite_has_three_bonds(size):
    atoms = Graphite("C", latticeconstant=(2.5, 10.0), size=[size, size, 1])
    np.testing.assert_array_equal(counts(atoms, 1.85), 3)
    np.testing.assert_allclose(neighbour_list("d", atoms, 1.85), 2.5 / np.sqrt(3))


@pytest.mark.parametrize("height", [0.0, 10.0])
@pytest.mark.parametrize(("cutoff", "expected"), [(1.2, 6), (1.8, 12), (2.1, 18), (2.7, 30), (3.1, 36)])
def test_a_triangular_lattice_in_one_plane(cutoff, expected, height):
    one = Atoms("H", cell=[[1, 0, 0], [0.5, np.sqrt(0.75), 0], [0, 0, height]], pbc=[1, 1, 0])
    two = Atoms("H2", [[0, 0, 0], [0.5, np.sqrt(0.75), 0]], cell=[1, np.sqrt(3), height], pbc=[1, 1, 0])
    for atoms in (one, two):
        i, j, vectors, shifts = neighbour_list("ijDS", atoms, cutoff)
        np.testing.assert_array_equal(np.bincount(i), expected)
        np.testing.assert_allclose(vectors, atoms.positions[j] - atoms.positions[i] + shifts @ atoms.cell, atol=1e-14)
        assert not vectors[:, 2].any()


SHELLS = {
    "sc": [(1, 6), (2**0.5, 12), (3**0.5, 8)],
    "fcc": [(0.5**0.5, 12), (1, 6), (1.5**0.5, 24)],
    "bcc": [(0.75**0.5, 8), (1, 6), (2**0.5, 12)],
    "diamond": [(3**0.5 / 4, 4), (0.5**0.5, 12), (11**0.5 / 4, 12)],
    "hcp": [(1, 12), (2**0.5, 6), ((8 / 3) ** 0.5, 2)],
}


def crystal(structure):
    if structure == "hcp":
        return bulk("Mg", "hcp", a=1.0, c=(8 / 3) ** 0.5)
    return bulk("Al", structure, a=1.0)


@pytest.mark.parametrize("structure", SHELLS)
@pytest.mark.parametrize("repeats", [(1, 1, 1), (1, 3, 2), (5, 5, 6)])
def test_shells_of_crystals(structure, repeats):
    atoms = crystal(structure) * repeats
    expected = 0
    for radius, more in SHELLS[structure]:
        np.testing.assert_array_equal(counts(atoms, radius * (1 - 1e-9)), expected)
        expected += more
        np.testing.assert_array_equal(counts(atoms, radius * (1 + 1e-9)), expected)
        d = neighbour_list("d", atoms, radius * (1 + 1e-9))
        np.testing.assert_allclose(np.sort(d)[-more * len(atoms) :], radius)


@pytest.mark.parametrize("structure", SHELLS)
@pytest.mark.parametrize("seed", range(5))
def test_another_cell_of_the_same_crystal_changes_shifts_only(structure, seed):
    """With M @ cell for a matrix M of whole numbers with determinant -1, the shifts S' obey S' @ M = S."""
    atoms = crystal(structure) * (1, 2, 1)
    atoms.rattle(0.02, seed=seed)
    rng = np.random.default_rng(seed)
    change = np.tril(rng.integers(-3, 4, (3, 3)), -1) + np.eye(3, dtype=int)
    change = change[[1, 0, 2]] @ (np.triu(rng.integers(-2, 3, (3, 3)), 1) + np.eye(3, dtype=int))
    other = Atoms(atoms, cell=change @ atoms.cell)
    i, j, d, shifts = neighbour_list("ijdS", atoms, 1.9)
    oi, oj, od, oshifts = neighbour_list("ijdS", other, 1.9)
    assert as_set((oi, oj), oshifts @ change) == as_set((i, j), shifts)
    np.testing.assert_allclose(np.sort(od), np.sort(d))


@pytest.mark.parametrize("cell", [np.eye(3) * 3, [[3, 0, 0], [1, 3, 0], [-2, 1, 3]]])
@pytest.mark.parametrize(("cutoff", "expected"), [(1.2, 6), (1.5, 18)])
def test_atoms_on_the_faces_of_the_cell(cell, cutoff, expected):
    """Rounding puts them now on this side of a face, now on that."""
    sites = np.array(list(itertools.product(range(3), repeat=3)), float)
    rng = np.random.default_rng(4)
    beyond = sites + rng.integers(-1, 2, sites.shape) @ np.array(cell)
    for positions in (sites, beyond, np.nextafter(beyond, rng.choice([-9, 9], sites.shape)), sites + 0.3):
        i, j, shifts = neighbour_list("ijS", Atoms(positions=positions, cell=cell, pbc=True), cutoff)
        check(as_set((i, j), shifts), *brute(positions, cell, [1, 1, 1], cutoff))
        np.testing.assert_array_equal(np.bincount(i), expected)


def skewed_atoms(pbc):
    atoms = Atoms(numbers=range(10), cell=[(0.2, 1.2, 1.4), (1.4, 0.1, 1.6), (1.3, 2.0, -0.1)], pbc=pbc)
    atoms.set_scaled_positions(3 * np.random.default_rng(8).random((10, 3)) - 1)
    return atoms


@pytest.mark.parametrize("pbc", PERIODICITIES)
def test_radii_in_a_repeated_cell_give_each_copy_the_same_neighbours(pbc):
    """Ten spheres in and out of a small skewed cell, which overlap with many images."""
    one = skewed_atoms(pbc)
    two = one.repeat(np.add(pbc, 1))
    i, j, d, shifts = neighbour_list("ijdS", one, one.numbers * 0.2 + 0.5)
    expected = matscipy_list("ijS", one, one.numbers * 0.2 + 0.5)
    assert as_set((i, j), shifts) == as_set(expected[:2], expected[2])
    copies = len(two) // len(one)
    np.testing.assert_array_equal(
        counts(two, two.numbers * 0.2 + 0.5).reshape(copies, -1), np.tile(np.bincount(i, minlength=10), (copies, 1))
    )
    np.testing.assert_allclose(neighbour_list("d", two, two.numbers * 0.2 + 0.5).sum(), d.sum() * copies)


@pytest.mark.parametrize("pbc", PERIODICITIES)
@pytest.mark.parametrize("cutoff", [0.7, 1.6, 3.0])
def test_the_nearest_image_of_each_pair_is_in_the_list(pbc, cutoff):
    """ASE finds it in the Wigner-Seitz cell, which is far from the shape of this one."""
    atoms = skewed_atoms(pbc)
    atoms.cell[2] = atoms.cell[2] + 2 * atoms.cell[0] - atoms.cell[1]
    i, j, d = neighbour_list("ijd", atoms, cutoff)
    nearest = np.full((10, 10), np.inf)
    np.minimum.at(nearest, (i, j), d)
    repeating = np.where(np.array(pbc)[:, None], atoms.cell, 0)  # with the others too, ASE misses nearest images
    expected = get_distances(atoms.positions, cell=repeating, pbc=pbc)[1]
    other = ~np.eye(10, dtype=bool)  # an atom's nearest image of itself is itself
    np.testing.assert_allclose(nearest[other], np.where(expected < cutoff, expected, np.inf)[other])


@pytest.mark.parametrize(("cutoff", "expected"), [
    (1.85, {"O": [2, 1], "C": [3], "H": [1, 1]}),
    ({(1, 6): 1.2}, {"O": [0, 0], "C": [1], "H": [1, 0]}),
    ({(6, 8): 1.4}, {"O": [1, 1], "C": [2], "H": [0, 0]}),
    ({("H", "C"): 1.2, (6, 8): 1.4}, {"O": [1, 1], "C": [3], "H": [1, 0]}),
    ({("O", "H"): 1.1}, {"O": [1, 0], "C": [0], "H": [1, 0]}),
])  # fmt: skip
def test_bonds_of_formic_acid_by_elements(cutoff, expected):
    atoms = molecule("HCOOH", vacuum=5.0)
    for periodic in (False, True):
        atoms.pbc = periodic
        found = counts(atoms, cutoff)
        for symbol, bonds in expected.items():
            assert sorted(found[atoms.symbols == symbol].tolist(), reverse=True) == bonds


def test_first_neighbours_of_atoms_some_of_which_have_none():
    positions = np.arange(9)[:, None] * [5.0, 0, 0]
    positions[3] = positions[2] + [0, 1, 0]
    positions[6:8] = positions[5] + np.array([[0, 1, 0], [0, 0, 1]])
    i, j = neighbour_list("ij", Atoms(positions=positions), 2.0)
    seeds = np.searchsorted(i, np.arange(10))
    assert seeds.tolist() == [0, 0, 0, 1, 2, 2, 4, 6, 8, 8]
    found = first_neighbours(9, i.astype(np.int32))
    some = np.isin(np.arange(9), i)
    np.testing.assert_array_equal(found[:9][some], seeds[:9][some])
    for atom, partners in {2: {3}, 5: {6, 7}, 7: {5, 6}}.items():
        assert set(j[found[atom] : found[atom + 1]].tolist()) == partners


def test_reversed_pairs_are_negative():
    atoms = bulk("NaCl", "rocksalt", a=5.64) * 2
    atoms.rattle(0.2, seed=5)
    i, j, d, vectors, shifts = neighbour_list("ijdDS", atoms, 5.0)
    back = find_indices_of_reversed_pairs(i, j, d)
    np.testing.assert_array_equal(i[back], j)
    np.testing.assert_array_equal(j[back], i)
    np.testing.assert_array_equal(d[back], d)
    np.testing.assert_array_equal(vectors[back], -vectors)
    np.testing.assert_array_equal(shifts[back], -shifts)


def test_triplets_of_methane_have_its_angle():
    i, vectors = neighbour_list("iD", molecule("CH4"), 1.3)
    first, second = triplet_list(first_neighbours(5, i.astype(np.int32)))
    assert len(first) == 4 * 3
    cosines = np.einsum("tc,tc->t", vectors[first], vectors[second]) / np.linalg.norm(vectors[0]) ** 2
    np.testing.assert_allclose(cosines, -1 / 3, atol=1e-6)


def test_a_default_cutoff_holds_for_pairs_that_are_not_named():
    atoms = molecule("HCOOH", vacuum=3.0)
    table = defaultdict(lambda: 1.3, {("O", "H"): 2.5})
    limits = [[2.5 if {a, b} == {"O", "H"} else 1.3 for b in atoms.symbols] for a in atoms.symbols]
    expected = (atoms.get_all_distances() < limits) & ~np.eye(len(atoms), dtype=bool)
    i, j = neighbour_list("ij", atoms, table)
    assert set(zip(i, j, strict=True)) == set(zip(*np.nonzero(expected), strict=True))
    assert 0 < len(neighbour_list("i", atoms, dict(table))) < len(i)
