"""One directory for several potentials, tasks and sizes: extended, moved, verified, and looked at unit by unit."""

import json
import shlex
import shutil
import sys

import numpy as np
import pytest
from test_pipeline_run import settings, without_clocks

from compcalc.cli import call
from compcalc.errors import InputError, RunDirectoryError, UnknownNameError
from compcalc.execution.log import read_log
from compcalc.pipeline import Progress, run, run_all, work
from compcalc.pipeline.single import compute_again
from compcalc.pipeline.verifying import verify

pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")

FIRST, SECOND = "mmff94-length-base-quick", "tblite-GFN1-xTB-length-base-quick"


@pytest.fixture
def one(tiny_data, tmp_path):
    """A run with MMFF94."""
    run(settings(tiny_data, "mmff94"), tmp_path / "run")
    return tmp_path / "run"


def units_in(out):
    return {path.relative_to(out): path.read_bytes() for path in out.glob("units/*/*/*.npz")}


def test_a_second_potential_joins_and_both_get_a_folder(one, tiny_data):
    before = json.loads((one / "metrics.json").read_text())
    units = units_in(one)
    done = run(settings(tiny_data, "tblite:GFN1-xTB", only="static"), one)
    assert json.loads((one / FIRST / "metrics.json").read_text()) == before
    assert json.loads((one / SECOND / "metrics.json").read_text()) == done["metrics"]
    assert (one / FIRST / "trajectories/alkane-04-nve-0.extxyz").is_file()
    assert not (one / "run.json").exists() and not (one / "trajectories").exists()
    assert units.items() < units_in(one).items(), "results of the first run were touched"
    overview = (one / "report.html").read_text()
    assert f'href="{FIRST}/report.html"' in overview and f'href="{SECOND}/report.html"' in overview
    again = run(settings(tiny_data, "mmff94"), one)
    assert again["metrics"] == before


def test_several_potentials_in_one_call_of_which_one_cannot_be_used(tiny_data, tmp_path):
    notices = []
    bad = f"file:{tmp_path}/missing.py:make"
    done = run_all(
        [settings(tiny_data, spec, only="static") for spec in (bad, "mmff94")],
        tmp_path / "run",
        progress=Progress(notice=notices.append),
    )
    assert "missing.py" in next(iter(done.values()))["error"] and "metrics" in done[FIRST]
    assert any("is left out" in text for text in notices)
    timings = done[FIRST]["manifest"]["timings_s"]
    assert timings["total"] == pytest.approx(sum(timings[what] for what in ("loading", "units", "report")), abs=0.02)
    assert (tmp_path / "run/report.html").is_file()


def test_more_replicas_are_added_to_those_that_there_are(one, tiny_data):
    units = units_in(one)
    done = run(settings(tiny_data, "mmff94", replicas=3), one)
    assert [row["replica"] for row in done["metrics"]["md"]["runs"]] == [0, 1, 2, 0, 1, 2]
    assert units.items() < units_in(one).items()
    fewer = run(settings(tiny_data, "mmff94", replicas=2), one)
    assert len(fewer["metrics"]["md"]["runs"]) == 6
    assert fewer["metrics"] == done["metrics"]


def test_a_half_can_be_added(tiny_data, tmp_path, one):
    whole = json.loads((one / "metrics.json").read_text())
    run(settings(tiny_data, "mmff94", only="static"), tmp_path / "halves")
    done = run(settings(tiny_data, "mmff94"), tmp_path / "halves")
    assert without_clocks(done["metrics"]) == without_clocks(whole)


def test_units_that_two_runs_share_are_computed_once(one, tiny_data, tiny_task, monkeypatch):
    from compcalc.tasks import Task

    other = Task("length", "wide", tiny_task.question, tiny_task.train, tiny_task.ood)
    monkeypatch.setattr("compcalc.pipeline.inputs.get_task", lambda name, variant="base": other)
    units = units_in(one)
    run(settings(tiny_data, "mmff94"), one)
    assert units_in(one) == units
    assert sorted(path.name for path in one.iterdir() if path.is_dir()) == [
        "mmff94-length-base-quick",
        "mmff94-length-wide-quick",
        "units",
    ]


