"""Energies by element: a sum, zero forces, and a file without code."""

import json

import numpy as np
import pytest
from ase.build import molecule
from calculator_samples import rattled

from compcalc.calculators import get_calculator
from compcalc.calculators.linear import load_energies, save_energies
from compcalc.errors import DataError, UnsupportedElementError
from compcalc.testing import assert_conforms

ENERGIES = {"H": -13.5, "C": -1027.25, "O": -2041.125}


@pytest.fixture
def calculator(tmp_path):
    save_energies(tmp_path / "linear.json", ENERGIES)
    return get_calculator(f"linear:{tmp_path}/linear.json")


def test_the_energy_is_the_sum_over_the_atoms(calculator):
    atoms = rattled("CH3CH2OH")
    assert calculator.get_potential_energy(atoms) == 6 * -13.5 + 2 * -1027.25 - 2041.125
    np.testing.assert_array_equal(calculator.get_forces(atoms), np.zeros((9, 3)))


def test_a_batch_is_its_molecules(calculator):
    frames = [rattled("CH3CH2OH"), rattled("H2O"), rattled("CH4")]
    energies, forces = calculator.evaluate(frames)
    assert energies.tolist() == [calculator.get_potential_energy(atoms) for atoms in frames]
    assert [force.shape for force in forces] == [(9, 3), (3, 3), (5, 3)]


def test_an_element_without_energy_is_named(calculator):
    with pytest.raises(UnsupportedElementError, match=r"linear linear.json does not know the element\(s\) N"):
        calculator.get_potential_energy(molecule("NH3"))


def test_it_conforms(calculator):
    assert_conforms(calculator, rattled("CH3CH2OH"))


def test_the_file_gives_back_every_bit(tmp_path):
    energies = {"H": 0.1 + 0.2, "C": -1e-17}
    save_energies(tmp_path / "one.json", energies)
    assert load_energies(tmp_path / "one.json") == energies


@pytest.mark.parametrize("energies", [{"Qq": 1.0}, {"H": "word"}, {"H": None}, [1.0]])
def test_a_damaged_file_is_refused(tmp_path, energies):
    save_energies(tmp_path / "bad.json", ENERGIES)
    content = json.loads((tmp_path / "bad.json").read_text())
    (tmp_path / "bad.json").write_text(json.dumps({**content, "elements": energies}))
    with pytest.raises(DataError, match="is damaged.*compcalc train linear"):
        get_calculator(f"linear:{tmp_path}/bad.json")
