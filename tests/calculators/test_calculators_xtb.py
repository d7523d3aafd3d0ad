"""GFN2-xTB against tblite's own ASE calculator; charge, spin, failures of the self-consistent cycle."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import CalculationFailed
from calculator_samples import rattled
from tblite.ase import TBLite

from compcalc.calculators.xtb import XTBCalculator
from compcalc.errors import InputError, UnknownNameError, UnsupportedElementError


@pytest.mark.parametrize("method", ["GFN1-xTB", "GFN2-xTB"])
@pytest.mark.parametrize("name", ["CH3CH2OH", "H2O"])
def test_equals_tblites_own_calculator(method, name):
    atoms = rattled(name)
    theirs = TBLite(method=method, accuracy=0.1, verbosity=0)
    ours = XTBCalculator(method=method, accuracy=0.1)
    assert ours.get_potential_energy(atoms) == pytest.approx(theirs.get_potential_energy(atoms), abs=1e-5)
    forces = theirs.get_forces(atoms)
    np.testing.assert_allclose(ours.get_forces(atoms), forces, atol=1e-5)
    assert np.abs(forces).max() > 1


def test_accuracy_and_iterations_reach_the_backend():
    atoms = rattled()
    energies = [XTBCalculator(accuracy=a).get_potential_energy(atoms) for a in (100.0, 0.001)]
    assert 0 < abs(energies[0] - energies[1]) < 1e-2
    with pytest.raises(CalculationFailed, match="GFN2-xTB.*not converged in 3 cycles"):
        XTBCalculator(max_iterations=3).get_potential_energy(atoms)


@pytest.mark.parametrize("source", ["argument", "info", "ase"])
def test_charge_and_spin_reach_the_backend(source):
    def energy(charge=None, spin=None):
        water, options = molecule("H2O"), {}
        if source == "argument":
            options = {"charge": charge, "spin": spin}
        elif source == "info":
            water.info |= {"charge": charge, "spin": spin}
        else:
            water.set_initial_charges([charge or 0, 0, 0])
            water.set_initial_magnetic_moments([(spin or 1) - 1, 0, 0])
        return XTBCalculator(**options).get_potential_energy(water)

    assert energy() == pytest.approx(-137.97, abs=0.01)
    assert energy(charge=1, spin=2) == pytest.approx(-119.68, abs=0.01)
    assert energy(spin=3) > energy() + 5


def test_one_calculator_follows_the_charge_of_the_atoms():
    water = molecule("H2O", calculator=XTBCalculator())
    neutral = water.get_potential_energy()
    water.info["charge"] = 1
    assert water.get_potential_energy() == pytest.approx(-119.68, abs=0.01)
    water.info["charge"] = 0
    assert water.get_potential_energy() == pytest.approx(neutral, abs=1e-6)


def test_two_charges_that_differ_are_refused():
    water = molecule("H2O", calculator=XTBCalculator(charge=0))
    water.info["charge"] = 1
    with pytest.raises(InputError, match=r"charge = 0, atoms.info\['charge'\] = 1"):
        water.get_potential_energy()


def test_an_impossible_spin_is_refused():
    with pytest.raises(InputError, match="1, 3, ... for 10 electrons"):
        XTBCalculator(spin=2).get_potential_energy(molecule("H2O"))


def test_nothing_is_served_after_a_failed_cycle():
    atoms = molecule("CH3CH2OH")
    good = atoms.positions.copy()
    atoms.calc = XTBCalculator()
    atoms.get_forces()
    atoms.positions = 3 * good
    for ask in (atoms.get_potential_energy, atoms.get_forces, atoms.get_potential_energy):
        with pytest.raises(CalculationFailed, match="GFN2-xTB: SCF not converged in 250 cycles"):
            ask()
    assert atoms.calc.results == {}
    atoms.positions = good
    fresh = XTBCalculator()
    assert atoms.get_potential_energy() == fresh.get_potential_energy(atoms)
    np.testing.assert_array_equal(atoms.get_forces(), fresh.get_forces(atoms))


def test_atoms_on_top_of_each_other_fail_and_leave_nothing_behind():
    atoms = rattled()
    atoms.calc = XTBCalculator()
    atoms.get_forces()
    before = atoms.positions.copy()
    atoms.positions[1] = atoms.positions[0]
    with pytest.raises(CalculationFailed, match="interatomic distances"):
        atoms.get_forces()
    atoms.positions = before
    np.testing.assert_array_equal(atoms.get_forces(), XTBCalculator().get_forces(atoms))


def test_warm_start_changes_little_and_forget_all_of_it():
    rng = np.random.default_rng(0)
    atoms = rattled()
    used = XTBCalculator()
    for _ in range(4):
        atoms.positions += rng.normal(scale=0.02, size=atoms.positions.shape)
        warm = used.get_forces(atoms)
    fresh = XTBCalculator().get_forces(atoms)
    np.testing.assert_allclose(warm, fresh, atol=5e-4)
    used.forget()
    np.testing.assert_array_equal(used.get_forces(atoms), fresh)


def test_periodic_atoms_are_refused():
    water = molecule("H2O", vacuum=3.0)
    water.set_pbc([True, False, False])
    with pytest.raises(InputError, match=r"set_pbc\(False\)"):
        XTBCalculator().get_potential_energy(water)


def test_unknown_method_and_accuracy():
    with pytest.raises(UnknownNameError, match="GFN1-xTB, GFN2-xTB. Did you mean 'GFN2-xTB'"):
        XTBCalculator(method="GFN2")
    for accuracy in (0, 1e-5, 2000, float("nan"), "0.1"):
        with pytest.raises(InputError, match="accuracy: got .*1e-4"):
            XTBCalculator(accuracy=accuracy)


@pytest.mark.parametrize("symbol", ["Pu", "X"])
def test_elements_without_parameters_are_refused(symbol):
    with pytest.raises(UnsupportedElementError, match=f"GFN2-xTB does not know the element.* {symbol};"):
        XTBCalculator().get_potential_energy(Atoms([symbol, "H"], [[0, 0, 0], [0, 0, 1.5]]))
