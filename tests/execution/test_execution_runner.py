"""Units run here or in spawned workers: same results, nothing lost without a record, nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import execution_work as work
import numpy as np
import pytest

from compcalc.errors import CompcalcError, UnknownNameError
from compcalc.execution import Result, ResultStore, Unit, run_units
from compcalc.execution.environment import usable_cores


def _squares(n: int) -> list[Unit]:
    return [Unit(f"part/{k}", k, f"hash {k}") for k in range(n)]


def _commands(*payloads) -> list[Unit]:
    return [Unit(str(k), payload, "h") for k, payload in enumerate(payloads)]


def _refuse(unit, lost):
    raise AssertionError(f"{unit.id} was lost: {lost}")


def _run(units, factory, store, **settings):
    """Ids in the order of `on_done`, and what was lost by id."""
    done, lost = [], {}

    def keep(unit, reason):
        lost[unit.id] = reason
        return Result({}, {"lost": reason.kind})

    run_units(units, factory, store, on_lost=keep, on_done=lambda unit, result: done.append(unit.id), **settings)
    return done, lost


def test_one_and_two_workers_give_the_same_results(tmp_path):
    units = _squares(5)
    for workers in (1, 2):
        run_units(units, work.square, ResultStore(tmp_path / str(workers)), workers=workers, on_lost=_refuse)
    here, pool = (ResultStore(tmp_path / name) for name in "12")
    for k, unit in enumerate(units):
        assert here.read(unit).arrays["square"].tolist() == [k, k * k]
        assert here.read(unit).meta == pool.read(unit).meta == {"x": k}
        np.testing.assert_array_equal(here.read(unit).arrays["square"], pool.read(unit).arrays["square"])
        assert here.path(unit).read_bytes() == pool.path(unit).read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_finished_units_are_kept_and_reported_first(tmp_path, workers):
    units, store = _squares(5), ResultStore(tmp_path)
    for k in (3, 1):
        store.write(units[k], Result({}, {"x": "from before"}))
    done, _ = _run(units, work.square, store, workers=workers)
    assert done[:2] == ["part/1", "part/3"]
    assert sorted(done[2:]) == ["part/0", "part/2", "part/4"]
    assert [store.read(u).meta["x"] for u in units] == [0, "from before", 2, "from before", 4]


def test_units_of_other_settings_run_again(tmp_path):
    store = ResultStore(tmp_path)
    store.write(Unit("part/0", 0, "old settings"), Result({}, {"x": "old"}))
    _run(_squares(1), work.square, store)
    assert store.read(_squares(1)[0]).meta == {"x": 0}


def test_in_this_process_units_run_in_order_and_are_stored_before_they_are_reported(tmp_path):
    units, store = _squares(4), ResultStore(tmp_path)
    seen = []
    run_units(
        units,
        work.square,
        store,
        on_lost=_refuse,
        on_done=lambda unit, result: seen.append((unit.id, store.read(unit).meta)),
    )
    assert seen == [(f"part/{k}", {"x": k}) for k in range(4)]


def test_nothing_is_built_when_nothing_is_missing(tmp_path):
    _run(_squares(2), work.square, ResultStore(tmp_path))
    for workers in (1, 2):
        done, _ = _run(_squares(2), work.fails_to_start, ResultStore(tmp_path), workers=workers)
        assert done == ["part/0", "part/1"]


def test_a_worker_that_dies_costs_its_unit_alone(tmp_path):
    units, store = _commands(("ok", 0), ("exit", 3), ("ok", 0), ("ok", 0)), ResultStore(tmp_path)
    done, lost = _run(units, work.by_command, store, workers=2)
    assert sorted(done) == ["0", "1", "2", "3"]
    assert set(lost) == {"1"}
    assert lost["1"].kind == "crashed"
    assert "exit code 3" in lost["1"].cause
    assert store.read(units[1]).meta == {"lost": "crashed"}
    assert "pid" in store.read(units[3]).meta


def test_a_unit_beyond_its_time_limit_is_stopped_and_the_rest_goes_on(tmp_path):
    units, store = _commands(("sleep", 60), ("ok", 0), ("ok", 0)), ResultStore(tmp_path)
    started = time.perf_counter()
    done, lost = _run(units, work.by_command, store, workers=2, timeout_s=0.5)
    assert time.perf_counter() - started < 30
    assert sorted(done) == ["0", "1", "2"]
    assert set(lost) == {"0"}
    assert (lost["0"].kind, lost["0"].cause) == ("timeout", "stopped at the time limit of 0.5 s")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_in_the_work_arrives_whole(tmp_path, workers):
    units = _commands(("unknown", 0), ("ok", 0))
    with pytest.raises(UnknownNameError, match="task: got 'lenght'; allowed: length, other. Did you mean 'length'?"):
        run_units(units, work.by_command, ResultStore(tmp_path), workers=workers, on_lost=_refuse)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_timeout_error_of_the_work_is_not_taken_for_the_time_limit(tmp_path, workers):
    units = _commands(("timeout error", 0), ("ok", 0))
    with pytest.raises(TimeoutError, match="licence server"):
        run_units(units, work.by_command, ResultStore(tmp_path), workers=workers, on_lost=_refuse)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_cannot_be_built_says_why(tmp_path, workers):
    with pytest.raises(CompcalcError, match="the model file is missing"):
        run_units(_squares(2), work.fails_to_start, ResultStore(tmp_path), workers=workers, on_lost=_refuse)


def test_workers_that_die_while_they_are_built_are_an_error(tmp_path):
    with pytest.raises(CompcalcError, match="every worker process died while it was starting.*one worker"):
        run_units(_squares(2), work.dies_while_starting, ResultStore(tmp_path), workers=2, on_lost=_refuse)


def test_threads_times_workers_stay_within_the_cores(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setattr("compcalc.execution.runner.usable_cores", lambda: 6)
    units, store = _commands(("ok", 0), ("ok", 0)), ResultStore(tmp_path)
    _run(units, work.by_command, store, workers=2)
    for unit in units:
        meta = store.read(unit).meta
        assert {meta[name] for name in work.THREAD_VARIABLES} == {"3"}
        assert meta["pid"] != os.getpid()
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_more_workers_than_cores_get_one_thread_each(tmp_path, monkeypatch):
    monkeypatch.setattr("compcalc.execution.runner.usable_cores", lambda: 1)
    units, store = _commands(("ok", 0), ("ok", 0)), ResultStore(tmp_path)
    _run(units, work.by_command, store, workers=2)
    assert store.read(units[0]).meta["OMP_NUM_THREADS"] == "1"


def test_the_threads_are_given_back_after_an_exception(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")

    def full_disk(unit, result):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space") as caught:
        run_units(_squares(3), work.square, ResultStore(tmp_path), workers=2, on_lost=_refuse, on_done=full_disk)
    # The traceback in `caught` still holds the frames: nothing was left to the garbage collector.
    assert caught.tb is not None
    assert os.environ["OMP_NUM_THREADS"] == "7"


SCRIPT = """
import sys
from pathlib import Path

