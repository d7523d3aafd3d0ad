"""The list for MD against a fresh list at every step of a crystal that melts, and that it did melt."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from brute import as_set, brute, check
from fresh import assert_fresh
from melting import CUTOFF, EPSILON_EV, LATTICE, SIGMA, Argon, pair_forces

from compcalc.neighbours import VerletList, batch_edges

COLD_K, HOT_K = 20.0, 600.0  # argon melts at 84 K; far above, a few hundred steps suffice
STEPS = 240
HALF_NEAREST = LATTICE / np.sqrt(2) / 2  # angstrom
CRYSTAL, LIQUID = 0.9, 0.3  # order above the first, below the second
SKIN = 1.0  # angstrom


def follow(argon, kelvin, *, shown=lambda argon: argon.positions, strain=None):
    """Run with forces from a `VerletList` of the positions shown to it, and compare it at every step.

    Args:
        kelvin: temperature at the end, reached half-way.
        shown: what the list sees of the atoms.
        strain: applied every 20 steps; the list must then be made anew.
    """
    verlet = VerletList(CUTOFF, SKIN)
    for step in range(STEPS):
        argon.drift()
        strained, before = strain is not None and step % 20 == 19, verlet.rebuilds
        if strained:
            argon.deform(strain)
        edges = verlet.update(shown(argon), argon.cell, True)
        assert_fresh(edges, shown(argon), CUTOFF, argon.cell, True)
        assert verlet.rebuilds == before + 1 or not strained
        argon.kick(edges, COLD_K + (kelvin - COLD_K) * min(1.0, 2 * step / STEPS))
    check(as_set(edges.index, edges.shifts), *brute(shown(argon), argon.cell, [1, 1, 1], CUTOFF))
    return verlet


def assert_melted(argon):
    assert argon.displacement() > HALF_NEAREST
    assert argon.order() < LIQUID
    assert outside(argon) > 10


def outside(argon):
    """Atoms that crossed a face of the cell."""
    return np.any(np.floor(argon.fractions()) != 0, axis=1).sum()


def wrapped(argon):
    fractions = argon.fractions()
    return (fractions - np.floor(fractions)) @ argon.cell


def test_a_crystal_melts():
    argon = Argon(4, COLD_K)
    assert argon.order() > CRYSTAL
    verlet = follow(argon, HOT_K)
    assert_melted(argon)
    assert 20 < verlet.rebuilds < STEPS / 3


def test_a_cold_crystal_stays_one():
    argon = Argon(3, COLD_K)
    verlet = follow(argon, COLD_K)
    assert argon.displacement() < HALF_NEAREST / 2
    assert argon.order() > CRYSTAL
    assert outside(argon) == 0
    assert verlet.rebuilds < 20


def test_a_crystal_melts_in_single_precision():
    argon = Argon(3, COLD_K)
    verlet = follow(argon, HOT_K, shown=lambda argon: argon.positions.astype(np.float32))
    assert verlet.update(argon.positions.astype(np.float32), argon.cell, True).vectors.dtype == np.float32
    assert_melted(argon)
    assert 20 < verlet.rebuilds < STEPS / 3


def test_a_crystal_melts_while_its_cell_is_strained():
    argon = Argon(3, COLD_K)
    verlet = follow(argon, HOT_K, strain=[[0.004, 0.012, 0], [0, 0.004, -0.008], [0, 0, -0.004]])
    assert_melted(argon)
    assert argon.cell[0, 1] > 0.1 * LATTICE, "sheared"
    assert verlet.rebuilds < STEPS / 3


def test_a_crystal_melts_with_positions_wrapped_at_every_step():
    argon = Argon(3, COLD_K)
    verlet = follow(argon, HOT_K, shown=wrapped)
    assert_melted(argon)
    assert 20 < verlet.rebuilds < STEPS, "an atom that crosses a face renews the list; not every step has one"


@pytest.mark.parametrize("rattle", [0.0, 0.3])
def test_forces_of_the_run_equal_ase(rattle):
    argon = Argon(3, COLD_K)
    positions = argon.positions + np.random.default_rng(0).normal(scale=rattle, size=argon.positions.shape)
    edges = batch_edges(positions, [0, len(positions)], CUTOFF, argon.cell[None], np.ones((1, 3)))
    atoms = Atoms(f"Ar{len(positions)}", positions=positions, cell=argon.cell, pbc=True)
    atoms.calc = LennardJones(sigma=SIGMA, epsilon=EPSILON_EV, rc=CUTOFF)
    np.testing.assert_allclose(pair_forces(edges, len(atoms)), atoms.get_forces(), atol=1e-10)
