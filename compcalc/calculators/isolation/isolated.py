"""Any potential in another Python interpreter: its packages need not get on with those of this one.

The other process runs `child.py`, for which ase and numpy are enough; `process.py` talks to it.
"""

import math
import os
import shutil
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed

from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.isolation.process import ENDING_S, Child, Garbage, Late, Reported, described
from compcalc.errors import (
    ChildDiedError,
    ChildError,
    ChildGarbageError,
    ChildSilentError,
    DataError,
    InputError,
    MissingDependencyError,
    UnsupportedElementError,
)

MAX_FAILED_STARTS = 3
"""Failed starts in a row after which no other is tried."""

_SILENT_REMEDY = "Allow it more time, or run the potential alone to see where it waits."
_GARBAGE_REMEDY = (
    "Check that this is a Python interpreter, and that the potential writes to no file that it did not open."
)
_DIED_REMEDY = "Run the potential alone in that interpreter. SIGKILL out of nowhere mostly means that memory ran short."


class IsolatedCalculator(PotentialCalculator):
    """A potential that another Python interpreter computes; the process starts at once and keeps the model loaded.

    A process that fails is replaced at the next evaluation. It ends with this object, and with this process. Charge,
    spin and other plain values of `atoms.info` reach it, and initial charges, magnetic moments, tags and masses.

    Args:
        spec: the potential, as `get_calculator` takes it; its scheme's packages are those of the other interpreter.
        python: the other interpreter, 3.10 or later, with ase and numpy: a path or a command.
        start_timeout_s: limit on starting it and loading the potential, s.
        call_timeout_s: limit on one evaluation or preparation, s.

    Attributes:
        versions: of python, ase and numpy on the other side.
        dtype: floating-point type of the potential, where the other side knows it.

    Raises:
        InputError: no interpreter, a limit that is no positive number, or a spec or option that cannot be used.
        MissingDependencyError: ase, numpy or a package of the potential is not installed there.
        DataError: the potential cannot be built there.
        ChildError: the process died, was silent or spoke nonsense while it started.
    """

    def __init__(self, spec: str, *, python: str | Path, start_timeout_s: float = 120.0, call_timeout_s: float = 600.0):
        for name, value in (("start_timeout_s", start_timeout_s), ("call_timeout_s", call_timeout_s)):
            if not 0 < value < math.inf:
                raise InputError(name, value, "a number of seconds above 0")
        super().__init__()
        # ASE hangs a method of its own on every calculator: a cycle, which would delay the end of the process.
        vars(self).pop("get_spin_polarized", None)
        self.spec, self.python, self.label_name = spec, _interpreter(python), spec
        self.start_timeout_s, self.call_timeout_s = start_timeout_s, call_timeout_s
        self._directory = os.getcwd()  # relative paths in the spec keep their meaning when the process is replaced
        self._failed_starts = 0
        self._child: Child | None = None
        self._running()

    def energy_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom, (N, 3)) from the other process.

        Raises:
            UnsupportedElementError, InputError: as the potential raised it.
            CalculationFailed: any other exception of the potential, with its type and text.
            ChildDiedError: the process ended.
            ChildSilentError: no answer within `call_timeout_s`; the process is ended.
            ChildGarbageError: it sent something else than a result; the process is ended.
            ChildError: the last three starts failed.
        """
        return self._asked(lambda child: child.evaluate(atoms), "computed", atoms)

    def stress(self, atoms: Atoms) -> np.ndarray:
        """Stress, eV/angstrom^3, Voigt xx, yy, zz, yz, xz, xy, (6,); raises what `energy_forces` raises."""
        fields = described(atoms, geometry=True)
        return np.array(self._asked(lambda child: child.request("stress", fields), "computed the stress of", atoms))

    def prepare(self, atoms: Atoms) -> None:
        """Hand on to the potential; raises what `energy_forces` raises."""
        fields = described(atoms, geometry=True)
        self._asked(lambda child: child.request("prepare", fields), "prepared", atoms)

    def forget(self) -> None:
        """Hand on to the potential, if its process is running.

        Raises:
            CalculationFailed: the potential raised an exception.
        """
        super().forget()
        if self._child is not None:
            with suppress(ChildError):  # a process that is gone remembers nothing
                self._asked(lambda child: child.request("forget"), "dropped earlier results")

    def close(self) -> None:
        """End the other process; another evaluation would start it again."""
        if self._child is not None:
            self._child = None
            self._finalizer()

    def _asked(self, ask: Callable[[Child], Any], doing: str, atoms: Atoms | None = None):
        child = self._running()
        what = doing if atoms is None else f"{doing} {atoms.get_chemical_formula()}"
        with self._failures(child, what, self.call_timeout_s):
            return ask(child)

    def _running(self) -> Child:
        if self._child is not None and self._child.owner != os.getpid():
            self._child = None  # inherited by a fork: it answers the process that started it
        if self._child is None:
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise self._given_up()
            self._failed_starts += 1
            self._child = self._started()
            self._failed_starts = 0
        return self._child

    def _given_up(self) -> ChildError:
        return ChildError(
            self.spec,
            self.python,
            f"it failed to start {self._failed_starts} times in a row and is not tried again",
            remedy="The errors of those starts say why. Build the calculator anew once that is mended.",
        )

    def _started(self) -> Child:
        try:
            child = Child(self.python, self._directory)
        except OSError as error:
            raise InputError("python", self.python, "a Python interpreter", f"It cannot be run ({error}).") from error
        self._finalizer = weakref.finalize(self, child.close)
        with self._failures(child, "loaded the potential", self.start_timeout_s, starting=True):
            about = child.build(self.spec)
        self.versions, self.dtype, self.known_elements = about.versions, about.dtype, about.known_elements
        if about.stress and "stress" not in self.implemented_properties:
            self.implemented_properties.append("stress")
        return child

    @contextmanager
    def _failures(self, child: Child, doing: str, limit_s: float, starting: bool = False) -> Iterator[None]:
        """Give `child` `limit_s` for the block; where it fails, end it and say what is known of it."""
        child.deadline = time.monotonic() + limit_s
        try:
            yield
        except Reported as error:
            if not starting:
                raise _call_error(error.report, self.spec) from None
            self._end(child, ENDING_S)
            raise _start_error(error.report, self.spec, self.python) from None
        except CalculationFailed:
            raise
        except (Late, TimeoutError):
            self._end(child)
            reason = f"the process gave no answer within {limit_s:g} s while it {doing}, and was stopped"
            raise self._error(ChildSilentError, child, reason, _SILENT_REMEDY) from None
        except Garbage as error:
            self._end(child)
            reason = f"the process sent {error} while it {doing}, and was stopped"
            raise self._error(ChildGarbageError, child, reason, _GARBAGE_REMEDY) from None
        except ConnectionError:
            ended = self._end(child, ENDING_S)
            reason = f"the process {ended} while it {doing}"
            raise self._error(ChildDiedError, child, reason, _DIED_REMEDY) from None
        except BaseException:
            self._end(child)
            raise

    def _end(self, child: Child, patience_s: float = 0.0) -> str:
        self._child = None
        self._finalizer.detach()
        return child.end(patience_s)

    def _error(self, kind: type[ChildError], child: Child, reason: str, remedy: str) -> ChildError:
        return kind(self.spec, self.python, reason, child.log.tail(), remedy)


def _interpreter(python: str | Path) -> str:
    """Absolute path of the interpreter. A link is not followed: that of a virtual environment leads out of it."""
    text = os.path.expanduser(str(python))
    found = shutil.which(text)
    if found is not None:
        return os.path.abspath(found)
    path = Path(text)
    if path.is_dir():
        remedy = f"This is a directory; its interpreter would be {path / 'bin' / 'python'}."
    elif path.exists():
        remedy = "The file is not executable."
    else:
        remedy = "There is no such file or command."
    raise InputError("python", str(python), "the path of a Python interpreter", remedy)


def _start_error(report: dict, spec: str, python: str) -> Exception:
    """The error for a potential that could not be built, from what the other side says."""
    kind, text, pip = report.get("kind"), report.get("text"), f"{python} -m pip install"
    cause = f"{report.get('type')}: {text}"
    if kind == "python":
        return InputError("python", f"{python} (Python {text})", "Python 3.10 or later")
    if kind == "packages":
        missing = report["packages"]
        return MissingDependencyError(f"{spec} in {python}", " and ".join(missing), f"{pip} {' '.join(missing)}")
    if kind == "broken":
        return DataError(f"{python} cannot load ase and compcalc ({cause}). Try: {pip} --upgrade ase numpy")
    if kind == "missing":
        what, package, install = report["args"]
        return MissingDependencyError(f"{what} in {python}", package, install.replace("pip install", pip))
    return _rebuilt(report) or DataError(f"{spec} cannot be built by {python} ({cause})")


def _call_error(report: dict, spec: str) -> Exception:
    """The error for an evaluation that failed, from what the other side says."""
    name, text = report.get("type"), report.get("text")
    if report.get("kind") == "memory":
        return CalculationFailed(f"{spec}: out of memory ({name}: {text})")
    told = text if name == "CalculationFailed" else f"{name}: {text}"
    return _rebuilt(report) or CalculationFailed(f"{spec}: {told}")


def _rebuilt(report: dict) -> Exception | None:
    """The exception itself, where it is one of compcalc's that speak of the input."""
    kind = {"elements": UnsupportedElementError, "input": InputError}.get(report.get("kind"))
    try:
        return kind and kind(*report["args"])
    except TypeError:  # of a class derived from it, with arguments of its own
        return None
