"""Which GPUs are whose, where several workers share a machine."""

import os
import tempfile
import threading
from multiprocessing.util import Finalize
from pathlib import Path

from compcalc.errors import CompcalcError
from compcalc.execution.claims import Claims

_JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
_taken: dict[str, tuple[str, ...]] = {}
_claims: Claims | None = None
_lock = threading.Lock()


def take_devices(owner: str, n: int, devices: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Take devices for the rest of this process; the same ones each time for the same owner.

    Args:
        owner: who takes them.
        n: how many; 0 for none.
        devices: values of `CUDA_VISIBLE_DEVICES` to choose from; empty for those that this process sees.

    Returns:
        (n,) devices that no other process of this user and job has taken.

    Raises:
        CompcalcError: there are not as many.
    """
    if n == 0:
        return ()
    with _lock:
        if owner not in _taken:
            _taken[owner] = _take(n, devices or visible_devices())
        return _taken[owner]


def visible_devices() -> tuple[str, ...]:
    """The devices that this process sees, as `CUDA_VISIBLE_DEVICES` names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return tuple(name.strip() for name in named.split(",") if name.strip())
    return tuple(str(k) for k in range(len(list(Path("/dev").glob("nvidia[0-9]*")))))


def _take(n: int, devices: tuple[str, ...]) -> tuple[str, ...]:
    global _claims
    if _claims is None:
        _claims = Claims(_claims_folder())
        Finalize(None, _claims.release_all, exitpriority=10)
    own: list[str] = []
    already = {device for taken in _taken.values() for device in taken}
    for device in devices:
        if len(own) < n and device not in already and _claims.take(device):
            own.append(device)
    if len(own) < n:
        for device in own:
            _claims.release(device)
        raise CompcalcError(
            f"a Dask worker is to have {n} GPU(s), and of the devices that it sees ({', '.join(devices) or 'none'}) "
            f"{len(own)} are free. Start fewer Dask workers a machine, or ask for more devices."
        )
    return tuple(own)


def _claims_folder() -> Path:
    """A batch system may call the first device of each job 0, so that each job has locks of its own."""
    job = next((os.environ[name] for name in _JOB_VARIABLES if name in os.environ), "")
    return Path(tempfile.gettempdir()) / f"compcalc-devices-{os.getuid()}-{job}"
