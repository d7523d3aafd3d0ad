"""A time step of 16 molecules: all in lockstep against one by one with ASE's integrators.

    python -m pytest benchmarks/bench_dynamics.py --benchmark-group-by=param:potential,param:protocol

Compare the rows of one group: each makes the same steps of the same molecules, the set-up of the runs included. `pairs`
is a Lennard-Jones term between all atoms of a molecule with its minimum at the start, evaluated in NumPy; `free` has no
forces and shows what is left beside the potential. MMFF94 needs about 0.02 s a molecule to find the bonds, in both.
"""

import numpy as np
import pytest

from compcalc import get_calculator
from compcalc.calculators.base import PotentialCalculator
from compcalc.dynamics.ase_engine import run_protocol
from compcalc.dynamics.lockstep import Start, run_lockstep
from compcalc.dynamics.protocols import Protocol
from compcalc.molecules.families import family_molecule
from compcalc.molecules.own import from_smiles
from compcalc.records import Batch, BatchResult, OutcomeKind

STEPS = 500


class Pairs(PotentialCalculator):
    """Energy of a pair: well (x^2 - 2x), x = (r0 / r)^6; for a batch, or for one molecule through ASE."""

    def __init__(self, starts, well=0.5):
        super().__init__()
        self.well = well
        self.prepare_batch(Batch.of([(start.numbers, start.positions) for start in starts]))

    def prepare_batch(self, batch):
        pairs = [np.triu_indices(size, k=1) for size in batch.sizes]
        first = np.repeat(batch.offsets[:-1], [len(i) for i, _ in pairs])
        self.i, self.j = (np.concatenate(column) + first for column in zip(*pairs, strict=True))
        self.begin = np.cumsum([0] + [len(i) for i, _ in pairs[:-1]])
        self.rest = np.sum((batch.positions[self.i] - batch.positions[self.j]) ** 2, axis=1)

    def evaluate_batch(self, batch):
        x, y, z = np.ascontiguousarray(batch.positions.T)
        away = [along[self.i] - along[self.j] for along in (x, y, z)]
        squared = away[0] ** 2 + away[1] ** 2 + away[2] ** 2
        ratio = (self.rest / squared) ** 3
        energies = np.add.reduceat(self.well * (ratio - 2) * ratio, self.begin)
        pull = 12 * self.well * (ratio - 1) * ratio / squared
        forces = np.empty_like(batch.positions)
        for axis, along in enumerate(away):
            total = len(x)
            forces[:, axis] = np.bincount(self.i, pull * along, total) - np.bincount(self.j, pull * along, total)
        return BatchResult(energies, forces)

    def energy_forces(self, atoms):
        result = self.evaluate_batch(Batch.of([(atoms.numbers, atoms.positions)]))
        return result.energies[0], result.forces


class Free(Pairs):
    """No forces."""

    def evaluate_batch(self, batch):
        return BatchResult(np.zeros(len(batch)), np.zeros_like(batch.positions))


def _starts():
    families = ("alkane", "alcohol", "amine", "carboxylic_acid")
    molecules = [from_smiles(family_molecule(family, n)) for family in families for n in (5, 7, 8, 9)]
    return [Start(m.molecule, m.numbers, m.positions, m.bonds) for m in molecules]


STARTS = _starts()
POTENTIALS = {"free": Free, "pairs": Pairs, "mmff94": lambda starts: get_calculator("mmff94")}


def lockstep(potential, protocol):
    """One batched evaluation a step."""
    return run_lockstep(STARTS, POTENTIALS[potential](STARTS), protocol)


def one_by_one(potential, protocol):
    """One molecule after the other."""
    trajectories = []
    for start in STARTS:
        args = (start.molecule, start.numbers, start.positions, start.bonds)
        trajectories.append(run_protocol(*args, POTENTIALS[potential]([start]), protocol))
    return trajectories


@pytest.mark.parametrize("engine", [lockstep, one_by_one])
@pytest.mark.parametrize("protocol", ["nve", "nvt"])
@pytest.mark.parametrize("potential", list(POTENTIALS))
def test_steps(benchmark, potential, protocol, engine):
    # Free atoms would leave their molecule at 300 K.
    temperature_k = 0.01 if potential == "free" else 300.0
    protocol = Protocol(protocol, STEPS * 0.0005, equilibration_ps=0.0, temperature_k=temperature_k)
    trajectories = benchmark.pedantic(
        engine, args=(potential, protocol), rounds=2, warmup_rounds=0 if engine is one_by_one else 1
    )
    assert {t.outcome.kind for t in trajectories} == {OutcomeKind.COMPLETED}
    assert sum(t.n_steps for t in trajectories) == STEPS * len(STARTS)
