"""The input graph of a MACE model, from compcalc's own neighbour lists."""

import numpy as np
from ase import Atoms

from compcalc.neighbours import VerletList, batch_edges, neighbour_list
from compcalc.records import Batch

_VERLET_FROM_ATOMS = 200
"""Below this a fresh list costs less than looking after an old one."""

_SKIN_ANGSTROM = 0.5


class MACEGraphs:
    """Builds graphs for one model.

    A batch of molecules becomes one graph whose edges stay within molecules: the model gives energies of atoms, so it
    need not know where a molecule ends.

    Args:
        torch: the torch module.
        numbers: atomic numbers that the model knows, in its order.
        cutoff: angstrom.
        head: index of the output head.
        dtype: torch type of positions and shifts.
        device: torch device.
    """

    def __init__(self, torch, numbers: list[int], cutoff: float, head: int, dtype, device):
        self._torch, self._dtype, self._device, self._cutoff, self._head = torch, dtype, device, cutoff, head
        self._type_of = np.full(max(numbers) + 1, -1)
        self._type_of[numbers] = np.arange(len(numbers))
        self._n_types = len(numbers)
        self._constant_for, self._constant = None, {}
        self._verlet: VerletList | None = None

    def forget(self) -> None:
        """Drop the list kept for large structures: the order of edges, and with it rounding, depends on its age."""
        self._verlet = None

    def of_atoms(self, atoms: Atoms) -> dict:
        """Graph of one structure, periodic where it is."""
        if len(atoms) >= _VERLET_FROM_ATOMS:
            index, shifts = self._kept_edges(atoms)
        elif atoms.pbc.any():
            i, j, shifts = neighbour_list("ijS", atoms, self._cutoff)
            index = np.stack([i, j])
        else:
            edges = batch_edges(atoms.positions, np.array([0, len(atoms)]), self._cutoff)
            index, shifts = edges.index, None
        cell = atoms.cell.complete().array if atoms.pbc.any() else np.zeros((3, 3))
        return self._graph(atoms.numbers, atoms.positions, index, shifts, cell)

    def of_batch(self, batch: Batch) -> dict:
        """One graph of all molecules of a batch."""
        edges = batch_edges(batch.positions, batch.offsets, self._cutoff)
        return self._graph(batch.numbers, batch.positions, edges.index, None, np.zeros((3, 3)))

    def _kept_edges(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        if self._verlet is None:
            self._verlet = VerletList(self._cutoff, _SKIN_ANGSTROM)
        cell = atoms.cell.complete().array if atoms.pbc.any() else None
        edges = self._verlet.update(atoms.positions, cell, atoms.pbc if atoms.pbc.any() else None)
        return edges.index, edges.shifts

    def _graph(self, numbers, positions, index, shifts, cell) -> dict:
        torch = self._torch
        if shifts is None:
            unit_shifts = torch.zeros((index.shape[1], 3), dtype=self._dtype, device=self._device)
            shift_vectors = unit_shifts
        else:
            unit_shifts, shift_vectors = self._real(shifts), self._real(shifts @ cell)
        return {
            **self._composition(numbers),
            "positions": self._real(positions),
            "edge_index": torch.as_tensor(np.ascontiguousarray(index, dtype=np.int64), device=self._device),
            "shifts": shift_vectors,
            "unit_shifts": unit_shifts,
            "cell": self._real(cell),
        }

    def _composition(self, numbers: np.ndarray) -> dict:
        """What depends on the elements alone, kept between calls on the same atoms."""
        if self._constant_for is None or not np.array_equal(self._constant_for, numbers):
            torch, n = self._torch, len(numbers)
            index = torch.as_tensor(self._type_of[numbers], device=self._device)
            self._constant_for = numbers.copy()
            self._constant = {
                "node_attrs": torch.nn.functional.one_hot(index, self._n_types).to(self._dtype),
                "batch": torch.zeros(n, dtype=torch.long, device=self._device),
                "ptr": torch.tensor([0, n], dtype=torch.long, device=self._device),
                "head": torch.tensor([self._head], dtype=torch.long, device=self._device),
            }
        return self._constant

    def _real(self, array: np.ndarray):
        return self._torch.tensor(array, dtype=self._dtype, device=self._device)
