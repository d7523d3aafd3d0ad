"""Functional groups, and the environment of each atom, from elements and bonds with explicit hydrogens.

No bond orders are needed: the O of a carbonyl is the O with one neighbour. Symbols: N atoms, B bonds.
"""

from dataclasses import dataclass

import numpy as np

from compcalc.molecules.graph import adjacency, bond_distance, fragments

GROUP_NAMES = ("carboxylic_acid", "amide", "aldehyde", "ketone", "ester", "alcohol", "ether", "amine", "other")
"""Names of groups with a heteroatom. An atom equally far from two groups belongs to the one that stands first here."""

CHAIN_NAMES = ("alkane", "hydrocarbon")
"""Names for molecules of carbon and hydrogen: every carbon with four neighbours, or not."""

FARTHEST = 4
"""Environments at this distance and beyond are one."""

_CARBONYLS = {
    ("C", "OH"): "carboxylic_acid",
    ("H", "OH"): "carboxylic_acid",
    ("C", "N"): "amide",
    ("H", "N"): "amide",
    ("C", "OC"): "ester",
    ("H", "OC"): "ester",
    ("C", "H"): "aldehyde",
    ("H", "H"): "aldehyde",
    ("C", "C"): "ketone",
}


@dataclass(frozen=True)
class FunctionalGroup:
    """One functional group of a molecule.

    Attributes:
        name: one of `GROUP_NAMES` or `CHAIN_NAMES`.
        atoms: sorted indices of its heavy atoms, of the hydrogens on its heteroatoms, and of the aldehyde H. The carbon
            that carries an alcohol, ether or amine is not in the group; the carbon of a carbonyl is.
    """

    name: str
    atoms: tuple[int, ...]


def functional_groups(numbers: np.ndarray, bonds: np.ndarray) -> list[FunctionalGroup]:
    """Functional groups in the order of their first atoms.

    Heteroatoms in an environment that has no name here form groups called `other`, joined where they are bonded to each
    other or to the same carbonyl carbon. A molecule without heteroatoms is one group of all its carbons.

    Args:
        numbers: atomic numbers, hydrogens included, (N,).
        bonds: atom index pairs, (B, 2).
    """
    graph = _Graph(numbers, bonds)
    groups = [group for c in graph.of(6) if (group := _carbonyl_group(graph, c))]
    claimed = {atom for group in groups for atom in group.atoms}
    for atom in graph.of(7, 8):
        if atom not in claimed and (name := _single_bond_group(graph, atom)):
            groups.append(_group(graph, name, [atom]))
    groups += _other_groups(graph, {atom for group in groups for atom in group.atoms})
    return sorted(groups or [_chain(graph)], key=lambda group: group.atoms)


def environments(numbers: np.ndarray, bonds: np.ndarray) -> list[str]:
    """The environment of each atom, such as `carboxylic_acid+1`, to group force errors by.

    The number counts bonds from the nearest group, 0 inside it, `4..` for four and more. In molecules without
    heteroatoms it counts from the chain end (terminal carbon 0), and is `ring` where there is no end. A hydrogen has
    the environment of its heavy atom; an atom that no bond joins to a group is `unconnected`.

    Args:
        numbers: atomic numbers, hydrogens included, (N,).
        bonds: atom index pairs, (B, 2).
    """
    groups = functional_groups(numbers, bonds)
    if groups[0].name in CHAIN_NAMES:
        distance = chain_end_distance(numbers, bonds)
        return [f"{groups[0].name}+{_capped(d) if d >= 0 else 'ring'}" for d in distance]
    graph = _Graph(numbers, bonds)
    names = [name for name in GROUP_NAMES if any(group.name == name for group in groups)]
    members = {name: [atom for group in groups if group.name == name for atom in group.atoms] for name in names}
    distance = np.array([bond_distance(graph.n, graph.heavy_bonds, members[name]) for name in names])[:, graph.parent]
    distance[distance < 0] = graph.n
    nearest = distance.argmin(axis=0)
    best = distance.min(axis=0)
    return [f"{names[k]}+{_capped(d)}" if d < graph.n else "unconnected" for k, d in zip(nearest, best, strict=False)]


