"""What happens on a Dask worker: a task is computed in a watched process beside it, as in a run on one machine.

The Dask worker itself never loads a potential. Work, payloads and results pass through it as bytes, so that a crash, a
hang or a flood of memory ends a process that can be replaced, and not the Dask worker with the tasks around it.
"""

import threading
import time
from concurrent.futures import Future, wait
from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import Any

from distributed import get_worker
from distributed.core import Status

import compcalc
from compcalc.errors import CompcalcError
from compcalc.execution.dask_host import Closed, Host, cores_of
from compcalc.execution.outcome import Done, Lost
from compcalc.execution.packed import PackedFactory, pack_answer
from compcalc.execution.pool import Limits

_LOOK_EVERY_S = 0.2
_TELL_EVERY_S = 1.0
_KEPT_IDLE_S = 300.0
_ALIVE = (Status.running, Status.paused, Status.closing_gracefully)


@dataclass(frozen=True)
class Order:
    """What all tasks of a run have in common.

    Attributes:
        run: names the run, and the topic of its progress.
        version: of compcalc where the run was started.
        factory: pickled; called once a process, gives the function from payload to result.
        limits: of one unit.
        gpus: devices that a Dask worker takes for itself; 0 leaves them as they are.
        devices: values of `CUDA_VISIBLE_DEVICES` to take them from; empty for those that the Dask worker sees.
    """

    run: str
    version: str
    factory: bytes
    limits: Limits
    gpus: int = 0
    devices: tuple[str, ...] = ()


def compute(order: Order, key: str, payload: bytes, n_units: int) -> bytes:
    """Compute one task of a run on this Dask worker.

    Args:
        order: of the run.
        key: by which the scheduler knows the task.
        payload: pickled.
        n_units: how many units the task has.

    Returns:
        a pickled `Done` whose value is pickled, `Lost`, or exception.
    """
    return pack_answer(_compute(order, key, payload, n_units))


def close(run: str | None = None) -> None:
    """End the processes of a run on this Dask worker, or of all runs."""
    with _lock:
        closing = [_hosts.pop(name) for name in list(_hosts) if run in (None, name[0])]
    for host in closing:
        host.close()


def _compute(order: Order, key: str, payload: bytes, n_units: int) -> Done | Lost | BaseException:
    worker = get_worker()
    if order.version != compcalc.__version__:
        return CompcalcError(
            f"the Dask worker {worker.address} has compcalc {compcalc.__version__}, and this run is of compcalc "
            f"{order.version}. Install the same version where the workers run."
        )
    try:
        host = _host_of(order, worker)
        with host.place:
            return _follow(host, host.submit(payload, n_units), order, key, worker)
    except Closed:
        return _left()
    except OSError as error:
        return CompcalcError(
            f"the Dask worker {worker.address} cannot compute: {error}. Mend or leave out that machine, then give "
            "the same command again: what is finished is kept."
        )
    except Exception as error:
        return error


def _follow(host: Host, future: Future, order: Order, key: str, worker: Any) -> Done | Lost | BaseException:
    """What `future` comes to, its progress told; its process ends where nobody wants it any more."""
    told_at, told = time.monotonic(), 0.0
    while not wait([future], timeout=_LOOK_EVERY_S).done:
        if host.closed or _abandoned(worker, key):
            close(order.run)
            return _left()
        fraction = host.pool.fraction(future)
        if fraction != told and time.monotonic() - told_at > _TELL_EVERY_S:
            told_at, told = time.monotonic(), fraction
            worker.log_event(order.run, {"key": key, "fraction": fraction})
    return future.exception() or future.result()


def _abandoned(worker: Any, key: str) -> bool:
    """Whether the client has gone, or this Dask worker is about to."""
    task = worker.state.tasks.get(key)
    return task is None or task.state == "cancelled" or worker.status not in _ALIVE


def _left() -> Lost:
    return Lost("crashed", "its process was stopped with the run or with its Dask worker", blameless=True)


_hosts: dict[tuple[str, str], Host] = {}
_lock = threading.Lock()
_sweeper: threading.Thread | None = None


def _host_of(order: Order, worker: Any) -> Host:
    """The processes of a run beside this Dask worker, begun where there are none."""
    name = (order.run, worker.address)
    with _lock:
        if name in _hosts:
            return _hosts[name]
    # The answer comes through Dask's own thread, which must not be waiting for the lock to close another run.
    cores = cores_of(worker)
    with _lock:
        if name not in _hosts:
            _hosts[name] = Host(PackedFactory(order.factory), order.limits, worker, cores, order.gpus, order.devices)
            _start_sweeping()
        return _hosts[name]


def _start_sweeping() -> None:
    """Processes end with the Dask worker, and some time after a run that was killed left them idle."""
    global _sweeper
    if _sweeper is None:
        # Before multiprocessing waits for its children to end by themselves.
        Finalize(None, close, exitpriority=100)
        _sweeper = threading.Thread(target=_sweep, name="compcalc-sweep", daemon=True)
        _sweeper.start()


def _sweep() -> None:
    while True:
        time.sleep(_KEPT_IDLE_S / 10)
        with _lock:
            idle = {name[0] for name, host in _hosts.items() if host.idle_s > _KEPT_IDLE_S}
        for run in idle:
            close(run)
