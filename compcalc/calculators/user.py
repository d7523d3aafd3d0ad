"""Calculators of the user's own, by module or by file, each checked on every call."""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from ase.calculators.calculator import BaseCalculator

from compcalc.calculators.checked import CheckedCalculator
from compcalc.errors import DataError, InputError


def from_module(argument: str, options: dict[str, Any]) -> BaseCalculator:
    """The calculator that `module:factory` builds.

    Raises:
        InputError: the form is another, the module has no such name, or it gives no ASE calculator.
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
        InputError: the form is another, the file has no such name, or it gives no ASE calculator.
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
    try:
        calculator = make(**options) if callable(make) and not isinstance(make, BaseCalculator) else make
    except Exception as error:
        raise DataError(f"{spec} could not be built ({type(error).__name__}: {error}).") from error
    if not isinstance(calculator, BaseCalculator):
        got = type(calculator).__name__
        raise InputError(spec, got, "an ASE calculator", "Return an object of a class derived from ase's Calculator.")
    return CheckedCalculator(calculator, name=spec)
