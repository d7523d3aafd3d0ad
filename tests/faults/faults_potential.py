"""A potential that is MMFF94, one molecule at a time, and does on some molecules what its options say."""

import ctypes
import os
import time
from pathlib import Path

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from compcalc import get_calculator

PRINTED = "printed by the C library"
_FEW_CALLS = 3


class Faulty(Calculator):
    """MMFF94 with a fault.

    Args:
        fault: name of a method below without its underscore; empty for none.
        on: number of atoms of the molecule that it strikes; None for every molecule.
        late: let the first few calls of a process pass, so that the fault comes after each molecule was tried.
        pause_s: how long each call sleeps.
        marker: file that each call touches.
    """

    def __init__(
        self,
        *,
        fault: str = "",
        on: int | None = None,
        late: bool = False,
        pause_s: float = 0.0,
        marker: str | None = None,
    ):
        self.implemented_properties = ["energy", "free_energy", "forces"]
        super().__init__()
        self.marker = marker
        self.fault, self.on, self.late, self.pause_s = fault, on, late, pause_s
        self.calls, self.held, self.right = 0, [], get_calculator("mmff94")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        time.sleep(self.pause_s)
        if self.marker:
            Path(self.marker).touch()
        if self.fault and self.on in (None, len(atoms)) and not (self.late and self.calls <= _FEW_CALLS):
            getattr(self, f"_{self.fault}")()
        copy = atoms.copy()
        energy = self.right.get_potential_energy(copy)
        self.results = {"energy": energy, "free_energy": energy, "forces": self.right.get_forces(copy)}

    def _segfault(self):
        ctypes.string_at(0)

    def _sleep(self):
        time.sleep(1000)

    def _hang(self):
        ctypes.PyDLL(None).sleep(1000)  # holds the interpreter's lock, as a deadlock in C does

    def _allocate(self):
        while True:
            self.held.append(np.ones(2**22))

    def _raise(self):
        raise RuntimeError("the licence server is down")

    def _print(self):
        libc = ctypes.CDLL(None)
        libc.puts(PRINTED.encode())
        libc.fflush(None)

    def _exit0(self):
        os._exit(0)

    def _exit9(self):
        os._exit(9)
