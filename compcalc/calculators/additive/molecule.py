"""The terms of a molecule as arrays, without parameters. Symbols: N atoms, B bonds, M terms, P pairs."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols

from compcalc.calculators.additive.kinds import KINDS, UFF, pair_constants
from compcalc.calculators.additive.types import Centre, Pairs, Terms, distant_pairs, molecule_terms
from compcalc.errors import UnsupportedElementError


@dataclass(frozen=True)
class MoleculeTerms:
    """Everything that the bonds of a molecule decide.

    Attributes:
        numbers: atomic numbers, (N,).
        bonds: atom index pairs, (B, 2).
        terms: kind -> terms made of bonds.
        pairs: pairs of atoms three bonds apart and further.
        pair_constants: distance (angstrom) and depth (eV) of each pair, (P, 2).
    """

    numbers: np.ndarray
    bonds: np.ndarray
    terms: dict[str, Terms]
    pairs: Pairs
    pair_constants: np.ndarray

    @classmethod
    def of(cls, numbers: np.ndarray, bonds: np.ndarray) -> "MoleculeTerms":
        """The terms of a molecule.

        Raises:
            UnsupportedElementError: an element whose size is not known.
        """
        symbols = [chemical_symbols[z] for z in numbers]
        if unknown := set(symbols) - set(UFF):
            raise UnsupportedElementError("an additive force field", unknown, UFF)
        pairs = distant_pairs(numbers, bonds)
        constants = [pair_constants(symbols[i], symbols[j]) for i, j in pairs.atoms]
        return cls(
            np.array(numbers),
            np.asarray(bonds, dtype=int).reshape(-1, 2),
            molecule_terms(numbers, bonds),
            pairs,
            np.array(constants, dtype=float).reshape(-1, 2),
        )

    def names(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Kind of term, `pair` as well -> names of each of its terms."""
        return {**{kind: terms.names for kind, terms in self.terms.items()}, "pair": self.pairs.names}

    def kin(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Kind of term, `pair` as well -> everything that each of its terms goes by, the narrowest name first."""
        return {**{kind: terms.kin for kind, terms in self.terms.items()}, "pair": self.pairs.kin}

    def centres(self, kind: str, values: Mapping[str, float]) -> np.ndarray:
        """Mean lengths and cosines that the terms of a kind are measured from, (M, C).

        Args:
            kind: of the terms.
            values: mean by name; of a looser name of bonds, the mean over the sum of their radii.
        """
        rows = self.terms[kind].centres
        found = [[_mean(centre, values) for centre in row] for row in rows]
        return np.array(found, dtype=float).reshape(len(rows), KINDS[kind].centres)


def nearest(kin: tuple[str, ...], known: Collection[str]) -> str | None:
    """The first of the names that is known; None where none is."""
    return next((name for name in kin if name in known), None)


def _mean(centre: Centre, values: Mapping[str, float]) -> float:
    name = nearest(centre.kin, values)
    return values[name] + (centre.radii if name != centre.kin[0] else 0.0)
