"""Force and energy errors of one molecule; the error is always predicted minus reference.

Symbols in the shapes: T frames, N atoms, M molecules. Frames that failed hold NaN and make a metric NaN: leave them out
with `compcalc.records.Prediction.good` and report how many they were.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_shape, check_atom_count, mean_or_nan
from compcalc.units import MEV_PER_EV

SMALLEST_FORCE_WITH_DIRECTION = 0.05
"""eV/angstrom; below it the direction of a reference force says little."""


def force_mae(predicted: ArrayLike, reference: ArrayLike) -> float:
    """Mean |dF| over the 3N components of all frames, in meV/angstrom.

    Args:
        predicted: eV/angstrom, (T, N, 3).
        reference: eV/angstrom, (T, N, 3).

    Raises:
        InputError: shapes differ or are not (T, N, 3).
    """
    return MEV_PER_EV * mean_or_nan(np.abs(_force_error(predicted, reference)))


def force_vector_mae(predicted: ArrayLike, reference: ArrayLike) -> float:
    """Mean length ||dF|| over atoms and frames, in meV/angstrom; unlike `force_mae` it does not depend on orientation.

    Args:
        predicted: eV/angstrom, (T, N, 3).
        reference: eV/angstrom, (T, N, 3).

    Raises:
        InputError: shapes differ or are not (T, N, 3).
    """
    return MEV_PER_EV * mean_or_nan(np.linalg.norm(_force_error(predicted, reference), axis=-1))


def force_rmse(predicted: ArrayLike, reference: ArrayLike) -> float:
    """Root of the mean dF^2 over the 3N components of all frames, in meV/angstrom.

    Args:
        predicted: eV/angstrom, (T, N, 3).
        reference: eV/angstrom, (T, N, 3).

    Raises:
        InputError: shapes differ or are not (T, N, 3).
    """
    return MEV_PER_EV * float(np.sqrt(mean_or_nan(_force_error(predicted, reference) ** 2)))


def force_cosine(predicted: ArrayLike, reference: ArrayLike) -> float:
    """Mean cosine of the angle between predicted and reference force, -1 to 1, without unit.

    The mean runs over the atoms of all frames whose reference force is longer than `SMALLEST_FORCE_WITH_DIRECTION`; NaN
    if there are none. A predicted force of exactly zero has no direction and counts as cosine 0.

    Args:
        predicted: eV/angstrom, (T, N, 3).
        reference: eV/angstrom, (T, N, 3).

    Raises:
        InputError: shapes differ or are not (T, N, 3).
    """
    predicted, reference = _force_pair(predicted, reference)
    counted = np.linalg.norm(reference, axis=-1) > SMALLEST_FORCE_WITH_DIRECTION
    return mean_or_nan(np.sum(_unit_vectors(predicted[counted]) * _unit_vectors(reference[counted]), axis=-1))


def relative_force_mae(predicted: ArrayLike, reference: ArrayLike) -> float:
    """Mean |dF| over mean |F| of the reference, over components, atoms and frames, without unit.

    0 is no error; 1 is what a potential without any force has. NaN if every reference force is 0, or there is none.

    Args:
        predicted: eV/angstrom, (T, N, 3).
        reference: eV/angstrom, (T, N, 3).

    Raises:
        InputError: shapes differ or are not (T, N, 3).
    """
    predicted, reference = _force_pair(predicted, reference)
    size = mean_or_nan(np.abs(reference))
    return mean_or_nan(np.abs(predicted - reference)) / size if size > 0 else float("nan")


def force_mae_per_frame(predicted: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """Mean |dF| over the 3N components of each frame, in meV/angstrom, (T,).

    Args:
        predicted: eV/angstrom, (T, N, 3).
        reference: eV/angstrom, (T, N, 3).

    Raises:
        InputError: shapes differ or are not (T, N, 3).
    """
    error = np.abs(_force_error(predicted, reference))
    if error.shape[1] == 0:
        return np.full(len(error), np.nan)
    return MEV_PER_EV * error.mean(axis=(1, 2))


def force_mae_by_label(predicted: ArrayLike, reference: ArrayLike, labels: Sequence[str]) -> dict[str, float]:
    """Force MAE over the atoms of each label, in meV/angstrom; labels in order of first appearance.

    Args:
        predicted: eV/angstrom, (T, N, 3).
        reference: eV/angstrom, (T, N, 3).
        labels: one an atom, length N: its element, environment, or place in the chain.

    Raises:
        InputError: shapes differ or are not (T, N, 3), or the number of labels is not N.
    """
    error = np.abs(_force_error(predicted, reference))
    labels = [str(label) for label in labels]
    if len(labels) != error.shape[1]:
        raise InputError("labels", f"{len(labels)} labels", f"{error.shape[1]} labels, one an atom")
    return {
        name: MEV_PER_EV * mean_or_nan(error[:, [label == name for label in labels]]) for name in dict.fromkeys(labels)
    }


def energy_mae(predicted: ArrayLike, reference: ArrayLike) -> float:
    """Mean |dE| over frames, in meV a molecule.

    Args:
        predicted: eV, (T,).
        reference: eV, (T,).

    Raises:
        InputError: shapes differ or are not (T,).
    """
    return MEV_PER_EV * mean_or_nan(np.abs(_energy_error(predicted, reference)))


def energy_mae_per_atom(predicted: ArrayLike, reference: ArrayLike, n_atoms: int) -> float:
    """Mean |dE| / N over frames, in meV/atom.

    Args:
        predicted: eV a molecule, (T,).
        reference: eV a molecule, (T,).
        n_atoms: N.

    Raises:
        InputError: shapes differ or are not (T,), or N < 1.
    """
    check_atom_count(n_atoms)
    return energy_mae(predicted, reference) / n_atoms


def relative_energy_mae_per_atom(predicted: ArrayLike, reference: ArrayLike, n_atoms: int) -> float:
    """Mean |dE - <dE>| / N over frames, in meV/atom: the molecule's own mean error is removed.

    It judges energy differences between geometries of one molecule and is 0 for a single frame.

    Args:
        predicted: eV a molecule, (T,).
        reference: eV a molecule, (T,).
        n_atoms: N.

    Raises:
        InputError: shapes differ or are not (T,), or N < 1.
    """
    check_atom_count(n_atoms)
    error = _energy_error(predicted, reference)
    return MEV_PER_EV * mean_or_nan(np.abs(error - mean_or_nan(error))) / n_atoms


def shifted_energy_mae_per_atom(
    predicted: ArrayLike, reference: ArrayLike, numbers: ArrayLike, shift: Mapping[int, float]
) -> float:
    """Mean |dE - sum over atoms of shift[Z]| / N over frames, in meV/atom, for a potential of another level of theory.

    NaN if the molecule holds an element that is not in `shift`.

    Args:
        predicted: eV a molecule, (T,).
        reference: eV a molecule, (T,).
        numbers: atomic numbers, (N,).
        shift: atomic number -> eV, from `fit_element_shift` on the ID training molecules alone.

    Raises:
        InputError: shapes differ or are not (T,), or there are no atoms.
    """
    error = _energy_error(predicted, reference)
    numbers = np.asarray(numbers)
    check_atom_count(len(numbers))
    total = sum(shift.get(int(z), float("nan")) for z in numbers)
    return MEV_PER_EV * mean_or_nan(np.abs(error - total)) / len(numbers)


def fit_element_shift(numbers_list: Sequence[ArrayLike], mean_errors: ArrayLike) -> dict[int, float]:
    """Atomic number -> eV, the least-squares solution of mean error = sum over atoms of shift[Z].

    The composition matrix of a task is often rank-deficient (every saturated acid is CnH2nO2). Then the solution of
    minimum norm is returned: it fits the given molecules as well as any other, but the split between elements is
    arbitrary, and on molecules of other compositions it does not have to hold.

    Args:
        numbers_list: atomic numbers of each molecule, M arrays of (N_m,).
        mean_errors: mean of predicted minus reference energy of each molecule, eV a molecule, (M,).

    Raises:
        InputError: the two lengths differ, or an error is not finite.
    """
    compositions = [np.asarray(numbers, dtype=int) for numbers in numbers_list]
    errors = as_shape("mean_errors", mean_errors, (len(compositions),), f"({len(compositions)},), one a molecule")
    if not np.all(np.isfinite(errors)):
        bad = np.flatnonzero(~np.isfinite(errors)).tolist()
        raise InputError("mean_errors", f"NaN or infinity at {bad}", "finite values", "Leave these molecules out.")
    if not compositions:
        return {}
    elements = np.unique(np.concatenate(compositions))
    counts = np.array([[np.sum(numbers == z) for z in elements] for numbers in compositions], dtype=float)
    solution = np.linalg.lstsq(counts, errors, rcond=None)[0]
    return {int(z): float(value) for z, value in zip(elements, solution, strict=True)}


def _force_pair(predicted: ArrayLike, reference: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    reference = as_shape("reference", reference, (None, None, 3), "(T, N, 3)")
    return as_shape("predicted", predicted, reference.shape, f"{reference.shape}, as the reference"), reference


def _force_error(predicted: ArrayLike, reference: ArrayLike) -> np.ndarray:
    predicted, reference = _force_pair(predicted, reference)
    return predicted - reference


def _energy_error(predicted: ArrayLike, reference: ArrayLike) -> np.ndarray:
    reference = as_shape("reference", reference, (None,), "(T,)")
    return as_shape("predicted", predicted, reference.shape, f"{reference.shape}, as the reference") - reference


def _unit_vectors(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length == 0, 1.0, length)
