"""Energies by element, by least squares: the baseline that knows compositions and no geometry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols

from compcalc.calculators.linear import save_energies
from compcalc.records import Frames
from compcalc.training.architecture import Architecture, Fit, Job, Progress


@dataclass(frozen=True)
class LinearSettings:
    """Energies by element have no settings."""


def fit_linear(job: Job, settings: LinearSettings) -> Fit:
    """Least squares on the energies of the training frames; forces of the model are zero."""
    energies, rank = element_energies(job.split.train, job.atomic_energies)
    model = job.directory / "linear.json"
    save_energies(model, energies)
    job.on_progress(Progress(1, 1, "fitted"))
    notes = ("forces are zero, whatever the geometry",)
    if rank < len(energies):
        notes += (
            f"the training molecules' compositions do not determine the energies of {', '.join(energies)} (rank {rank} "
            f"of {len(energies)}): of all solutions the one nearest to the data set's own E0 was taken",
        )
    details = {"rank": rank, "elements": len(energies)}
    return Fit(model, "no choice among models: the validation frames were not used", details=details, notes=notes)


def element_energies(groups: Sequence[Frames], atomic_energies: Mapping[str, float]) -> tuple[dict[str, float], int]:
    """Symbol -> eV that fit the energies of `groups`, each frame counting alike.

    Where the compositions leave energies undetermined (every saturated acid is CnH2nO2), the solution is the one
    nearest to `atomic_energies` (eV, 0 for an element that is not there).

    Returns:
        the energies, and the rank of the matrix of compositions.
    """
    elements = np.unique(np.concatenate([frames.numbers for frames in groups]))
    symbols = [chemical_symbols[z] for z in elements]
    known = np.array([atomic_energies.get(symbol, 0.0) for symbol in symbols])
    counts = np.array([[np.sum(frames.numbers == z) for z in elements] for frames in groups], dtype=float)
    weights = np.sqrt([len(frames) for frames in groups])
    means = np.array([frames.energy.mean() for frames in groups]) - counts @ known
    # The mean of a molecule's frames, weighed by their number, has the same solution as the frames themselves.
    change, _, rank, _ = np.linalg.lstsq(counts * weights[:, None], means * weights, rcond=None)
    return {symbol: float(energy) for symbol, energy in zip(symbols, known + change, strict=True)}, int(rank)


ARCHITECTURE = Architecture(
    "linear",
    "energies by element, forces zero: what any model has to beat",
    LinearSettings,
    fit_linear,
    scheme="linear",
    file="{name}.json",
)
