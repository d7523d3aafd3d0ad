"""Programs in processes of their own: what they are given, and that they end with the one that started them."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from compcalc.training.process import command, end_of_log, environment


def test_a_module_runs_with_its_arguments(tmp_path):
    (tmp_path / "shown.py").write_text("import sys, json; print(json.dumps([__name__, *sys.argv[1:]]))")
    found = subprocess.run(command("shown", ["a b", "--c"]), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == ["__main__", "a b", "--c"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell a process nothing of its parent's end")
def test_a_module_ends_with_the_process_that_was_killed(tmp_path):
    (tmp_path / "waits.py").write_text(
        "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(300)"
    )
    code = (
        "import subprocess; from compcalc.training.process import command; "
        f"subprocess.run(command('waits', []), cwd={str(tmp_path)!r})"
    )
    starter = subprocess.Popen([sys.executable, "-c", code])
    pid, deadline = tmp_path / "pid", time.monotonic() + 30
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    child = int(pid.read_text())
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)


def test_threads_do_not_spin_unless_the_user_says_so(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert environment()["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert environment()["OMP_WAIT_POLICY"] == "ACTIVE"


def test_the_end_of_a_log_is_its_last_lines(tmp_path):
    (tmp_path / "log").write_bytes(b"first\n\xff second\nthird\n")
    assert end_of_log(tmp_path / "log", lines=2) == "� second\nthird"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in open(f"/proc/{pid}/stat").read().rpartition(")")[2]
    except OSError:
        return False
