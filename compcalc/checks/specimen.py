"""The molecule that a potential is tested on: an organic one where it knows the elements, else a cluster of a metal."""

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.data import atomic_numbers, covalent_radii, vdw_radii

from compcalc.checks.asking import attempt
from compcalc.checks.failures import declared_elements
from compcalc.checks.subject import Subject
from compcalc.errors import InputError
from compcalc.molecules.own import own_molecule

DISPLACEMENT_ANGSTROM = 0.03
"""Standard deviation of the noise on each coordinate: at a minimum there are no forces to check."""

MOLECULES = {"ethanol": "CCO", "propane": "CCC", "water": "O", "ammonia": "N"}
METALS = ("Cu", "Ag", "Au", "Ni", "Pd", "Pt", "Al", "Ar", "Fe", "Si")
BOX_ANGSTROM = 40.0
_SEED = 7


def choose_subject(calculator: BaseCalculator, atoms: Atoms | None = None) -> Subject:
    """The calculator with the atoms given, or with the first test molecule that it can compute.

    A potential that fails without a cell gets the molecule in a large cell that is not periodic.

    Raises:
        InputError: atoms that are periodic, or none at all.
    """
    candidates = _given(atoms) if atoms is not None else _defaults(calculator)
    first = None
    for name, candidate in candidates:
        for box in (None, BOX_ANGSTROM):
            subject = Subject(calculator, candidate, name)
            if box is not None:
                subject.atoms.set_cell([box] * 3)
            subject.first_call  # noqa: B018  (made before any other call, or it would not be the first)
            if attempt(lambda subject=subject: (subject.base, subject.ask_fresh(subject.atoms)))[1] is None:
                return subject
            first = first or subject
    return first


def _given(atoms: Atoms) -> list[tuple[str, Atoms]]:
    if len(atoms) == 0:
        raise InputError("atoms", "no atoms", "an isolated molecule or cluster")
    if atoms.pbc.any():
        raise InputError(
            "atoms.pbc",
            atoms.pbc.tolist(),
            "an isolated molecule or cluster",
            "Call atoms.set_pbc(False); the check of the stress builds a periodic box of its own.",
        )
    return [(atoms.get_chemical_formula(), atoms)]


def _defaults(calculator: BaseCalculator) -> Iterator[tuple[str, Atoms]]:
    """Molecules of elements that the potential says it knows, else a cluster; both where it says nothing."""
    known = declared_elements(Subject(calculator, Atoms("H")))
    covered = [(name, atoms) for name, atoms in _molecules() if not known or set(atoms.symbols) <= known]
    yield from covered
    if not known or not covered:
        symbol = next((s for s in METALS if not known or s in known), None) or min(known)
        yield f"{symbol}13 cluster", cluster(symbol)


def _molecules() -> Iterator[tuple[str, Atoms]]:
    for name, smiles in MOLECULES.items():
        built = own_molecule(smiles, name, seed=1)
        yield name, rattled(Atoms(built.numbers, built.positions))


def cluster(symbol: str) -> Atoms:
    """A displaced icosahedron of 13 atoms with neighbours at twice the covalent radius, or of van der Waals for Ar."""
    from ase.cluster import Icosahedron

    radii = vdw_radii if symbol == "Ar" else covalent_radii
    spacing = 2.0 * radii[atomic_numbers[symbol]]
    made = Icosahedron(symbol, 2, latticeconstant=spacing * np.sqrt(2.0))
    return rattled(Atoms(made.symbols, made.positions))


def rattled(atoms: Atoms) -> Atoms:
    """The atoms displaced by seeded noise."""
    atoms.positions += np.random.default_rng(_SEED).normal(scale=DISPLACEMENT_ANGSTROM, size=atoms.positions.shape)
    return atoms
