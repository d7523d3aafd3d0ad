"""`compcalc` on a small task, in as many processes as asked for.

Run as a script, this is a template: imports are done once, and each request on its standard input forks a process that
runs the command line as its own session, as a terminal would start it. Workers that such a process spawns import this
file, and with it the clock that FAULTS_CLOCK asks for. With FAULTS_HOLD a command waits at a moment: see `hold`.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time

CLOCK, LENGTH, HOLD = "FAULTS_CLOCK", "FAULTS_PRODUCTION_PS", "FAULTS_HOLD"
HELD = "held here\n"


def let_the_clock_jump() -> None:
    """Set `time.time` back and forth by a year at every call, where FAULTS_CLOCK is set."""
    if not os.environ.get(CLOCK):
        return
    real, calls = time.time, [0]

    def jumping() -> float:
        calls[0] += 1
        return real() + (3.15e7 if calls[0] % 2 else -3.15e7)

    time.time = jumping


def make_small() -> None:
    """Let this process know `length` with ethane and propane against butane, and a `quick` of femtoseconds."""
    from compcalc.dynamics.protocols import PRESETS, Preset, Protocol
    from compcalc.pipeline import inputs
    from compcalc.tasks import Task, get_task

    length, production_ps = get_task("length"), float(os.environ.get(LENGTH, 0.04))
    task = Task("length", "base", length.question, length.train[:2], length.train[2:3])
    inputs.get_task = lambda name, variant="base": task
    protocols = tuple(
        Protocol(name, production_ps, equilibration_ps=0.02, frame_every_fs=5.0) for name in ("nve", "nvt")
    )
    PRESETS["quick"] = Preset("quick", protocols, replicas=2)


def hold() -> None:
    """Say `HELD` and wait, where FAULTS_HOLD says so: before a report is written, or after it was announced."""
    which = os.environ.get(HOLD)
    if which == "writing":
        from compcalc.pipeline import outputs

        outputs.write_html = lambda *_: _wait(600.0)
    elif which == "announced":  # an interpreter that ends joins its threads, then calls what was registered
        threading.Thread(target=lambda: (threading.main_thread().join(), _wait(0.5))).start()
        atexit.register(_wait, 0.5)


def _wait(seconds: float) -> None:
    os.write(1, HELD.encode())
    time.sleep(seconds)


def _serve() -> None:
    """Answer requests, one JSON object a line; returns in the processes that are forked, ready to be the command."""
    import compcalc.commands.run
    import compcalc.commands.verify
    import compcalc.pipeline.verifying  # noqa: F401 - what every command needs is imported once

    make_small()
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "start":
            ready, become = os.pipe()
            pid = os.fork()
            if not pid:
                os.close(ready)
                _become(request)
                return os.close(become)
            os.close(become)
            os.read(ready, 1)  # ends once the process leads its own group, and its files are there
            os.close(ready)
            answer = {"pid": pid}
        elif request["do"] == "poll":
            pid, status = os.waitpid(request["pid"], os.WNOHANG)
            answer = {"code": os.waitstatus_to_exitcode(status) if pid else None}
        else:
            done = subprocess.run(["sh", "-ec", request["script"]], capture_output=True, text=True)
            answer = {"code": done.returncode, "said": done.stdout + done.stderr}
        print(json.dumps(answer), flush=True)
    os._exit(0)


def _become(request: dict) -> None:
    """Make this process the command that was asked for."""
    os.setsid()
    # As in a terminal, also where the tests were started in the background or under nohup.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for which in request["ignore"]:
        signal.signal(which, signal.SIG_IGN)
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, request["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        os.dup2(os.open(path, flags, 0o600), number)
    sys.argv = ["compcalc", *request["arguments"]]


let_the_clock_jump()

if __name__ == "__main__":
    from compcalc.cli import main

    _serve()
    let_the_clock_jump()
    if LENGTH in os.environ:
        make_small()
    hold()
    main()
