"""`compcalc` on a small task, in as many processes as asked for.

Run as a script, this is a template: imports are done once, and each request on its standard input forks a process that
runs the command line as its own session, as a terminal would start it. Workers that such a process spawns import this
file, and with it the clock that FAULTS_CLOCK asks for.
"""

import json
import os
import signal
import subprocess
import sys
import time

CLOCK, LENGTH = "FAULTS_CLOCK", "FAULTS_PRODUCTION_PS"


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
            pid = os.fork()
            if not pid:
                return _become(request)
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
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
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
    main()
