"""Basis functions of a molecule at many geometries, which a least-squares fit is linear in.

Symbols: T frames, N atoms, B bonds, M terms, K monomials, C columns.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.sparse import csr_array

from compcalc.calculators.additive.kinds import KINDS, Geometry, Kind, pair_monomials
from compcalc.calculators.additive.molecule import MoleculeTerms
from compcalc.calculators.additive.parameters import monomials_of_kinds

Column = tuple[str, str, int]
"""Kind, type and monomial of a coefficient."""


def columns(molecule: MoleculeTerms) -> list[Column]:
    """The coefficients that a molecule's energy is linear in."""
    sizes = monomials_of_kinds()
    return [
        (kind, name, k)
        for kind, rows in molecule.names().items()
        for name in sorted({name for row in rows for name in row})
        for k in range(sizes[kind])
    ]


def mean_centres(molecule: MoleculeTerms, positions: np.ndarray) -> dict[str, tuple[float, int]]:
    """Sum and number of the lengths (angstrom) of each type of bond and the cosines of each type of angle.

    Of a looser name of bonds, lengths are counted from the sum of their radii.

    Args:
        molecule: its terms.
        positions: angstrom, (T, N, 3).
    """
    geometry = _geometry(molecule, positions)
    found: dict[str, tuple[float, int]] = {}
    for kind, place in (("bond", 0), ("angle", 2)):
        terms = molecule.terms[kind]
        vectors = _repeated(molecule, terms.vectors, len(positions))
        if kind == "bond":
            values = geometry.length[vectors[:, 0]]
        else:
            values = np.einsum("ma,ma->m", geometry.unit[vectors[:, 0]], geometry.unit[vectors[:, 1]])
        for row, one in zip(terms.centres, values.reshape(len(positions), -1).T, strict=True):
            own, radii = row[place].kin[0], row[place].radii
            for name in row[place].kin:
                total, count = found.get(name, (0.0, 0))
                found[name] = (total + float((one if name == own else one - radii).sum()), count + len(one))
    return found


