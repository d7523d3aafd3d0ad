"""Computes a potential for compcalc in another process. This script is run by the other interpreter, never imported.

Only ase and numpy need to be installed there. Nothing but the standard library is imported at the top, in syntax that
older Pythons read too, so that an interpreter that lacks something can say so. Usage: child.py PACKAGE 0|1,
the directory of compcalc and whether to die with the thread that started this; standard input is a socket on which
both sides send one JSON object a line. Geometries, energies and forces travel over a socket of their own, by i-PI.
"""

import sys


def _forget_own_directory():
    # Python puts a script's directory first, where `import mace` would find compcalc's file of that name.
    own = __file__.rpartition("/")[0]
    sys.path[:] = [path for path in sys.path if path != own]


_forget_own_directory()

import ctypes  # noqa: E402
import faulthandler  # noqa: E402
import importlib.util  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import platform  # noqa: E402
import select  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
import traceback  # noqa: E402

OLDEST = (3, 10)
PR_SET_PDEATHSIG = 1
GRACE_S = 1.0
"""How long the main thread has to end by itself once the parent is gone, s."""


class Unusable(Exception):
    """This interpreter cannot run any potential; `reply` says why."""

    def __init__(self, **reply):
        super().__init__(reply)
        self.reply = reply


class Channel:
    """JSON lines to and from the parent."""

    def __init__(self, fd):
        self._socket = socket.socket(fileno=fd)
        self._lines = self._socket.makefile("r", encoding="utf-8")

    def read(self):
        """The next request, or None where the parent has closed the channel."""
        try:
            line = self._lines.readline()
        except ConnectionError:
            return None
        return json.loads(line) if line.endswith("\n") else None

    def write(self, **reply):
        """Send a reply; numpy numbers and other objects become text."""
        self._socket.sendall(json.dumps(reply, default=str).encode() + b"\n")


def main(package, dies_with_thread):
    """Build the potential that the first request names, then answer requests until the parent closes the channel."""
    fd = take_standard_input()
    if dies_with_thread and sys.platform == "linux":
        # Works even while C++ code holds the interpreter's lock.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # Also covers a parent that was gone before the line above: the watch sees its end closed, or another parent.
    threading.Thread(target=end_with_parent, args=(fd, os.getppid()), daemon=True).start()
    faulthandler.enable(all_threads=False)
    channel = Channel(fd)
    # Read before anything can fail: closing a socket with something unread in it would lose the reply.
    request = channel.read()
    if request is None:
        return
    try:
        check_interpreter()
        load_package(package)
        calculator = build(request["potential"])
    except Unusable as error:
        channel.write(error=error.reply)
        return
    channel.write(ready=about(calculator))
    serve(channel, calculator)


def take_standard_input():
    """A descriptor of the channel; potentials find an empty standard input in its place."""
    fd = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return fd


def end_with_parent(fd, parent):
    """End this process when the other end of `fd` is closed or `parent` is no longer the parent."""
    poller = select.poll()
    poller.register(fd, 0)  # of no events, a hang-up is still told
    while not poller.poll(500) and os.getppid() == parent:
        pass
    time.sleep(GRACE_S)
    os._exit(1)


def check_interpreter():
    """Raise Unusable where the Python is too old, or ase or numpy is missing or broken."""
    if sys.version_info < OLDEST:
        raise Unusable(kind="python", text=platform.python_version())
    missing = [name for name in ("ase", "numpy") if importlib.util.find_spec(name) is None]
    if missing:
        raise Unusable(kind="packages", packages=missing)
    try:
        import ase.calculators.socketio  # noqa: F401
    except Exception as error:
        traceback.print_exc()
        raise Unusable(kind="broken", **described(error)) from error


def load_package(directory):
    """Make `compcalc` importable from `directory` alone: what lies beside it stays out of reach."""
    path = os.path.join(directory, "__init__.py")
    spec = importlib.util.spec_from_file_location("compcalc", path, submodule_search_locations=[directory])
    module = importlib.util.module_from_spec(spec)
    sys.modules["compcalc"] = module
    try:
        spec.loader.exec_module(module)
        import compcalc.calculators.checked  # noqa: F401
    except Exception as error:
        traceback.print_exc()
        raise Unusable(kind="broken", **described(error)) from error


def build(potential):
    """The calculator that the spec `potential` names, as one of compcalc's own contract."""
    from compcalc.calculators import get_calculator
    from compcalc.calculators.base import PotentialCalculator
    from compcalc.calculators.checked import CheckedCalculator

    try:
        calculator = get_calculator(potential)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        raise Unusable(**failure(error)) from error
    return calculator if isinstance(calculator, PotentialCalculator) else CheckedCalculator(calculator, potential)


def about(calculator):
    """The potential, versions of this side, and the constants with which its ase writes i-PI (angstrom, eV)."""
    import ase
    import ase.units
    import numpy

    known, dtype = calculator.known_elements, getattr(calculator, "dtype", None)
    return {
        "versions": {"python": platform.python_version(), "ase": ase.__version__, "numpy": numpy.__version__},
        "bohr": ase.units.Bohr,
        "hartree": ase.units.Ha,
        "known_elements": None if known is None else list(known),
        "dtype": None if dtype is None else str(dtype),
        "stress": "stress" in calculator.implemented_properties,
    }


def serve(channel, calculator):
    """Answer requests; a calculator that raises leaves this process ready for the next."""
    while True:
        request = channel.read()
        if request is None:
            return
        try:
            reply = answer(request, calculator)
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            reply = {"error": failure(error)}
        if reply is not None:
            channel.write(**reply)


def answer(request, calculator):
    """Do what is asked and give the reply. A session needs none: it ends by the parent closing its socket."""
    if request["do"] == "session":
        from ase.calculators.socketio import SocketClient

        atoms = atoms_from(request["atoms"])
        atoms.calc = calculator
        SocketClient(unixsocket=request["socket"]).run(atoms)
        return None
    result = None
    if request["do"] == "stress":
        result = calculator.get_stress(atoms_from(request["atoms"])).tolist()
    elif request["do"] == "prepare":
        calculator.prepare(atoms_from(request["atoms"]))
    elif request["do"] == "forget":
        calculator.forget()
    return {"done": request["do"], "result": result}


def atoms_from(fields):
    """The Atoms that the parent describes; where it gives no positions, i-PI brings them and the cell."""
    import numpy as np
    from ase import Atoms

    positions = fields.get("positions", np.zeros((len(fields["numbers"]), 3)))
    atoms = Atoms(fields["numbers"], positions, cell=fields.get("cell"), pbc=fields["pbc"], info=dict(fields["info"]))
    for name, values in fields["arrays"].items():
        atoms.set_array(name, np.array(values))
    return atoms


def failure(error):
    """An exception as the parent reads it: its kind, type and text, and what its class is built from."""
    from compcalc.errors import InputError, MissingDependencyError, UnsupportedElementError

    kinds = {
        "elements": UnsupportedElementError,
        "missing": MissingDependencyError,
        "input": InputError,
        "memory": MemoryError,
    }
    kind = next((name for name, base in kinds.items() if isinstance(error, base)), "other")
    return {"kind": kind, "args": list(error.args) if kind != "other" else [], **described(error)}


def described(error):
    """Type and text of an exception."""
    return {"type": type(error).__name__, "text": str(error) or repr(error)}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "1")
