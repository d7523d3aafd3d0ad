"""The contract of compcalc's own calculators: what ASE expects of one, written once.

A potential implements `energy_forces`; caching, shapes, types, `free_energy` and element checks are done here.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import (
    CalculationFailed,
    Calculator,
    PropertyNotImplementedError,
    all_changes,
)
from ase.data import atomic_numbers as NUMBER_OF
from ase.data import chemical_symbols

from compcalc.calculators.batching import evaluate_frames, one_by_one
from compcalc.calculators.state import INFO_KEYS
from compcalc.errors import UnsupportedElementError
from compcalc.records import Batch, BatchResult


class PotentialCalculator(Calculator):
    """Base of a calculator that gives energy (eV), forces (eV/angstrom, (N, 3)) and, where it can, stress.

    `free_energy` equals `energy`. The atoms passed in are never changed. The charge or spin in `atoms.info` belongs to
    the state that the cache compares. Stress (eV/angstrom^3, Voigt xx, yy, zz, yz, xz, xy) exists in a cell of three
    dimensions alone; a potential that has it defines `stress(atoms)` and adds it to `implemented_properties`.

    Attributes:
        label_name: what the potential is called in messages.
        known_elements: symbols that the potential covers; None where it covers all.
        can_batch: whether many molecules in one call cost less than one by one.
        batch_atoms: number of atoms beyond which a larger batch gains nothing, where it can batch.
        training: how it was trained and by what it was chosen, in a sentence; None where that is not known.
        trained: the same for programs, see `model_file.training_facts`.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces"]
    label_name = "the potential"
    can_batch = False
    batch_atoms = 1024
    training: str | None = None
    trained: Mapping[str, Any] | None = None
    known_elements: Collection[str] | None = None

    def __init__(self):
        # A list of its own: some libraries extend the list they inherit, in place.
        self.implemented_properties = ["energy", "free_energy", "forces"]
        super().__init__()

    def energy_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy in eV and forces in eV/angstrom, (N, 3), of `atoms`, which must not be changed."""
        raise TypeError(f"{type(self).__name__} does not define energy_forces")

    def forget(self) -> None:
        """Drop everything carried over from earlier geometries: the next result depends on its input alone."""
        self.results = {}

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        """Fill `results` with energy, free_energy and forces.

        Raises:
            UnsupportedElementError: an element that the potential does not know.
            CalculationFailed: positions that are not finite, or the potential failed.
            PropertyNotImplementedError: stress was asked for, and the potential has none or the cell is not
                three-dimensional and periodic.
        """
        super().calculate(atoms, properties, system_changes)
        self.results = {}
        self._check_numbers(self.atoms.numbers)
        if not np.all(np.isfinite(self.atoms.positions)):
            raise CalculationFailed(f"{self.label_name}: positions contain NaN or infinite values")
        stress = {"stress": self._stress()} if properties and "stress" in properties else {}
        energy, forces = self.energy_forces(self.atoms)
        energy = float(energy)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": np.array(forces, dtype=np.float64).reshape(len(self.atoms), 3),
            **stress,
        }

    def evaluate(self, frames: Sequence[Atoms]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Energies (eV, (M,)) and forces (eV/angstrom, (N, 3) each) of M structures, independent of earlier calls.

        Raises:
            Exception: whatever one of them raises, as in a single evaluation.
        """
        return evaluate_frames(self, frames)

    def evaluate_batch(self, batch: Batch) -> BatchResult:
        """Energies and forces of isolated, neutral molecules; here one by one, in one call where `can_batch`.

        Raises:
            Exception: whatever one of them raises, as in a single evaluation.
        """
        return one_by_one(self, batch)

    def prepare_batch(self, batch: Batch) -> None:
        """Told before many evaluations of the same molecules, as in dynamics."""

    def check_batch(self, batch: Batch) -> None:
        """What `calculate` asks of its input, for a batch.

        Raises:
            UnsupportedElementError: an element that the potential does not know.
            CalculationFailed: positions that are not finite.
        """
        self._check_numbers(batch.numbers)
        if not np.isfinite(batch.positions).all():
            raise CalculationFailed(f"{self.label_name}: positions contain NaN or infinite values")

    def check_state(self, atoms, tol=1e-15):
        """What differs from the atoms of the last result, as ASE names it; charge and spin in `atoms.info` count too.

        Compared bit for bit, which is stricter than ASE's comparison and takes a tenth of its time.
        """
        last = self.atoms
        if last is None:
            return list(all_changes)
        same = {
            "positions": np.array_equal(last.positions, atoms.positions),
            "numbers": np.array_equal(last.numbers, atoms.numbers),
            "cell": np.array_equal(last.cell.array, atoms.cell.array),
            "pbc": np.array_equal(last.pbc, atoms.pbc),
            "initial_charges": _same_array(last, atoms, "initial_charges")
            and all(last.info.get(key) == atoms.info.get(key) for key in INFO_KEYS),
            "initial_magmoms": _same_array(last, atoms, "initial_magmoms"),
        }
        return [name for name in all_changes if not same[name]]

    def prepare(self, atoms: Atoms) -> None:
        """Told before many evaluations of one molecule, such as a dynamics run."""

    def stress(self, atoms: Atoms) -> np.ndarray:
        """Stress of `atoms`, eV/angstrom^3, Voigt xx, yy, zz, yz, xz, xy, (6,)."""
        raise PropertyNotImplementedError(f"{self.label_name} gives no stress")

    def _stress(self) -> np.ndarray:
        if "stress" in self.implemented_properties and not (self.atoms.cell.rank == 3 and self.atoms.pbc.all()):
            raise PropertyNotImplementedError(
                f"{self.label_name}: stress needs a cell of three dimensions, periodic along each; "
                f"this one has rank {self.atoms.cell.rank} and pbc {self.atoms.pbc.tolist()}"
            )
        return self.stress(self.atoms)

    def _check_numbers(self, numbers: np.ndarray) -> None:
        if self.known_elements is None:
            return
        known = {NUMBER_OF[symbol] for symbol in self.known_elements}
        unknown = set(numbers.tolist()) - known
        if unknown:
            raise UnsupportedElementError(self.label_name, [chemical_symbols[z] for z in unknown], self.known_elements)


def _same_array(first: Atoms, second: Atoms, name: str) -> bool:
    """Whether an array that most structures do not have is the same; without it is not the same as with zeros."""
    one, other = first.arrays.get(name), second.arrays.get(name)
    return one is other or (one is not None and other is not None and np.array_equal(one, other))
