"""The process behind an isolated potential: starting it, talking to it, and ending it.

Geometries, energies and forces go over ASE's i-PI socket. What i-PI has no words for (which molecule, an exception)
goes as JSON lines over a second socket, the process's standard input. Every wait has an end and watches the process.
"""

import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import CalculationFailed
from ase.calculators.socketio import IPIProtocol, actualunixsocketname

ENDING_S = 2.0
"""How long a process may take to end by itself, s."""

_SCRIPT = Path(__file__).resolve().with_name("child.py")
_PACKAGE = _SCRIPT.parents[2]
_OF_THIS_INTERPRETER = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""Environment variables that would lead the other interpreter to this one's packages."""

_ARRAYS = ("initial_charges", "initial_magmoms", "tags", "masses")
"""Arrays of the atoms that a potential may read, beside numbers and positions."""

_LONGEST_LINE = 10_000_000
_LOG_TAIL, _LOG_READ, _LOG_MOST = 2000, 50_000, 10_000_000
"""Characters of the log that an error quotes; bytes that are read for them; bytes after which the log is emptied."""


class Late(Exception):
    """No answer in time."""


class Garbage(Exception):
    """Bytes that are not the protocol."""


class Reported(Exception):
    """The other side says that something failed, and is ready for the next request."""

    def __init__(self, report: dict):
        super().__init__(report)
        self.report = report


@dataclass(frozen=True)
class About:
    """What the other side says of itself.

    Attributes:
        versions: of python, ase and numpy.
        bohr: angstrom, and
        hartree: eV, with which its ase writes i-PI.
        known_elements: symbols that the potential covers; None where it covers all.
        dtype: floating-point type of the potential, where known.
        stress: whether the potential gives it.
    """

    versions: dict[str, str]
    bohr: float
    hartree: float
    known_elements: list[str] | None
    dtype: str | None
    stress: bool


