"""The additive force field as a calculator; its terms are fixed by the first geometry of a molecule."""

import warnings
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from compcalc.calculators.additive.field import Assigned, Field, assign
from compcalc.calculators.additive.molecule import MoleculeTerms
from compcalc.calculators.additive.parameters import AdditiveParameters
from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.bonded import FixedBonds, refuse_periodic
from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.model_file import describe
from compcalc.calculators.state import refuse_charged
from compcalc.molecules.graph import bond_graph
from compcalc.records import Batch, BatchResult


class WiderTypeWarning(UserWarning):
    """A term has a type that no training molecule had, and takes after those of a wider one."""


class AdditiveCalculator(PotentialCalculator):
    """Energies of bonds, angles, torsions, their couplings and pairs, by the types of atoms; cannot break bonds.

    Args:
        path: of a file that `compcalc train additive` has made.

    Attributes:
        sha256: of the file.
        n_parameters: number of coefficients.

    Raises:
        DataError: the file is missing or damaged.
    """

    can_batch = True
    dtype = "float64"

    def __init__(self, path: Path):
        super().__init__()
        self._parameters = AdditiveParameters.load(path)
        describe(self, path)
        self.n_parameters, self.known_elements = self._parameters.count, tuple(self._parameters.elements)
        self.label_name = f"additive {path.name}"
        self._assigned: dict[tuple[bytes, bytes], Assigned] = {}
        self.forget()

    def forget(self) -> None:
        """Drop the bonds of earlier molecules; the next geometry decides them anew."""
        super().forget()
        self._members: dict[bytes, list[tuple[FixedBonds, Assigned]]] = {}
        self._last: tuple[FixedBonds, Field] | None = None
        self._joined: tuple[list[Assigned], Field] | None = None

    def energy_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom) of a molecule.

        Raises:
            InputError: a periodic cell, or a charge in `atoms.info`.
            UnseenTermError: a term that is kin to none of the training molecules'.
        """
        refuse_charged(atoms, self.label_name)
        refuse_periodic(atoms)
        if self._last is None or not self._last[0].fit(atoms.numbers, atoms.positions):
            fixed, assigned = self._set_up(atoms.numbers, atoms.positions)
            self._last = fixed, Field([assigned])
        energies, forces = self._last[1](atoms.positions)
        return float(energies[0]), forces

    def evaluate_batch(self, batch: Batch) -> BatchResult:
        """Energies and forces of isolated, neutral molecules in one call."""
        self.check_batch(batch)
        members = [
            self._member(batch.numbers[first:last], batch.positions[first:last])
            for first, last in zip(batch.offsets, batch.offsets[1:], strict=False)
        ]
        if self._joined is None or not _same(self._joined[0], members):
            self._joined = members, Field(members)
        return BatchResult(*self._joined[1](batch.positions))

    def _member(self, numbers: np.ndarray, positions: np.ndarray) -> Assigned:
        """The molecule that fits; those of the same atoms in order, as replicas, share it."""
        members = self._members.setdefault(numbers.tobytes(), [])
        for fixed, assigned in members:
            if fixed.fit(numbers, positions):
                return assigned
        members.append(self._set_up(numbers, positions))
        return members[-1][1]

    def _set_up(self, numbers: np.ndarray, positions: np.ndarray) -> tuple[FixedBonds, Assigned]:
        bonds = bond_graph(numbers, positions)
        key = numbers.astype(np.int64).tobytes(), bonds.tobytes()
        if key not in self._assigned:
            symbols = [chemical_symbols[z] for z in numbers]
            molecule = MoleculeTerms.of(numbers, bonds)
            assigned = assign(molecule, symbols, self._parameters, self.label_name)
            self._tell(numbers, assigned)
            self._assigned[key] = assigned
        return FixedBonds(numbers, bonds), self._assigned[key]

    def _tell(self, numbers: np.ndarray, assigned: Assigned) -> None:
        if assigned.standing_in:
            # What a wide type says is missing tells more than a narrow one, which has its neighbours in brackets.
            missing = sorted(assigned.standing_in, key=lambda names: "(" in names[1])
            told = [f"{kind} {name} ({other})" for kind, name, other in missing]
            first, more = ", ".join(told[:3]), f" and {len(told) - 3} more" if len(told) > 3 else ""
            formula = Atoms(numbers).get_chemical_formula()
            warnings.warn(
                f"{self.label_name}: in {formula} wider types stand in for {first}{more}, "
                "which no training molecule had",
                WiderTypeWarning,
                stacklevel=2,
            )


def _same(one: list[Assigned], other: list[Assigned]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _build(argument: str) -> AdditiveCalculator:
    return AdditiveCalculator(Path(argument))


SCHEME = Scheme(
    _build,
    summary="an additive force field that `compcalc train additive` has fitted; cannot break bonds",
    example="additive:path/to/model.json",
)
