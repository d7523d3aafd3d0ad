"""Computes tasks on the workers of a Dask cluster, each in a watched process beside its Dask worker."""

import asyncio
import itertools
import logging
import tempfile
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import compcalc
from compcalc.errors import CompcalcError, MissingDependencyError
from compcalc.execution.cluster import DASK_EXTRA, ClusterFile, ask_for_workers, build_cluster, read_cluster_file
from compcalc.execution.outcome import Done, Lost
from compcalc.execution.packed import pack, read_answer
from compcalc.execution.pool import Limits, WorkerFactory

_CONNECT_S = 10.0
_LOOK_EVERY_S = 1.0
_GIVE_BACK_S = 5.0
_WAIT_FOR_WORKERS_S = 300.0
_MORE_THAN_THREADS = 2
_GO_ON = "What is finished is kept: give the same command again to go on."
_NO_LIMITS = Limits()
_SAID_HERE = ("distributed.client", "distributed.batched")
"""Loggers of what this class says itself, and without tracebacks."""


class DaskPool:
    """Computes tasks on a Dask cluster, as `LocalPool` does on this machine.

    Args:
        factory: picklable; called once a process, gives the function from payload to result.
        target: address of a scheduler (`tcp://host:8786`), or path of a `cluster.yaml`.
        limits: of one unit.
        notice: told in a sentence when workers are waited for, come or go; called from another thread.
        wait_s: for how long a scheduler may have no worker, s. Workers that a `cluster.yaml` asks for may queue for any
            time.

    Attributes:
        dashboard: address of Dask's status page; None where there is none.

    Raises:
        MissingDependencyError: the extra `dask`, or the package of a kind of cluster, is not installed.
        InputError: the `cluster.yaml` has something that cannot be used.
        CompcalcError: there is no scheduler at `target`, or the cluster cannot be made.
    """

    def __init__(
        self,
        factory: WorkerFactory,
        target: str | Path,
        limits: Limits = _NO_LIMITS,
        *,
        notice: Callable[[str], None] = lambda text: None,
        wait_s: float = _WAIT_FOR_WORKERS_S,
    ):
        _check_installed()
        self._where, self._notice = str(target), notice
        self._file = None if "://" in str(target) else read_cluster_file(target)
        self._wait_s = wait_s if self._file is None else None
        self._cluster = self._scratch = None
        self._keys: dict[Future, str] = {}
        self._fractions: dict[str, float] = {}
        self._numbers, self._asked_for, self._told = itertools.count(), 0, None
        self._lost = self._stopped = False
        self._order = _make_order(factory, limits, self._file)
        self._client = self._connect()
        self._loop = self._client.loop.asyncio_loop
        self._threads: dict[str, int] = {}
        self._client.subscribe_topic(self._order.run, self._hear)
        self.dashboard = self._find_dashboard()
        self._gone = self._loop.create_future()
        self._watching = asyncio.run_coroutine_threadsafe(self._watch(), self._loop)

    def __enter__(self) -> "DaskPool":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def capacity(self) -> int:
        """How many tasks can be under way: the threads of all workers, and a few that are ready when one ends."""
        threads = sum(self._threads.values())
        if self._file is not None:  # those still to come, with as many threads each
            threads = max(threads, self._file.most_workers * max([1, *self._threads.values()]))
        return threads + _MORE_THAN_THREADS

    def limit_to(self, n_tasks: int) -> None:
        """Ask the batch system for no more workers than there are tasks; never for fewer than before."""
        if self._cluster is not None and n_tasks > self._asked_for:
            ask_for_workers(self._cluster, self._file, n_tasks)
        self._asked_for = max(n_tasks, self._asked_for)

    def submit(self, payload: Any, n_units: int = 1) -> Future:
        """Begin a task.

        Returns:
            a future of `Done` or `Lost`; its exception is what the factory raised, or a `CompcalcError` where the
            cluster cannot compute it.
        """
        from compcalc.execution import dask_task

        if not self._asked_for:
            self.limit_to(self.capacity)
        key = f"compcalc-{next(self._numbers)}-{self._order.run}"
        arguments = (self._order, key, pack(payload), n_units)
        try:
            # Workers that die are Dask's to replace; what a task raises, it raises again.
            task = self._client.submit(dask_task.compute, *arguments, key=key, pure=False, retries=0)
        except Exception as error:
            raise self._lost_connection(error) from error
        future = asyncio.run_coroutine_threadsafe(self._answer(task), self._loop)
        self._keys[future] = key
        future.add_done_callback(self._forget)
        return future

    def fraction(self, future: Future) -> float:
        """How much of a task is done, 0 to 1, as far as it said."""
        return self._fractions.get(self._keys.get(future, ""), 0.0)

    def stop(self) -> None:
        """End what is being computed, and give back workers that were asked for; a scheduler's own stay."""
        if self._stopped:
            return
        self._stopped = True
        self._watching.cancel()
        for future in list(self._keys):
            future.cancel()
        parting = self._hang_up() if self._lost else self._end_processes()
        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(parting, self._loop).result(_GIVE_BACK_S + 1)
        with suppress(Exception):
            self._client.close(timeout=_GIVE_BACK_S)
        self._close_cluster()

    def _connect(self) -> Any:
        from distributed import Client

        address = self._where
        if self._file is not None:
            self._cluster = address = self._make_cluster(self._file)
        for name in _SAID_HERE:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            return Client(address, timeout=_CONNECT_S, set_as_default=False, name="compcalc")
        except BaseException as error:
            self._close_cluster()
            if not isinstance(error, OSError | ValueError | TypeError | ImportError):
                raise
            raise CompcalcError(
                f"no Dask scheduler answers at {self._where}: {error}. Look whether it runs (`dask scheduler`), and "
                "whether its address can be reached from this machine."
            ) from error

    def _make_cluster(self, file: ClusterFile) -> Any:
        import dask

        # Dask leaves the folder of its temporary files behind; this one goes with the run.
        self._scratch = tempfile.TemporaryDirectory(prefix="compcalc-", ignore_cleanup_errors=True)
        if file.kind == "local":
            file = replace(file, options={"local_directory": self._scratch.name, **file.options})
        with dask.config.set({"temporary-directory": self._scratch.name}):
            return build_cluster(file)

    def _close_cluster(self) -> None:
        if self._cluster is not None:
            with suppress(Exception):
                self._cluster.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def _find_dashboard(self) -> str | None:
        try:
            return self._client.dashboard_link or None
        except Exception:  # a scheduler that was started without it
            return None

    async def _answer(self, task: Any) -> Done | Lost:
        """What a task came to, fetched as soon as it is there."""
        from distributed.scheduler import KilledWorker

        asking = asyncio.ensure_future(self._client.gather(task, asynchronous=True))
        try:
            await asyncio.wait({asking, self._gone}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise self._gone.exception()
            answer = asking.result()
        except KilledWorker as error:
            cause = f"{error.allowed_failures + 1} Dask workers ended while they had it"
            return Lost("crashed", cause, str(error), blameless=True)
        except CompcalcError:
            raise
        except (CancelledError, OSError) as error:
            raise self._lost_connection(error) from error
        except Exception as error:
            raise self._cannot_compute(error) from error
        finally:
            # Released, it ends by itself; cancelled, it would leave Dask's own tasks behind, which complain.
            asking.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            task.release()
        return await asyncio.to_thread(read_answer, answer)

    async def _watch(self) -> None:
        """Follow which workers there are, until the scheduler goes away."""
        seen = self._loop.time()
        try:
            while True:
                self._threads = await self._ask_scheduler()
                self._tell_workers()
                seen = self._loop.time() if self._threads else seen
                if self._wait_s is not None and self._loop.time() - seen > self._wait_s:
                    raise CompcalcError(
                        f"the Dask scheduler at {self._where} has had no worker for {self._wait_s:g} s. Start some "
                        f"(`dask worker {self._where}`). {_GO_ON}"
                    )
                await asyncio.sleep(_LOOK_EVERY_S)
        except Exception as error:
            self._gone.set_exception(error)
            self._gone.exception()  # asyncio complains of those that nobody looks at

    async def _ask_scheduler(self) -> dict[str, int]:
        """Threads of each worker."""
        try:
            return dict(await asyncio.wait_for(self._client.scheduler.ncores(), 3 * _CONNECT_S))
        except Exception as error:
            raise self._lost_connection(error) from error

    def _tell_workers(self) -> None:
        workers, threads = len(self._threads), sum(self._threads.values())
        if self._told != (workers, threads):
            self._told = (workers, threads)
            text = f"{workers} workers with {threads} threads at" if workers else "waiting for workers of"
            self._notice(f"{text} {self._where}")

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        _, said = event
        self._fractions[said["key"]] = float(said["fraction"])

    def _forget(self, future: Future) -> None:
        self._fractions.pop(self._keys.pop(future, ""), None)

    async def _end_processes(self) -> None:
        """Tell the workers that nobody waits any more; they end the processes of this run."""
        from compcalc.execution import dask_task

        await asyncio.sleep(0)  # lets cancelled futures give up their tasks
        run = self._client.run(dask_task.close, self._order.run, on_error="ignore", asynchronous=True)
        await asyncio.wait_for(run, _GIVE_BACK_S)

    async def _hang_up(self) -> None:
        """A client that waits for a scheduler that says nothing would not end."""
        self._client.status = "closing"
        if self._client.scheduler_comm is not None:
            self._client.scheduler_comm.abort()

    def _lost_connection(self, error: BaseException) -> CompcalcError:
        self._lost = True
        # What Dask cancels with the connection, and silence, have no reason but that.
        reason = "" if isinstance(error, CancelledError | TimeoutError) else f" ({type(error).__name__}: {error})"
        return CompcalcError(f"the connection to the Dask scheduler of {self._where} was lost{reason}. {_GO_ON}")

    def _cannot_compute(self, error: BaseException) -> CompcalcError:
        return CompcalcError(
            f"the Dask workers of {self._where} cannot compute: {type(error).__name__}: {error}. Install compcalc "
            f"{compcalc.__version__} with the same packages where the scheduler and the workers run. {_GO_ON}"
        )


def _make_order(factory: WorkerFactory, limits: Limits, file: ClusterFile | None) -> Any:
    from compcalc.execution.dask_task import Order

    gpus, devices = (file.gpus_per_worker, file.devices) if file is not None else (0, ())
    return Order(uuid.uuid4().hex, compcalc.__version__, pack(factory), limits, gpus, devices)


def _check_installed() -> None:
    for module in ("distributed", "cloudpickle"):
        try:
            __import__(module)
        except ImportError as error:
            raise MissingDependencyError("running on Dask", module, DASK_EXTRA) from error
