"""Commands as processes that a test can kill, and what is left of them in /proc."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

import compcalc

TEMPLATE = Path(__file__).with_name("faults_cli.py")
LONGEST_S = 180.0


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (negative: signal), and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Both, without line breaks: the terminal wraps sentences where it likes."""
        return " ".join(f"{self.out} {self.err}".split())


class Template:
    """Starts `compcalc` commands; see `faults_cli`.

    Args:
        folder: for what the commands print.
        prefix: of the command that starts it, such as `unshare -rm`.
    """

    def __init__(self, folder: Path, prefix: Sequence[str] = ()):
        self.folder, self._count = folder, 0
        # The package under test, wherever Python would look for it.
        path = os.pathsep.join(filter(None, [str(Path(compcalc.__file__).parents[1]), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [*prefix, sys.executable, str(TEMPLATE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.pid = json.loads(self._process.stdout.readline())["ready"]

    def start(
        self, *arguments: object, environment: Mapping[str, str] | None = None, ignore: Sequence[int] = ()
    ) -> "Command":
        """A command under way, in a session of its own, with signals that it finds ignored."""
        self._count += 1
        out, err = (self.folder / f"{self._count}.{end}" for end in ("out", "err"))
        request = {
            "arguments": [str(argument) for argument in arguments],
            "environment": dict(environment or {}),
            "ignore": list(ignore),
            "folder": str(self.folder),
            "stdout": str(out),
            "stderr": str(err),
        }
        return Command(self, self.ask("start", **request)["pid"], out, err)

    def run(self, *arguments: object, environment: Mapping[str, str] | None = None) -> Ended:
        """A command from its start to its end; fails where it leaves a process behind."""
        command = self.start(*arguments, environment=environment)
        ended = command.wait()
        assert command.left_behind() == []
        return ended

    def shell(self, script: str) -> str:
        """What a shell script says that runs where the commands run."""
        answer = self.ask("shell", script=script)
        assert answer["code"] == 0, answer["said"]
        return answer["said"]

    def ask(self, what: str, **facts: object) -> dict:
        """One request to the template."""
        self._process.stdin.write(json.dumps({"do": what, **facts}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class Command:
    """A command that is under way.

    Attributes:
        pid: of its process, which leads a session and a process group.
    """

    def __init__(self, template: Template, pid: int, out: Path, err: Path):
        self.pid, self._template, self._out, self._err = pid, template, out, err
        self._code: int | None = None
        self._seen: set[psutil.Process] = set()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        if self._code is None:
            self._code = self._template.ask("poll", pid=self.pid)["code"]
        return self._code is None

    def descendants(self) -> list[psutil.Process]:
        """Its living descendants: workers, and what they started."""
        for pid in _below(self.pid):
            with suppress(psutil.Error):
                self._seen.add(psutil.Process(pid))
        return [process for process in self._seen if _alive(process)]

    def workers(self) -> list[psutil.Process]:
        """Those of its children that compute."""
        found = []
        for process in self.descendants():
            with suppress(psutil.Error):
                if "spawn_main" in " ".join(process.cmdline()):
                    found.append(process)
        return sorted(found, key=lambda process: process.pid)

    def wait(self, longest_s: float = LONGEST_S) -> Ended:
        """Its end; a command that takes too long is killed, and fails the test."""
        given_up = time.monotonic() + longest_s
        while self.running:
            self.descendants()
            if time.monotonic() > given_up:
                self.kill()
                raise AssertionError(f"still running after {longest_s:g} s; it said: {self.said()}")
            time.sleep(0.1)
        return Ended(self._code, *self.said())

    def until(self, condition, longest_s: float = LONGEST_S) -> bool:
        """Wait until `condition()`; False where the command ends before."""
        given_up = time.monotonic() + longest_s
        while not condition():
            if not self.running:
                return False
            assert time.monotonic() < given_up, f"waited {longest_s:g} s in vain; it said: {self.said()}"
            time.sleep(0.01)
        return True

    def after(self, seconds: float) -> bool:
        """Let it run for a while; False where it ends before."""
        moment = time.monotonic() + seconds
        return self.until(lambda: time.monotonic() > moment)

    def said(self) -> tuple[str, str]:
        """What it wrote to the terminal so far, and as errors."""
        return self._out.read_text(errors="replace"), self._err.read_text(errors="replace")

    def send(self, which: signal.Signals) -> None:
        """Send a signal to the whole process group, as a terminal does."""
        self.descendants()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, which)

    def kill(self) -> None:
        """Kill -9 of the main process alone."""
        self.descendants()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def left_behind(self, patience_s: float = 10.0) -> list[str]:
        """Command lines of its descendants that outlive it by `patience_s`; they are killed."""
        given_up = time.monotonic() + patience_s
        while (alive := self.descendants()) and time.monotonic() < given_up:
            time.sleep(0.05)
        for process in alive:
            with suppress(psutil.Error):
                process.kill()
        return [str(process) for process in alive]


def _below(pid: int) -> list[int]:
    """All descendants, from what the kernel says of each process."""
    found = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (thread / "children").read_text().split()]
    return found + [below for child in found for below in _below(child)]


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
