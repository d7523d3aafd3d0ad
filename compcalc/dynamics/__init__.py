"""Molecular dynamics: protocols, two engines, guards that stop a run with a cause.

`run_nve`, `run_nvt` and `run_heat` run an ASE Atoms; `Guard.attach` watches somebody's own ASE dynamics; `run_protocol`
and `run_lockstep` run one molecule and many.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compcalc.dynamics.ase_engine import run_protocol
    from compcalc.dynamics.export import write_event_extxyz, write_extxyz
    from compcalc.dynamics.guard import Guard
    from compcalc.dynamics.limits import Limits
    from compcalc.dynamics.lockstep import run_lockstep
    from compcalc.dynamics.observer import Observer
    from compcalc.dynamics.preset_file import load_preset
    from compcalc.dynamics.protocols import Preset, Protocol, get_preset
    from compcalc.dynamics.scripts import run_heat, run_nve, run_nvt
    from compcalc.dynamics.start import Start
    from compcalc.errors import Unstable

_LAZY = {
    "Guard": "compcalc.dynamics.guard",
    "Limits": "compcalc.dynamics.limits",
    "Observer": "compcalc.dynamics.observer",
    "Preset": "compcalc.dynamics.protocols",
    "Protocol": "compcalc.dynamics.protocols",
    "Start": "compcalc.dynamics.start",
    "Unstable": "compcalc.errors",
    "get_preset": "compcalc.dynamics.protocols",
    "load_preset": "compcalc.dynamics.preset_file",
    "run_heat": "compcalc.dynamics.scripts",
    "run_lockstep": "compcalc.dynamics.lockstep",
    "run_nve": "compcalc.dynamics.scripts",
    "run_nvt": "compcalc.dynamics.scripts",
    "run_protocol": "compcalc.dynamics.ase_engine",
    "write_event_extxyz": "compcalc.dynamics.export",
    "write_extxyz": "compcalc.dynamics.export",
}

__all__ = [
    "Guard",
    "Limits",
    "Observer",
    "Preset",
    "Protocol",
    "Start",
    "Unstable",
    "get_preset",
    "load_preset",
    "run_heat",
    "run_lockstep",
    "run_nve",
    "run_nvt",
    "run_protocol",
    "write_event_extxyz",
    "write_extxyz",
]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'compcalc.dynamics' has no attribute {name!r}")
