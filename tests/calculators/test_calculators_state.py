"""One meaning of charge and spin, and refusal where sources disagree or a potential would ignore them."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from compcalc.calculators.state import ElectronicState, electronic_state, refuse_charged
from compcalc.errors import InputError


@pytest.mark.parametrize(
    ("name", "charge", "spin", "expected"),
    [
        ("H2O", None, None, (0, 1)),
        ("H2O", 1, None, (1, 2)),
        ("H2O", -1, 2, (-1, 2)),
        ("H2O", None, 3, (0, 3)),
        ("CH3", None, None, (0, 2)),
        ("OH", 1.0, 3, (1, 3)),
    ],
)
def test_arguments(name, charge, spin, expected):
    bare = molecule(name)
    bare.set_initial_magnetic_moments(None)
    state = electronic_state(bare, charge, spin)
    assert state == ElectronicState(*expected)
    assert state.unpaired == expected[1] - 1


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"charge": 1}, (1, 2)),
        ({"charge": np.int64(-2), "spin": 1}, (-2, 1)),
        ({"multiplicity": 3}, (0, 3)),
        ({"spin": 3, "multiplicity": 3}, (0, 3)),
        ({"charge": None}, (0, 1)),
    ],
)
def test_info(info, expected):
    water = molecule("H2O")
    water.info |= info
    assert electronic_state(water) == ElectronicState(*expected)


def test_ases_initial_charges_and_moments_count_through_their_sums():
    water = molecule("H2O")
    water.set_initial_charges([0.4, 0.3, 0.3])
    assert electronic_state(water) == ElectronicState(1, 2)
    water.set_initial_charges([-0.8, 0.4, 0.4])
    assert electronic_state(water) == ElectronicState(0, 1)
    oxygen = Atoms("O2", [[0, 0, 0], [0, 0, 1.2]], magmoms=[1, 1])
    assert electronic_state(oxygen) == ElectronicState(0, 3)


@pytest.mark.parametrize(
    ("info", "charge", "spin", "message"),
    [
        ({"charge": 1}, 0, None, r"charge = 0, atoms.info\['charge'\] = 1"),
        ({"spin": 1, "multiplicity": 3}, None, None, "one value"),
        ({"spin": 0}, None, None, "1, 3, ... for 10 electrons"),
        ({}, None, 2, "1, 3, ... for 10 electrons"),
        ({}, 1, 1, "2, 4, ... for 9 electrons"),
        ({}, None, 13, "for 10 electrons"),
        ({"charge": 0.5}, None, None, "whole number"),
        ({"charge": "one"}, None, None, "whole number"),
        ({"charge": float("nan")}, None, None, "whole number"),
        ({"charge": True}, None, None, "whole number"),
    ],
)
def test_what_cannot_be(info, charge, spin, message):
    water = molecule("H2O")
    water.info |= info
    with pytest.raises(InputError, match=message):
        electronic_state(water, charge, spin)


def test_partial_charges_that_add_up_to_a_fraction_are_refused():
    water = molecule("H2O")
    water.set_initial_charges([-0.7, 0.4, 0.4])
    with pytest.raises(InputError, match="get_initial_charges"):
        electronic_state(water)


def test_a_potential_without_charge_refuses_it():
    water = molecule("H2O")
    water.info["spin"] = 1
    refuse_charged(water, "it")
    refuse_charged(molecule("CH3"), "it")
    water.info = {"charge": 1}
    with pytest.raises(InputError, match="it has no charge"):
        refuse_charged(water, "it")
    water.info = {"spin": 3}
    with pytest.raises(InputError, match="it has no spin"):
        refuse_charged(water, "it")