def design(
    molecule: MoleculeTerms, positions: np.ndarray, centres: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Energies and forces of each basis function.

    Args:
        molecule: its terms.
        positions: angstrom, (T, N, 3).
        centres: mean lengths and cosines by type.

    Returns:
        (T, C) in eV for a coefficient of one eV; (T, 3N, C) in eV/angstrom.
    """
    t, n, _ = positions.shape
    place = {column: c for c, column in enumerate(columns(molecule))}
    energies = np.zeros((len(place), t))
    forces = np.zeros((len(place) * n, t * 3))
    geometry = _geometry(molecule, positions)
    for name, kind in KINDS.items():
        terms = molecule.terms[name]
        vectors = _repeated(molecule, terms.vectors, t)
        repeated = np.tile(molecule.centres(name, centres), (t, 1))
        values, parts = kind.variables(geometry, vectors, repeated)
        for k in range(len(kind.exponents)):
            adds = _adder(terms.names, name, k, place)
            energies += adds @ _by_frame(kind.monomials(values)[k] if values else np.ones(t * len(terms)), t)
        for k, slot, gradient in _gradients(kind, geometry, vectors, values, parts):
            _add_forces(forces, molecule, terms.names, terms.vectors[:, slot], (name, k), place, gradient, t)
    _add_pairs(energies, forces, molecule, positions, place)
    return energies.T.copy(), forces.reshape(len(place), n, t, 3).transpose(2, 1, 3, 0).reshape(t, 3 * n, len(place))


def _geometry(molecule: MoleculeTerms, positions: np.ndarray) -> Geometry:
    """The bonds of all frames, one frame after the other, and then their reverses."""
    bonds = molecule.bonds
    vectors = (positions[:, bonds[:, 1]] - positions[:, bonds[:, 0]]).reshape(-1, 3)
    lengths = np.linalg.norm(vectors, axis=1)
    unit = vectors / lengths[:, None]
    return Geometry(np.concatenate([unit, -unit]), np.concatenate([lengths, lengths]))


def _repeated(molecule: MoleculeTerms, vectors: np.ndarray, t: int) -> np.ndarray:
    """Indices of a molecule's directed bonds in each of `t` frames, (T * M, S)."""
    b = len(molecule.bonds)
    frame = np.arange(t)[:, None, None]
    repeated = np.where(vectors < b, vectors + frame * b, vectors - b + frame * b + t * b)
    return repeated.reshape(t * len(vectors), vectors.shape[1])


def _by_frame(values: np.ndarray, t: int) -> np.ndarray:
    """(T * M, ...) -> (M, T * ...)."""
    moved = np.moveaxis(values.reshape(t, -1, *values.shape[1:]), 0, 1)
    return moved.reshape(moved.shape[0], int(np.prod(moved.shape[1:])))


def _gradients(kind: Kind, geometry: Geometry, vectors, values, parts) -> Iterator[tuple[int, int, np.ndarray]]:
    """Monomial, slot and derivative by that bond's vector, (T * M, 3)."""
    for variable, pieces in enumerate(parts):
        slopes = kind.slopes(values, variable)
        for part in pieces:
            unit, length = geometry.unit[vectors[:, part.slot]], geometry.length[vectors[:, part.slot]]
            if part.along is not None:
                whole = part.along[:, None] * unit
            else:
                whole = (part.across - np.einsum("ma,ma->m", part.across, unit)[:, None] * unit) / length[:, None]
            for k, slope in slopes.items():
                yield k, part.slot, np.broadcast_to(slope, len(unit))[:, None] * whole


def _adder(names, kind: str, k: int, place: Mapping[Column, int]) -> csr_array:
    """Matrix from the terms of a kind to the columns of their types, (C, M)."""
    rows = [place[kind, name, k] for row in names for name in row]
    terms = [m for m, row in enumerate(names) for _ in row]
    return csr_array((np.ones(len(rows)), (rows, terms)), shape=(len(place), len(names)))


def _add_forces(forces, molecule: MoleculeTerms, names, directed, which, place, gradient: np.ndarray, t: int) -> None:
    """Add minus the gradient by a directed bond to the forces (C * N, T * 3) of its ends."""
    b = len(molecule.bonds)
    ends = molecule.bonds[directed % b]
    tails = np.where(directed < b, ends[:, 0], ends[:, 1])
    heads = np.where(directed < b, ends[:, 1], ends[:, 0])
    _add_ends(forces, names, tails, heads, which, place, gradient, t)


def _add_ends(forces, names, tails, heads, which, place, gradient: np.ndarray, t: int) -> None:
    kind, k = which
    n = forces.shape[0] // len(place)
    rows, terms, signs = [], [], []
    for m, row in enumerate(names):
        for name in row:
            first = place[kind, name, k] * n
            rows += [first + tails[m], first + heads[m]]
            terms += [m, m]
            signs += [1.0, -1.0]
    matrix = csr_array((signs, (rows, terms)), shape=(len(forces), len(names)))
    touched = np.unique(rows).astype(int)
    forces[touched] += matrix[touched] @ _by_frame(gradient, t)


def _add_pairs(energies, forces, molecule: MoleculeTerms, positions: np.ndarray, place) -> None:
    t = len(positions)
    i, j = molecule.pairs.atoms.T
    vectors = (positions[:, j] - positions[:, i]).reshape(-1, 3)
    distance = np.linalg.norm(vectors, axis=1)
    values, slopes = pair_monomials(distance, np.tile(molecule.pair_constants, (t, 1)))
    for k in range(len(values)):
        energies += _adder(molecule.pairs.names, "pair", k, place) @ _by_frame(values[k], t)
        gradient = (slopes[k] / distance)[:, None] * vectors
        _add_ends(forces, molecule.pairs.names, i, j, ("pair", k), place, gradient, t)
