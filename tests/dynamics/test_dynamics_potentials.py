"""Runs with compcalc's own potentials: reproducible with a used calculator, energy conserved."""

import numpy as np
import pytest
from ase.build import molecule

from compcalc.calculators import get_calculator
from compcalc.dynamics.ase_engine import run_protocol
from compcalc.dynamics.protocols import Protocol
from compcalc.molecules.graph import bond_graph
from compcalc.records import Molecule, OutcomeKind


def run(calculator, name, protocol, seed=0):
    atoms = molecule(name)
    bonds = bond_graph(atoms.numbers, atoms.positions)
    return run_protocol(Molecule(name, ""), atoms.numbers, atoms.positions, bonds, calculator, protocol, seed=seed)


@pytest.mark.parametrize(("spec", "ps"), [("mmff94", 0.05), ("tblite:GFN2-xTB", 0.01)])
def test_a_used_calculator_gives_the_same_run_bit_for_bit(spec, ps):
    protocol = Protocol("nvt", ps, equilibration_ps=ps, frame_every_fs=5.0)
    used = get_calculator(spec)
    run(used, "CH3OCH3", protocol)
    again, fresh = run(used, "CH3CH2OH", protocol), run(get_calculator(spec), "CH3CH2OH", protocol)
    assert again.outcome.kind is OutcomeKind.COMPLETED
    np.testing.assert_array_equal(again.positions, fresh.positions)
    np.testing.assert_array_equal(again.potential_energy, fresh.potential_energy)
    other = run(used, "CH3CH2OH", protocol, seed=1)
    assert not np.array_equal(other.positions, fresh.positions)


def test_mmff94_conserves_energy():
    t = run(get_calculator("mmff94"), "CH3CH2OH", Protocol("nve", 0.2, equilibration_ps=0.1))
    total = t.potential_energy + t.kinetic_energy
    assert t.outcome.kind is OutcomeKind.COMPLETED
    assert np.std(total) < 0.03 * np.std(t.kinetic_energy)
    assert np.std(t.kinetic_energy) > 0.02
    assert 100 < t.temperature.mean() < 500
