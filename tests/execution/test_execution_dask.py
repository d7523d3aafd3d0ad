"""Units run on a Dask cluster: the results of a run on one machine, whatever dies on the way."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import execution_work as work
import numpy as np
import pytest
from execution_dask import Cluster, alive, computing, environment, family, wait_until

pytest.importorskip("distributed")

from compcalc.errors import CompcalcError, UnknownNameError
from compcalc.execution import Followed, Limits, LocalPool, Result, ResultStore, Unit, run_units
from compcalc.execution.dask_pool import DaskPool
from compcalc.execution.log import RunLog, read_log


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two workers with nannies; a task that saw two of them die is given up."""
    with Cluster(tmp_path_factory.mktemp("dask"), allowed_failures=1) as cluster:
        for name in "ab":
            cluster.add_worker("--name", name)
        yield cluster


@pytest.fixture
def workers(cluster):
    """The cluster, once both workers are there."""
    wait_for_workers(cluster, 2)
    return cluster


def wait_for_workers(cluster, n):
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(n, timeout=60)


def worker_pids(cluster):
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as client:
        return sorted(client.run(os.getpid).values())


def squares(n):
    return [Unit(f"part/{k}", k, f"hash {k}") for k in range(n)]


def commands(*payloads):
    return [Unit(str(k), payload, "h") for k, payload in enumerate(payloads)]


def run(units, executor, store, **followed):
    """Ids in the order they were told, and what was lost by id."""
    done, lost = [], {}

    def keep(unit, reason):
        lost[unit.id] = reason
        return Result({}, {"lost": reason.kind})

    with executor:
        run_units(
            units,
            executor,
            store,
            on_lost=keep,
            followed=Followed(done=lambda unit, result: done.append(unit.id), **followed),
        )
    return done, lost


def same(units, store, other):
    for unit in units:
        mine, theirs = store.read(unit), other.read(unit)
        assert mine.meta == theirs.meta and set(mine.arrays) == set(theirs.arrays)
        for name in mine.arrays:
            np.testing.assert_array_equal(mine.arrays[name], theirs.arrays[name])
    return True


def test_results_are_those_of_a_run_on_one_machine(tmp_path, workers):
    units, local, dask = squares(6), ResultStore(tmp_path / "local"), ResultStore(tmp_path / "dask")
    run(units, LocalPool(work.square), local)
    done, lost = run(units, DaskPool(work.square, workers.address), dask)
    assert sorted(done) == [unit.id for unit in units] and not lost
    assert same(units, dask, local) and dask.read(units[3]).arrays["square"].tolist() == [3, 9]
    assert dask.read(units[0]).cost["memory_mib"] > 1


def test_groups_and_work_that_is_defined_in_the_users_own_script(tmp_path, workers):
    units = [Unit(f"{k}", k, "h", group="a" if k < 3 else "b") for k in range(5)]
    store = ResultStore(tmp_path)

    def together():  # no worker can import this one
        return lambda payloads: tuple(Result({}, {"x": x, "together": len(payloads)}) for x in payloads)

    run(units, DaskPool(together, workers.address), store)
    assert [store.read(unit).meta for unit in units] == [{"x": k, "together": 3 if k < 3 else 2} for k in range(5)]


@pytest.mark.slow
def test_whatever_a_potential_does_costs_its_unit_and_no_dask_worker(tmp_path, workers):
    before = worker_pids(workers)
    faults = {
        "exit": ("print and exit", "the last words"),
        "segfault": ("segfault", 0),
        "hang": ("hang", 60),
        "raise": ("unknown", 0),
        "print": ("print", "from C"),
        "ok": ("ok", 0),
    }
    units, store = [Unit(name, payload, "h") for name, payload in faults.items()], ResultStore(tmp_path)
    done, lost = run(units, DaskPool(work.by_command, workers.address, Limits(timeout_s=4.0)), store)
    assert sorted(done) == sorted(faults)
    assert {name: reason.kind for name, reason in lost.items()} == {
        "exit": "crashed",
        "segfault": "crashed",
        "hang": "timeout",
        "raise": "calculator_error",
    }
    assert "exit code 3" in lost["exit"].cause and "the last words" in lost["exit"].details
    assert "SIGSEGV" in lost["segfault"].cause and "execution_work.py" in lost["segfault"].details
    assert lost["raise"].cause.startswith("UnknownNameError: task: got 'lenght'")
    assert "execution_work.py" in lost["raise"].details
    with DaskPool(work.by_command, workers.address, Limits(memory_bytes=600 * 2**20)) as pool:
        flood = pool.submit(("memory", 50 * 2**20)).result(120)
    assert flood.kind == "out_of_memory" and "limit is 0.586 GiB" in flood.cause
    assert worker_pids(workers) == before


