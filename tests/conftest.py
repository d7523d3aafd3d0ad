"""Fixtures that several rooms share."""

import os

# Two test processes on two cores: one thread each, set before anything reads it.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import pytest

from compcalc.reference.dataset import DataSet
from compcalc.reference.store import write_frames
from compcalc.tasks import Task, get_task


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """A data set with four test frames of ethane, propane and butane, cut from the shipped one."""
    directory = tmp_path_factory.mktemp("tiny-data")
    shipped = DataSet()
    groups = [shipped.file("B").read(f"alkane/{n:02d}").select(slice(0, 4)) for n in (2, 3, 4)]
    write_frames(directory / "test.h5", groups, shipped.description)
    return directory


@pytest.fixture
def tiny_task(monkeypatch):
    """`length` with ethane and propane to train on and butane as the unseen molecule."""
    length = get_task("length")
    task = Task("length", "base", length.question, length.train[:2], length.train[2:3])
    monkeypatch.setattr("compcalc.pipeline.inputs.get_task", lambda name, variant="base": task)
    return task


@pytest.fixture
def tiny_preset(monkeypatch):
    """`quick` with 20 fs of equilibration and 40 fs of production."""
    from compcalc.dynamics.protocols import PRESETS, Preset, Protocol

    protocols = tuple(Protocol(name, 0.04, equilibration_ps=0.02, frame_every_fs=5.0) for name in ("nve", "nvt"))
    preset = Preset("quick", protocols, replicas=1)
    monkeypatch.setitem(PRESETS, "quick", preset)
    return preset