def test_the_same_run_twice_in_one_call_is_refused(tiny_data, tmp_path):
    with pytest.raises(InputError, match="mmff94-length-base-quick twice"):
        run_all([settings(tiny_data, "mmff94")] * 2, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_directory_that_was_moved_goes_on(one, tiny_data, tmp_path):
    before = json.loads((one / "metrics.json").read_text())
    next(one.glob("units/mmff94/static/alkane-03-*.npz")).unlink()
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    shutil.move(one, moved)
    assert without_clocks(run(settings(tiny_data, "mmff94"), moved)["metrics"]) == without_clocks(before)
    assert [found.good for found in verify(moved)] == [True]


def test_a_whole_directory_is_good_and_damage_is_found(one, tiny_data):
    assert [(found.good, found.units) for found in verify(one, recompute=2)] == [(True, 5)]
    unit = next(one.glob("units/mmff94/md/alkane-04-nvt-0-*.npz"))
    content = unit.read_bytes()
    unit.write_bytes(content[:-30])
    (found,) = verify(one)
    assert not found.good and found.missing == [str(unit.relative_to(one).with_suffix(""))]
    unit.write_bytes(content)
    trajectory = one / "trajectories/alkane-04-nvt-0.extxyz"
    text = trajectory.read_text()
    trajectory.write_text(text[: len(text) // 2])
    (one / "metrics.json").write_text("{}")
    (found,) = verify(one)
    assert found.outputs == ["metrics.json", "trajectories/alkane-04-nvt-0.extxyz"]
    (found,) = verify(one, repair=True)
    assert found.good and trajectory.read_text() == text


def test_a_truncated_trajectory_is_written_again_when_the_run_goes_on(one, tiny_data):
    trajectory = one / "trajectories/alkane-04-nvt-0.extxyz"
    text = trajectory.read_text()
    trajectory.write_text(text[:-3])
    run(settings(tiny_data, "mmff94"), one)
    assert trajectory.read_text() == text


def test_results_of_another_method_are_found_by_computing_again(one, tiny_data):
    path = next(one.glob("units/mmff94/static/alkane-02-*.npz"))
    with np.load(path) as file:
        arrays = dict(file)
    arrays["forces"] = arrays["forces"] + 0.01
    np.savez_compressed(path, **arrays)
    (found,) = verify(one, recompute=3)
    assert list(found.differing.values()) == ["forces by 1.0e-02"] and not found.good


def test_a_unit_is_computed_again_beside_those_it_advanced_with(one):
    (path,) = one.glob("units/mmff94/md/alkane-04-nve-0-*.npz")
    for name in (str(path.relative_to(one).with_suffix("")), "units/mmff94/md/alkane-04-nve-0"):
        again = compute_again(one, name)
        assert again.run == FIRST and again.stored is not None
        assert set(again.differences.values()) == {0.0}
    with pytest.raises(UnknownNameError, match="unit: got 'alkane'; allowed: units/mmff94/md/alkane-04-nve-0"):
        compute_again(one, "alkane")
    with pytest.raises(RunDirectoryError, match="not a run directory"):
        compute_again(one / "units", name)


def test_the_command_in_the_log_shows_how_a_unit_fails(tiny_data, tmp_path, monkeypatch, capsys):
    predict = work.predict

    def broken(calculator, frames):
        if frames.molecule.name == "alkane/03":
            raise OSError("the licence server is down")
        return predict(calculator, frames)

    with monkeypatch.context() as patch:
        patch.setattr(work, "predict", broken)
        run(settings(tiny_data, "mmff94", only="static"), tmp_path / "run")
        (lost,) = (event for event in read_log(tmp_path / "run/log.jsonl") if event["event"] == "lost")
        assert lost["kind"] == "calculator_error" and "licence server" in lost["cause"]
        assert _command(lost["command"], monkeypatch) == 3
        shown = capsys.readouterr().out
        assert "Traceback" in shown and "OSError: the licence server is down" in shown
    assert _command(lost["command"], monkeypatch) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "stands for a unit that was lost (calculator_error); it ran well now" in shown


def _command(line, monkeypatch):
    """Exit code of a command line."""
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    return call(sys.argv[1:])


def test_units_that_were_lost_are_done_again_on_request(tiny_data, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(work, "predict", lambda *a: (_ for _ in ()).throw(OSError("down")))
        run(settings(tiny_data, "mmff94", only="static"), tmp_path / "run")
    bad = run(settings(tiny_data, "mmff94", only="static"), tmp_path / "run")["metrics"]
    assert {row["n_failed"] for row in bad["static"]["molecules"]} == {4}
    (found,) = verify(tmp_path / "run")
    assert set(found.lost.values()) == {"calculator_error"} and found.good
    good = run(settings(tiny_data, "mmff94", only="static", retry=True), tmp_path / "run")["metrics"]
    assert {row["n_failed"] for row in good["static"]["molecules"]} == {0}
