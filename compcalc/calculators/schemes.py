"""The built-in schemes: one entry each, the potential itself imported when it is built."""

from ase.calculators.calculator import BaseCalculator

from compcalc.calculators.catalogue import Scheme


def _mace(argument: str, *, dtype: str | None = None, device: str = "cpu", head: str | None = None) -> BaseCalculator:
    from compcalc.calculators.mace import MACE

    return MACE(argument or "default", dtype=dtype, device=device, head=head)


def _tblite(
    argument: str, *, accuracy: float = 0.1, charge: float = 0, spin: int = 0, max_iterations: int = 250
) -> BaseCalculator:
    from compcalc.calculators.xtb import XTBCalculator

    return XTBCalculator(
        method=argument or "GFN2-xTB", accuracy=accuracy, charge=charge, spin=spin, max_iterations=max_iterations
    )


def _mmff94(argument: str, *, variant: str = "MMFF94") -> BaseCalculator:
    from compcalc.calculators.mmff94 import MMFF94Calculator

    return MMFF94Calculator(variant=argument or variant)


def _python(argument: str, **options) -> BaseCalculator:
    from compcalc.calculators.user import from_module

    return from_module(argument, options)


def _file(argument: str, **options) -> BaseCalculator:
    from compcalc.calculators.user import from_file

    return from_file(argument, options)


MACE_FILE = Scheme(
    _mace,
    summary="a MACE model file, or `default` for the small model shipped with compcalc",
    example="mace:path/to/file.model?dtype=float64",
    requires=("mace", "torch"),
    install="pip install mace-torch",
)
TBLITE = Scheme(
    _tblite,
    summary="GFN2-xTB or GFN1-xTB, semi-empirical tight binding",
    example="tblite:GFN2-xTB?accuracy=0.1",
    requires=("tblite",),
    install="pip install tblite",
)
MMFF94 = Scheme(
    _mmff94,
    summary="the MMFF94 force field of RDKit; cannot break bonds",
    example="mmff94",
    requires=("rdkit",),
    install="pip install rdkit",
)
PYTHON = Scheme(
    _python,
    summary="your own ASE calculator: a function or class in an importable module",
    example="python:package.module:factory?key=value",
)
FILE = Scheme(
    _file,
    summary="your own ASE calculator: a function or class in a Python file",
    example="file:path/to/file.py:factory?key=value",
)
