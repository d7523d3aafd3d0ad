"""How well the labels of one level of theory agree with those of another, over molecules; error is first minus second.

Symbols in the shapes: T frames, N atoms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compcalc.errors import InputError
from compcalc.metrics import errors


@dataclass(frozen=True)
class Labelled:
    """Labels of two levels on the same frames of one molecule.

    Attributes:
        numbers: atomic numbers, (N,).
        energy: of the level that is judged, eV, (T,).
        forces: of the level that is judged, eV/angstrom, (T, N, 3).
        reference_energy: of the level that judges, eV, (T,).
        reference_forces: of the level that judges, eV/angstrom, (T, N, 3).
    """

    numbers: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    reference_energy: np.ndarray
    reference_forces: np.ndarray


@dataclass(frozen=True)
class Agreement:
    """Means over molecules, each of which counts once.

    Attributes:
        n_molecules: number of molecules.
        n_frames: number of frames of all molecules.
        force_mae: mean |dF| over the components, meV/angstrom.
        force_cosine: mean cosine of the angle between the forces, see `errors.force_cosine`.
        relative_energy_mae: mean |dE - <dE>| / N, the mean over the frames of a molecule, meV/atom; NaN where no
            molecule has two frames.
        shifted_energy_mae: mean |dE - sum over atoms of shift[Z]| / N, meV/atom.
        shift: atomic number -> eV, least squares over these molecules.
    """

    n_molecules: int
    n_frames: int
    force_mae: float
    force_cosine: float
    relative_energy_mae: float
    shifted_energy_mae: float
    shift: dict[int, float]


def agreement(molecules: Sequence[Labelled]) -> Agreement:
    """Compare two levels.

    The per-element shift is fitted to the molecules that it is then judged on: with as many elements as molecules it
    leaves nothing but the scatter within each.

    Raises:
        InputError: no molecules, or arrays whose shapes do not fit.
    """
    if not molecules:
        raise InputError("molecules", "none", "one molecule or more", "Compare levels that share frames.")
    means = [float(np.mean(m.energy - m.reference_energy)) for m in molecules]
    shift = errors.fit_element_shift([m.numbers for m in molecules], means)
    return Agreement(
        n_molecules=len(molecules),
        n_frames=sum(len(m.energy) for m in molecules),
        force_mae=_mean(errors.force_mae(m.forces, m.reference_forces) for m in molecules),
        force_cosine=_mean(errors.force_cosine(m.forces, m.reference_forces) for m in molecules),
        relative_energy_mae=_mean(
            errors.relative_energy_mae_per_atom(m.energy, m.reference_energy, len(m.numbers))
            for m in molecules
            if len(m.energy) > 1
        ),
        shifted_energy_mae=_mean(
            errors.shifted_energy_mae_per_atom(m.energy, m.reference_energy, m.numbers, shift) for m in molecules
        ),
        shift=shift,
    )


def _mean(values) -> float:
    """Mean of the values that exist; NaN where none does."""
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
