"""The contract of compcalc's own calculators: what ASE expects of one, written once.

A potential implements `energy_forces`; caching, shapes, types, `free_energy` and element checks are done here.
"""

from collections.abc import Collection
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes
from ase.data import atomic_numbers as NUMBER_OF
from ase.data import chemical_symbols

from compcalc.errors import InputError, UnsupportedElementError

_INFO_KEYS = ("charge", "spin", "multiplicity")


class PotentialCalculator(Calculator):
    """Base of a calculator that gives energy (eV) and forces (eV/angstrom, (N, 3)).

    `free_energy` equals `energy`. The atoms passed in are never changed. The charge or spin in `atoms.info` belongs to
    the state that the cache compares.

    Attributes:
        label_name: what the potential is called in messages.
        known_elements: symbols that the potential covers; None where it covers all.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces"]
    label_name = "the potential"
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
        """
        super().calculate(atoms, properties, system_changes)
        self.results = {}
        self._check_elements(self.atoms)
        if not np.all(np.isfinite(self.atoms.positions)):
            raise CalculationFailed(f"{self.label_name}: positions contain NaN or infinite values")
        energy, forces = self.energy_forces(self.atoms)
        energy = float(energy)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": np.array(forces, dtype=np.float64).reshape(len(self.atoms), 3),
        }

    def check_state(self, atoms, tol=1e-15):
        """ASE's comparison, with charge and spin in `atoms.info` added."""
        changes = super().check_state(atoms, tol=tol)
        if self.atoms is not None and any(atoms.info.get(k) != self.atoms.info.get(k) for k in _INFO_KEYS):
            changes = [*changes, "initial_charges"]
        return changes

    def prepare(self, atoms: Atoms) -> None:
        """Told before many evaluations of one molecule, such as a dynamics run."""

    def _check_elements(self, atoms: Atoms) -> None:
        if self.known_elements is None:
            return
        known = {NUMBER_OF[symbol] for symbol in self.known_elements}
        unknown = set(atoms.numbers.tolist()) - known
        if unknown:
            raise UnsupportedElementError(self.label_name, [chemical_symbols[z] for z in unknown], self.known_elements)


def refuse_info_charge(atoms: Atoms, charge: float, spin: int, potential: str) -> None:
    """Refuse a charge or spin in `atoms.info` that differs from what the potential is set to.

    Raises:
        InputError: they differ, so that the potential would silently compute another state.
    """
    for key, value in (("charge", charge), ("spin", spin)):
        asked = atoms.info.get(key)
        if asked is not None and asked != value:
            raise InputError(
                f"atoms.info[{key!r}]",
                asked,
                f"{value}, the {key} that {potential} was built with",
                f"Build the calculator with {key}={asked}, or remove the entry.",
            )
