"""What ASE's own mechanisms see of compcalc: the entry point `ase.plugins`, and names for `get_calculator_class`.

ASE 3.29 lists the plugins of the entry point, but `get_calculator_class`, and with it `ase run`, reads its own table
alone, to which `register` adds.
"""

from ase._4.plugins.plugin import CalculatorPlugin
from ase.calculators import calculator as ase_calculator
from ase.calculators.calculator import BaseCalculator
from ase.calculators.names import names as ASE_NAMES

from compcalc.calculators import SCHEMES, get_calculator

GENERAL = "compcalc"
"""Name of the class that takes a whole spec; every scheme has a class under its own name besides."""


class CompcalcCalculator(BaseCalculator):
    """Any potential of compcalc as a class, for ASE scripts that look calculators up by name.

    Calling it gives the calculator itself, not an object of this class.

    Args:
        spec: `scheme:argument?key=value`, as for `compcalc.get_calculator`.
        **options: more options of the scheme.

    Raises:
        CompcalcError: as `compcalc.get_calculator`.
    """

    implemented_properties = ("energy", "free_energy", "forces")

    def __new__(cls, spec: str, **options):
        return get_calculator(spec, **options)


def calculator_class(scheme: str) -> type[BaseCalculator]:
    """A class for one scheme: `calculator_class("tblite")("GFN2-xTB", charge=1)`.

    Args:
        scheme: name of a scheme, or `compcalc` for the class that takes a whole spec.
    """
    if scheme == GENERAL:
        return CompcalcCalculator

    def new(cls, argument: str = "", **options):
        return get_calculator(f"{scheme}:{argument}", **options)

    title = "".join(part.title() for part in scheme.split("-"))
    return type(f"{title}Calculator", (CompcalcCalculator,), {"__new__": new, "__doc__": f"The scheme {scheme}:."})


def register() -> list[str]:
    """Add compcalc's names to ASE's table, so that `ase.calculators.calculator.get_calculator_class` finds them.

    A name that ASE or another package has already stays theirs. Calling it twice changes nothing.

    Returns:
        the names that lead to compcalc now.
    """
    ours = []
    for name in _names():
        present = ase_calculator.external_calculators.get(name)
        if present is None and name not in ASE_NAMES:
            ase_calculator.register_calculator_class(name, calculator_class(name))
            ours.append(name)
        elif present is not None and issubclass(present, CompcalcCalculator):
            ours.append(name)
    return ours


def _names() -> list[str]:
    # `ase:` leads back to ASE.
    return [GENERAL, *(name for name in SCHEMES.names() if name != "ase")]


def _plugin(name: str) -> CalculatorPlugin:
    return CalculatorPlugin(name=name, implementation=lambda: calculator_class(name))


__ase_plugins__ = {_plugin(name) for name in _names()}
"""What the entry point `ase.plugins` offers; the classes are made when ASE asks for them."""
