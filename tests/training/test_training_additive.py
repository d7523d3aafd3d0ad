"""The least-squares force field finds what the labels were made of."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from scipy.optimize import lsq_linear
from training_fields import job, labelled

from compcalc.calculators import get_calculator
from compcalc.calculators.additive.kinds import pair_monomials
from compcalc.calculators.additive.parameters import AdditiveParameters
from compcalc.errors import InputError
from compcalc.training.additive import AdditiveSettings, choose, fit_additive
from compcalc.training.normal_equations import Sums, solve
from compcalc.training.split import TrainingSplit

K, R0 = 45.0, 0.97
ENERGIES = {"H": -13.0, "C": -1000.0, "O": -2000.0}


def spring(atoms: Atoms) -> tuple[float, np.ndarray]:
    """Two atoms with a spring of K eV/angstrom^2 between them, on top of the free atoms."""
    vector = atoms.positions[1] - atoms.positions[0]
    length = np.linalg.norm(vector)
    force = -K * (length - R0) * vector / length
    return -2013.0 + 0.5 * K * (length - R0) ** 2, np.array([-force, force])


def mmff94(atoms: Atoms) -> tuple[float, np.ndarray]:
    calculator = get_calculator("mmff94")
    free = sum(ENERGIES[symbol] for symbol in atoms.symbols)
    return free + calculator.get_potential_energy(atoms), calculator.get_forces(atoms)


def fitted(task, settings=AdditiveSettings()):  # noqa: B008
    fit = fit_additive(task, settings)
    return get_calculator(f"additive:{fit.model}"), fit


def test_a_spring_constant_is_recovered(tmp_path):
    pair = Atoms("OH", [[0, 0, 0], [0, 0, R0]])
    calculator, fit = fitted(job(tmp_path / "work", {"oh": pair}, spring, ENERGIES, scale=0.01))
    energies = []
    for length in (R0 - 0.01, R0, R0 + 0.01):
        pair.positions[1, 2] = length
        energies.append(calculator.get_potential_energy(pair))
    assert (energies[0] - 2 * energies[1] + energies[2]) / 1e-4 == pytest.approx(K, rel=0.01)
    assert energies[1] == pytest.approx(-2013.0, abs=1e-3)
    assert calculator.get_forces(pair)[1, 2] == pytest.approx(-K * 0.01, rel=0.01)
    assert fit.details["coefficients"] == 2 * 2 + 2 * 3


def test_forces_of_the_wrong_sign_do_not_fit(tmp_path):
    pair = Atoms("OH", [[0, 0, 0], [0, 0, R0]])
    right = job(tmp_path / "right", {"oh": pair}, spring, ENERGIES, scale=0.01)
    wrong = replace(
        right,
        directory=tmp_path / "wrong",
        split=TrainingSplit(*(tuple(replace(f, forces=-f.forces) for f in side) for side in
                              (right.split.train, right.split.valid))),
    )  # fmt: skip
    wrong.directory.mkdir()
    good, bad = (fitted(one)[1].details for one in (right, wrong))
    force, energy = "validation_force_rmse_mev_per_angstrom", "validation_energy_rmse_mev_per_atom"
    assert good[force] < 5 and good[energy] < 0.05
    assert bad[force] > 100 or bad[energy] > 1


def test_a_force_field_of_the_same_terms_is_found_again(tmp_path):
    """Labels of a fitted field are fitted exactly, on geometries that neither fit has seen."""
    molecules = {"ethanol": molecule("CH3CH2OH"), "methane": molecule("CH4")}
    first, fit = fitted(job(tmp_path / "first", molecules, mmff94, ENERGIES))
    assert fit.details["validation_force_rmse_mev_per_angstrom"] < 150

    def label(atoms):
        return first.get_potential_energy(atoms), first.get_forces(atoms)

    second, fit = fitted(job(tmp_path / "second", molecules, label, ENERGIES), AdditiveSettings(ridge=1e-7))
    assert fit.details["validation_force_rmse_mev_per_angstrom"] < 0.5
    for name, atoms in molecules.items():
        new = labelled(name, atoms, label, 5, seed=77)
        energies, forces = second.evaluate([Atoms(new.numbers, positions) for positions in new.positions])
        np.testing.assert_allclose(energies, new.energy, atol=1e-3)
        np.testing.assert_allclose(forces, new.forces, atol=5e-3)
    assert np.abs(new.forces).max() > 1.0


def test_no_pair_collapses_even_where_the_labels_would_have_it(tmp_path):
    """Of labels in which hydrogens fall into each other plain least squares finds the hole; the default has none."""
    ethanol = {"ethanol": molecule("CH3CH2OH")}

    def collapsing(atoms):
        energy, forces = mmff94(atoms)
        hydroxyl, others = 3, [4, 5, 6, 7, 8]
        vectors = atoms.positions[others] - atoms.positions[hydroxyl]
        distances = np.linalg.norm(vectors, axis=1)
        pulls = -12 * (30.0 / distances**7)[:, None] ** 2 * vectors
        forces[others] += pulls
        forces[hydroxyl] -= pulls.sum(axis=0)
        return energy - ((30.0 / distances**6) ** 2).sum(), forces

    close = pair_monomials(np.array([0.3]), np.array([[3.0, 0.01]]))[0][:, 0]
    lowest = {}
    for free in (False, True):
        task = job(tmp_path / str(free), ethanol, collapsing, ENERGIES)
        pairs = AdditiveParameters.load(fitted(task, AdditiveSettings(free_pairs=free))[1].model).terms["pair"]
        sums = [np.add(pairs[name.split()[0]], values) for name, values in pairs.items() if " " in name]
        lowest[free] = min(close @ values for values in sums)
    assert lowest[False] >= 0 > lowest[True]


def test_the_same_job_gives_the_same_file(tmp_path):
    molecules = {"water": molecule("H2O")}
    files = [
        fit_additive(job(tmp_path / name, molecules, mmff94, ENERGIES, count=9), AdditiveSettings()).model
        for name in ("one", "two")
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def random_sums(rows: int, size: int, seed: int) -> tuple[Sums, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    matrix, values = rng.normal(size=(rows, size)), rng.normal(size=rows)
    sums = Sums.empty(size)
    for part in np.array_split(np.arange(rows), 3):
        sums.add(matrix[part], values[part], np.arange(size))
    return sums, matrix, values


def test_sums_give_the_error_of_the_rows():
    sums, matrix, values = random_sums(12, 4, seed=3)
    coefficients = np.array([0.3, -1.0, 2.0, 0.0])
    expected = np.sqrt(np.mean((matrix @ coefficients - values) ** 2))
    assert sums.rmse(coefficients) == pytest.approx(expected, rel=1e-9)
    assert sums.rows == 12


def test_rows_of_some_columns_fall_into_their_places():
    sums = Sums.empty(4)
    sums.add(np.array([[2.0, 3.0]]), np.array([5.0]), np.array([3, 1]))
    expected = np.zeros((4, 4))
    expected[3, 3], expected[1, 1], expected[1, 3], expected[3, 1] = 4.0, 9.0, 6.0, 6.0
    np.testing.assert_array_equal(sums.gram, expected)
    np.testing.assert_array_equal(sums.moment, [0.0, 15.0, 0.0, 10.0])


def ridge_problem(ridge: float, positive: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `solve` finds, and rows and values of the same problem for other solvers."""
    forces, a, y = random_sums(30, 4, seed=1)
    energies, b, z = random_sums(10, 4, seed=2)
    groups, counts, weight = np.array([0, 0, 1, 1]), np.array([10.0, 20.0, 5.0, 5.0]), 7.0
    (found,) = solve(forces, energies, groups, counts, np.array(positive, dtype=int), weight, [ridge])
    rows = np.concatenate([a / np.sqrt(30), b * np.sqrt(weight / 10)])
    values = np.concatenate([y / np.sqrt(30), z * np.sqrt(weight / 10)])
    diagonal = (rows**2).sum(axis=0)
    strength = np.repeat([diagonal[:2].sum() / 30, diagonal[2:].sum() / 10], 2)
    rows = np.concatenate([rows, np.diag(np.sqrt(ridge * strength))])
    return found, rows, np.concatenate([values, np.zeros(4)])


