"""Where a run computes: in this process, on this machine, or on a Dask cluster."""

import os
import shutil
import subprocess
from pathlib import Path

from compcalc.calculators import Spec
from compcalc.execution import Executor, Here, Limits, LocalPool
from compcalc.execution.environment import usable_cores
from compcalc.execution.run_directory import WORKER_OUTPUT
from compcalc.pipeline.inputs import RunInput
from compcalc.pipeline.settings import Progress
from compcalc.pipeline.work import PotentialWorker

CHECKPOINTS = ".checkpoints"
"""Folder of a run directory for the state of dynamics under way."""

_GIB = 2**30


def open_executor(given: RunInput, out: Path, progress: Progress) -> Executor:
    """The workers of a run, as its settings want them.

    Raises:
        CompcalcError: there is no such cluster, or its package is not installed.
    """
    settings, factory = given.settings, PotentialWorker(given.spec, (out / CHECKPOINTS).absolute())
    memory = None if settings.memory_gib is None else int(settings.memory_gib * _GIB)
    limits = Limits(settings.timeout_s, memory)
    if settings.dask is not None:
        from compcalc.execution.dask_pool import DaskPool

        pool = DaskPool(factory, settings.dask, limits, notice=progress.notice)
        if pool.dashboard:
            progress.notice(f"dashboard of the cluster: {pool.dashboard}")
        return pool
    if settings.workers == 0:
        return Here(factory)
    devices = gpus() if _wants_gpu(given.spec) else ()
    workers = settings.workers or len(devices) or usable_cores()
    if workers > usable_cores():
        progress.notice(
            f"{workers} workers on {usable_cores()} cores would only take turns: {usable_cores()} are used."
        )
    return LocalPool(factory, workers, limits, output=out / WORKER_OUTPUT, devices=devices)


def gpus() -> tuple[str, ...]:
    """The NVIDIA devices that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(name.strip() for name in visible.split(",") if name.strip() not in ("", "-1"))
    if shutil.which("nvidia-smi") is None:
        return ()
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=30)
    return tuple(str(k) for k, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU"))


def _wants_gpu(spec: Spec) -> bool:
    """Whether a potential is to run on any CUDA device; `cuda:1` names its own."""
    return str(spec.options.get("device")) == "cuda"
