"""Types of atoms and the terms of a molecule, each with its name at several widths. Symbols: N atoms, B bonds, M terms.

An atom has a *wide* type, its element and number of neighbours (`C4`; of a hydrogen, `H` and what it is bonded to:
`HO`), and a *narrow* one, which adds the wide types of its neighbours (`C4(C3,C4,HC,HC)`). A term has one name for each
width, from the widest, which unseen molecules most likely share, to the narrowest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from ase.data import chemical_symbols

from compcalc.molecules.graph import adjacency, bond_distance


@dataclass(frozen=True)
class Terms:
    """The terms of one kind in a molecule.

    Attributes:
        vectors: directed bonds that each term is made of, (M, S); of pairs, their index, (M, 1). Bond b is directed as
            in the bond table, b + B the other way round.
        names: names of each term, from the widest type to the narrowest, M tuples.
        centres: names of the bonds or angles whose mean values the term is measured from, M tuples.
    """

    vectors: np.ndarray
    names: tuple[tuple[str, ...], ...]
    centres: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.names)


class AtomTypes:
    """The types of the atoms of one molecule.

    Args:
        numbers: atomic numbers, (N,).
        bonds: atom index pairs, (B, 2).
    """

    def __init__(self, numbers: np.ndarray, bonds: np.ndarray):
        self.neighbours = adjacency(len(numbers), bonds)
        self.symbol = [chemical_symbols[z] for z in numbers]
        self.wide = [self._wide(atom) for atom in range(len(numbers))]
        self.narrow = [
            f"{self.wide[atom]}({','.join(sorted(self.wide[other] for other in around))})"
            for atom, around in enumerate(self.neighbours)
        ]

    def _wide(self, atom: int) -> str:
        around = self.neighbours[atom]
        if self.symbol[atom] == "H" and around:
            return "H" + "".join(sorted(self.symbol[other] for other in around))
        return f"{self.symbol[atom]}{len(around)}"


def molecule_terms(numbers: np.ndarray, bonds: np.ndarray) -> dict[str, Terms]:
    """Kind of term -> the terms of a molecule; the kinds are those of `terms.KINDS`."""
    types = AtomTypes(numbers, bonds)
    directed = _Directed(bonds)
    found = {
        "atom": ((), [((), (types.wide[a], types.narrow[a]), ()) for a in range(len(numbers))]),
        "bond": ((0,), list(_bonds(types, directed))),
        "angle": ((0, 1), list(_angles(types, directed))),
        "stretch_bend": ((0, 1), list(_stretch_bends(types, directed))),
        "angle_angle": ((0, 1, 2), list(_angle_angles(types, directed))),
        "plane": ((0, 1, 2), list(_planes(types, directed))),
        "torsion": ((0, 1, 2), list(_torsions(types, directed))),
    }
    terms = {}
    for kind, (slots, rows) in found.items():
        vectors = np.array([row[0] for row in rows], dtype=int).reshape(len(rows), len(slots))
        terms[kind] = Terms(vectors, tuple(row[1] for row in rows), tuple(row[2] for row in rows))
    return terms


def distant_pairs(numbers: np.ndarray, bonds: np.ndarray) -> tuple[np.ndarray, tuple[tuple[str, ...], ...]]:
    """Pairs of atoms three bonds apart and further, or not joined by bonds, with the names of their terms.

    Returns:
        atom index pairs, (P, 2); P tuples of names.
    """
    n = len(numbers)
    types = AtomTypes(numbers, bonds)
    pairs, names = [], []
    for i in range(n):
        distance = bond_distance(n, bonds, [i])
        for j in range(i + 1, n):
            if distance[j] < 0 or distance[j] > 2:
                pairs.append((i, j))
                reach = "near" if distance[j] == 3 else "far"
                ends = "...".join(sorted((types.wide[i], types.wide[j])))
                names.append((reach, f"{reach} {ends}"))
    return np.array(pairs, dtype=int).reshape(-1, 2), tuple(names)


class _Directed:
    """Index of the directed bond from one atom to another."""

    def __init__(self, bonds: np.ndarray):
        pairs = np.asarray(bonds, dtype=int).reshape(-1, 2).tolist()
        self.pairs = pairs
        self._index = {(i, j): b for b, (i, j) in enumerate(pairs)}
        self._index |= {(j, i): b + len(pairs) for b, (i, j) in enumerate(pairs)}

    def __call__(self, tail: int, head: int) -> int:
        return self._index[tail, head]


Row = tuple[tuple[int, ...], tuple[str, ...], tuple[str, ...]]


def _bond_centre(types: AtomTypes, i: int, j: int) -> str:
    return "-".join(sorted((types.wide[i], types.wide[j])))


def _angle_centre(types: AtomTypes, i: int, j: int, k: int) -> str:
    return f"-[{types.wide[j]}]-".join(sorted((types.symbol[i], types.symbol[k])))


def _bonds(types: AtomTypes, directed: _Directed) -> Iterator[Row]:
    for i, j in directed.pairs:
        wide = _bond_centre(types, i, j)
        yield (directed(i, j),), (wide, "-".join(sorted((types.narrow[i], types.narrow[j])))), (wide,)


def _around(types: AtomTypes, j: int, ends: list[int], separator: str = "-") -> tuple[str, ...]:
    """Names of a term of atom `j` and the neighbours `ends`, in whatever order."""
    rows = [
        (types.wide[j], sorted(types.symbol[a] for a in ends)),
        (types.wide[j], sorted(types.wide[a] for a in ends)),
        (types.narrow[j], sorted(types.wide[a] for a in ends)),
    ]
    return tuple(f"[{centre}]{separator}{separator.join(names)}" for centre, names in rows)


def _angles(types: AtomTypes, directed: _Directed) -> Iterator[Row]:
    for j, around in enumerate(types.neighbours):
        for i, k in combinations(around, 2):
            centres = (_bond_centre(types, i, j), _bond_centre(types, j, k), _angle_centre(types, i, j, k))
            yield (directed(j, i), directed(j, k)), _around(types, j, [i, k]), centres


def _stretch_bends(types: AtomTypes, directed: _Directed) -> Iterator[Row]:
    """Each angle with each of its bonds, which comes first."""
    for j, around in enumerate(types.neighbours):
        for i, k in permutations(around, 2):
            names = (
                f"{types.symbol[i]}<[{types.wide[j]}]-{types.symbol[k]}",
                f"{types.wide[i]}<[{types.wide[j]}]-{types.wide[k]}",
                f"{types.wide[i]}<[{types.narrow[j]}]-{types.wide[k]}",
            )
            centres = (_bond_centre(types, i, j), _angle_centre(types, i, j, k))
            yield (directed(j, i), directed(j, k)), names, centres


def _angle_angles(types: AtomTypes, directed: _Directed) -> Iterator[Row]:
    """Two angles of an atom that share a bond, which comes first."""
    for j, around in enumerate(types.neighbours):
        for i in around:
            for k, m in combinations([a for a in around if a != i], 2):
                names = (
                    f"{types.symbol[i]}={_around(types, j, [k, m])[0]}",
                    f"{types.wide[i]}={_around(types, j, [k, m])[1]}",
                )
                centres = (_angle_centre(types, i, j, k), _angle_centre(types, i, j, m))
                yield (directed(j, i), directed(j, k), directed(j, m)), names, centres


def _planes(types: AtomTypes, directed: _Directed) -> Iterator[Row]:
    """Atoms with three neighbours."""
    for j, around in enumerate(types.neighbours):
        if len(around) == 3:
            yield tuple(directed(j, a) for a in around), _around(types, j, around, ","), ()


def _torsions(types: AtomTypes, directed: _Directed) -> Iterator[Row]:
    for j, k in directed.pairs:
        for i in types.neighbours[j]:
            for m in types.neighbours[k]:
                if i in (k, m) or m == j:
                    continue
                centres = (_bond_centre(types, j, k), _angle_centre(types, i, j, k), _angle_centre(types, j, k, m))
                yield (directed(j, i), directed(j, k), directed(k, m)), _torsion_names(types, i, j, k, m), centres


def _torsion_names(types: AtomTypes, i: int, j: int, k: int, m: int) -> tuple[str, ...]:
    def named(outer: list[str], inner: list[str]) -> str:
        forward = (outer[i], inner[j], inner[k], outer[m])
        first, second, third, fourth = min(forward, forward[::-1])
        return f"{first}-[{second}-{third}]-{fourth}"

    anything = ["*"] * len(types.wide)
    return (
        named(anything, types.wide),
        named(types.symbol, types.wide),
        named(types.wide, types.wide),
        named(types.symbol, types.narrow),
    )
