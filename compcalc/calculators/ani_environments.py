"""The environment vectors of a batch of ANI, without the columns of elements that it does not have."""

from itertools import pairwise

import numpy as np

from compcalc.calculators.ani_aev import Terms, backward, forward, to_atoms
from compcalc.neighbours import Edges, batch_edges
from compcalc.neighbours.threads import even_cuts, run_parts

_TENSORS = ("EtaR", "ShfR", "EtaA", "Zeta", "ShfA", "ShfZ")

_LARGEST = 600.0
"""Exponent that a double still has room for."""

_ATOMS_A_THREAD = 100
"""Below this a second thread costs more than it brings."""


class SymmetryFunctions:
    """The constants of one model.

    Args:
        computer: torchani's AEVComputer; see `can_take`.
    """

    def __init__(self, computer):
        numbers = {name: getattr(computer, name).double().cpu().numpy().ravel() for name in _TENSORS}
        self._terms = Terms(
            cutoff=np.array([computer.Rcr, computer.Rca]),
            eta=np.concatenate([numbers["EtaR"], numbers["EtaA"]]),
            radii=numbers["ShfR"],
            means=numbers["ShfA"],
            cosines=np.cos(numbers["ShfZ"]),
            sines=np.sin(numbers["ShfZ"]),
            zeta=float(numbers["Zeta"][0]),
            radial=computer.radial_sublength * np.arange(computer.num_species),
            angular=computer.radial_length + computer.angular_sublength * computer.triu_index.cpu().numpy(),
            lengths=((0,) * computer.ShfA.numel(), (0,) * computer.ShfZ.numel()),
        )
        self.cutoff, self.n_elements = float(computer.Rcr), int(computer.num_species)
        self._found: dict[bytes, tuple[Terms, np.ndarray]] = {}

    @staticmethod
    def can_take(computer) -> bool:
        """Whether there is one eta and one zeta, as in all published models, and no factor of a Gaussian overflows."""
        single = all(getattr(computer, name).numel() == 1 for name in ("EtaR", "EtaA", "Zeta"))
        return single and float(computer.EtaA) * computer.Rca**2 < _LARGEST

    def pairs(self, positions: np.ndarray) -> Edges:
        """Directed pairs of atoms of one isolated molecule within the cutoff; positions in angstrom, (N, 3)."""
        return batch_edges(np.asarray(positions, dtype=float), np.array([0, len(positions)]), self.cutoff)

    def of_elements(self, present: np.ndarray) -> tuple[Terms, np.ndarray]:
        """For vectors without the columns of absent elements, which are zero.

        Args:
            present: elements by torchani's number, ascending, (X,).

        Returns:
            The constants, for elements numbered within `present`, and the columns of torchani's vectors, (L,).
        """
        key = present.tobytes()
        if key not in self._found:
            self._found[key] = self._chosen(present)
        return self._found[key]

    def _chosen(self, present):
        terms = self._terms
        upper = terms.angular[present][:, present][np.triu_indices(len(present))]
        starts = np.concatenate([terms.radial[present], upper])
        widths = np.repeat([len(terms.radii), len(terms.means) * len(terms.cosines)], [len(present), len(upper)])
        ends = np.cumsum(widths)
        columns = np.arange(ends[-1]) + np.repeat(starts - ends + widths, widths)
        angular = np.empty((len(present), len(present)), np.int64)
        rows, others = np.triu_indices(len(present))
        angular[rows, others] = angular[others, rows] = (ends - widths)[len(present) :]
        return terms._replace(radial=(ends - widths)[: len(present)], angular=angular), columns


class Environments:
    """The environment vectors of a batch, with the atoms sorted by element.

    Args:
        functions: of the model.
        species: element of each atom by torchani's number, (A,).
        edges: all pairs within `functions.cutoff`, angstrom.
        dtype: of the vectors.
        threads: at most; small batches take one.

    Attributes:
        values: (A, L), one row an atom, without the columns of absent elements.
        order: atom of each row, (A,).
        present: elements by torchani's number, ascending, (X,).
        counts: rows of each of them, (X,).
        columns: of torchani's vectors, (L,).
    """

    def __init__(self, functions: SymmetryFunctions, species: np.ndarray, edges: Edges, dtype, threads: int = 1):
        counts = np.bincount(species, minlength=functions.n_elements)
        self.present = np.flatnonzero(counts)
        self.counts, local = counts[self.present], (np.cumsum(counts > 0) - 1)[species]
        terms, self.columns = functions.of_elements(self.present)
        self.order = np.argsort(local, kind="stable")
        rows, starts = np.empty_like(self.order), np.searchsorted(edges.index[0], np.arange(len(species) + 1))
        rows[self.order] = np.arange(len(species))
        self._index = edges.index
        self._given = (terms, local, starts, edges.index[1], edges.vectors, edges.distances, rows)
        self._cuts = even_cuts(starts, max(1, min(threads, len(species) // _ATOMS_A_THREAD)))
        self.values = np.empty((len(species), len(self.columns)), dtype)
        self._run(forward, self.values)

    def gradients(self, to_values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From the gradient with respect to `values` that with respect to positions, (A, 3), and edges, (E, 3)."""
        to_positions, to_vectors = np.zeros((len(self.values), 3)), np.empty((len(self._index[0]), 3))
        self._run(backward, to_values, to_vectors)
        to_atoms(self._index, to_vectors, to_positions)
        return to_positions, to_vectors

    def _run(self, function, *arrays):
        run_parts([lambda a=a, b=b: function(*self._given, a, b, *arrays) for a, b in pairwise(self._cuts)])