class Child:
    """The other process: its channel, its log, and the session in which it computes one molecule."""

    def __init__(self, python: str, directory: str):
        self.owner, self.deadline = os.getpid(), 0.0
        self.log, self._session, self._molecule, self._unread = _Log(), None, None, b""
        self._channel, theirs = socket.socketpair()
        # The kernel's death signal follows the thread that starts the process, and only the main one lasts.
        lasting = "1" if threading.current_thread() is threading.main_thread() else "0"
        with closing(theirs):
            try:
                self._process = subprocess.Popen(
                    [python, "-u", str(_SCRIPT), str(_PACKAGE), lasting],
                    stdin=theirs,
                    stdout=self.log.file,
                    stderr=self.log.file,
                    cwd=directory,
                    env={name: value for name, value in os.environ.items() if name not in _OF_THIS_INTERPRETER},
                    start_new_session=True,  # an interrupt from the keyboard is for this process alone
                )
            except OSError:
                self._channel.close()
                raise

    def build(self, spec: str) -> About:
        """Have the potential loaded."""
        self._tell(potential=spec)
        reply = self._reply()
        try:
            self._about = About(**reply["ready"])
        except (KeyError, TypeError) as error:
            raise Garbage(f"{reply} as its first words") from error
        return self._about

    def request(self, what: str, atoms: dict | None = None):
        """Have something done outside of a session, and give its result."""
        self._end_session()
        self._tell(do=what, atoms=atoms)
        reply = self._reply()
        if reply.get("done") != what:
            raise Garbage(f"{reply} instead of an answer to {what!r}")
        return reply.get("result")

    def evaluate(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom) of `atoms`, in a session for its molecule."""
        if not np.all(np.isfinite(atoms.cell.array)):
            raise CalculationFailed("the cell contains NaN or infinite values")
        self.log.keep_short()
        molecule = described(atoms)
        if self._session is None or molecule != self._molecule:
            self._end_session()
            self._session, self._molecule = self._new_session(molecule), molecule
        try:
            return self._session.evaluate(atoms.positions, atoms.cell.array)
        except ConnectionError:
            # ASE's client closes its socket when the calculator raises; what was raised then comes by the channel.
            self._end_session()
            raise Garbage(f"{self._reply()} instead of the reason for which it closed the socket") from None

    def end(self, patience_s: float) -> str:
        """Wait for the process, kill it and all it started, and say how it ended, in words."""
        self._end_session()
        if self.owner != os.getpid() or self._process.returncode is not None:
            return "ended"
        given_up = time.monotonic() + patience_s
        while self.alive() and time.monotonic() < given_up:
            time.sleep(0.01)
        by_itself = not self.alive()
        # It is not reaped yet, so that the number of its group cannot belong to anybody else.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        self._channel.close()
        return f"ended ({_exit_text(code)})" if by_itself else "closed its connection and was stopped"

    def close(self) -> None:
        """End the process: with its channel closed, it ends by itself unless it is busy."""
        self._end_session()
        self._channel.close()
        self.end(ENDING_S)

    def alive(self) -> bool:
        """Whether the process is running; it is not reaped if it is not."""
        if self._process.returncode is not None:
            return False
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    def wait_for(self, *sockets: socket.socket) -> set[int]:
        """Descriptors of those of `sockets` that have something to read, once there are any.

        Raises:
            Late: the deadline has passed.
            ConnectionError: the process has ended, and nothing is left to read.
        """
        poller = select.poll()
        for each in sockets:
            poller.register(each, select.POLLIN)
        while True:
            left = self.deadline - time.monotonic()
            ready = {fd for fd, _ in poller.poll(1000 * max(0.0, min(left, 0.5)))}
            if ready:
                return ready
            # What it wrote before it ended is read first.
            if not self.alive() and not poller.poll(0):
                raise ConnectionResetError
            if left <= 0:
                raise Late

    def _new_session(self, molecule: dict) -> "_Session":
        with _listener() as (name, listener):
            self._tell(do="session", socket=name, atoms=molecule)
            if listener.fileno() not in self.wait_for(listener, self._channel):
                raise Garbage(f"{self._reply()} instead of a connection")
            connection, _ = listener.accept()
        return _Session(connection, self, self._about)

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.socket.close()
            self._session = None

    def _tell(self, **request) -> None:
        self._channel.settimeout(max(1e-3, self.deadline - time.monotonic()))
        self._channel.sendall(json.dumps(request).encode() + b"\n")

    def _reply(self) -> dict:
        """The next line of the channel; one that reports an error is raised."""
        while b"\n" not in self._unread:
            self.wait_for(self._channel)
            received = self._channel.recv(65536)
            if not received:
                raise ConnectionResetError
            self._unread += received
            if len(self._unread) > _LONGEST_LINE:
                raise Garbage("a line without end")
        line, _, self._unread = self._unread.partition(b"\n")
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise Garbage(f"{line[:100]!r} on its channel")
        if "error" in reply:
            raise Reported(dict(reply["error"]))
        return reply


class _Session(IPIProtocol):
    """ASE's i-PI with an end to every wait; a result that is not finite is passed on, for the caller to judge."""

    def __init__(self, connection: socket.socket, child: Child, about: About):
        super().__init__(connection)
        self._child, self._bohr, self._hartree, self._received = child, about.bohr, about.hartree, b""

    def evaluate(self, positions: np.ndarray, cell: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom, (N, 3)) at `positions` (angstrom, (N, 3)) in `cell`, (3, 3)."""
        self.socket.settimeout(max(1e-3, self._child.deadline - time.monotonic()))
        # ASE divides by its own bohr; the other side's ASE multiplies by its own.
        scale = units.Bohr / self._bohr
        # All of it at once: to wait for each of the three answers costs more than a small molecule.
        request = _Buffer()
        words = IPIProtocol(request)
        words.sendmsg("STATUS")
        words.sendposdata(cell * scale, np.linalg.pinv(cell * scale).T, positions * scale)
        words.sendmsg("STATUS")
        words.sendmsg("GETFORCE")
        self.socket.sendall(request)
        for word in ("READY", "HAVEDATA", "FORCEREADY"):
            self._expect(word, self.recvmsg())
        energy = float(self.recv(1, np.float64)[0])
        self._expect(len(positions), int(self.recv(1, np.int32)[0]))
        forces = self.recv((len(positions), 3), np.float64)
        self.recv((3, 3), np.float64)  # the virial, zero
        self._expect(1, int(self.recv(1, np.int32)[0]))
        self.recv(1, np.byte)
        return energy * self._hartree, forces * (self._hartree / self._bohr)

    def recv(self, shape, dtype) -> np.ndarray:
        """An array, finite or not."""
        dtype = np.dtype(dtype)
        return np.frombuffer(self._recvall(int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape)

    def _recvall(self, nbytes: int) -> bytes:
        while len(self._received) < nbytes:
            self._child.wait_for(self.socket)
            chunk = self.socket.recv(65536)
            if not chunk:
                raise ConnectionResetError
            self._received += chunk
        taken, self._received = self._received[:nbytes], self._received[nbytes:]
        return taken

    def recvmsg(self) -> str:
        """The next word of the protocol."""
        word = self._recvall(12)
        try:
            return word.decode("ascii").rstrip()
        except UnicodeDecodeError:
            raise Garbage(f"{word!r} on the i-PI socket") from None

    def _expect(self, wanted, got) -> None:
        if got != wanted:
            raise Garbage(f"{got!r} instead of {wanted!r} on the i-PI socket")


class _Buffer(bytearray):
    """Stands in for a socket: keeps what is sent."""

    sendall = bytearray.extend


class _Log:
    """What the other process prints, in a file without a name, so that nothing is left behind."""

    def __init__(self):
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        flags = fcntl.fcntl(self.file, fcntl.F_GETFL)
        # Writes go to the end, also after the file has been emptied.
        fcntl.fcntl(self.file, fcntl.F_SETFL, flags | os.O_APPEND)

    def tail(self) -> str:
        """Its last characters, without the list of modules with which Python ends the report of a crash."""
        size = os.fstat(self.file.fileno()).st_size
        text = os.pread(self.file.fileno(), _LOG_READ, max(0, size - _LOG_READ)).decode(errors="replace")
        lines = [line for line in text.splitlines() if not line.startswith("Extension modules: ")]
        return "\n".join(lines).strip()[-_LOG_TAIL:]

    def keep_short(self) -> None:
        """Empty it where a potential that prints at every step has made it long."""
        if os.fstat(self.file.fileno()).st_size > _LOG_MOST:
            os.ftruncate(self.file.fileno(), 0)


@contextmanager
def _listener() -> Iterator[tuple[str, socket.socket]]:
    """Name and socket of an address that only this user can reach; it is gone once the client is connected."""
    parent, prefix = os.path.split(actualunixsocketname(""))
    directory = tempfile.mkdtemp(prefix=prefix, dir=parent)
    name = f"{directory.removeprefix(actualunixsocketname(''))}/s"
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(actualunixsocketname(name))
            listener.listen(1)
            listener.settimeout(1.0)
            yield name, listener
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def described(atoms: Atoms, geometry: bool = False) -> dict:
    """What a potential may read of `atoms` and i-PI does not carry, fit for JSON; with `geometry`, the rest too."""
    info = {key: value.item() if isinstance(value, np.generic) else value for key, value in atoms.info.items()}
    fields = {
        "numbers": atoms.numbers.tolist(),
        "pbc": atoms.pbc.tolist(),
        "info": {k: v for k, v in info.items() if isinstance(k, str) and isinstance(v, str | int | float | None)},
        "arrays": {name: atoms.arrays[name].tolist() for name in _ARRAYS if name in atoms.arrays},
    }
    if geometry:
        fields |= {"positions": atoms.positions.tolist(), "cell": atoms.cell.array.tolist()}
    return fields


def _exit_text(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
