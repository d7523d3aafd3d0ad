"""What ASE expects of a calculator: the same checks for every potential, cache invalidation included."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from additive_samples import random_parameters
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import CalculationFailed, PropertyNotImplementedError
from ase.calculators.lj import LennardJones
from ase.optimize import BFGS
from calculator_samples import numerical_forces, rattled, rotation

from compcalc.calculators import get_calculator
from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.checked import CheckedCalculator

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")

POTENTIALS = ("tblite", "mmff94", "mace-float32", "mace-float64", "additive", "checked", "file", "python")


@dataclass(frozen=True)
class Sample:
    """How to build a potential, and how well its numbers can agree.

    `difference`: forces against central differences, eV/angstrom, with steps of `step` angstrom; `same`: energies (eV)
    and forces (eV/angstrom) of equivalent input.
    """

    make: object
    difference: float
    same: float
    step: float = 1e-3


@pytest.fixture(scope="module")
def additive_file(tmp_path_factory):
    """A force field for every molecule of this file, apart from each other and together."""
    far = [Atoms("H2", [[0, 0, 0], [0, 0, 12.1]]), molecule("H2O") + Atoms("OH2", molecule("H2O").positions + 50.0)]
    path = tmp_path_factory.mktemp("additive") / "contract.json"
    random_parameters([*(rattled(name) for name in ("CH3CH2OH", "H2O", "CH3OCH3")), *far]).save(path)
    return path


@pytest.fixture(params=POTENTIALS)
def potential(request, mace_models, user_file, user_module, additive_file):
    name = request.param
    if name == "additive":
        return Sample(lambda: get_calculator(f"additive:{additive_file}"), 1e-5, 1e-7, 1e-4)
    if name == "tblite":
        return Sample(lambda: get_calculator("tblite:GFN2-xTB?accuracy=0.01"), 1e-4, 1e-5)
    if name == "mmff94":
        return Sample(lambda: get_calculator("mmff94"), 1e-4, 1e-6)
    if name == "mace-float32":
        return Sample(lambda: get_calculator(str(mace_models["float32"])), 5e-4, 1e-4, step=1e-2)
    if name == "mace-float64":
        return Sample(lambda: get_calculator(f"mace:{mace_models['float64']}"), 1e-5, 1e-10)
    if name == "checked":
        return Sample(lambda: CheckedCalculator(LennardJones(sigma=1.5, epsilon=0.2, rc=12.0), "LJ"), 1e-3, 1e-8, 1e-4)
    source = f"file:{user_file}" if name == "file" else f"python:{user_module}"
    return Sample(lambda: get_calculator(f"{source}:lj?epsilon=0.2"), 1e-3, 1e-8, 1e-4)


def results(calculator, atoms):
    return calculator.get_potential_energy(atoms), calculator.get_forces(atoms)


def assert_same(one, other, tolerance):
    assert one[0] == pytest.approx(other[0], abs=tolerance)
    np.testing.assert_allclose(one[1], other[1], atol=tolerance)


def test_types_and_shapes(potential):
    atoms = rattled()
    atoms.calc = potential.make()
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    assert type(energy) is float
    assert type(atoms.get_potential_energy(force_consistent=True)) is float
    assert atoms.get_potential_energy(force_consistent=True) == energy
    assert forces.dtype == np.float64 and forces.shape == (len(atoms), 3)
    assert np.abs(forces).max() > 0.05
    assert set(atoms.calc.results) == {"energy", "free_energy", "forces"}


def test_forces_are_minus_the_gradient(potential):
    atoms, calculator = rattled(), potential.make()
    forces = calculator.get_forces(atoms)
    pairs = [(0, 0), (2, 1), (2, 2), (5, 0), (8, 2)]
    numeric = numerical_forces(calculator, atoms, potential.step, pairs)
    expected = np.array([forces[pair] for pair in pairs])
    np.testing.assert_allclose(numeric, expected, atol=potential.difference)
    # A wrong sign, and a factor of 27.2 or 51.4, would be seen.
    assert np.abs(expected).max() > 20 * potential.difference


def test_returned_forces_are_a_copy(potential):
    atoms = rattled()
    atoms.calc = potential.make()
    forces = atoms.get_forces()
    before = forces.copy()
    forces[:] = 99.0
    np.testing.assert_array_equal(atoms.get_forces(), before)


def test_moved_atoms_are_computed_anew(potential):
    atoms = rattled()
    atoms.calc = potential.make()
    first = results(atoms.calc, atoms)
    atoms.positions[0, 0] += 0.1
    second = results(atoms.calc, atoms)
    assert abs(second[0] - first[0]) > 1e-4
    assert_same(second, results(potential.make(), atoms), 5 * potential.same)
    atoms.positions[0, 0] -= 0.1
    assert_same(results(atoms.calc, atoms), first, 5 * potential.same)


def test_unchanged_atoms_are_not_computed_again(potential, monkeypatch):
    atoms = rattled()
    atoms.calc = potential.make()
    atoms.get_potential_energy()
    monkeypatch.setattr(atoms.calc, "energy_forces", lambda atoms: pytest.fail("computed again"))
    atoms.get_forces()


@pytest.mark.parametrize("key", ["charge", "spin"])
def test_a_charge_in_info_is_never_served_from_the_cache(potential, key, monkeypatch):
    atoms = rattled()
    atoms.calc = potential.make()
    atoms.get_potential_energy()
    atoms.info[key] = 1
    calls = []
    inner = atoms.calc.energy_forces
    monkeypatch.setattr(atoms.calc, "energy_forces", lambda atoms: calls.append(dict(atoms.info)) or inner(atoms))
    try:
        atoms.get_potential_energy()
    except ValueError as refused:
        assert f"atoms.info['{key}']: got 1" in str(refused)
    assert calls == [{key: 1}]


def test_atoms_passed_in_are_left_alone(potential):
    atoms = rattled()
    atoms.set_cell([3.0, 3.0, 3.0])
    atoms.info["note"] = {"a": [1]}
    atoms.set_array("mark", np.arange(len(atoms)))
    before = atoms.copy()
    results(potential.make(), atoms)
    assert set(atoms.arrays) == set(before.arrays)
    for name in before.arrays:
        np.testing.assert_array_equal(atoms.arrays[name], before.arrays[name])
    np.testing.assert_array_equal(atoms.cell.array, before.cell.array)
    assert not atoms.pbc.any()
    assert atoms.info == before.info


def test_a_first_call_may_hint_at_any_change(potential):
    atoms = rattled()
    calculator = potential.make()
    calculator.calculate(atoms, ["energy"], ["positions"])
    plain = potential.make()
    plain.calculate(atoms)
    assert calculator.results["energy"] == pytest.approx(plain.results["energy"], abs=potential.same)
    assert plain.results["forces"].shape == (len(atoms), 3)


def test_properties_are_a_list_of_each_instances_own(potential):
    one, other = potential.make(), potential.make()
    expected = list(one.implemented_properties)
    assert expected[:3] == ["energy", "free_energy", "forces"]
    one.implemented_properties.append("dipole")
    for calculator in (other, potential.make()):
        assert calculator.implemented_properties == expected
    assert PotentialCalculator.implemented_properties == ["energy", "free_energy", "forces"]


def test_get_properties(potential):
    atoms = rattled()
    atoms.calc = potential.make()
    properties = atoms.get_properties(["energy", "forces", "free_energy"])
    assert properties["energy"] == atoms.get_potential_energy()
    assert properties["forces"].shape == (len(atoms), 3)


def test_stress_is_not_available(potential):
    atoms = rattled()
    atoms.calc = potential.make()
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


def test_a_call_that_fails_leaves_no_results(potential):
    atoms, calculator = rattled("H2O"), potential.make()
    calculator.calculate(atoms)
    atoms.positions[0] = np.nan
    with pytest.raises(CalculationFailed):
        calculator.calculate(atoms)
    assert calculator.results == {}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_positions_that_are_not_finite_are_refused(potential, bad):
    atoms = rattled()
    atoms.calc = potential.make()
    good = atoms.get_potential_energy()
    atoms.positions[1, 2] = bad
    for _ in range(2):
        with pytest.raises(CalculationFailed, match="positions contain NaN"):
            atoms.get_potential_energy()
    atoms.positions[:] = rattled().positions
    assert atoms.get_potential_energy() == pytest.approx(good, abs=potential.same)


def test_one_atom(potential):
    atoms = Atoms("H", [[1.0, 2.0, 3.0]])
    atoms.calc = potential.make()
    try:
        assert np.isfinite(atoms.get_potential_energy())
    except CalculationFailed as refused:
        assert "MMFF94: no bonds" in str(refused)
        return
    assert atoms.get_forces().shape == (1, 3)
    np.testing.assert_allclose(atoms.get_forces(), 0, atol=1e-12)


def test_two_distant_atoms_are_two_atoms(potential):
    pair = Atoms("H2", [[0, 0, 0], [0, 0, 12.1]])
    calculator = potential.make()
    try:
        energy, forces = results(calculator, pair)
    except CalculationFailed as refused:
        assert "MMFF94: no bond orders fit" in str(refused)
        return
    np.testing.assert_allclose(forces, 0, atol=1e-5)
    if calculator.label_name != "GFN2-xTB":  # a pair of H atoms and one H atom differ in their spin states there
        assert energy == pytest.approx(2 * calculator.get_potential_energy(Atoms("H")), abs=potential.same)


def test_switching_molecules_equals_fresh_calculators(potential):
    used = potential.make()
    molecules = [rattled("CH3CH2OH"), rattled("H2O"), rattled("CH3OCH3"), rattled("CH3CH2OH", seed=1)]
    for atoms in [*molecules, *molecules[::-1]]:
        assert_same(results(used, atoms), results(potential.make(), atoms), 10 * potential.same)


def test_forget_makes_results_independent_of_history(potential):
    used, atoms = potential.make(), rattled()
    fresh = results(potential.make(), atoms)
    for other in (rattled("H2O"), rattled(seed=2), rattled(seed=3)):
        used.get_forces(other)
    used.forget()
    energy, forces = results(used, atoms)
    assert energy == fresh[0]
    np.testing.assert_array_equal(forces, fresh[1])


def test_translation_rotation_and_permutation(potential):
    atoms = rattled()
    energy, forces = results(potential.make(), atoms)
    moved = atoms.copy()
    moved.positions += [40.0, -13.0, 7.0]
    assert_same(results(potential.make(), moved), (energy, forces), 5 * potential.same)
    turn, turned = rotation(), atoms.copy()
    turned.positions = atoms.positions @ turn.T
    assert_same(results(potential.make(), turned), (energy, forces @ turn.T), 5 * potential.same)
    # Rotating by the transpose would pass unseen if the forces were small.
    assert np.abs(forces @ turn.T - forces @ turn).max() > 0.05
    order = np.random.default_rng(0).permutation(len(atoms))
    assert_same(results(potential.make(), atoms[order]), (energy, forces[order]), 5 * potential.same)


def test_a_relaxation_goes_down(potential):
    atoms = rattled("CH3CH2OH", scale=0.02)
    atoms.calc = potential.make()
    before = atoms.get_potential_energy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        BFGS(atoms, logfile=None, maxstep=0.02).run(fmax=1e-3, steps=5)
    assert atoms.get_potential_energy() < before


def test_water_dimer_far_apart_is_twice_the_water(potential):
    water = molecule("H2O")
    far = water.copy()
    far.positions += [0, 0, 50.0]
    energy = potential.make().get_potential_energy(water)
    assert potential.make().get_potential_energy(water + far) == pytest.approx(2 * energy, abs=1e-4)
