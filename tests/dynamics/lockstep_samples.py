"""Batched potentials made of single ones, and runs of both engines from the same start."""

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import Calculator
from dynamics_samples import WATER, WATER_BONDS, WATER_NUMBERS

from compcalc.dynamics.ase_engine import run_protocol
from compcalc.dynamics.lockstep import Start
from compcalc.molecules.graph import bond_graph
from compcalc.records import Batch, BatchResult, Molecule, Trajectory

ARRAYS = (
    "numbers", "log_time_fs", "potential_energy", "kinetic_energy", "temperature", "frame_time_fs", "positions",
    "velocities", "event_time_fs", "event_positions", "event_energy", "control_time_fs", "control_energy", "work",
    "coarse_work", "heat", "net_force", "net_torque", "dense_time_fs", "dense_velocities",
)  # fmt: skip


class Looped:
    """Evaluates a batch one by one with a calculator for each composition, made by `make(numbers)` at first sight.

    `told` holds the calls of the hooks; `sizes` the number of molecules of each evaluation.
    """

    def __init__(self, make: Callable[[np.ndarray], Calculator]):
        self.make, self.calculators, self.told, self.sizes = make, {}, [], []

    def forget(self):
        self.told.append("forget")

    def prepare_batch(self, batch: Batch):
        self.told.append(len(batch))

    def evaluate_batch(self, batch: Batch) -> BatchResult:
        self.sizes.append(len(batch))
        energies, forces = [], []
        for start, stop in zip(batch.offsets[:-1], batch.offsets[1:], strict=True):
            atoms = Atoms(batch.numbers[start:stop], batch.positions[start:stop])
            key = tuple(atoms.numbers)
            if key not in self.calculators:
                self.calculators[key] = self.make(atoms.numbers)
            calculator = self.calculators[key]
            energies.append(calculator.get_potential_energy(atoms))
            forces.append(calculator.get_forces(atoms))
        return BatchResult(np.array(energies), np.concatenate(forces))


class Tethered:
    """Each atom on a spring of its own, eV/angstrom^2, at the place where the batch is prepared."""

    def __init__(self, k: float):
        self.k = k

    def prepare_batch(self, batch: Batch):
        self.sites = batch.positions

    def evaluate_batch(self, batch: Batch) -> BatchResult:
        away = batch.positions - self.sites
        energies = np.add.reduceat(0.5 * self.k * np.sum(away**2, axis=1), batch.offsets[:-1])
        return BatchResult(energies, -self.k * away)


def start(name: str, replica: int = 0) -> Start:
    """A molecule of ASE's collection."""
    atoms = molecule(name)
    bonds = bond_graph(atoms.numbers, atoms.positions)
    return Start(Molecule(name, ""), atoms.numbers, atoms.positions, bonds, replica)


def water(replica: int = 0) -> Start:
    """The molecule of `dynamics_samples`."""
    return Start(Molecule("water", ""), WATER_NUMBERS, WATER, WATER_BONDS, replica)


def with_ase(begin: Start, calculator: Calculator, protocol, **options) -> Trajectory:
    """The same run with the other engine."""
    return run_protocol(
        begin.molecule, begin.numbers, begin.positions, begin.bonds, calculator, protocol, replica=begin.replica,
        **options,
    )  # fmt: skip


def assert_same(got: Trajectory, expected: Trajectory, atol: float = 0.0) -> None:
    """The same run: the same end, and arrays equal within `atol`, times exactly."""
    for name in ("molecule", "protocol", "replica", "degrees_of_freedom", "outcome", "n_steps"):
        assert getattr(got, name) == getattr(expected, name), name
    for name in ARRAYS:
        tolerance = 0.0 if name.endswith("time_fs") else atol * (1e6 if name == "temperature" else 1.0)
        np.testing.assert_allclose(
            getattr(got, name), getattr(expected, name), rtol=0, atol=tolerance, equal_nan=True, err_msg=name
        )


def raising(error: Exception) -> Callable:
    """A fault of `dynamics_samples.Springs` that raises."""

    def fault(energy, forces):
        raise error

    return fault


def nan_force(energy, forces):
    """A fault that spoils the force on one atom."""
    forces[1, 2] = np.nan
    return energy, forces
