"""Per-element reference energies E0, fitted to relaxed small molecules of full rank over the elements.

A fit on a task's own training molecules would not do: every saturated acid is CnH2nO2, which leaves the elements
undetermined.
"""

import numpy as np
from ase.data import chemical_symbols

from compcalc.errors import DataError
from compcalc.molecules.build3d import atomic_numbers, embed
from compcalc.molecules.smiles import parse_smiles
from compcalc.reference.labelling import Labeller

SMALL_MOLECULES = (
    "C", "CC", "C=C", "C#C", "O", "CO", "C=O", "CC=O", "OC=O", "COC", "OO", "N", "CN", "CNC", "NN", "C#N", "NC=O", "NO",
)  # fmt: skip


def fit_atomic_energies(labeller: Labeller, seed: int = 0) -> dict[str, float]:
    """Element symbol -> E0 in eV, from a least-squares fit of total energies by composition.

    Raises:
        DataError: the compositions do not determine every element.
    """
    compositions, energies = [], []
    for smiles in SMALL_MOLECULES:
        mol = parse_smiles(smiles)
        numbers = atomic_numbers(mol)
        energies.append(labeller.relaxed_energy(numbers, embed(mol, seed=seed)))
        compositions.append(numbers)
    return least_squares_by_element(compositions, np.array(energies))


def least_squares_by_element(compositions: list[np.ndarray], energies: np.ndarray) -> dict[str, float]:
    """Element symbol -> energy in eV that fits `energies` (eV, (M,)) of molecules with atomic numbers `compositions`.

    Raises:
        DataError: the counts of the elements are not independent of each other.
    """
    elements = np.unique(np.concatenate(compositions))
    counts = np.array([[np.sum(numbers == z) for z in elements] for numbers in compositions], dtype=float)
    solution, _, rank, _ = np.linalg.lstsq(counts, energies, rcond=None)
    if rank < len(elements):
        names = ", ".join(chemical_symbols[z] for z in elements)
        raise DataError(f"the molecules do not determine the energies of {names} (rank {rank} of {len(elements)})")
    return {chemical_symbols[z]: float(e) for z, e in zip(elements, solution, strict=True)}
