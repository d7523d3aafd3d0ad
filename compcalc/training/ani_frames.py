"""Training frames as ANI sees them: environment vectors, and the two products with their derivative that forces need.

Environment vectors G depend on positions alone, so that they and the neighbours are computed once. With energies E(G),
forces are F = -J^T dE/dG, where J = dG/dr. A loss of the forces comes back to the networks through J dL/dF, the change
of G along a displacement of the atoms. Neither asks for J itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols

from compcalc.calculators.ani_aev import Terms, backward, forward, to_atoms
from compcalc.calculators.ani_environments import SymmetryFunctions
from compcalc.records import Frames

_STEP = 1e-5
"""Largest displacement of an atom, angstrom: the symmetry functions bend over 0.1, doubles have digits to spare."""


@dataclass(frozen=True)
class Environment:
    """One frame of n atoms with e directed pairs.

    Attributes:
        species: element of each atom, as numbered within the elements of the training, (n,).
        index: both atoms of each pair, sorted by the first, (2, e).
        vectors: from the first to the second, angstrom, (e, 3).
        values: environment vectors, (n, L).
        energy: of the labels, without those of the elements, eV.
        forces: eV/angstrom, (n, 3).
    """

    species: np.ndarray
    index: np.ndarray
    vectors: np.ndarray
    values: np.ndarray
    energy: float
    forces: np.ndarray


class EnvironmentBatch:
    """Several frames side by side, A atoms in all.

    Attributes:
        values: environment vectors with the atoms sorted by element, (A, L).
        counts: rows of each element, (X,).
        order: atom of each row, (A,).
        owner: frame of each row, (A,).
        sizes: atoms of each frame, (B,).
        energies: labels without those of the elements, eV, (B,).
        forces: labels, eV/angstrom, (A, 3), in the order of the atoms.
    """

    def __init__(self, terms: Terms, frames: Sequence[Environment], n_elements: int):
        self.sizes = np.array([len(frame.species) for frame in frames])
        firsts = np.cumsum(self.sizes) - self.sizes
        species = np.concatenate([frame.species for frame in frames])
        self.order = np.argsort(species, kind="stable")
        self.counts = np.bincount(species, minlength=n_elements)
        self.values = np.concatenate([frame.values for frame in frames])[self.order]
        self.owner = np.repeat(np.arange(len(frames)), self.sizes)[self.order]
        self.energies = np.array([frame.energy for frame in frames])
        self.forces = np.concatenate([frame.forces for frame in frames])
        index = np.concatenate([frame.index + first for frame, first in zip(frames, firsts, strict=True)], axis=1)
        vectors = np.concatenate([frame.vectors for frame in frames])
        self._edges = _Edges(terms, species, index, vectors, self.order)

    def transposed_product(self, gradient: np.ndarray) -> np.ndarray:
        """J^T g: from dE/dG with rows as in `values`, (A, L), to dE/dr, (A, 3)."""
        return self._edges.backward(gradient)

    def product(self, displacement: np.ndarray) -> np.ndarray:
        """J v: the change of `values`, (A, L), along a displacement of the atoms, (A, 3), by central differences."""
        largest = np.abs(displacement).max()
        if not largest > 0:
            return np.zeros(self.values.shape)
        step = _STEP / largest
        along = step * (displacement[self._edges.index[1]] - displacement[self._edges.index[0]])
        width = self.values.shape[1]
        return (self._edges.forward(along, width) - self._edges.forward(-along, width)) / (2.0 * step)


class _Edges:
    """The kernels' arguments for a batch."""

    def __init__(self, terms: Terms, species: np.ndarray, index: np.ndarray, vectors: np.ndarray, order: np.ndarray):
        self.index, self._terms, self._species, self._vectors = index, terms, species, vectors
        self._starts = np.searchsorted(index[0], np.arange(len(species) + 1))
        self._neighbours = np.ascontiguousarray(index[1])
        self._rows = np.empty_like(order)
        self._rows[order] = np.arange(len(order))

    def forward(self, moved: np.ndarray | float, width: int) -> np.ndarray:
        values = np.empty((len(self._species), width))
        forward(*self._given(self._vectors + moved), 0, len(self._species), values)
        return values

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        to_vectors, to_positions = np.empty_like(self._vectors), np.zeros((len(self._species), 3))
        backward(*self._given(self._vectors), 0, len(self._species), gradient, to_vectors)
        to_atoms(self.index, to_vectors, to_positions)
        return to_positions

    def _given(self, vectors: np.ndarray) -> tuple:
        distances = np.sqrt(np.einsum("ek,ek->e", vectors, vectors))
        return (self._terms, self._species, self._starts, self._neighbours, vectors, distances, self._rows)


class EnvironmentFrames:
    """All frames of a set, with their environment vectors computed.

    Args:
        functions: of the model.
        present: elements of the training, by the model's number, ascending, (X,).
        symbols: of the model's elements, by its number.
        groups: frames, one entry a molecule.
        self_energies: symbol -> energy that the networks do not give, eV.
        dtype: of the environment vectors.

    Attributes:
        columns: of the model's complete environment vectors, (L,).
    """

    def __init__(
        self,
        functions: SymmetryFunctions,
        present: np.ndarray,
        symbols: Sequence[str],
        groups: Sequence[Frames],
        self_energies: Mapping[str, float],
        dtype: np.dtype,
    ):
        self._terms, self.columns = functions.of_elements(present)
        self._n_elements = len(present)
        local = {symbols[element]: k for k, element in enumerate(present)}
        self._frames = []
        for frames in groups:
            names = [chemical_symbols[z] for z in frames.numbers]
            species = np.array([local[name] for name in names])
            own = sum(self_energies[name] for name in names)
            for positions, energy, forces in zip(frames.positions, frames.energy, frames.forces, strict=True):
                pairs = functions.pairs(positions)
                index, vectors = pairs.index, pairs.vectors
                edges = _Edges(self._terms, species, index, vectors, np.arange(len(species)))
                values = edges.forward(0.0, len(self.columns)).astype(dtype)
                self._frames.append(Environment(species, index, vectors, values, energy - own, forces))

    def __len__(self) -> int:
        return len(self._frames)

    def batch(self, chosen: Sequence[int]) -> EnvironmentBatch:
        """The frames of these numbers."""
        return EnvironmentBatch(self._terms, [self._frames[k] for k in chosen], self._n_elements)