@pytest.mark.parametrize("ridge", [1e-3, 1.0, 50.0])
def test_solve_is_ridge_regression(ridge):
    found, rows, values = ridge_problem(ridge, [])
    np.testing.assert_allclose(found, np.linalg.lstsq(rows, values, rcond=None)[0], atol=1e-9)
    assert found.min() < -0.01


@pytest.mark.parametrize("ridge", [1e-3, 1.0])
@pytest.mark.parametrize("positive", [[0], [2, 3], [1, 2], [3, 0, 2, 1]])
def test_bounded_coefficients_are_the_best_that_are_not_negative(ridge, positive):
    found, rows, values = ridge_problem(ridge, positive)
    lower = np.full(4, -np.inf)
    lower[positive] = 0.0
    expected = lsq_linear(rows, values, bounds=(lower, np.inf), method="bvls", tol=1e-14).x
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert (found[positive] >= 0.0).all()


def test_the_least_ridge_of_coefficients_that_nothing_determines_gives_numbers():
    """Two columns alike, as those of atoms that always come together."""
    sums = Sums.empty(3)
    rows = np.random.default_rng(0).normal(size=(9, 3)) * [1.0, 1.0, 0.0]
    rows[:, 2] = rows[:, 1]
    sums.add(rows, rows @ [1.0, -2.0, -2.0], np.arange(3))
    groups, counts = np.zeros(3, dtype=int), np.full(3, 9.0)
    (found,) = solve(sums, sums, groups, counts, np.array([1, 2]), 1.0, [1e-300])
    assert (found[1:] == 0.0).all()
    assert np.isfinite(found).all()
    (free,) = solve(sums, sums, groups, counts, np.array([], dtype=int), 1.0, [1e-300])
    np.testing.assert_allclose(free, [1.0, -2.0, -2.0], atol=1e-3)


def test_the_choice_looks_at_the_validation_frames_alone():
    train = random_sums(30, 4, seed=1)[0], random_sums(10, 4, seed=2)[0]
    groups, counts, none = np.zeros(4, dtype=int), np.full(4, 10.0), np.array([], dtype=int)
    chosen = []
    for seed in range(6):
        valid = random_sums(9, 4, seed=10 + seed)[0], random_sums(5, 4, seed=20 + seed)[0]
        best = choose(train, valid, groups, counts, none, AdditiveSettings())
        for settings in (AdditiveSettings(energy_weight=1.0), AdditiveSettings(ridge=1.0)):
            other = choose(train, valid, groups, counts, none, settings)
            assert best.force_rmse * best.energy_rmse <= other.force_rmse * other.energy_rmse
        assert best.force_rmse == valid[0].rmse(best.coefficients)
        chosen.append((best.energy_weight, best.ridge))
    assert len(set(chosen)) > 1
    fixed = choose(train, valid, groups, counts, none, AdditiveSettings(energy_weight=3.0, ridge=0.5))
    assert (fixed.energy_weight, fixed.ridge) == (3.0, 0.5)


@pytest.mark.parametrize("name", ["ridge", "energy_weight"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_settings_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(InputError, match=f"^{name}: got"):
        AdditiveSettings(**{name: value})
