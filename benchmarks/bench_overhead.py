"""What a time step costs outside the potential: NVE of hexane with a potential that returns at once.

    python -m pytest benchmarks/bench_overhead.py

`run_protocol` includes guard and log; `ase` is the bare integrator with the same potential.
"""

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.md.verlet import VelocityVerlet

from compcalc.dynamics.ase_engine import run_protocol
from compcalc.dynamics.protocols import Protocol
from compcalc.molecules.own import own_molecule

STEPS = 500


class Free(Calculator):
    """No forces: at 1 K the atoms move by a few hundredths of an angstrom in the time of the benchmark."""

    def __init__(self):
        self.implemented_properties = ["energy", "free_energy", "forces"]
        super().__init__()

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": 0.0, "free_energy": 0.0, "forces": np.zeros((len(atoms), 3))}


def _guarded(hexane):
    protocol = Protocol("nve", STEPS * 0.0005, equilibration_ps=0.0, temperature_k=1.0)
    args = (hexane.molecule, hexane.numbers, hexane.positions, hexane.bonds)
    return run_protocol(*args, Free(), protocol).n_steps


def _ase(hexane):
    atoms = Atoms(hexane.numbers, hexane.positions, calculator=Free())
    VelocityVerlet(atoms, 0.5 * units.fs).run(STEPS)
    return STEPS


@pytest.mark.parametrize("make", [_guarded, _ase])
def test_time_steps(benchmark, make):
    hexane = own_molecule("CCCCCC", "hexane")
    assert benchmark.pedantic(make, args=(hexane,), rounds=5, warmup_rounds=1) == STEPS
