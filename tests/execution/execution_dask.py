"""A Dask scheduler and workers on this machine, each a process that tests may kill."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

import compcalc

_PATH = os.pathsep.join([str(Path(compcalc.__file__).parents[1]), str(Path(__file__).parent)])
_START_S = 60.0


class Cluster:
    """A scheduler, and workers added to it; all of their files lie in `folder`.

    Attributes:
        address: of the scheduler.
        scheduler: its process.
        workers: their processes, with a nanny or without.
    """

    def __init__(self, folder: Path, allowed_failures: int = 3):
        self.folder, self.workers, self._allowed_failures = folder, [], allowed_failures
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "scheduler.json"
        options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        self.scheduler = self._start("scheduler", *options)
        self.address = _address_in(file)

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_) -> None:
        for process in [*self.workers, self.scheduler]:
            for member in family(process.pid):
                _kill(member)
            process.wait()

    def add_worker(self, *options: str) -> subprocess.Popen:
        """Start a worker with one thread, or as `options` say; with a nanny unless they say `--no-nanny`."""
        given = ("--nthreads", "1", "--no-dashboard", "--local-directory", str(self.folder / "scratch"))
        self.workers.append(self._start("worker", self.address, *given, *options))
        return self.workers[-1]

    def _start(self, what: str, *arguments: str) -> subprocess.Popen:
        variables = environment(
            TMPDIR=str(self.folder),
            DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=str(self._allowed_failures),
        )
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
        with (self.folder / f"{what}.log").open("ab") as log:
            return subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=self.folder)


def environment(**variables: str) -> dict[str, str]:
    """Variables for a process that is to import this compcalc and the work functions of the tests."""
    return {**os.environ, "PYTHONPATH": _PATH, **variables}


def family(pid: int) -> list[psutil.Process]:
    """A process and its descendants that are alive."""
    try:
        process = psutil.Process(pid)
        return [member for member in (process, *process.children(recursive=True)) if alive(member)]
    except psutil.Error:
        return []


def alive(process: psutil.Process) -> bool:
    """Whether it runs, and is not the remains of one that nobody has waited for."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def computing(pid: int) -> list[psutil.Process]:
    """The processes below a Dask worker in which tasks are computed."""
    found = []
    for process in family(pid)[1:]:
        try:
            if "spawn_main" in " ".join(process.cmdline()) and process.ppid() != pid:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until(condition, seconds: float = 20.0) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _address_in(file: Path) -> str:
    def written() -> bool:
        try:
            return bool(json.loads(file.read_text())["address"])
        except (OSError, ValueError):
            return False

    assert wait_until(written, _START_S), "the scheduler did not start"
    return json.loads(file.read_text())["address"]


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.Error):
        process.send_signal(signal.SIGKILL)