def test_a_dask_worker_that_is_killed_costs_nothing(tmp_path, workers):
    units = commands(*[("ok", 0)] * 3, ("parent killed once", str(tmp_path / "marker")), *[("ok", 0)] * 3)
    before, store = worker_pids(workers), ResultStore(tmp_path / "store")
    log = tmp_path / "log.jsonl"
    done, lost = run(units, DaskPool(work.by_command, workers.address), store, log=RunLog(log))
    assert sorted(done) == [unit.id for unit in units] and not lost
    assert sorted(event["unit"] for event in read_log(log) if event["event"] == "done") == sorted(done)
    wait_for_workers(workers, 2)
    assert worker_pids(workers) != before, "no worker was killed"


def test_a_task_that_sees_every_dask_worker_die_is_not_held_against_its_unit(workers):
    with DaskPool(work.by_command, workers.address) as pool:
        lost = pool.submit(("parent killed", signal.SIGKILL)).result(60)
    assert (lost.kind, lost.blameless) == ("crashed", True)
    assert lost.cause == "2 Dask workers ended while they had it" and "The last worker" in lost.details


def test_a_dask_worker_that_is_killed_with_a_result_in_hand_costs_nothing(tmp_path, workers):
    with DaskPool(work.by_command, workers.address) as pool:
        held = threading.Event()
        future = pool.submit(("touch", str(tmp_path / "done")))
        assert wait_until(lambda: any(computing(worker.pid) for worker in workers.workers))
        pool._client.loop.add_callback(held.wait)  # the client hears of nothing from here on
        assert wait_until((tmp_path / "done").exists)
        time.sleep(1.0)
        (holder,) = {process.ppid() for worker in workers.workers for process in computing(worker.pid)}
        (tmp_path / "done").unlink()
        os.kill(holder, signal.SIGKILL)
        time.sleep(1.0)
        held.set()
        assert "pid" in future.result(60).value.meta
    assert (tmp_path / "done").exists(), "it was not computed again, so that nothing was tested"


