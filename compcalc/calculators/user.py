"""Calculators of the user's own, by module or by file, each checked on every call."""

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

from ase.calculators.calculator import BaseCalculator

from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.checked import CheckedCalculator
from compcalc.calculators.wrapping.wrap import is_wrappable, wrap
from compcalc.errors import DataError, InputError


def from_module(argument: str, options: dict[str, Any]) -> BaseCalculator:
    """The calculator that `module:factory` builds.

    Raises:
        InputError: the form is another, the module has no such name, or it gives nothing that computes an energy.
        DataError: the module cannot be imported.
    """
    module_name, factory = _split(argument, "python:package.module:factory")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise DataError(
            f"module {module_name!r} cannot be imported ({type(error).__name__}: {error}). "
            "Install it, or use file:path.py:factory."
        ) from error
    return _build(module, factory, options, f"python:{argument}")


def from_file(argument: str, options: dict[str, Any]) -> BaseCalculator:
    """The calculator that `path.py:factory` builds. Loading the file runs it.

    Raises:
        InputError: the form is another, the file has no such name, or it gives nothing that computes an energy.
        DataError: the file is missing or fails to load.
    """
    path_text, factory = _split(argument, "file:path.py:factory")
    path = Path(path_text)
    if not path.is_file():
        raise DataError(f"file {path} does not exist. Give the path of a Python file: file:path.py:factory.")
    name = f"compcalc_user_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None:
        raise DataError(f"{path} is not a Python file. Give one that ends in .py: file:path.py:factory.")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise DataError(f"{path} fails to load ({type(error).__name__}: {error}).") from error
    return _build(module, factory, options, f"file:{argument}")


def _split(argument: str, form: str) -> tuple[str, str]:
    head, colon, factory = argument.rpartition(":")
    if not (colon and head and factory.isidentifier()):
        raise InputError("potential", argument, form)
    return head, factory


def _build(module, factory: str, options: dict[str, Any], spec: str) -> BaseCalculator:
    try:
        make = getattr(module, factory)
    except AttributeError:
        names = [n for n in vars(module) if not n.startswith("_") and callable(getattr(module, n))]
        raise InputError("factory", factory, ", ".join(sorted(names)[:20]) or "a name in the module") from None
    if not isinstance(make, (BaseCalculator, type)) and is_wrappable(make, by_name=True):
        # A function of the geometry is the potential itself, not something that builds one.
        return wrap(make, name=spec, **_wrap_options(options))
    try:
        calculator = make(**options) if callable(make) and not isinstance(make, BaseCalculator) else make
    except Exception as error:
        raise DataError(f"{spec} could not be built ({type(error).__name__}: {error}).") from error
    if isinstance(calculator, BaseCalculator):
        return CheckedCalculator(calculator, name=spec)
    if not isinstance(calculator, type) and is_wrappable(calculator):
        return wrap(calculator, name=spec)
    got = type(calculator).__name__
    raise InputError(
        spec,
        got,
        "an ASE calculator, a function of the geometry, or a torch module",
        "Return an object of a class derived from ase's Calculator, or what compcalc.wrap takes.",
    )


def _wrap_options(options: dict[str, Any]) -> dict[str, Any]:
    allowed = set(inspect.signature(wrap).parameters) - {"obj", "name"}
    unknown = sorted(set(options) - allowed)
    if unknown:
        raise InputError("option of a function of the geometry", unknown[0], ", ".join(sorted(allowed)))
    return options


def _python(argument: str, **options) -> BaseCalculator:
    return from_module(argument, options)


def _file(argument: str, **options) -> BaseCalculator:
    return from_file(argument, options)


PYTHON = Scheme(
    _python,
    summary="your own calculator: what a function or class in an importable module builds",
    example="python:package.module:factory?key=value",
)
FILE = Scheme(
    _file,
    summary="your own calculator: what a function or class in a Python file builds",
    example="file:path/to/file.py:factory?key=value",
)