def chain_end_distance(numbers: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Bonds between heavy atoms from each atom to the nearest chain end, (N,) int.

    A chain end is a heavy atom with at most one heavy neighbour. A hydrogen has the value of its heavy atom. -1 where
    there is no end, as in a ring without side chains.

    Args:
        numbers: atomic numbers, hydrogens included, (N,).
        bonds: atom index pairs, (B, 2).
    """
    graph = _Graph(numbers, bonds)
    ends = np.flatnonzero(graph.heavy & (graph.heavy_degree <= 1))
    return bond_distance(graph.n, graph.heavy_bonds, ends)[graph.parent]


class _Graph:
    """Elements and neighbours of a molecule, with the questions that the rules ask."""

    def __init__(self, numbers: np.ndarray, bonds: np.ndarray):
        self.numbers = np.asarray(numbers, dtype=int)
        self.n = len(self.numbers)
        self.neighbours = adjacency(self.n, bonds)
        self.heavy = self.numbers != 1
        bonds = np.asarray(bonds, dtype=int).reshape(-1, 2)
        self.heavy_bonds = bonds[self.heavy[bonds].all(axis=1)]
        self.heavy_degree = np.bincount(self.heavy_bonds.ravel(), minlength=self.n)
        # A hydrogen without a heavy neighbour (H2) is its own parent, like a heavy atom.
        self.parent = np.array([self._parent(atom) for atom in range(self.n)], dtype=int)

    def _parent(self, atom: int) -> int:
        return atom if self.heavy[atom] else next((a for a in self.neighbours[atom] if self.heavy[a]), atom)

    def of(self, *elements: int) -> list[int]:
        """Atoms of these elements."""
        return np.flatnonzero(np.isin(self.numbers, elements)).tolist()

    def degree(self, atom: int) -> int:
        return len(self.neighbours[atom])

    def elements_around(self, atom: int, without: int = -1) -> list[int]:
        """Sorted atomic numbers of the neighbours."""
        return sorted(int(self.numbers[a]) for a in self.neighbours[atom] if a != without)

    def terminal(self, atom: int, *elements: int) -> list[int]:
        """Neighbours of these elements that have no other neighbour."""
        return [a for a in self.neighbours[atom] if self.numbers[a] in elements and self.degree(a) == 1]

    def is_acyl(self, atom: int) -> bool:
        """Whether the atom is the carbon of a C=O or C=S."""
        return self.numbers[atom] == 6 and bool(self.terminal(atom, 8, 16))

    def beside_acyl(self, atom: int, without: int = -1) -> bool:
        return any(self.is_acyl(a) for a in self.neighbours[atom] if a != without)


def _group(graph: _Graph, name: str, atoms: list[int]) -> FunctionalGroup:
    """A group with the hydrogens on its heteroatoms added."""
    hetero = [atom for atom in atoms if graph.numbers[atom] not in (1, 6)]
    hydrogens = [h for atom in hetero for h in graph.neighbours[atom] if not graph.heavy[h]]
    return FunctionalGroup(name, tuple(sorted({*atoms, *hydrogens})))


def _carbonyl_group(graph: _Graph, carbon: int) -> FunctionalGroup | None:
    oxygens = graph.terminal(carbon, 8)
    if len(oxygens) != 1 or graph.degree(carbon) != 3:
        return None
    others = [atom for atom in graph.neighbours[carbon] if atom != oxygens[0]]
    name = _CARBONYLS.get(tuple(sorted(_substituent(graph, atom, carbon) for atom in others)))
    if name is None:
        return None
    inside = (1, 7, 8) if name == "aldehyde" else (7, 8)
    return _group(graph, name, [carbon, oxygens[0], *(atom for atom in others if graph.numbers[atom] in inside)])


def _substituent(graph: _Graph, atom: int, carbon: int) -> str:
    """What `atom` is to the carbonyl carbon: H, C, OH, OC, N, or ? where no named group has it."""
    element, beyond = graph.numbers[atom], graph.elements_around(atom, without=carbon)
    if element in (1, 6):
        return "H" if element == 1 else "C"
    if graph.beside_acyl(atom, without=carbon):
        return "?"
    if element == 8 and beyond in ([1], [6]):
        return "OH" if beyond == [1] else "OC"
    return "N" if element == 7 and len(beyond) == 2 and set(beyond) <= {1, 6} else "?"


def _single_bond_group(graph: _Graph, atom: int) -> str | None:
    """Name of the alcohol, ether or amine that `atom` is the heteroatom of."""
    if graph.beside_acyl(atom):
        return None
    around = graph.elements_around(atom)
    if graph.numbers[atom] == 8:
        return {(1, 6): "alcohol", (6, 6): "ether"}.get(tuple(around))
    return "amine" if len(around) == 3 and set(around) <= {1, 6} and 6 in around else None


def _other_groups(graph: _Graph, claimed: set[int]) -> list[FunctionalGroup]:
    left = [a for a in range(graph.n) if a not in claimed and (graph.numbers[a] not in (1, 6) or graph.is_acyl(a))]
    inner = graph.heavy_bonds[np.isin(graph.heavy_bonds, left).all(axis=1)]
    pieces = [piece.tolist() for piece in fragments(graph.n, inner)]
    return [_group(graph, "other", piece) for piece in pieces if piece[0] in left]


def _chain(graph: _Graph) -> FunctionalGroup:
    carbons = graph.of(6)
    if not carbons:
        return FunctionalGroup("other", tuple(range(graph.n)))
    saturated = all(graph.degree(carbon) == 4 for carbon in carbons)
    return FunctionalGroup(CHAIN_NAMES[0] if saturated else CHAIN_NAMES[1], tuple(carbons))


def _capped(distance: int) -> str:
    return f"{FARTHEST}.." if distance >= FARTHEST else str(distance)
