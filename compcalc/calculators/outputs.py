"""What potentials return, in whatever type, read as one energy and (N, 3) forces, or refused with the reason."""

import numpy as np
from ase.calculators.calculator import CalculationFailed


def read_energy(value, potential: str) -> float:
    """One number, from a number, a 0-d or one-element array or a tensor; its unit is kept.

    Raises:
        CalculationFailed: not exactly one real number.
    """
    values = _numbers("energy", value, potential)
    if values.size != 1:
        raise CalculationFailed(f"{potential}: energy has shape {values.shape}; allowed: one number")
    return float(values.reshape(()))


def read_forces(value, n_atoms: int, potential: str) -> np.ndarray:
    """Forces, (N, 3) float64, from an array, a list or a tensor, also with a leading axis of one; the unit is kept.

    Raises:
        CalculationFailed: another shape, or no numbers.
    """
    values = _numbers("forces", value, potential)
    if values.shape == (1, n_atoms, 3):
        values = values[0]
    if values.shape != (n_atoms, 3):
        raise CalculationFailed(f"{potential}: forces have shape {values.shape}; allowed: ({n_atoms}, 3)")
    return values


def read_stress(value, potential: str) -> np.ndarray:
    """Stress as Voigt xx, yy, zz, yz, xz, xy, (6,) float64, from six numbers or a (3, 3) tensor; the unit is kept.

    Raises:
        CalculationFailed: another shape, or no numbers.
    """
    values = np.squeeze(_numbers("stress", value, potential))
    if values.shape == (3, 3):
        values = ((values + values.T) / 2)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    if values.shape != (6,):
        raise CalculationFailed(f"{potential}: stress has shape {values.shape}; allowed: (6,) or (3, 3)")
    return values


def _numbers(what: str, value, potential: str) -> np.ndarray:
    detach = getattr(value, "detach", None)
    try:
        # numpy() of a tensor on a GPU or with a gradient raises; of another library's array, asarray is the way.
        values = np.asarray(detach().cpu().numpy() if callable(detach) else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CalculationFailed(f"{potential}: {what} cannot be read as numbers ({error})") from error
    if values.dtype.kind not in "fiu":
        kind = type(value).__name__
        raise CalculationFailed(f"{potential}: {what} is a {kind} of type {values.dtype}; allowed: numbers")
    return values.astype(np.float64)
