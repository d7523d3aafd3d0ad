"""Trainings side by side: what fails takes nothing from the others, and what is done is not done again."""

import json
import os
import signal
import sys

import pytest

from compcalc.benchmark import Matrix, parse_model
from compcalc.benchmark import trainings as module
from compcalc.benchmark.trainings import Told, train_all

FAKE = """
import json, os, pathlib, sys, time
seed = int(sys.argv[sys.argv.index("--seed") + 1])
folder = pathlib.Path(sys.argv[sys.argv.index("--out") + 1]) / f"linear-length-base-{seed}"
folder.mkdir(parents=True, exist_ok=True)
(folder / "began").write_text(repr(time.monotonic()))
(folder / "threads").write_text(os.environ["OMP_NUM_THREADS"])
(folder / "seconds.json").write_text(json.dumps({"done": 3, "total": 4, "words": "nearly"}))
time.sleep(0.7)
if seed == 1:
    sys.exit("error: no luck")
if seed == 2:
    os.kill(os.getpid(), 11)
(folder / "card.json").write_text("{}")
(folder / "ended").write_text(repr(time.monotonic()))
"""


@pytest.fixture
def cells(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "command", lambda name, words: [sys.executable, "-c", FAKE, *words])
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.05)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    return Matrix([parse_model("linear")], [("length", "base")], [0, 1, 2, 3], tmp_path).cells()


def moments(cell, name):
    return float((cell.folder / name).read_text())


def test_failures_are_told_with_their_cause_and_the_others_end_well(cells):
    ended, seen = {}, []
    told = Told(
        under_way=lambda cell, share, words: seen.append((share, words)),
        ended=lambda cell, cause: ended.update({cell.seed: cause}),
    )
    failed = train_all(cells, 2, told)
    assert {cell.seed for cell in failed} == {1, 2}
    assert failed[cells[1]].startswith("no luck (exit code 1; ") and str(cells[1].log) in failed[cells[1]]
    assert "killed by signal 11" in failed[cells[2]]
    assert ended == {0: None, 1: failed[cells[1]], 2: failed[cells[2]], 3: None}
    assert (0.75, "nearly") in seen


def test_as_many_as_workers_are_under_way_and_share_the_cores(cells):
    train_all([cells[0], cells[3]], 2, Told())
    assert max(moments(cells[i], "began") for i in (0, 3)) < min(moments(cells[i], "ended") for i in (0, 3))
    assert (cells[0].folder / "threads").read_text() == "2"
    for cell in (cells[0], cells[3]):
        (cell.folder / "card.json").unlink()
    train_all([cells[0], cells[3]], 1, Told())
    assert moments(cells[0], "ended") <= moments(cells[3], "began")
    assert (cells[0].folder / "threads").read_text() == "4"


def test_what_is_trained_is_not_trained_again(cells):
    train_all(cells[:1], 1, Told())
    first = moments(cells[0], "began")
    begun = []
    train_all([cells[0], cells[3]], 2, Told(begun=begun.append))
    assert begun == [cells[3]]
    assert moments(cells[0], "began") == first


def test_whoever_stops_it_stops_the_trainings(cells, monkeypatch):
    monkeypatch.setattr(module, "command", lambda name, words: [sys.executable, "-c", "import time; time.sleep(300)"])
    started = []
    real = module.subprocess.Popen
    monkeypatch.setattr(module.subprocess, "Popen", lambda *a, **k: started.append(real(*a, **k)) or started[-1])

    def stop(cell, share, words):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_all(cells, 2, Told(under_way=stop))
    assert [process.returncode for process in started] == [-signal.SIGKILL] * 2


def test_a_training_that_says_nothing_is_a_failure_with_its_exit_code(cells, monkeypatch):
    monkeypatch.setattr(module, "command", lambda name, words: [sys.executable, "-c", "import sys; sys.exit(7)"])
    (cause,) = train_all(cells[:1], 1, Told()).values()
    assert cause.startswith("it said nothing (exit code 7")


def test_progress_that_is_being_written_is_no_error(cells):
    cells[0].folder.mkdir(parents=True)
    for content in ("", "{", json.dumps({"seconds": 1.0})):
        (cells[0].folder / "seconds.json").write_text(content)
        assert module._progress(cells[0])[0] is None
