"""The terms of a molecule, each with its name at several widths. Symbols: N atoms, B bonds, M terms, P pairs.

A term has one name for each width of its atoms' types, from the widest, which unseen molecules most likely share, to
the narrowest.

A term of a type that no training molecule had takes after its kin, terms that share a looser name: `X` is any atom but
hydrogen, `C*` a carbon with however many neighbours, `*3` any atom with three. What two atoms do to each other depends
most on the one with fewer neighbours, of equals on the heavier: the bond of an acid's carbon to its hydroxyl oxygen,
`C3-O2`, is kin to an alcohol's, `C*-O2`, before an aldehyde's, `C3-O*`. What happens around an atom depends most on it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np

from compcalc.calculators.additive.atom_types import AtomTypes
from compcalc.molecules.graph import bond_distance

BROAD = ("torsion", "pair")
"""Kinds whose widest name is shared by many types: its coefficients are their mean, and do for unseen ones."""


@dataclass(frozen=True)
class Terms:
    """The terms of one kind in a molecule.

    Attributes:
        vectors: directed bonds that each term is made of, (M, S); of pairs, their index, (M, 1). Bond b is directed as
            in the bond table, b + B the other way round.
        names: names of each term, from the widest type to the narrowest, M tuples.
        kin: everything that each term goes by, from the narrowest name to the loosest, M tuples.
        centres: the bonds or angles whose mean values the term is measured from, M tuples.
    """

    vectors: np.ndarray
    names: tuple[tuple[str, ...], ...]
    kin: tuple[tuple[str, ...], ...]
    centres: tuple[tuple["Centre", ...], ...]

    def __len__(self) -> int:
        return len(self.names)


class Centre(NamedTuple):
    """A bond or an angle that has a mean value.

    Attributes:
        kin: its name, and then looser ones.
        radii: sum of a bond's covalent radii, angstrom, which a looser name's mean is counted from; 0 of an angle.
    """

    kin: tuple[str, ...]
    radii: float = 0.0


class Row(NamedTuple):
    """One term; see `Terms`."""

    vectors: tuple[int, ...]
    names: tuple[str, ...]
    kin: tuple[str, ...]
    centres: tuple[Centre, ...]


def molecule_terms(numbers: np.ndarray, bonds: np.ndarray) -> dict[str, Terms]:
    """Kind of term -> the terms of a molecule; the kinds are those of `terms.KINDS`."""
    types = AtomTypes(numbers, bonds)
    directed = _Directed(bonds)
    found = {
        "atom": ((), [_atom(types, a) for a in range(len(numbers))]),
        "bond": ((0,), list(_bonds(types, directed))),
        "angle": ((0, 1), list(_angles(types, directed))),
        "stretch_bend": ((0, 1), list(_stretch_bends(types, directed))),
        "angle_angle": ((0, 1, 2), list(_angle_angles(types, directed))),
        "plane": ((0, 1, 2), list(_planes(types, directed))),
        "torsion": ((0, 1, 2), list(_torsions(types, directed))),
    }
    terms = {}
    for kind, (slots, rows) in found.items():
        vectors = np.array([row.vectors for row in rows], dtype=int).reshape(len(rows), len(slots))
        named = (tuple(getattr(row, each) for row in rows) for each in ("names", "kin", "centres"))
        terms[kind] = Terms(vectors, *named)
    return terms


@dataclass(frozen=True)
class Pairs:
    """Pairs of atoms three bonds apart and further, or not joined by bonds.

    Attributes:
        atoms: their indices, (P, 2).
        names: as of `Terms`, P tuples.
    """

    atoms: np.ndarray
    names: tuple[tuple[str, ...], ...]

    @property
    def kin(self) -> tuple[tuple[str, ...], ...]:
        """As of `Terms`, P tuples: their own names alone."""
        return tuple(names[::-1] for names in self.names)


def distant_pairs(numbers: np.ndarray, bonds: np.ndarray) -> Pairs:
    """The pairs of a molecule that no bond or angle holds together."""
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
    return Pairs(np.array(pairs, dtype=int).reshape(-1, 2), tuple(names))


class _Directed:
    """Index of the directed bond from one atom to another."""

    def __init__(self, bonds: np.ndarray):
        pairs = np.asarray(bonds, dtype=int).reshape(-1, 2).tolist()
        self.pairs = pairs
        self._index = {(i, j): b for b, (i, j) in enumerate(pairs)}
        self._index |= {(j, i): b + len(pairs) for b, (i, j) in enumerate(pairs)}

    def __call__(self, tail: int, head: int) -> int:
        return self._index[tail, head]


def _of_two(types: AtomTypes, i: int, j: int) -> tuple[str, ...]:
    """The name of two atoms of wide types, and looser ones."""
    choices = [(types.wide, types.wide), *types.loosened(i, j)]
    return _unique("-".join(sorted((first[i], second[j]))) for first, second in choices)


def _unique(names) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _bond_centre(types: AtomTypes, i: int, j: int) -> Centre:
    return Centre(_of_two(types, i, j), types.radius(i) + types.radius(j))


def _angle_centre(types: AtomTypes, i: int, j: int, k: int) -> Centre:
    return Centre(_looser(types, j, lambda centre, ends: f"-[{centre}]-".join(sorted((ends[i], ends[k])))))


def _looser(types: AtomTypes, j: int, named: Callable[[str, Sequence[str]], str]) -> tuple[str, ...]:
    """The name of a term around atom `j` by the elements of its ends, and looser ones.

    Args:
        types: of the atoms.
        j: the atom.
        named: gives the name, from the atom's type and those of all atoms as ends.
    """
    middles, ends = (types.wide[j], types.element[j], types.coordination[j]), (types.weight, types.any)
    return _unique((named(types.wide[j], types.symbol), *(named(middle, end) for middle in middles for end in ends)))


def _atom(types: AtomTypes, a: int) -> Row:
    kin = (types.narrow[a], types.wide[a], *([types.element[a]] if types.common(a) else []))
    return Row((), (types.wide[a], types.narrow[a]), kin, ())


def _bonds(types: AtomTypes, directed: _Directed) -> Iterator[Row]:
    for i, j in directed.pairs:
        centre, narrow = _bond_centre(types, i, j), "-".join(sorted((types.narrow[i], types.narrow[j])))
        yield Row((directed(i, j),), (centre.kin[0], narrow), (narrow, *centre.kin), (centre,))


def _around(types: AtomTypes, j: int, named: Callable[[str, Sequence[str]], str], narrow: bool = True):
    """Names and kin of a term around atom `j`; see `_looser`."""
    looser = _looser(types, j, named)
    names = (looser[0], named(types.wide[j], types.wide), *([named(types.narrow[j], types.wide)] if narrow else []))
    return names, (*names[:0:-1], *looser)


def _joined(ends: Sequence[int], separator: str) -> Callable[[str, Sequence[str]], str]:
    """Names of a middle atom with atoms around it, in whatever order."""
    return lambda middle, types: f"[{middle}]{separator}{separator.join(sorted(types[a] for a in ends))}"


def _angles(types: AtomTypes, directed: _Directed) -> Iterator[Row]:
    for j, around in enumerate(types.neighbours):
        for i, k in combinations(around, 2):
            centres = (_bond_centre(types, i, j), _bond_centre(types, j, k), _angle_centre(types, i, j, k))
            yield Row((directed(j, i), directed(j, k)), *_around(types, j, _joined([i, k], "-")), centres)


def _stretch_bends(types: AtomTypes, directed: _Directed) -> Iterator[Row]:
    """Each angle with each of its bonds, which comes first."""
    for j, around in enumerate(types.neighbours):
        for i, k in permutations(around, 2):
            named = _around(types, j, lambda middle, ends, i=i, k=k: f"{ends[i]}<[{middle}]-{ends[k]}")
            centres = (_bond_centre(types, i, j), _angle_centre(types, i, j, k))
            yield Row((directed(j, i), directed(j, k)), *named, centres)


def _angle_angles(types: AtomTypes, directed: _Directed) -> Iterator[Row]:
    """Two angles of an atom that share a bond, which comes first."""
    for j, around in enumerate(types.neighbours):
        for i in around:
            for k, m in combinations([a for a in around if a != i], 2):
                rest = _joined([k, m], "-")
                named = _around(
                    types, j, lambda middle, ends, i=i, rest=rest: f"{ends[i]}={rest(middle, ends)}", narrow=False
                )
                centres = (_angle_centre(types, i, j, k), _angle_centre(types, i, j, m))
                yield Row((directed(j, i), directed(j, k), directed(j, m)), *named, centres)


def _planes(types: AtomTypes, directed: _Directed) -> Iterator[Row]:
    """Atoms with three neighbours."""
    for j, around in enumerate(types.neighbours):
        if len(around) == 3:
            yield Row(tuple(directed(j, a) for a in around), *_around(types, j, _joined(around, ",")), ())


def _torsions(types: AtomTypes, directed: _Directed) -> Iterator[Row]:
    for j, k in directed.pairs:
        for i in types.neighbours[j]:
            for m in types.neighbours[k]:
                if i in (k, m) or m == j:
                    continue
                centres = (_bond_centre(types, j, k), _angle_centre(types, i, j, k), _angle_centre(types, j, k, m))
                named = _torsion_names(types, i, j, k, m)
                yield Row((directed(j, i), directed(j, k), directed(k, m)), *named, centres)


def _torsion_names(types: AtomTypes, i: int, j: int, k: int, m: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and kin of the torsion of four atoms."""

    def named(ends: Sequence[str], first: Sequence[str], second: Sequence[str]) -> str:
        forward = (ends[i], first[j], second[k], ends[m])
        a, b, c, d = min(forward, forward[::-1])
        return f"{a}-[{b}-{c}]-{d}"

    names = (
        *(named(ends, types.wide, types.wide) for ends in (types.any, types.symbol, types.wide)),
        named(types.symbol, types.narrow, types.narrow),
    )
    middles = [*types.loosened(j, k), (types.any, types.any)]
    looser = (named(ends, *middle) for middle in middles for ends in (types.symbol, types.weight, types.any))
    return names, _unique((*names[::-1], *looser))