@pytest.mark.parametrize(
    ("factory", "error", "says"),
    [
        (work.fails_to_start, CompcalcError, "the model file is missing"),
        (work.unknown_while_starting, UnknownNameError, "task: got 'lenght'; allowed: length, other. Did you mean"),
        pytest.param(
            work.dies_while_starting,
            CompcalcError,
            "while the potential was being built, 3 times in a row",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_worker_that_cannot_be_built_says_why(tmp_path, workers, factory, error, says):
    with pytest.raises(error, match=says):
        run(squares(1), DaskPool(factory, workers.address), ResultStore(tmp_path))


def test_another_version_of_compcalc_is_refused(tmp_path, workers, monkeypatch):
    monkeypatch.setattr("compcalc.__version__", "99.1")
    with pytest.raises(
        CompcalcError, match=r"Dask worker tcp://.* has compcalc \d.*, and this run is of compcalc 99.1"
    ):
        run(squares(1), DaskPool(work.square, workers.address), ResultStore(tmp_path))


def test_progress_is_told_and_capacity_follows_the_workers(workers):
    with DaskPool(work.by_command, workers.address) as pool:
        assert wait_until(lambda: pool.capacity == 4)
        future = pool.submit(("tell", 4.0))
        told = set()
        while not future.done():
            told.add(pool.fraction(future))
            time.sleep(0.1)
    assert len(told - {0.0}) >= 2 and max(told) <= 1


def test_nothing_is_left_when_a_run_is_stopped(tmp_path, workers):
    scratch = workers.folder / "scratch"
    with DaskPool(work.by_command, workers.address) as pool:
        for k in range(2):
            pool.submit(("hang", 100 + k))
        assert wait_until(lambda: all(computing(worker.pid) for worker in workers.workers))
    assert wait_until(lambda: not any(computing(worker.pid) for worker in workers.workers), 10)
    assert wait_until(lambda: not list(scratch.rglob("compcalc-*")), 10)
    with DaskPool(work.square, workers.address) as pool:  # the workers are free at once
        assert pool.submit(3).result(20).value.meta == {"x": 3}


def test_runs_that_are_stopped_at_once_leave_the_workers_usable(workers):
    for _ in range(4):
        with DaskPool(work.square, workers.address) as pool:
            for k in range(4):
                pool.submit(k)
            wait_until(lambda: False, 0.02)  # long enough for the tasks to reach their workers
    with DaskPool(work.square, workers.address) as pool:
        futures = [pool.submit(k) for k in range(4)]
        assert [future.result(40).value.meta["x"] for future in futures] == [0, 1, 2, 3]


CLIENT = """
import execution_work as work
from compcalc.execution.dask_pool import DaskPool

if __name__ == "__main__":
    pool = DaskPool(work.by_command, {address!r})
    futures = [pool.submit(("hang", 300)) for _ in range(2)]
    print("submitted", flush=True)
    futures[0].result()
"""


def test_workers_are_free_again_when_a_run_is_killed(tmp_path, workers):
    script = tmp_path / "client.py"
    script.write_text(CLIENT.format(address=workers.address))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment()) as client:
        assert client.stdout.readline() == "submitted\n"
        assert wait_until(lambda: all(computing(worker.pid) for worker in workers.workers))
        client.kill()
    assert wait_until(lambda: not any(computing(worker.pid) for worker in workers.workers))


@pytest.mark.slow
def test_a_scheduler_that_dies_is_said_and_the_run_goes_on_elsewhere(tmp_path, caplog):
    units, store = [*squares(2), *commands(("ok", 0))], ResultStore(tmp_path / "store")
    with Cluster(tmp_path / "dask") as cluster:
        worker = cluster.add_worker("--no-nanny")
        wait_for_workers(cluster, 1)

        def kill(unit, result):
            cluster.scheduler.kill()

        with (
            pytest.raises(CompcalcError, match="connection to the Dask scheduler .* give the same command again"),
            DaskPool(SlowerAndSlower(), cluster.address) as pool,
        ):
            run_units(units, pool, store, on_lost=None, followed=Followed(done=kill))
        assert [store.read(unit) is not None for unit in units] == [True, False, False]
        worker.send_signal(signal.SIGTERM)
        assert wait_until(lambda: not family(worker.pid))
    assert not [record for record in caplog.records if "client" in record.name], "Dask adds a traceback of its own"
    done, lost = run(units, LocalPool(SlowerAndSlower(0.0)), store)
    assert sorted(done) == sorted(unit.id for unit in units) and not lost


class SlowerAndSlower:
    """Work whose first unit is quick."""

    def __init__(self, seconds=60.0):
        self.seconds = seconds

    def __call__(self):
        def do(payload):
            time.sleep(0 if payload == 0 else self.seconds)
            return Result({}, {})

        return do


def test_no_scheduler_and_no_workers_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr("compcalc.execution.dask_pool._CONNECT_S", 2.0)
    with pytest.raises(CompcalcError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        DaskPool(work.square, "tcp://127.0.0.1:9", wait_s=1.0)
    said = []
    with (
        Cluster(tmp_path) as cluster,
        pytest.raises(CompcalcError, match=r"has had no worker for 1 s. Start some .* give the same command again"),
    ):
        run(squares(1), DaskPool(work.square, cluster.address, wait_s=1.0, notice=said.append), ResultStore(tmp_path))
    assert said == [f"waiting for workers of {cluster.address}"]


def cluster_file(folder, text):
    path = folder / "cluster.yaml"
    path.write_text("kind: local\n" + text)
    return path


def temporary():
    folder = Path(tempfile.gettempdir())
    return {entry.name for entry in folder.iterdir() if entry.name.startswith(("compcalc-", "dask-"))}


@pytest.mark.slow
def test_a_local_cluster_grows_from_nothing_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(work.__file__).parent))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    file = cluster_file(tmp_path, "options: {dashboard_address: ':0'}\nadapt: {minimum: 0, maximum: 2}\n")
    units, store, said = commands(*[("sleep", 1.5)] * 6), ResultStore(tmp_path / "store"), []
    children = set(family(os.getpid()))
    done, lost = run(units, DaskPool(work.by_command, file, notice=said.append), store)
    assert len(done) == 6 and not lost
    assert len({store.read(unit).meta["pid"] for unit in units}) == 2
    assert said[0] == f"waiting for workers of {file}" and f"2 workers with 2 threads at {file}" in said
    left = [p for p in set(family(os.getpid())) - children if "resource_tracker" not in " ".join(p.cmdline())]
    assert not left and not temporary()


@pytest.mark.slow
def test_gpu_workers_take_a_device_each_and_threads_a_process_each(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(work.__file__).parent))
    text = "scale: 2\ngpus_per_worker: 1\ndevices: [4, 7]\noptions: {dashboard_address: ':0', threads_per_worker: 1}\n"
    units, store = commands(*[("device", 0.5)] * 6), ResultStore(tmp_path / "store")
    run(units, DaskPool(work.by_command, cluster_file(tmp_path, text)), store)
    assert {store.read(unit).meta["device"] for unit in units} == {"4", "7"}


