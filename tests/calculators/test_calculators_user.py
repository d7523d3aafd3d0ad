"""Calculators of a user's own: what cannot be built, what returns nonsense, what changes the caller's atoms."""

import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.calculator import CalculationFailed

from compcalc.calculators import get_calculator
from compcalc.errors import DataError, InputError


@pytest.fixture
def spec(user_file):
    return lambda tail: f"file:{user_file}:{tail}"


def water_with(calculator):
    atoms = molecule("H2O")
    atoms.calc = calculator
    return atoms


def test_missing_file_and_module():
    with pytest.raises(DataError, match="nowhere.py does not exist"):
        get_calculator("file:nowhere.py:make")
    with pytest.raises(DataError, match="'no_such_module' cannot be imported.*file:path.py:factory"):
        get_calculator("python:no_such_module:make")


@pytest.mark.parametrize("text", ["python:module", "file:x.py", "python::make", "file:x.py:", "python:mod:a-b"])
def test_other_forms_are_refused(text):
    with pytest.raises(InputError, match=":factory"):
        get_calculator(text)


def test_missing_attribute_lists_the_names(spec, user_module):
    for text in (spec("lk"), f"python:{user_module}:lk"):
        with pytest.raises(InputError, match="factory: got 'lk'; allowed: .*broken.*lj"):
            get_calculator(text)


def test_file_that_fails_to_load(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("import numpy\nraise OSError('no disk')\n")
    with pytest.raises(DataError, match="bad.py fails to load.*OSError: no disk"):
        get_calculator(f"file:{path}:make")
    path.write_text("def make(:\n")
    with pytest.raises(DataError, match="bad.py fails to load.*SyntaxError"):
        get_calculator(f"file:{path}:make")
    other = tmp_path / "notes.txt"
    other.write_text("hello")
    with pytest.raises(DataError, match="not a Python file"):
        get_calculator(f"file:{other}:make")


def test_factory_that_raises_or_is_called_wrongly(spec):
    with pytest.raises(DataError, match="could not be built.*RuntimeError: no licence"):
        get_calculator(spec("broken"))
    with pytest.raises(DataError, match="could not be built.*unexpected keyword argument 'gamma'"):
        get_calculator(spec("lj?gamma=1"))


@pytest.mark.parametrize("name", ["not_a_calculator", "np"])
def test_what_is_no_calculator_is_refused(spec, name):
    with pytest.raises(InputError, match="an ASE calculator"):
        get_calculator(spec(name))


def test_options_reach_the_factory(spec):
    strong = water_with(get_calculator(spec("lj?epsilon=0.4"))).get_potential_energy()
    weak = water_with(get_calculator(spec("lj?epsilon=0.2"))).get_potential_energy()
    assert strong == pytest.approx(2 * weak, rel=1e-10)
    assert abs(weak) > 0.01


def test_an_instance_and_a_class_serve_as_factories(spec):
    expected = water_with(get_calculator(spec("lj"))).get_potential_energy()
    assert water_with(get_calculator(spec("ready_made"))).get_potential_energy() == pytest.approx(expected, abs=1e-12)
    assert water_with(get_calculator(spec("Scripted?energy=-3.5"))).get_potential_energy() == -3.5


@pytest.mark.parametrize("case", ["transposed", "flat", "flat-land", "words", "nothing"])
def test_forces_of_another_shape_or_kind_are_refused(spec, case):
    atoms = molecule("CH3OH")
    atoms.calc = get_calculator(spec(f"scripted?case={case}"))
    for _ in range(2):
        with pytest.raises(CalculationFailed, match=r"forces (have shape|is a).*allowed: (\(6, 3\)|numbers)"):
            atoms.get_potential_energy()


@pytest.mark.parametrize("case", ["float32", "integers"])
def test_forces_of_another_dtype_become_float64(spec, case):
    forces = water_with(get_calculator(spec(f"scripted?case={case}"))).get_forces()
    assert forces.dtype == np.float64
    np.testing.assert_array_equal(forces, np.ones((3, 3)))


@pytest.mark.parametrize(("kind", "value"), [("one-element", -1.5), ("0-d", -1.5), ("integer", -2.0)])
def test_one_element_energies_become_floats(spec, kind, value):
    energy = water_with(get_calculator(spec(f"energy_of?kind={kind}"))).get_potential_energy()
    assert type(energy) is float
    assert energy == value


@pytest.mark.parametrize("kind", ["two", "word", "nothing", "complex"])
def test_other_energies_are_refused(spec, kind):
    atoms = water_with(get_calculator(spec(f"energy_of?kind={kind}")))
    with pytest.raises(CalculationFailed, match="energy (has shape|is a).*allowed: (one number|numbers)"):
        atoms.get_potential_energy()


def test_a_calculator_without_forces_is_refused(spec):
    atoms = water_with(get_calculator(spec("energy_only")))
    with pytest.raises(CalculationFailed, match="does not give energy and forces"):
        atoms.get_potential_energy()


def test_a_calculator_that_changes_its_atoms_cannot_reach_the_callers(spec):
    atoms = molecule("H2O")
    before = atoms.copy()
    calculator = get_calculator(spec("Scripted?mutate=true"))
    for _ in range(2):
        energy, forces = calculator.get_potential_energy(atoms), calculator.get_forces(atoms)
        calculator.forget()
    np.testing.assert_array_equal(atoms.positions, before.positions)
    np.testing.assert_array_equal(atoms.cell.array, before.cell.array)
    assert not atoms.pbc.any() and atoms.info == before.info
    # Forces (minus the positions) belong to the caller's geometry, not to the changed one.
    np.testing.assert_array_equal(forces, -before.positions)
    assert energy == -1.0


def test_two_files_of_one_name_stay_apart(tmp_path):
    body = "from ase.calculators.lj import LennardJones\ndef make():\n    return LennardJones(epsilon={})\n"
    energies = []
    for name, epsilon in (("a", 0.1), ("b", 0.3)):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "potential.py"
        path.write_text(body.format(epsilon))
        energies.append(water_with(get_calculator(f"file:{path}:make")).get_potential_energy())
    assert energies[1] == pytest.approx(3 * energies[0], rel=1e-10)
