"""ASE's own calculators, by their name in ASE."""

import inspect

from ase.calculators.calculator import get_calculator_class, names

from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.checked import CheckedCalculator
from compcalc.errors import DataError, InputError, UnknownNameError


def _build(argument: str, **options) -> CheckedCalculator:
    name = argument.lower()
    try:
        calculator_class = get_calculator_class(name)
    except (ImportError, AttributeError, KeyError):
        raise UnknownNameError("ASE calculator", argument, names, "`ase info --calculators` tells more.") from None
    known = inspect.signature(calculator_class).parameters
    defaults = getattr(calculator_class, "default_parameters", None)
    # Some of ASE's calculators take any keyword and forget those that they do not know.
    if defaults:
        allowed = {*defaults, *(n for n, p in known.items() if p.kind is not p.VAR_KEYWORD)}
        unknown = sorted(set(options) - allowed)
        if unknown:
            raise InputError(f"option of ase:{name}", unknown[0], ", ".join(sorted(allowed)))
    try:
        inner = calculator_class(**options)
    except Exception as error:
        raise DataError(f"ase:{name} could not be built ({type(error).__name__}: {error}).") from error
    return CheckedCalculator(inner, f"ASE {name}")


SCHEME = Scheme(
    _build,
    summary="one of ASE's calculators by its name in ASE: emt, lj, eam, ...",
    example="ase:lj?sigma=3.4&epsilon=0.01&rc=10",
)
