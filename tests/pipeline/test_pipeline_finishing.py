"""The outputs of several runs, written by several processes."""

import json
from concurrent.futures import Future

import pytest
from test_pipeline_run import settings, without_clocks

from compcalc.execution import Lost
from compcalc.execution.run_directory import RunDirectory
from compcalc.pipeline import Progress, finishing, run_all
from compcalc.pipeline.directory import entered_runs
from compcalc.pipeline.outputs import read_manifest
from compcalc.pipeline.verifying import verify

pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")


@pytest.fixture
def two(tiny_data, tmp_path):
    """Directory and results of two runs, and what was told of their reports."""
    told = []
    every = [settings(tiny_data, "mmff94", only=only, seed=seed) for only, seed in (("static", 0), ("all", 1))]
    done = run_all(every, tmp_path / "run", progress=Progress(writing=lambda *counts: told.append(counts)))
    return tmp_path / "run", done, told


def _outputs(path):
    directory = RunDirectory(path)
    return [
        finishing.Outputs(prepared, path, directory.outputs(name), read_manifest(directory.outputs(name)))
        for name, prepared in entered_runs(path).items()
    ]


def test_several_processes_write_what_one_writes(two):
    path, done, told = two
    assert told == [(0, 2), (1, 2), (2, 2)]
    again = []
    found = finishing.finish_all(_outputs(path), 2, lambda *counts: again.append(counts))
    assert again == told and list(found) == list(done)
    assert {name: without_clocks(one["metrics"]) for name, one in found.items()} == {
        name: without_clocks(one["metrics"]) for name, one in done.items()
    }
    for name, one in found.items():
        timings = one["manifest"]["timings_s"]
        assert json.loads((path / name / "run.json").read_text()) == one["manifest"]
        assert timings["report"] > done[name]["manifest"]["timings_s"]["report"]
        assert timings["total"] == pytest.approx(sum(v for k, v in timings.items() if k != "total"), abs=0.02)
    assert all(one.good for one in verify(path))


def test_what_a_worker_could_not_write_is_written_here(two):
    path, *_ = two
    one, lost = _outputs(path)[0], Future()
    lost.set_result(Lost("crashed", "the worker process was ended by SIGKILL"))
    (one.out / "metrics.json").unlink()
    assert finishing._value(lost, one)["metrics"] == json.loads((one.out / "metrics.json").read_text())


def test_numbers_that_differ_in_rounding_alone_are_the_same(two):
    path = two[0] / next(iter(two[1])) / "metrics.json"
    text = path.read_text()
    key = "force_mae_mev_per_angstrom"
    number = text.split(f'"{key}": ')[1].split(",")[0].split("\n")[0]
    for factor, good in ((1 + 1e-14, True), (1 + 1e-6, False)):
        path.write_text(text.replace(number, repr(float(number) * factor)))
        assert all(one.good for one in verify(two[0])) is good
