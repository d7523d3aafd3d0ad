"""`wrap`: functions, torch modules, files and ASE calculators, against closed forms and against each other."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import CalculationFailed, Calculator, PropertyNotImplementedError, all_changes
from ase.calculators.lj import LennardJones
from ase.optimize import BFGS

import compcalc
from compcalc.calculators.checked import CheckedCalculator
from compcalc.calculators.wrapping.wrapped import AdaptedCalculator
from compcalc.errors import DataError, InputError, UnknownNameError, UnsupportedElementError
from compcalc.units import BOHR_ANGSTROM, HARTREE_EV, KCAL_PER_MOL_EV

K, R0 = 3.0, 1.1
TOLERANCE = 1e-10


def springs(numbers, positions):
    """Harmonic springs between all pairs: energy (eV) and forces (eV/angstrom), the closed form."""
    vectors = positions[:, None] - positions[None]
    r = np.linalg.norm(vectors, axis=2)
    off = ~np.eye(len(numbers), dtype=bool)
    stretch = np.where(off, r - R0, 0.0)
    direction = np.divide(vectors, r[..., None], out=np.zeros_like(vectors), where=off[..., None])
    return 0.25 * K * (stretch**2).sum(), -(K * stretch[..., None] * direction).sum(axis=1)


def springs_energy(numbers, positions):
    return springs(numbers, positions)[0]


def springs_of_atoms(atoms):
    energy, forces = springs(atoms.numbers, atoms.positions)
    return {"energy": energy, "forces": forces}


def springs_torch(positions):
    i, j = np.triu_indices(len(positions), k=1)
    return 0.5 * K * (((positions[i] - positions[j]).norm(dim=1) - R0) ** 2).sum()


@pytest.fixture
def ethanol():
    atoms = molecule("CH3CH2OH")
    atoms.rattle(0.05, seed=1)
    return atoms


def check(calculator, atoms, tolerance=TOLERANCE):
    energy, forces = springs(atoms.numbers, atoms.positions)
    atoms = atoms.copy()
    atoms.calc = calculator
    assert atoms.get_potential_energy() == pytest.approx(energy, rel=1e-12, abs=tolerance)
    np.testing.assert_allclose(atoms.get_forces(), forces, rtol=0, atol=tolerance)
    assert isinstance(atoms.calc.results["energy"], float)
    assert atoms.calc.results["forces"].dtype == np.float64
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()


# Functions


@pytest.mark.parametrize(
    "function",
    [
        springs,
        springs_of_atoms,
        lambda numbers, positions, cell, pbc: springs(numbers, positions),
        lambda positions, numbers: springs(numbers, positions),
        lambda coords, z: springs(z, coords),
        lambda a: springs_of_atoms(a),
        lambda a, b: springs(a, b),
        lambda positions, *, cell=None: springs([1] * len(positions), positions),
    ],
    ids=["pair", "atoms", "cell", "swapped", "aliases", "one", "two", "positions"],
)
def test_functions_of_every_signature_agree_with_the_closed_form(function, ethanol):
    check(compcalc.wrap(function), ethanol)


@pytest.mark.parametrize(
    "shape",
    [float, lambda e: np.array([e], "f8"), np.array, lambda e: np.array([[e]])],
    ids=["float", "one", "0-d", "1x1"],
)
def test_one_element_energies_become_floats(shape, ethanol):
    def function(numbers, positions):
        energy, forces = springs(numbers, positions)
        return shape(energy), forces.tolist()

    check(compcalc.wrap(function), ethanol)


def test_central_differences_on_request(ethanol):
    check(compcalc.wrap(springs_energy, forces="differences", step=1e-4), ethanol, tolerance=1e-6)


def test_differences_replace_forces_that_the_function_returns(ethanol):
    wrong = lambda numbers, positions: (springs_energy(numbers, positions), np.zeros((len(numbers), 3)))  # noqa: E731
    check(compcalc.wrap(wrong, forces="differences", step=1e-4), ethanol, tolerance=1e-6)


def test_an_energy_alone_says_how_to_get_forces(ethanol):
    ethanol.calc = compcalc.wrap(springs_energy)
    with pytest.raises(CalculationFailed, match="forces='differences'"):
        ethanol.get_forces()


def test_autograd_through_a_function_of_tensors(ethanol):
    check(compcalc.wrap(springs_torch, forces="autograd"), ethanol)
    numpy_function = compcalc.wrap(lambda positions: positions.detach().numpy().sum(), forces="autograd")
    ethanol.calc = numpy_function
    with pytest.raises(CalculationFailed, match="no gradient"):
        ethanol.get_forces()


@pytest.mark.parametrize(
    ("energy_unit", "length_unit", "ev", "angstrom"),
    [
        ("hartree", "bohr", HARTREE_EV, BOHR_ANGSTROM),
        ("kcal/mol", "angstrom", KCAL_PER_MOL_EV, 1.0),
        ("kJ/mol", "nm", KCAL_PER_MOL_EV / 4.184, 10.0),
        ("meV", "angstrom", 1e-3, 1.0),
        ("rydberg", "bohr", HARTREE_EV / 2, BOHR_ANGSTROM),
    ],
)
def test_units_of_energy_and_length(energy_unit, length_unit, ev, angstrom, ethanol):
    def foreign(numbers, positions):
        energy, forces = springs(numbers, positions * angstrom)
        return energy / ev, forces / (ev / angstrom)

    check(compcalc.wrap(foreign, energy_unit=energy_unit, length_unit=length_unit), ethanol)
    other = "nm" if length_unit != "nm" else "bohr"
    with pytest.raises(AssertionError):
        check(compcalc.wrap(foreign, energy_unit=energy_unit, length_unit=other), ethanol)


def test_the_cell_is_given_in_the_length_unit():
    seen = {}

    def function(numbers, positions, cell, pbc):
        seen.update(cell=cell, pbc=pbc)
        return 0.0, np.zeros((len(numbers), 3))

    atoms = Atoms(
        "H", cell=[5.29177210903, 6, 7], pbc=[True, False, True], calculator=compcalc.wrap(function, length_unit="bohr")
    )
    atoms.get_potential_energy()
    assert seen["cell"][0, 0] == pytest.approx(10.0)
    assert seen["pbc"].tolist() == [True, False, True]


def test_element_shifts_add_up(ethanol):
    plain, shifted = compcalc.wrap(springs), compcalc.wrap(springs, shifts={"C": -1000.0, "H": 0.5})
    difference = shifted.get_potential_energy(ethanol) - plain.get_potential_energy(ethanol)
    assert difference == pytest.approx(-2000.0 + 3.0)
    np.testing.assert_allclose(shifted.get_forces(ethanol), plain.get_forces(ethanol))


def test_charge_and_spin_reach_a_function_that_asks_for_them(ethanol):
    seen = []

    def function(numbers, positions, charge, spin):
        seen.append((charge, spin))
        return springs(numbers, positions)

    compcalc.wrap(function).get_potential_energy(ethanol)
    compcalc.wrap(function, charge=1).get_potential_energy(ethanol)
    ethanol.info["charge"] = -1
    calculator = compcalc.wrap(function)
    calculator.get_potential_energy(ethanol)
    ethanol.info["charge"] = 0
    calculator.get_potential_energy(ethanol)
    assert seen == [(0, 1), (1, 2), (-1, 2), (0, 1)]


def test_a_charge_that_would_be_ignored_is_refused(ethanol):
    with pytest.raises(InputError, match="charge: got 1"):
        compcalc.wrap(springs, charge=1)
    ethanol.info["charge"] = 1
    with pytest.raises(InputError, match="would compute the neutral system"):
        compcalc.wrap(springs).get_potential_energy(ethanol)


def test_the_callers_atoms_stay_as_they_are(ethanol):
    def rude(atoms):
        energy, forces = springs(atoms.numbers, atoms.positions)
        atoms.positions += 1.0
        atoms.set_cell([2, 2, 2])
        atoms.pbc = True
        atoms.info["seen"] = True
        return energy, forces

    before = ethanol.copy()
    check(compcalc.wrap(rude), ethanol)
    calculator = compcalc.wrap(rude)
    ethanol.calc = calculator
    ethanol.get_forces()
    assert ethanol == before
    assert ethanol.info == before.info
    assert springs(calculator.atoms.numbers, calculator.atoms.positions)[0] == calculator.results["energy"]


def test_relaxation_works_and_stress_is_unavailable():
    water = molecule("H2O", calculator=compcalc.wrap(springs))
    BFGS(water, logfile=None).run(fmax=1e-3, steps=100)
    np.testing.assert_allclose(water.get_all_distances()[np.triu_indices(3, 1)], R0, atol=1e-3)
    with pytest.raises(PropertyNotImplementedError, match="stress"):
        water.get_stress()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda n, r: (1.0, np.zeros((3, len(n)))), r"forces have shape \(3, 9\)"),
        (lambda n, r: (np.zeros(len(n)), np.zeros((len(n), 3))), r"energy has shape \(9,\)"),
        (lambda n, r: ("low", np.zeros((len(n), 3))), "energy is a str"),
        (lambda n, r: None, "returned nothing"),
        (lambda n, r: (1, 2, 3), "returned 3 values"),
        (lambda n, r: {"E_tot": 1.0}, "without an energy; its keys: E_tot"),
    ],
)
def test_unusable_results_are_named(function, message, ethanol):
    with pytest.raises(CalculationFailed, match=message):
        compcalc.wrap(function).get_forces(ethanol)


def test_a_failed_call_serves_nothing_and_the_next_geometry_works(ethanol):
    def fragile(numbers, positions):
        if positions[0, 0] > 50:
            raise RuntimeError("no convergence")
        return springs(numbers, positions)

    calculator = compcalc.wrap(fragile)
    far = ethanol.copy()
    far.positions += 100
    calculator.get_potential_energy(ethanol)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no convergence"):
            calculator.get_potential_energy(far)
    check(calculator, ethanol)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"energy_unit": "Hartree"}, UnknownNameError, "Did you mean 'hartree'"),
        ({"length_unit": "pm"}, UnknownNameError, "angstrom, bohr, nm"),
        ({"forces": "numerical"}, UnknownNameError, "auto, autograd, differences"),
        ({"step": 0.0}, InputError, "step_angstrom"),
        ({"shifts": {"Xx": 1.0}}, UnknownNameError, "element"),
        ({"shifts": {"H": np.nan}}, InputError, r"shifts\['H'\]"),
        ({"charge": 0.5}, InputError, "whole number"),
        ({"spin": 0}, InputError, "multiplicity"),
        ({"cutoff": 5.0}, InputError, "no torch module"),
        ({"dtype": "float32"}, InputError, "no torch module"),
    ],
)
def test_arguments_that_cannot_be_used(arguments, error, message):
    with pytest.raises(error, match=message):
        compcalc.wrap(springs, **arguments)


@pytest.mark.parametrize(("obj", "message"), [(3, "int"), (LennardJones, "pass an instance"), (None, "NoneType")])
def test_objects_that_cannot_be_wrapped(obj, message):
    with pytest.raises(InputError, match=message):
        compcalc.wrap(obj)


def test_parameters_that_mean_nothing_are_named():
    with pytest.raises(InputError, match="'sigma'"):
        compcalc.wrap(lambda numbers, positions, sigma: 0.0)
    with pytest.raises(InputError, match="depend on the geometry"):
        compcalc.wrap(lambda numbers, cell: 0.0)


def test_unknown_elements_are_refused(ethanol):
    ethanol.calc = compcalc.wrap(springs, elements=["H", "C"])
    with pytest.raises(UnsupportedElementError, match=r"does not know the element\(s\) O"):
        ethanol.get_potential_energy()


# ASE calculators


def test_an_ase_calculator_is_passed_through_hardened(ethanol):
    inner = LennardJones(sigma=1.5, epsilon=0.2, rc=12.0)
    calculator = compcalc.wrap(inner)
    assert isinstance(calculator, CheckedCalculator)
    assert calculator.get_potential_energy(ethanol) == pytest.approx(inner.get_potential_energy(ethanol))


def test_an_ase_calculator_in_other_units(ethanol):
    class Atomic(Calculator):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012

        def calculate(self, atoms=None, properties=None, system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            energy, forces = springs(atoms.numbers, atoms.positions * BOHR_ANGSTROM)
            self.results = {"energy": energy / HARTREE_EV, "forces": forces / (HARTREE_EV / BOHR_ANGSTROM)}

    calculator = compcalc.wrap(Atomic(), energy_unit="hartree", length_unit="bohr")
    assert isinstance(calculator, AdaptedCalculator)
    check(calculator, ethanol)
    check(compcalc.wrap(Atomic(), energy_unit="hartree", length_unit="bohr", forces="differences"), ethanol, 1e-5)
    with pytest.raises(InputError, match="is an ASE calculator"):
        compcalc.wrap(Atomic(), forces="autograd")


def test_the_charge_argument_goes_into_the_info_that_an_ase_calculator_reads(ethanol):
    class Reads(Calculator):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012

        def calculate(self, atoms=None, properties=None, system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            energy = 10.0 * atoms.info.get("charge", 0) + atoms.info.get("spin", 1)
            self.results = {"energy": energy, "forces": np.zeros((len(atoms), 3))}

    assert compcalc.wrap(Reads(), charge=1).get_potential_energy(ethanol) == 12.0
    assert compcalc.wrap(Reads()).get_potential_energy(ethanol) == 1.0
    ethanol.info["charge"] = 2
    with pytest.raises(InputError, match=r"charge = 1, atoms.info\['charge'\] = 2"):
        compcalc.wrap(Reads(), charge=1).get_potential_energy(ethanol)


def test_importing_wrap_needs_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, compcalc\nimport numpy as np\nfrom ase import Atoms\n"
        "c = compcalc.wrap(lambda numbers, positions: (0.0, np.zeros_like(positions)))\n"
        "Atoms('H', calculator=c).get_forces()\nprint('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


# Files


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        compcalc.wrap(tmp_path / "model.pt")
