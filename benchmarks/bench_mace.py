"""One MACE energy-and-forces call along a trajectory: compcalc, traced and not, against mace-torch's MACECalculator.

    python -m pytest benchmarks/bench_mace.py --benchmark-group-by=param:n_carbon

Compare the rows of one group; absolute times depend on the machine.
"""

import warnings

import numpy as np
import pytest
from ase import Atoms

from compcalc.calculators.mace import MACE
from compcalc.calculators.mace_file import shipped_model
from compcalc.molecules.families import family_molecule
from compcalc.molecules.own import from_smiles


def _mace_torch():
    from mace.calculators import MACECalculator

    return MACECalculator(model_paths=str(shipped_model()), device="cpu", default_dtype="float32")


def _plain():
    return MACE("default")


def _traced():
    return MACE("default")


@pytest.mark.parametrize("n_carbon", [3, 7, 13])
@pytest.mark.parametrize("make", [_mace_torch, _plain, _traced])
def test_energy_and_forces(benchmark, make, n_carbon):
    molecule = from_smiles(family_molecule("alkane", n_carbon))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calculator = make()
    atoms = Atoms(molecule.numbers, molecule.positions, calculator=calculator)
    if make is _traced:
        calculator.prepare(atoms)
    rng = np.random.default_rng(0)

    def call():
        atoms.positions = molecule.positions + rng.normal(scale=0.01, size=molecule.positions.shape)
        return atoms.get_forces()

    benchmark.pedantic(call, rounds=30, warmup_rounds=5)
