"""Types of atoms, from wide to narrow and looser ones. Symbols: N atoms, B bonds.

An atom has a *wide* type, its element and number of neighbours (`C4`; of a hydrogen, `H` and what it is bonded to:
`HO`), and a *narrow* one, which adds the wide types of its neighbours (`C4(C3,C4,HC,HC)`).
"""

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from compcalc.molecules.graph import adjacency

_CARBON_RADII = {3: 0.73, 2: 0.69}
"""Angstrom, of carbon with three and two neighbours: Cordero et al., Dalton Trans. 2832 (2008), as ASE's of four."""

_MOST_NEIGHBOURS = {"H": 1, "B": 4, "C": 4, "N": 4, "O": 3, "F": 1, "Si": 6, "P": 6, "S": 6, "Cl": 1, "Br": 1, "I": 1}
"""Beyond these, a geometry is no molecule but atoms on top of each other."""


class AtomTypes:
    """The types of the atoms of one molecule.

    Args:
        numbers: atomic numbers, (N,).
        bonds: atom index pairs, (B, 2).

    Attributes:
        neighbours: indices of the atoms that each is bonded to.
        symbol: `C`.
        wide: `C4`, `HO`.
        narrow: `C4(C3,C4,HC,HC)`.
        element: `C*`.
        coordination: `*4`.
        weight: `X`, or `H` of a hydrogen.
        any: `*`.
    """

    def __init__(self, numbers: np.ndarray, bonds: np.ndarray):
        self.neighbours = adjacency(len(numbers), bonds)
        self.symbol = [chemical_symbols[z] for z in numbers]
        self.wide = [self._wide(atom) for atom in range(len(numbers))]
        self.narrow = [
            f"{self.wide[atom]}({','.join(sorted(self.wide[other] for other in around))})"
            for atom, around in enumerate(self.neighbours)
        ]
        self.element = [f"{symbol}*" for symbol in self.symbol]
        self.coordination = [f"*{len(around)}" for around in self.neighbours]
        self.weight = ["H" if symbol == "H" else "X" for symbol in self.symbol]
        self.any = ["*"] * len(numbers)
        self._numbers = numbers

    def radius(self, atom: int) -> float:
        """Covalent radius of an atom, angstrom."""
        if self.symbol[atom] == "C":
            return _CARBON_RADII.get(len(self.neighbours[atom]), float(covalent_radii[6]))
        return float(covalent_radii[self._numbers[atom]])

    def common(self, atom: int) -> bool:
        """Whether an atom has a number of neighbours that its element has in molecules."""
        return 1 <= len(self.neighbours[atom]) <= _MOST_NEIGHBOURS.get(self.symbol[atom], 0)

    def loosened(self, i: int, j: int) -> list[tuple[list[str], list[str]]]:
        """Types of two atoms, in their order, of which first the looser one is freed, then the firmer, then both."""

        def loose(atom: int) -> tuple[int, int, str]:
            return len(self.neighbours[atom]), -int(self._numbers[atom]), self.wide[atom]

        one, other = (self.wide, self.element), (self.element, self.wide)
        first, second = (one, other) if loose(i) <= loose(j) else (other, one)
        return [first, second, (self.element, self.element)]

    def _wide(self, atom: int) -> str:
        around = self.neighbours[atom]
        if self.symbol[atom] == "H" and around:
            return "H" + "".join(sorted(self.symbol[other] for other in around))
        return f"{self.symbol[atom]}{len(around)}"
