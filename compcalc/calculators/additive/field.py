"""Energies and forces of molecules whose terms have their parameters. Symbols: A atoms, B bonds, M terms, P pairs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from compcalc.calculators.additive.kinds import KINDS, Geometry, pair_monomials
from compcalc.calculators.additive.molecule import MoleculeTerms, nearest
from compcalc.calculators.additive.parameters import AdditiveParameters, UnseenTermError, monomials_of_kinds
from compcalc.calculators.additive.types import BROAD


@dataclass(frozen=True)
class Assigned:
    """A molecule with the coefficients of its terms.

    Attributes:
        molecule: its terms.
        coefficients: kind, `pair` as well -> those of each term, eV, (K, M).
        centres: kind -> what its terms are measured from, (M, C).
        constant: energy of the free atoms, eV.
        standing_in: kind and type of terms that no training molecule had, and the name of those that they take after.
    """

    molecule: MoleculeTerms
    coefficients: dict[str, np.ndarray]
    centres: dict[str, np.ndarray]
    constant: float
    standing_in: tuple[tuple[str, str, str], ...]


def assign(molecule: MoleculeTerms, symbols: Sequence[str], parameters: AdditiveParameters, potential: str) -> Assigned:
    """Look up the parameters of a molecule.

    Args:
        molecule: its terms.
        symbols: elements of its atoms, all of them known.
        parameters: of the force field.
        potential: what it is called in messages.

    Raises:
        UnseenTermError: a term that has no kin among those of the training molecules.
    """
    coefficients, standing_in = {}, {}
    kin = molecule.kin()
    for kind, rows in molecule.names().items():
        known, typical = parameters.terms.get(kind, {}), parameters.typical.get(kind, {})
        own = []
        for names, looser in zip(rows, kin[kind], strict=True):
            missing = next((name for name in names if name not in known), None)
            enough = missing is None or (kind in BROAD and names[0] in known)
            if enough:
                own.append(np.sum([known[name] for name in names if name in known], axis=0))
            if missing is not None:
                found = nearest(looser, known if enough else typical)
                if found is None:
                    raise UnseenTermError(potential, kind, missing, len(known))
                standing_in[kind, missing, found] = None
            if not enough:
                own.append(typical[found])
        coefficients[kind] = np.array(own, dtype=float).reshape(len(rows), monomials_of_kinds()[kind]).T
    centres = {kind: molecule.centres(kind, parameters.centres) for kind in KINDS}
    constant = float(sum(parameters.elements[symbol] for symbol in symbols))
    return Assigned(molecule, coefficients, centres, constant, tuple(standing_in))


class Field:
    """One fast call for molecules side by side.

    Args:
        members: the molecules, each as often as it is there.
    """

    def __init__(self, members: Sequence[Assigned]):
        self._n = len(members)
        atoms = _offsets([len(m.molecule.numbers) for m in members])
        bonds = _offsets([len(m.molecule.bonds) for m in members])
        self._bonds = _joined([m.molecule.bonds + a for m, a in zip(members, atoms, strict=False)], (0, 2))
        self._pairs = _joined([m.molecule.pairs.atoms + a for m, a in zip(members, atoms, strict=False)], (0, 2))
        self._pair_constants = _joined([m.molecule.pair_constants for m in members], (0, 2))
        self._pair_coefficients = np.concatenate([m.coefficients["pair"] for m in members], axis=1)
        self._kinds = list(self._terms(members, bonds))
        owners = [_owners(members, lambda m, kind=kind: len(m.molecule.terms[kind])) for kind, *_ in self._kinds]
        self._owner = np.concatenate([*owners, _owners(members, lambda m: len(m.molecule.pairs.atoms))])
        self._constants = np.array([m.constant + m.coefficients["atom"].sum() for m in members])
        both = np.concatenate([self._bonds, self._pairs])
        # A gradient along a vector pulls its tail forward and its head back.
        self._to_atoms = _scatter(both[:, 0], atoms[-1]) - _scatter(both[:, 1], atoms[-1])
        self._to_bonds = None

    def _terms(self, members: Sequence[Assigned], offsets: np.ndarray) -> Iterator[tuple]:
        """Name, kind, vectors, centres and coefficients of the kinds that occur, the constants left out."""
        total = offsets[-1]
        for name, kind in KINDS.items():
            vectors = []
            for member, offset in zip(members, offsets, strict=False):
                own, here = member.molecule.terms[name].vectors, len(member.molecule.bonds)
                vectors.append(np.where(own < here, own + offset, own - here + offset + total))
            if name != "atom" and sum(map(len, vectors)):
                centres = np.concatenate([member.centres[name] for member in members])
                coefficients = np.concatenate([member.coefficients[name] for member in members], axis=1)
                yield name, kind, np.concatenate(vectors), centres, coefficients

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Energies (eV, one a molecule) and forces (eV/angstrom, (A, 3)) at `positions` (angstrom, (A, 3))."""
        lengths, unit = _directions(positions, self._bonds)
        geometry = Geometry(np.concatenate([unit, -unit]), np.concatenate([lengths, lengths]))
        energies, along, across = self._bonded(geometry)
        across -= np.einsum("ba,ba->b", across, unit)[:, None] * unit
        gradient = along[:, None] * unit + across / lengths[:, None]
        distances, pair_unit = _directions(positions, self._pairs)
        values, slopes = pair_monomials(distances, self._pair_constants)
        energies.append((self._pair_coefficients * values).sum(axis=0))
        pulls = (self._pair_coefficients * slopes).sum(axis=0)[:, None] * pair_unit
        forces = self._to_atoms @ np.concatenate([gradient, pulls])
        totals = np.bincount(self._owner, np.concatenate(energies), minlength=self._n)
        return self._constants + totals, forces

    def _bonded(self, geometry: Geometry) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Energies of the terms of each kind; dE by the length (B,) and by the unit vector (B, 3) of each bond."""
        energies, along, across, along_at, across_at = [], [], [], [], []
        for _, kind, vectors, centres, coefficients in self._kinds:
            values, parts = kind.variables(geometry, vectors, centres)
            energy, slopes = kind.contract(values, coefficients)
            energies.append(energy)
            for slope, pieces in zip(slopes, parts, strict=True):
                for part in pieces:
                    where = vectors[:, part.slot]
                    if part.along is not None:
                        along.append(slope * part.along)
                        along_at.append(where)
                    else:
                        across.append(slope[:, None] * part.across)
                        across_at.append(where)
        n = len(self._bonds)
        if not n:
            return energies, np.zeros(0), np.zeros((0, 3))
        by_length = np.bincount(np.concatenate(along_at), np.concatenate(along), minlength=2 * n)
        by_unit = np.zeros((2 * n, 3))
        if across:
            if self._to_bonds is None:
                self._to_bonds = _scatter(np.concatenate(across_at), 2 * n)
            by_unit = self._to_bonds @ np.concatenate(across)
        return energies, by_length[:n] + by_length[n:], by_unit[:n] - by_unit[n:]


def _directions(positions: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances of the pairs, and unit vectors from the first to the second atom of each."""
    vectors = positions[pairs[:, 1]] - positions[pairs[:, 0]]
    lengths = np.sqrt(np.einsum("pa,pa->p", vectors, vectors))
    return lengths, vectors / lengths[:, None]


def _offsets(sizes: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(int)


def _owners(members: Sequence[Assigned], size) -> np.ndarray:
    return np.repeat(np.arange(len(members)), [size(member) for member in members])


def _joined(arrays: list[np.ndarray], empty: tuple[int, ...]) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.zeros(empty)


def _scatter(rows: np.ndarray, n: int) -> csr_array:
    """Matrix that adds entry k of what it is applied to to row `rows[k]`, (n, len(rows))."""
    count = len(rows)
    return csr_array((np.ones(count), (rows, np.arange(count))), shape=(n, count))
