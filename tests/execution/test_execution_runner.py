"""Units run here or in spawned workers: same results, nothing lost without a record, nothing left behind."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import execution_work as work
import numpy as np
import pytest

from compcalc.errors import CompcalcError, InputError, UnknownNameError
from compcalc.execution import Followed, Here, Limits, LocalPool, Result, ResultStore, Unit, run_units
from compcalc.execution.environment import usable_cores
from compcalc.execution.log import RunLog, read_log
from compcalc.execution.temporary import TemporaryFolder


def _squares(n: int) -> list[Unit]:
    return [Unit(f"part/{k}", k, f"hash {k}") for k in range(n)]


def _commands(*payloads) -> list[Unit]:
    return [Unit(str(k), payload, "h") for k, payload in enumerate(payloads)]


def _executor(factory, workers, limits=None, **options):
    return LocalPool(factory, workers, limits or Limits(), **options) if workers else Here(factory)


def _run(units, factory, store, workers=0, limits=None, output=None, **settings):
    """Ids in the order they were told, and what was lost by id."""
    done, lost = [], {}

    def keep(unit, reason):
        lost[unit.id] = reason
        return Result({}, {"lost": reason.kind})

    followed = Followed(done=lambda unit, result: done.append(unit.id), **settings)
    with _executor(factory, workers, limits, **({"output": output} if output else {})) as executor:
        run_units(units, executor, store, on_lost=keep, followed=followed)
    return done, lost


def test_here_and_in_workers_the_results_are_the_same(tmp_path):
    units = _squares(5)
    for workers in (0, 1, 2):
        _, lost = _run(units, work.square, ResultStore(tmp_path / str(workers)), workers)
        assert not lost
    here, *pools = (ResultStore(tmp_path / name) for name in "012")
    for k, unit in enumerate(units):
        expected = here.read(unit)
        assert expected.arrays["square"].tolist() == [k, k * k] and expected.meta == {"x": k}
        assert expected.lost is None and set(expected.cost) == {"seconds", "cpu_seconds", "memory_mib"}
        for pool in pools:
            np.testing.assert_array_equal(pool.read(unit).arrays["square"], expected.arrays["square"])
            assert pool.read(unit).meta == expected.meta
            assert pool.read(unit).cost["memory_mib"] > 1


@pytest.mark.parametrize("workers", [0, 2])
def test_finished_units_are_kept_and_reported_first(tmp_path, workers):
    units, store = _squares(5), ResultStore(tmp_path)
    for k in (3, 1):
        store.write(units[k], Result({}, {"x": "from before"}))
    done, _ = _run(units, work.square, store, workers)
    assert done[:2] == ["part/1", "part/3"]
    assert sorted(done[2:]) == ["part/0", "part/2", "part/4"]
    assert [store.read(u).meta["x"] for u in units] == [0, "from before", 2, "from before", 4]


def test_units_of_other_settings_run_again(tmp_path):
    store = ResultStore(tmp_path)
    store.write(Unit("part/0", 0, "old settings"), Result({}, {"x": "old"}))
    _run(_squares(1), work.square, store)
    assert store.read(_squares(1)[0]).meta == {"x": 0}


def test_a_unit_that_is_named_twice_runs_once(tmp_path):
    done, _ = _run(_squares(2) + _squares(1), work.square, ResultStore(tmp_path))
    assert done == ["part/0", "part/1"]


def test_in_this_process_units_run_in_order_and_are_stored_before_they_are_reported(tmp_path):
    units, store = _squares(4), ResultStore(tmp_path)
    seen = []
    followed = Followed(done=lambda unit, result: seen.append((unit.id, store.read(unit).meta)))
    run_units(units, Here(work.square), store, on_lost=None, followed=followed)
    assert seen == [(f"part/{k}", {"x": k}) for k in range(4)]


def test_nothing_is_built_when_nothing_is_missing(tmp_path):
    _run(_squares(2), work.square, ResultStore(tmp_path))
    for workers in (0, 2):
        done, _ = _run(_squares(2), work.fails_to_start, ResultStore(tmp_path), workers)
        assert done == ["part/0", "part/1"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (("exit", 3), r"ended by itself \(exit code 3\)"),
        (("exit", 0), r"ended by itself \(exit code 0\)"),
        (("segfault", 0), "was ended by SIGSEGV"),
        (("abort", 0), "was ended by SIGABRT"),
        (("killed", signal.SIGKILL), "was ended by SIGKILL, as the system does when memory runs out"),
    ],
    ids=["exit", "exit 0", "segfault", "abort", "always killed"],
)
def test_a_worker_that_dies_costs_its_unit_alone(tmp_path, fault, says):
    units, store = _commands(("ok", 0), fault, ("ok", 0), ("ok", 0)), ResultStore(tmp_path)
    done, lost = _run(units, work.by_command, store, 2)
    assert sorted(done) == ["0", "1", "2", "3"]
    assert set(lost) == {"1"} and lost["1"].kind == "crashed"
    assert re.search(says, lost["1"].cause)
    assert store.read(units[1]).meta == {"lost": "crashed"} and store.read(units[1]).lost == "crashed"
    assert "pid" in store.read(units[3]).meta


def test_the_python_line_of_a_segfault_is_kept(tmp_path):
    units, output = _commands(("segfault", 0)), tmp_path / "output.txt"
    _, lost = _run(units, work.by_command, ResultStore(tmp_path), 1, output=output)
    assert "execution_work.py" in lost["0"].details and "in work" in lost["0"].details


def test_a_worker_that_was_killed_from_outside_is_not_held_against_its_unit(tmp_path):
    units = _commands(("ok", 0), ("killed once", str(tmp_path / "marker")), ("ok", 0))
    done, lost = _run(units, work.by_command, ResultStore(tmp_path), 2)
    assert sorted(done) == ["0", "1", "2"] and not lost


@pytest.mark.parametrize("times", [1, 2])
def test_a_worker_that_was_killed_while_it_was_built_is_built_again(tmp_path, times):
    done, lost = _run(_squares(2), work.DiesWhileStarting(tmp_path, times), ResultStore(tmp_path / "store"), 1)
    assert done == ["part/0", "part/1"] and not lost


def test_workers_that_die_whenever_they_are_built_are_an_error(tmp_path):
    with pytest.raises(CompcalcError, match="while the potential was being built, 3 times in a row"):
        _run(_squares(2), work.dies_while_starting, ResultStore(tmp_path), 1)


@pytest.mark.parametrize("fault", ["sleep", "hang"])
def test_a_unit_beyond_its_time_limit_is_stopped_and_the_rest_goes_on(tmp_path, fault):
    units, store = _commands((fault, 60), ("ok", 0), ("ok", 0)), ResultStore(tmp_path)
    started = time.perf_counter()
    done, lost = _run(units, work.by_command, store, 2, Limits(timeout_s=0.5))
    assert time.perf_counter() - started < 30
    assert sorted(done) == ["0", "1", "2"]
    assert set(lost) == {"0"}
    assert (lost["0"].kind, lost["0"].cause) == ("timeout", "stopped at the time limit of 0.5 s")


@pytest.mark.parametrize("fault", ["sleep", "hang"])
def test_a_unit_that_neither_goes_on_nor_computes_is_stopped_without_a_limit(tmp_path, fault, monkeypatch):
    monkeypatch.setattr("compcalc.execution.watch._LONGEST_SILENCE_S", 0.7)
    units, store = _commands((fault, 60), ("compute", 2.0), ("go on", 2.0)), ResultStore(tmp_path)
    _, lost = _run(units, work.by_command, store, 3)
    assert {name: (one.kind, one.cause) for name, one in lost.items()} == {
        "0": ("timeout", "it neither went on nor computed for 0.7 s")
    }


def test_starting_does_not_count_for_the_time_limit(tmp_path):
    done, lost = _run(_squares(3), work.slow_to_start, ResultStore(tmp_path), 1, Limits(timeout_s=0.3))
    assert len(done) == 3 and not lost


def test_a_clock_that_is_set_stops_nothing(tmp_path, monkeypatch):
    shift, clock = [0.0], time.time

    def jumps():
        shift[0] = 1e6 - shift[0]
        return clock() + shift[0]

    monkeypatch.setattr(time, "time", jumps)
    _, lost = _run(_commands(("sleep", 0.5), ("ok", 0)), work.by_command, ResultStore(tmp_path), 2, Limits(20.0))
    assert not lost


@pytest.mark.parametrize("limit", [600 * 2**20, None], ids=["given limit", "machine"])
def test_a_unit_that_allocates_without_end_is_stopped(tmp_path, limit, monkeypatch):
    if limit is None:  # as if the machine had little: filling it would stop other people's work
        budget = work.free_memory() - 3 * 2**30
        monkeypatch.setattr("compcalc.execution.watch.available_bytes", lambda: work.free_memory() - budget)
    units, store = _commands(("memory", 50 * 2**20), ("ok", 0), ("ok", 0)), ResultStore(tmp_path)
    done, lost = _run(units, work.by_command, store, 2, Limits(memory_bytes=limit))
    assert sorted(done) == ["0", "1", "2"] and set(lost) == {"0"}
    assert lost["0"].kind == "out_of_memory"
    assert ("limit is 0.586 GiB" if limit else "the machine had") in lost["0"].cause


def test_where_workers_share_a_memory_the_largest_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("compcalc.execution.pool.usable_cores", lambda: 2)
    units, lost = _commands(("memory", 50 * 2**20), ("sleep", 1.0)), {}
    with LocalPool(work.by_command, 2, memory_bytes=600 * 2**20) as pool:
        run_units(units, pool, ResultStore(tmp_path), on_lost=lambda u, why: lost.update({u.id: why}) or Result())
    assert set(lost) == {"0"} and lost["0"].kind == "out_of_memory"
    assert "the workers may take 0.586 GiB together" in lost["0"].cause


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("payload", "cause"),
    [
        (("unknown", 0), "UnknownNameError: task: got 'lenght'; allowed: length, other. Did you mean 'length'?"),
        (("timeout error", 0), "TimeoutError: the licence server did not answer"),
        (("recursion", 0), "RecursionError: maximum recursion depth exceeded"),
    ],
    ids=["ours", "timeout error", "recursion"],
)
def test_an_exception_costs_its_unit_alone(tmp_path, workers, payload, cause):
    done, lost = _run(_commands(payload, ("ok", 0)), work.by_command, ResultStore(tmp_path), workers)
    assert sorted(done) == ["0", "1"] and set(lost) == {"0"}
    assert lost["0"].kind == "calculator_error" and lost["0"].cause.startswith(cause)
    assert "Traceback" in lost["0"].details and "execution_work.py" in lost["0"].details


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_worker_that_cannot_be_built_says_why(tmp_path, workers):
    with pytest.raises(CompcalcError, match="the model file is missing"):
        _run(_squares(2), work.fails_to_start, ResultStore(tmp_path), workers)


def test_an_error_of_our_own_arrives_whole(tmp_path):
    with pytest.raises(UnknownNameError, match="task: got 'lenght'; allowed: length, other. Did you mean 'length'?"):
        _run(_squares(1), work.unknown_while_starting, ResultStore(tmp_path), 1)


def test_what_workers_print_goes_to_their_file_and_not_to_the_terminal(tmp_path, capfd):
    output = tmp_path / "output.txt"
    _run(_commands(("print", "from C and Python")), work.by_command, ResultStore(tmp_path), 1, output=output)
    assert output.read_text().count("from C and Python") == 2
    captured = capfd.readouterr()
    assert "from C" not in captured.out + captured.err


def test_lost_units_are_run_again_on_request(tmp_path):
    units, store = _commands(("exit", 3), ("ok", 0)), ResultStore(tmp_path)
    _run(units, work.by_command, store, 1)
    repaired = [Unit("0", ("ok", 0), "h"), units[1]]
    executor = Here(work.by_command)
    run_units(repaired, executor, store, on_lost=None)
    assert store.read(units[0]).lost == "crashed"
    before = store.path(units[1]).stat().st_mtime_ns
    run_units(repaired, executor, store, on_lost=None, retry_lost=True)
    assert store.read(units[0]).lost is None and store.path(units[1]).stat().st_mtime_ns == before


def test_the_log_has_costs_causes_and_the_command_for_one_unit(tmp_path):
    followed = {"log": RunLog(tmp_path / "log.jsonl"), "remedy": lambda unit: f"compcalc run --unit {unit.id}"}
    _run(_commands(("ok", 0), ("exit", 3)), work.by_command, ResultStore(tmp_path), 1, **followed)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"event": "done", "un')
    done, lost = read_log(tmp_path / "log.jsonl")
    assert (done["event"], done["unit"]) == ("done", "0") and done["seconds"] >= 0 and done["memory_mib"] > 1
    assert (lost["event"], lost["unit"], lost["kind"]) == ("lost", "1", "crashed")
    assert lost["command"] == "compcalc run --unit 1" and "exit code 3" in lost["cause"]


def test_progress_inside_a_unit_is_told(tmp_path):
    seen = []
    followed = {"under_way": lambda fractions: seen.append(fractions.get("0"))}
    _run(_commands(("tell", 3.0)), work.by_command, ResultStore(tmp_path), 1, **followed)
    told = [fraction for fraction in seen if fraction]
    assert told == sorted(told) and len(set(told)) >= 3 and 0 < told[-1] <= 1


def test_threads_times_workers_stay_within_the_cores(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setattr("compcalc.execution.pool.usable_cores", lambda: 6)
    units, store = _commands(("ok", 0), ("ok", 0)), ResultStore(tmp_path)
    _run(units, work.by_command, store, 4)
    for unit in units:
        meta = store.read(unit).meta
        # Two tasks: two workers with three threads each.
        assert {meta[name] for name in work.THREAD_VARIABLES} == {"3"}
        assert meta["pid"] != os.getpid()
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_no_more_workers_than_cores_are_started(monkeypatch):
    monkeypatch.setattr("compcalc.execution.pool.usable_cores", lambda: 2)
    with LocalPool(work.square, 8) as pool:
        assert pool.capacity == 2


def test_workers_share_the_cores_that_they_are_given_and_write_where_they_are_told(tmp_path):
    units, store = _commands(("ok", 0), ("ok", 0)), ResultStore(tmp_path / "store")
    with LocalPool(work.by_command, 4, cores=3, folder=tmp_path) as pool:
        assert pool.capacity == 3 and len(list(tmp_path.glob("compcalc-*"))) == 1
        run_units(units[:1], pool, store, on_lost=None)
    with LocalPool(work.by_command, 2, cores=5) as pool:
        run_units(units[1:], pool, store, on_lost=None)
    assert [store.read(unit).meta["OMP_NUM_THREADS"] for unit in units] == ["3", "5"]
    assert not list(tmp_path.glob("compcalc-*"))


def test_folders_of_processes_that_were_killed_are_removed_and_others_are_not(tmp_path):
    code = (
        "import os, signal, sys, pathlib\nfrom compcalc.execution.temporary import TemporaryFolder\n"
        f"folder = TemporaryFolder(pathlib.Path({str(tmp_path)!r}))\n"
        "(folder.path / 'job').touch()\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    (forsaken,) = tmp_path.glob("*/job")
    mine, other = TemporaryFolder(tmp_path), TemporaryFolder(tmp_path)
    assert not forsaken.parent.exists() and mine.path.is_dir() and other.path.is_dir()
    for folder in (mine, other):
        folder.cleanup()
    assert not list(tmp_path.iterdir())


def test_workers_take_devices_in_turn(tmp_path, monkeypatch):
    monkeypatch.setattr("compcalc.execution.pool.usable_cores", lambda: 3)
    units, store = _commands(*[("device", 0.5)] * 3), ResultStore(tmp_path)
    with LocalPool(work.by_command, 3, devices=("0", "1")) as pool:
        run_units(units, pool, store, on_lost=None)
    assert sorted(store.read(unit).meta["device"] for unit in units) == ["0", "0", "1"]


@pytest.mark.parametrize("limits", [{"timeout_s": 0}, {"memory_bytes": -1}])
def test_limits_that_make_no_sense_are_refused(limits):
    with pytest.raises(InputError, match=next(iter(limits))):
        Limits(**limits)


def test_two_processes_share_one_store(tmp_path):
    """Each unit is computed once, whoever does it, and both see all results."""
    units = _commands(*[("sleep", 0.05)] * 20)
    seen = {}

    def one(name):
        done, lost = _run(units, work.by_command, ResultStore(tmp_path), 1)
        seen[name] = (sorted(done), lost)

    script = SCRIPT.format(
        tests=str(Path(work.__file__).parent),
        out=str(tmp_path),
        units="[Unit(str(k), ('sleep', 0.05), 'h') for k in range(20)]",
    )
    (tmp_path / "script.py").write_text(script)
    with subprocess.Popen([sys.executable, tmp_path / "script.py"], stdout=subprocess.PIPE, text=True) as other:
        one("here")
        told, _ = other.communicate(timeout=60)
    assert seen["here"] == (sorted(str(k) for k in range(20)), {})
    assert sorted(line.split()[0] for line in told.splitlines()) == seen["here"][0]
    assert not (tmp_path / ".claims").exists()
    events = [event["unit"] for event in read_log(tmp_path / "log.jsonl")]
    assert len(events) == len(set(events))
    assert 0 < len(events) < 20, "one of the two did everything"


def test_units_of_a_process_that_was_killed_are_taken_over_at_once(tmp_path):
    units = "[Unit('0', ('sleep', 300), 'h'), Unit('1', ('ok', 0), 'h')]"
    script = SCRIPT.format(tests=str(Path(work.__file__).parent), out=str(tmp_path), units=units)
    (tmp_path / "script.py").write_text(script)
    result = {}
    with subprocess.Popen([sys.executable, tmp_path / "script.py"], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline().startswith("1 ")
        mine = [Unit("0", ("ok", 0), "h"), Unit("1", ("ok", 0), "h")]
        thread = threading.Thread(target=lambda: result.update(run=_run(mine, work.by_command, ResultStore(tmp_path))))
        thread.start()
        thread.join(1.5)
        assert thread.is_alive(), "a unit that another process computes was not waited for"
        other.kill()
        thread.join(20)
    assert not thread.is_alive() and sorted(result["run"][0]) == ["0", "1"]


SCRIPT = """
import sys
from pathlib import Path

