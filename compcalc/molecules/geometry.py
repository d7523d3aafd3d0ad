"""What makes a geometry unusable, found from elements and positions alone. Symbols: N atoms, B bonds."""

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from compcalc.errors import MoleculeError
from compcalc.molecules.graph import adjacency, bond_graph, fragments

SMALLEST_DISTANCE = 0.4
"""Atoms nearer than this are on top of each other, angstrom; the bond of H2 is 0.74."""

CARBON_VALENCE = 3.2
"""A carbon with a smaller sum of bond orders lacks hydrogens: benzene without them has 3.1, C60 4.1."""

_PAULING_LENGTH = 0.3
"""Decay of Pauling's bond order exp((r_single - r) / length), angstrom."""


def refuse_unusable_geometry(
    name: str, numbers: np.ndarray, positions: np.ndarray, bonds: np.ndarray | None = None
) -> None:
    """Refuse a geometry that is no closed-shell neutral molecule.

    Args:
        name: what to call the molecule in the error.
        numbers: atomic numbers, (N,).
        positions: angstrom, (N, 3).
        bonds: atom index pairs, (B, 2); from the distances where None.

    Raises:
        MoleculeError: no atoms, an atom without an element, NaN coordinates, coinciding atoms, separate fragments,
            missing hydrogens or an odd number of electrons.
    """
    if len(numbers) == 0:
        raise MoleculeError(name, "no atoms")
    if (unknown := np.flatnonzero(numbers == 0)).size:
        raise MoleculeError(name, f"atom {unknown[0]} without an element", "Name every atom.")
    if (bad := np.flatnonzero(~np.isfinite(positions).all(axis=1))).size:
        raise MoleculeError(name, f"NaN or infinite coordinates of atom {bad[0]}", "Give finite coordinates.")
    _refuse_coinciding(name, numbers, positions)
    bonds = bond_graph(numbers, positions) if bonds is None else bonds
    _refuse_fragments(name, len(numbers), bonds)
    _refuse_missing_hydrogens(name, numbers, positions, bonds)
    refuse_odd_electrons(name, numbers)


def refuse_odd_electrons(name: str, numbers: np.ndarray) -> None:
    """Refuse atoms that cannot be a closed-shell molecule at charge 0.

    Raises:
        MoleculeError: the number of electrons is odd.
    """
    electrons = int(np.sum(numbers))
    if electrons % 2:
        remedy = "Only closed-shell neutral molecules are supported: look for a missing or surplus hydrogen."
        raise MoleculeError(name, f"radical: odd number of electrons ({electrons}) at charge 0", remedy)


def refuse_stretched_bonds(name: str, numbers: np.ndarray, positions: np.ndarray, bonds: np.ndarray) -> None:
    """Refuse a bond table that the coordinates contradict.

    Raises:
        MoleculeError: a bond of the table is too long to be one.
    """
    near = {tuple(pair) for pair in bond_graph(numbers, positions).tolist()}
    for i, j in bonds.tolist():
        if (i, j) not in near:
            length = np.linalg.norm(positions[i] - positions[j])
            reason = f"bond {label(numbers, i)}-{label(numbers, j)} of the bond table is {length:.2f} angstrom long"
            raise MoleculeError(name, reason, "Give 3D coordinates in angstrom.")


def label(numbers: np.ndarray, atom: int) -> str:
    """Symbol and index of an atom, such as `C0`."""
    return f"{chemical_symbols[numbers[atom]]}{atom}"


def _refuse_coinciding(name: str, numbers: np.ndarray, positions: np.ndarray) -> None:
    first, second = np.triu_indices(len(numbers), k=1)
    distance = np.linalg.norm(positions[first] - positions[second], axis=1)
    if distance.size and distance.min() < SMALLEST_DISTANCE:
        i, j = (int(side[distance.argmin()]) for side in (first, second))
        where = f"{label(numbers, i)} and {label(numbers, j)} are {distance.min():.2f} angstrom apart"
        raise MoleculeError(name, f"coinciding atoms: {where}", "Check the coordinates and their unit (angstrom).")


def _refuse_fragments(name: str, n: int, bonds: np.ndarray) -> None:
    pieces = fragments(n, bonds)
    if len(pieces) > 1:
        sizes = " + ".join(str(len(piece)) for piece in pieces[:6]) + (" + ..." if len(pieces) > 6 else "")
        raise MoleculeError(name, f"{len(pieces)} separate fragments ({sizes} atoms)", "Give one molecule at a time.")


def _refuse_missing_hydrogens(name: str, numbers: np.ndarray, positions: np.ndarray, bonds: np.ndarray) -> None:
    """Refuse carbons that all lack hydrogens, as in a file without any or with polar ones alone."""
    neighbours = adjacency(len(numbers), bonds)
    carbons = np.flatnonzero(numbers == 6)
    if any(numbers[other] == 1 for carbon in carbons for other in neighbours[carbon]):
        return
    for carbon in carbons:
        # Carbon monoxide is the one stable molecule with so few bonds to a carbon.
        enough = 2.4 if len(numbers) == 2 else CARBON_VALENCE
        if len(neighbours[carbon]) < 4 and _bond_orders(numbers, positions, carbon, neighbours[carbon]) < enough:
            reason = f"missing hydrogens: {label(numbers, carbon)} has {len(neighbours[carbon])} neighbour(s)"
            raise MoleculeError(name, f"{reason} and no carbon has a hydrogen", "Write every hydrogen.")


def _bond_orders(numbers: np.ndarray, positions: np.ndarray, atom: int, others: list[int]) -> float:
    """Sum of Pauling's bond orders of `atom`."""
    single = covalent_radii[numbers[atom]] + covalent_radii[numbers[others]]
    length = np.linalg.norm(positions[others] - positions[atom], axis=1)
    return float(np.exp((single - length) / _PAULING_LENGTH).sum())
