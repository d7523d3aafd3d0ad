"""Evidence of equilibrium, on a diatomic whose thermal distribution is known exactly."""

import numpy as np
import pytest
from ase.build import molecule as ase_molecule

from compcalc.metrics.sampling import (
    bond_forces,
    bond_types,
    combine_means,
    equilibrium_bond_forces,
    start_means,
)
from compcalc.molecules.build3d import atomic_numbers, bond_pairs
from compcalc.molecules.smiles import parse_smiles
from compcalc.units import KB_EV_PER_K

KELVIN, STIFFNESS, REST = 300.0, 12.0, 1.0
MASSES = np.array([12.011, 1.008])
BOND = np.array([[0, 1]])


def _lengths(n: int, rng, kelvin=KELVIN) -> np.ndarray:
    """Bond lengths with density r^2 exp(-k (r - r0)^2 / 2kT), by inversion on a grid."""
    grid = np.linspace(0.3, 1.7, 40001)
    density = grid**2 * np.exp(-0.5 * STIFFNESS * (grid - REST) ** 2 / (KB_EV_PER_K * kelvin))
    return np.interp(rng.random(n), np.cumsum(density) / density.sum(), grid)


def _diatomic(n=200_000, stretch=0.0, kelvin=KELVIN, seed=0):
    """Positions and forces of a harmonic diatomic, thermal but for a `stretch` of every bond."""
    rng = np.random.default_rng(seed)
    length = _lengths(n, rng, kelvin) + stretch
    direction = rng.normal(size=(n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    positions = np.zeros((n, 2, 3))
    positions[:, 1] = length[:, None] * direction
    on_second = -STIFFNESS * (length - REST)[:, None] * direction
    return positions + rng.normal(size=(n, 1, 3)), np.stack([-on_second, on_second], axis=1)


def _errors_off(positions, forces, kelvin=KELVIN) -> float:
    excess = bond_forces(positions, forces, MASSES, BOND) - equilibrium_bond_forces(positions, BOND, kelvin)
    return float(excess.mean() / (excess.std() / np.sqrt(len(excess))))


@pytest.mark.parametrize("kelvin", [100.0, 300.0, 900.0])
def test_a_thermal_bond_has_the_mean_force_of_equilibrium(kelvin):
    positions, forces = _diatomic(kelvin=kelvin)
    assert abs(_errors_off(positions, forces, kelvin)) < 4
    mean = bond_forces(positions, forces, MASSES, BOND).mean()
    assert mean == pytest.approx(-2 * KB_EV_PER_K * kelvin / REST, rel=0.15)


def test_a_wrong_temperature_sign_or_length_is_seen():
    positions, forces = _diatomic()
    assert abs(_errors_off(positions, forces, 200.0)) > 8
    assert abs(_errors_off(positions, -forces)) > 20
    assert _errors_off(*_diatomic(stretch=0.01)) < -20
    assert _errors_off(*_diatomic(stretch=-0.01)) > 20
    assert abs(_errors_off(positions, forces * 23.06)) > 20


def test_the_force_along_a_bond_by_hand():
    positions = np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, 1.25]]])
    pull = np.array([[[0.0, 0.0, 0.3], [0.0, 0.0, -0.3]]])
    assert bond_forces(positions, pull, MASSES, BOND) == pytest.approx(np.array([[-0.3]]))
    assert bond_forces(positions, pull, MASSES, BOND[:, ::-1]) == pytest.approx(np.array([[-0.3]]))
    # A force on one atom alone accelerates the bond by its share of the reduced mass.
    one = np.array([[[0.0, 0.0, 0.0], [0.0, 0.5, -0.3]]])
    assert bond_forces(positions, one, MASSES, BOND)[0, 0] == pytest.approx(-0.3 * 12.011 / 13.019)
    # A force that moves the molecule as a whole, and one across the bond, do nothing to it.
    whole = MASSES[None, :, None] * np.array([0.1, -0.2, 0.4])
    assert bond_forces(positions, whole, MASSES, BOND) == pytest.approx(np.zeros((1, 1)), abs=1e-12)
    assert equilibrium_bond_forces(positions, BOND, 300.0)[0, 0] == pytest.approx(-2 * 0.025852 / 1.25, rel=1e-4)


def test_shapes_of_several_bonds():
    atoms = ase_molecule("H2O")
    positions = np.stack([atoms.positions] * 5)
    bonds = np.array([[0, 1], [0, 2]])
    found = bond_forces(positions, np.ones_like(positions), atoms.get_masses(), bonds)
    assert found.shape == equilibrium_bond_forces(positions, bonds, 300.0).shape == (5, 2)


def _types(smiles: str) -> dict[str, int]:
    mol = parse_smiles(smiles)
    types = bond_types(atomic_numbers(mol), bond_pairs(mol))
    return {kind: types.count(kind) for kind in sorted(set(types))}


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CCO", {"C-C": 1, "C-H": 5, "C-O": 1, "O-H": 1}),
        ("CC(=O)O", {"C-C": 1, "C-H": 3, "C-O": 1, "C=O": 1, "O-H": 1}),
        ("OCC=O", {"C-C": 1, "C-H": 3, "C-O": 1, "C=O": 1, "O-H": 1}),
        ("NCCN", {"C-C": 1, "C-H": 4, "C-N": 2, "N-H": 4}),
        ("CC(=O)N", {"C-C": 1, "C-H": 3, "C-N": 1, "C=O": 1, "N-H": 2}),
        ("COC", {"C-H": 6, "C-O": 2}),
    ],
)
def test_bond_types(smiles, expected):
    assert _types(smiles) == expected


def test_bond_types_do_not_depend_on_the_order_of_atoms():
    mol = parse_smiles("CC(=O)O")
    numbers, bonds = atomic_numbers(mol), bond_pairs(mol)
    order = np.random.default_rng(0).permutation(len(numbers))
    place = np.argsort(order)
    assert bond_types(numbers[order], place[bonds][:, ::-1]) == bond_types(numbers, bonds)


def test_the_error_of_a_mean_of_independent_values():
    mean, error = combine_means([1.0, 2.0, 3.0, 6.0])
    assert mean == 3.0
    assert error == pytest.approx(np.sqrt(((4 + 1 + 0 + 9) / 3) / 4))
    values = np.random.default_rng(0).normal(5, 2, size=40_000)
    assert combine_means(values)[1] == pytest.approx(2 / 200, rel=0.02)


def test_without_a_second_value_there_is_no_error():
    mean, error = combine_means([4.0])
    assert mean == 4.0
    assert np.isnan(error)
    assert np.isnan(combine_means([])).all()


def test_frames_of_one_start_do_not_count_as_independent():
    start = np.repeat(np.arange(10), 50)
    values = np.random.default_rng(1).normal(size=10)[start]
    mean, error = combine_means(start_means(values, start))
    per_start = values[::50]
    assert mean == pytest.approx(per_start.mean())
    assert error == pytest.approx(per_start.std(ddof=1) / np.sqrt(10))
    assert error > 5 * values.std() / np.sqrt(len(values))


def test_values_of_several_bonds_are_averaged_within_a_start():
    values = np.array([[0.0, 2.0], [2.0, 4.0], [10.0, 10.0]])
    assert combine_means(start_means(values, np.array([0, 0, 1])))[0] == pytest.approx((2 + 10) / 2)