sys.path.insert(0, {tests!r})
import execution_work as work

import compcalc.execution.runner as runner
from compcalc.execution import Result, ResultStore, Unit, run_units

STATE = "set by the parent at run time"


def main():
    runner._work = lambda payload: Result({{}}, {{"forked": True}})  # only a forked child would see it
    out = Path({out!r})
    store = ResultStore(out)
    units = [Unit("quick", ("ok", 0), "h"), Unit("slow", ("sleep", {sleep}), "h")]
    seen = lambda unit, result: print(unit.id, result.meta, flush=True)
    run_units(units, work.by_command, store, workers=2, on_lost=None, on_done=seen)


if __name__ == "__main__":
    main()
"""


def _start_script(tmp_path: Path, sleep: float) -> subprocess.Popen:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(tests=str(Path(work.__file__).parent), out=str(tmp_path), sleep=sleep))
    return subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_workers_are_spawned_not_forked(tmp_path):
    with _start_script(tmp_path, 0) as process:
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "'pid'" in output
    assert "forked" not in output


def test_an_interrupt_stops_the_workers_and_keeps_what_is_finished(tmp_path):
    with _start_script(tmp_path, 120) as process:
        line = process.stdout.readline()
        children = _children(process.pid)
        try:
            assert line.startswith("quick")
            assert children
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
            assert process.returncode not in (0, None)
            assert _still_alive_after(10, children) == []
        finally:
            for pid in (process.pid, *children):
                if _alive(pid):
                    os.kill(pid, signal.SIGKILL)
    store = ResultStore(tmp_path)
    assert store.read(Unit("quick", None, "h")) is not None
    assert store.read(Unit("slow", None, "h")) is None


def _still_alive_after(seconds: float, pids: list[int]) -> list[int]:
    deadline = time.monotonic() + seconds
    while (alive := [pid for pid in pids if _alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return alive


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children")
    if not text.exists():
        pytest.skip("needs /proc")
    # Threads of the pool start the workers, so that each thread has children of its own.
    return [int(c) for t in Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()]


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_usable_cores_are_those_of_this_process():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
