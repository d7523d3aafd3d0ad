"""One call of a potential for many molecules, in which one that fails does not take the others with it.

Symbols in the shapes: M molecules, A atoms of all.
"""

import contextlib
from typing import Protocol

import numpy as np

from compcalc.errors import InputError
from compcalc.records import Batch, BatchResult


class BatchPotential(Protocol):
    """What can be evaluated in batches. `forget()` and `prepare_batch(batch)` are called where they exist."""

    def evaluate_batch(self, batch: Batch) -> BatchResult:
        """Energies and forces of all molecules of `batch`; raises if one of them cannot be computed."""


class Evaluator:
    """Evaluates a batch whose composition changes only through `keep`.

    Args:
        potential: the potential under test. Its `prepare_batch` is called before the first evaluation and again after
            molecules have left, with the geometries of the time.
    """

    def __init__(self, potential: BatchPotential):
        self._potential = potential
        self._prepared = self._singly = False
        self._geometry: np.ndarray | None = None

    def __call__(self, batch: Batch) -> tuple[np.ndarray, np.ndarray, dict[int, Exception]]:
        """Energies (M,), forces (A, 3) and, by molecule, what was raised; those molecules have NaN.

        A batch that fails is evaluated molecule by molecule. Where each of them succeeds alone, as when the whole did
        not fit into memory, that is kept up until the batch is smaller.
        """
        if not self._singly:
            try:
                return *self._whole(batch), {}
            except Exception as error:
                if len(batch) == 1:
                    return np.full(1, np.nan), np.full((len(batch.numbers), 3), np.nan), {0: error}
        energies, forces, errors = self._one_by_one(batch)
        self._singly = not errors
        return energies, forces, errors

    def keep(self, runs: np.ndarray, atoms: np.ndarray) -> None:
        """Molecules left the batch."""
        self._prepared = self._singly = False

    def state(self) -> dict:
        """What the potential was prepared for, for `restore`."""
        return {"singly": self._singly, "geometry": self._geometry if self._prepared else None}

    def restore(self, state: dict, batch: Batch) -> None:
        """Prepare the potential for `batch` as it was; where that fails, the next evaluation tries it again."""
        self._singly = state["singly"]
        if state["geometry"] is not None and state["geometry"].shape == batch.positions.shape:
            with contextlib.suppress(Exception):
                getattr(self._potential, "prepare_batch", lambda batch: None)(batch.moved(state["geometry"]))
                self._prepared, self._geometry = True, state["geometry"]

    def _whole(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        if not self._prepared:
            getattr(self._potential, "prepare_batch", lambda batch: None)(batch)
            self._prepared, self._geometry = True, batch.positions
        result = self._potential.evaluate_batch(batch)
        # Copies: they are kept beyond the next call, which may fill the same buffers.
        energies, forces = np.array(result.energies, dtype=float), np.array(result.forces, dtype=float)
        for name, array, shape in (("energies", energies, (len(batch),)), ("forces", forces, batch.positions.shape)):
            if array.shape != shape:
                raise InputError(f"BatchResult.{name}", array.shape, f"shape {shape}")
        return energies, forces

    def _one_by_one(self, batch: Batch) -> tuple[np.ndarray, np.ndarray, dict[int, Exception]]:
        energies, forces = np.full(len(batch), np.nan), np.full(batch.positions.shape, np.nan)
        # Preparing is repeated only where it is what failed: it may take seconds a molecule.
        prepared, errors = self._prepared, {}
        for place, (start, stop) in enumerate(zip(batch.offsets[:-1], batch.offsets[1:], strict=True)):
            atoms = slice(start, stop)
            self._prepared = prepared
            try:
                energies[place : place + 1], forces[atoms] = self._whole(
                    Batch.of([(batch.numbers[atoms], batch.positions[atoms])])
                )
            except Exception as error:
                errors[place] = error
        return energies, forces, errors
