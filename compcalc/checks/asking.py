"""How a calculator is asked, what counts as an answer, and what counts as a refusal."""

from collections.abc import Callable
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, CalculatorError

from compcalc.errors import CompcalcError

REFUSALS = (CompcalcError, CalculatorError, NotImplementedError)
"""Exceptions by which a potential says that it does not cover an input, rather than breaks on it."""

Result = tuple[float, np.ndarray]
"""Energy in eV and forces in eV/angstrom, (N, 3)."""


def unwrapped(calculator: BaseCalculator) -> BaseCalculator:
    """The calculator inside compcalc's `CheckedCalculator`, else `calculator` itself.

    The class is known by its name, because the checks import no calculators. Other wrappers change units, so that
    what is inside them means something else.
    """
    while any(cls.__name__ == "CheckedCalculator" for cls in type(calculator).__mro__):
        calculator = calculator.inner
    return calculator


def forget_everything(calculator: BaseCalculator) -> None:
    """Make the next result independent of earlier ones, as far as the calculator has a way to."""
    for method in ("forget", "reset"):
        if callable(getattr(calculator, method, None)):
            getattr(calculator, method)()
            return
    calculator.atoms, calculator.results = None, {}


def as_numbers(energy: Any, forces: Any, n_atoms: int) -> Result:
    """One finite energy and finite (N, 3) forces as float64, in arrays of their own.

    Raises:
        ValueError: another shape, or values that are not finite.
    """
    energy, forces = np.array(energy, dtype=float), np.array(forces, dtype=float)
    if energy.size != 1:
        raise ValueError(f"the energy has shape {energy.shape}; allowed: one number, in eV")
    if forces.shape != (n_atoms, 3):
        raise ValueError(f"the forces have shape {forces.shape}; allowed: ({n_atoms}, 3), in eV/angstrom")
    if not np.isfinite(energy).all():
        raise ValueError("the energy is NaN or infinite")
    if not np.isfinite(forces).all():
        atom = int(np.flatnonzero(~np.isfinite(forces).all(axis=1))[0])
        raise ValueError(f"the force on atom {atom} is NaN or infinite")
    return float(energy.reshape(())), forces


def attempt(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """The result and None, or None and the exception; a `sys.exit` counts as one, an interrupt does not."""
    try:
        return function(), None
    except (Exception, SystemExit) as error:
        return None, error


def is_refusal(error: BaseException) -> bool:
    """Whether the potential said that it does not cover the input, rather than broke on it."""
    return isinstance(error, REFUSALS)


def reason(error: BaseException, most: int = 200) -> str:
    """Type and first line of an exception, clipped."""
    text = " ".join(str(error).split())
    text = text if len(text) <= most else f"{text[: most - 3]}..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
