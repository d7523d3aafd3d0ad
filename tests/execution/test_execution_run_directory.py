"""Runs in a directory: entered once under their name, extended, refused when made from something else; strict JSON."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from compcalc.errors import RunDirectoryError
from compcalc.execution.run_directory import INDEX, MANIFEST, RunDirectory, write_json

CONTENT = {"spec": "mace:default", "task": "length/base", "seed": 7, "note": "Å"}
FACTS = {"spec": "mace:default", "versions": {"ase": "3.29"}, "data": {"alkane/02": "abc"}}


def entry(earlier):
    return {"count": (earlier or {"count": 0})["count"] + 1}


def test_nothing_is_written_until_a_run_is_entered(tmp_path):
    directory = RunDirectory(tmp_path / "a" / "b")
    assert directory.runs() == {} and not (tmp_path / "a").exists()
    assert directory.add("one", FACTS, entry) == {"facts": FACTS, "count": 1}
    assert RunDirectory(tmp_path / "a" / "b").runs() == {"one": {"facts": FACTS, "count": 1}}


def test_the_only_run_has_its_outputs_at_the_top_and_several_have_folders(tmp_path):
    directory = RunDirectory(tmp_path)
    directory.add("one", FACTS, entry)
    assert directory.outputs("one") == tmp_path
    directory.add("two", {**FACTS, "spec": "mmff94"}, entry)
    assert [directory.outputs(name) for name in directory.runs()] == [tmp_path / "one", tmp_path / "two"]


def test_the_same_run_goes_on_and_learns_of_more_data(tmp_path):
    directory = RunDirectory(tmp_path)
    directory.add("one", FACTS, entry)
    more = directory.add("one", {**FACTS, "data": {"alkane/03": "def"}}, entry)
    assert more["count"] == 2 and more["facts"]["data"] == {"alkane/02": "abc", "alkane/03": "def"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"spec": "mmff94"}, "made with other spec .spec: mace:default -> mmff94"),
        ({"versions": {"ase": "3.30"}}, "made with other versions .versions: ase 3.29 -> 3.30"),
        ({"data": {"alkane/02": "xyz"}}, "made with other data .data: alkane/02 abc -> xyz"),
    ],
)
def test_a_name_that_stands_for_something_else_is_refused(tmp_path, change, says):
    RunDirectory(tmp_path).add("one", FACTS, entry)
    before = (tmp_path / INDEX).read_bytes()
    with pytest.raises(RunDirectoryError, match=f"belongs to another run: its one was {says}.*--out"):
        RunDirectory(tmp_path).add("one", {**FACTS, **change}, entry)
    assert (tmp_path / INDEX).read_bytes() == before


def test_a_directory_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("dear")
    with pytest.raises(RunDirectoryError, match=r"not empty \(thesis.tex.*--out"):
        RunDirectory(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_a_killed_start_leaves_is_not_foreign(tmp_path):
    for name in (".lock", "log.jsonl", ".runs-x.partial"):
        (tmp_path / name).touch()
    assert RunDirectory(tmp_path).add("one", FACTS, entry)


@pytest.mark.parametrize("content", [b"", b'{"format": 1', b"\xff\xfe", b"[]", b"null", b'{"format": 99}'])
def test_a_damaged_or_unknown_index_is_refused(tmp_path, content):
    (tmp_path / INDEX).write_bytes(content)
    with pytest.raises(RunDirectoryError, match=r"runs\.json.*--out"):
        RunDirectory(tmp_path)


def test_a_path_below_a_regular_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="is a file.*--out"):
        RunDirectory(tmp_path / "file")
    with pytest.raises(RunDirectoryError, match="cannot be written.*--out"):
        RunDirectory(tmp_path / "file" / "below").add("one", FACTS, entry)


def test_processes_that_enter_runs_at_the_same_time_lose_none(tmp_path):
    code = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from compcalc.execution.run_directory import RunDirectory
        for k in range(10):
            RunDirectory(Path({str(tmp_path)!r})).add(f"{{sys.argv[1]}}-{{k}}", {{}}, lambda earlier: {{}})
        """
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "abc"]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(RunDirectory(tmp_path).runs()) == 30


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [1.0, float("nan")]}])
def test_json_without_nan(tmp_path, value):
    with pytest.raises(ValueError):
        write_json(tmp_path / "metrics.json", {"x": value})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / MANIFEST
    write_json(path, CONTENT)
    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, _no_space)
            with pytest.raises(OSError, match="no space"):
                write_json(path, {"identity": "new"})
        assert json.loads(path.read_text(encoding="utf-8")) == CONTENT
        assert [p.name for p in tmp_path.iterdir()] == [MANIFEST]


def _no_space(*arguments):
    raise OSError("no space left")


def test_others_may_read_what_is_written(tmp_path):
    write_json(tmp_path / MANIFEST, CONTENT)
    assert (tmp_path / MANIFEST).stat().st_mode & 0o777 == 0o644
