"""Taking out the motion of the whole molecule, against ASE and against the definition."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.md.velocitydistribution import Stationary, ZeroRotation, thermalize_momenta

from compcalc.dynamics.momenta import inertia_tensor, remove_rigid_motion, rigid_kinetic_energy
from compcalc.metrics.temperature import degrees_of_freedom, temperature

CO2 = Atoms("OCO", [[0, 0, -1.16], [0, 0, 0], [0, 0, 1.16]])


def thermal(atoms, seed=0):
    atoms = atoms.copy()
    thermalize_momenta(atoms, 300.0, rng=np.random.default_rng(seed))
    return atoms


def without_rigid_motion(atoms):
    return remove_rigid_motion(atoms.get_positions(), atoms.get_velocities(), atoms.get_masses())


@pytest.mark.parametrize("name", ["H2O", "CH3CH2OH", "C6H6"])
def test_equals_ase(name):
    atoms = thermal(molecule(name))
    ours = without_rigid_motion(atoms)
    Stationary(atoms, preserve_temperature=False)
    ZeroRotation(atoms, preserve_temperature=False)
    np.testing.assert_allclose(ours, atoms.get_velocities(), atol=1e-12)


@pytest.mark.parametrize("atoms", [molecule("H2O"), molecule("CH3CH2OH"), CO2, molecule("H2")], ids=str)
def test_no_momentum_and_no_angular_momentum_are_left(atoms):
    atoms = thermal(atoms)
    before, after = atoms.get_velocities(), without_rigid_motion(atoms)
    weight, positions = atoms.get_masses()[:, None], atoms.get_positions() - atoms.get_center_of_mass()
    scale = np.abs(weight * before).max()
    assert np.abs((weight * after).sum(axis=0)).max() < 1e-12 * scale
    assert np.abs((weight * np.cross(positions, after)).sum(axis=0)).max() < 1e-12 * scale
    # What was taken out is a rigid motion: no distance changes in it.
    out = before - after
    for i in range(len(atoms)):
        stretch = np.einsum("nk,nk->n", positions - positions[i], out - out[i])
        np.testing.assert_allclose(stretch, 0, atol=1e-12)
    assert np.abs(out).max() > 1e-3


def test_applied_twice_it_changes_nothing_more():
    atoms = thermal(molecule("CH3CH2OH"))
    once = without_rigid_motion(atoms)
    twice = remove_rigid_motion(atoms.get_positions(), once, atoms.get_masses())
    np.testing.assert_allclose(twice, once, atol=1e-14)


def test_a_linear_molecule_along_any_axis_keeps_finite_vibrations():
    for axis in np.random.default_rng(0).normal(size=(10, 3)):
        atoms = thermal(Atoms("OCO", np.outer([-1.16, 0, 1.16], axis / np.linalg.norm(axis))))
        after = without_rigid_motion(atoms)
        assert np.isfinite(after).all() and np.abs(after).max() < 1
        counted = degrees_of_freedom(atoms.positions, atoms.get_masses(), remove_translation=True, remove_rotation=True)
        assert counted == 4


def test_a_single_atom_comes_to_rest():
    after = without_rigid_motion(thermal(Atoms("H", [[3.0, 2.0, 1.0]])))
    np.testing.assert_array_equal(after, np.zeros((1, 3)))


@pytest.mark.parametrize(("atoms", "freedom"), [(molecule("H2O"), 3), (CO2, 4), (molecule("H2"), 1)], ids=str)
def test_temperature_over_the_degrees_of_freedom_left_is_the_one_drawn(atoms, freedom):
    rng, masses, kinetic = np.random.default_rng(0), atoms.get_masses(), []
    for _ in range(1500):
        thermalize_momenta(atoms, 300.0, rng=rng)
        atoms.set_velocities(without_rigid_motion(atoms))
        kinetic.append(atoms.get_kinetic_energy())
    assert freedom == degrees_of_freedom(atoms.positions, masses, remove_translation=True, remove_rotation=True)
    error = 300 * np.sqrt(2 / freedom / 1500)
    assert temperature(np.mean(kinetic), freedom) == pytest.approx(300, abs=4 * error)
    # Counting all 3N would read a third for water: 98 K.
    assert temperature(np.mean(kinetic), 3 * len(atoms)) < 150


def test_inertia_of_water():
    water = molecule("H2O")
    centred = water.positions - water.get_center_of_mass()
    moments = np.linalg.eigvalsh(inertia_tensor(centred, water.get_masses()))
    np.testing.assert_allclose(moments, water.get_moments_of_inertia(), rtol=1e-10)


def rigid(atoms, velocities, rotations):
    args = (np.asarray(velocities), atoms.get_masses(), [len(atoms)], [rotations])
    return rigid_kinetic_energy(atoms.get_positions(), *args)[0]


@pytest.mark.parametrize(
    ("atoms", "rotations"),
    [(molecule("H2O"), 3), (molecule("CH3CH2OH"), 3), (CO2, 2), (molecule("H2"), 2), (Atoms("H"), 0)],
    ids=lambda value: str(value),
)
def test_rigid_motion_carries_what_taking_it_out_takes(atoms, rotations):
    atoms = thermal(atoms)
    before, after = atoms.get_velocities(), without_rigid_motion(atoms)
    kinetic = [0.5 * float(np.sum(atoms.get_masses()[:, None] * v**2)) for v in (before, after)]
    assert rigid(atoms, before, rotations) == pytest.approx(kinetic[0] - kinetic[1], rel=1e-9)
    assert rigid(atoms, after, rotations) < 1e-12
    turning = np.array([0.1, 0.2, 0.0]) + np.cross([0.02, -0.01, 0.03], atoms.positions)
    whole = 0.5 * float(np.sum(atoms.get_masses()[:, None] * turning**2))
    assert rigid(atoms, turning, rotations) == pytest.approx(whole, rel=1e-9)
    assert rigid(atoms, -turning, rotations) == pytest.approx(whole, rel=1e-9)


def test_molecules_side_by_side_are_counted_apart():
    both = [thermal(molecule("H2O"), 1), thermal(CO2, 2)]
    joined = [
        np.concatenate([getattr(atoms, f"get_{name}")() for atoms in both])
        for name in ("positions", "velocities", "masses")
    ]
    apart = [rigid(atoms, atoms.get_velocities(), turns) for atoms, turns in zip(both, (3, 2), strict=True)]
    np.testing.assert_allclose(rigid_kinetic_energy(*joined, [3, 3], [3, 2]), apart, rtol=1e-12)


def test_the_bending_of_a_linear_molecule_is_no_rotation():
    """Bent by a degree and bending about its axis: one that has two axes to turn about keeps that as vibration."""
    bent = CO2.copy()
    bent.positions[1, 0] = 0.02
    about_its_axis = np.cross([0, 0, 0.05], bent.positions - bent.get_center_of_mass())
    assert rigid(bent, about_its_axis, 2) < 1e-9 * rigid(bent, about_its_axis, 3)


def test_geometries_that_are_lost_have_no_rigid_motion_to_speak_of():
    positions = np.array([[0, 0, 0], [0, np.nan, 1.0], [0, 0, 0], [0, 0, 1.0]])
    velocities = np.array([[0, 0, 1.0]] * 4)
    found = rigid_kinetic_energy(positions, velocities, np.ones(4), [2, 2], [2, 2])
    assert np.isnan(found[0]) and found[1] == pytest.approx(1.0)
