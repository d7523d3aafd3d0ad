"""What the metrics share: shape checks, and a mean that is NaN when nothing is there."""

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError


def as_shape(name: str, values: ArrayLike, shape: tuple[int | None, ...], words: str) -> np.ndarray:
    """`values` as float64 of `shape`, where None stands for any length.

    Args:
        name: the argument's name, for the message.
        values: anything that `numpy.asarray` takes.
        shape: lengths to match.
        words: the shape in symbols, for the message.

    Raises:
        InputError: another shape.
    """
    array = np.asarray(values, dtype=float)
    if array.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, array.shape, strict=True)):
        raise InputError(name, f"shape {array.shape}", f"shape {words}")
    return array


def as_indices(name: str, values: ArrayLike, width: int, n_atoms: int) -> np.ndarray:
    """`values` as atom indices, (K, width) int.

    Raises:
        InputError: another shape, not integers, or an index outside 0..n_atoms-1.
    """
    array = np.asarray(values)
    if array.size == 0:
        return np.empty((0, width), dtype=int)
    if array.ndim != 2 or array.shape[1] != width or not np.issubdtype(array.dtype, np.integer):
        raise InputError(name, f"{array.dtype} of shape {array.shape}", f"integers of shape (K, {width})")
    if array.min() < 0 or array.max() >= n_atoms:
        raise InputError(name, f"indices {array.min()}..{array.max()}", f"indices 0..{n_atoms - 1}")
    return array


def mean_or_nan(values: np.ndarray) -> float:
    """Mean over all entries; NaN, without a warning, when there are none."""
    return float(np.mean(values)) if np.size(values) else float("nan")


def check_atom_count(n_atoms: int) -> None:
    """Refuse a molecule without atoms.

    Raises:
        InputError: fewer than one atom.
    """
    if n_atoms < 1:
        raise InputError("n_atoms", n_atoms, "at least 1")


def float_spacing(values: ArrayLike) -> float:
    """Spacing of floating-point numbers at the largest of `values`, in the dtype that they came in; 0 for integers."""
    values = np.asarray(values)
    if values.size == 0 or not np.issubdtype(values.dtype, np.floating):
        return 0.0
    return float(np.finfo(values.dtype).eps * np.max(np.abs(values)))