@pytest.mark.slow
def test_threads_of_a_dask_worker_have_a_process_each_within_its_cores(tmp_path):
    with Cluster(tmp_path / "dask") as cluster:
        cluster.add_worker("--nthreads", "2")
        wait_for_workers(cluster, 1)
        units, store = commands(*[("ok", 0)] * 2, *[("sleep", 0.5)] * 4), ResultStore(tmp_path / "store")
        run(units, DaskPool(work.by_command, cluster.address), store)
    found = [store.read(unit).meta for unit in units]
    cores = len(os.sched_getaffinity(0))
    assert {meta["OMP_NUM_THREADS"] for meta in found} == {str(max(1, cores // 2))}
    assert len({meta["pid"] for meta in found}) == min(2, cores)


@pytest.mark.slow
def test_the_memory_of_a_dask_worker_is_a_limit(tmp_path):
    with Cluster(tmp_path / "dask") as cluster:
        cluster.add_worker("--memory-limit", "600MiB")
        with DaskPool(work.by_command, cluster.address) as pool:
            lost = pool.submit(("memory", 100 * 2**20)).result(60)
            assert pool.submit(("ok", 0)).result(60).value.meta["pid"]
    assert lost.kind == "out_of_memory" and "may take 0.586 GiB together" in lost.cause and not lost.blameless


@pytest.mark.slow
def test_a_dask_worker_that_is_retired_takes_its_processes_along(tmp_path):
    from distributed import Client

    with Cluster(tmp_path / "dask") as cluster:
        worker = cluster.add_worker()
        pool = DaskPool(work.by_command, cluster.address)
        meta = pool.submit(("ok", 0)).result(60).value.meta
        assert meta["OMP_NUM_THREADS"] == str(len(os.sched_getaffinity(0))), "its one thread has not all cores"
        members = family(worker.pid)
        assert len(computing(worker.pid)) == 1
        with Client(cluster.address, set_as_default=False) as client:
            client.retire_workers(close_workers=True)
        assert wait_until(lambda: not any(map(alive, members)))
        pool.stop()


def test_dask_is_imported_where_it_is_used_alone():
    code = (
        "import sys, compcalc.execution, compcalc.execution.dask_pool, compcalc.execution.cluster; "
        "print(sorted({'dask', 'distributed', 'dask_jobqueue', 'cloudpickle', 'yaml'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert found.stdout.strip() == "[]"
