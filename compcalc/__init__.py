"""compcalc: test any interatomic potential on molecules that it has not seen."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compcalc.calculators import get_calculator
    from compcalc.calculators.wrapping.wrap import wrap
    from compcalc.results import load_run
    from compcalc.tasks import all_tasks, get_task

__version__ = "0.1.0"
__all__ = ["__version__", "all_tasks", "get_calculator", "get_task", "load_run", "wrap"]

_LAZY = {
    "get_calculator": "compcalc.calculators",
    "get_task": "compcalc.tasks",
    "all_tasks": "compcalc.tasks",
    "load_run": "compcalc.results",
    "wrap": "compcalc.calculators.wrapping.wrap",
}


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'compcalc' has no attribute {name!r}")