sys.path.insert(0, {tests!r})
import execution_work as work

from compcalc.execution import Followed, LocalPool, Result, ResultStore, Unit, run_units
from compcalc.execution import worker
from compcalc.execution.log import RunLog


def main():
    worker._work = lambda payload: Result({{}}, {{"forked": True}})  # only a forked child would see it
    out = Path({out!r})
    store = ResultStore(out)
    seen = lambda unit, result: print(unit.id, result.meta, flush=True)
    followed = Followed(done=seen, log=RunLog(out / "log.jsonl"))
    with LocalPool(work.by_command, 2) as pool:
        run_units({units}, pool, store, on_lost=None, followed=followed)


if __name__ == "__main__":
    main()
"""


def _start_script(tmp_path: Path, sleep: float) -> subprocess.Popen:
    script = tmp_path / "script.py"
    units = f"[Unit('quick', ('ok', 0), 'h'), Unit('slow', ('hang', {sleep}), 'h')]"
    script.write_text(SCRIPT.format(tests=str(Path(work.__file__).parent), out=str(tmp_path), units=units))
    return subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which the background ignores
    )


def test_workers_are_spawned_not_forked(tmp_path):
    with _start_script(tmp_path, 0) as process:
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "'pid'" in output
    assert "forked" not in output


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_run_and_what_is_finished_is_kept(tmp_path, ending):
    with _start_script(tmp_path, 120) as process:
        line = process.stdout.readline()
        children = _children(process.pid)
        try:
            assert line.startswith("quick")
            assert children
            process.send_signal(ending)
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
    if not Path(f"/proc/{pid}/task/{pid}/children").exists():
        pytest.skip("needs /proc")
    return [int(c) for t in Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()]


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_usable_cores_are_those_of_this_process():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
