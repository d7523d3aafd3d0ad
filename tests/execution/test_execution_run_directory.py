"""One directory, one run; manifests are strict JSON and whole."""

import json
import os

import pytest

from compcalc.errors import RunDirectoryError
from compcalc.execution.run_directory import MANIFEST, open_run_directory, write_json

RUN = {"identity": "abc", "spec": "mace:default", "task": "length/base", "seed": 7, "note": "Å"}


def test_a_fresh_directory_is_made_and_left_empty(tmp_path):
    assert open_run_directory(tmp_path / "a" / "b", "abc") is None
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_the_same_run_goes_on(tmp_path):
    write_json(tmp_path / MANIFEST, RUN)
    (tmp_path / "trajectories").mkdir()
    assert open_run_directory(tmp_path, "abc") == RUN


def test_another_run_is_refused_by_name(tmp_path):
    write_json(tmp_path / MANIFEST, RUN)
    with pytest.raises(RunDirectoryError, match="another run .mace:default length/base, seed 7.*--out"):
        open_run_directory(tmp_path, "abd")
    assert json.loads((tmp_path / MANIFEST).read_text()) == RUN


def test_a_directory_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("dear")
    with pytest.raises(RunDirectoryError, match=r"not empty \(thesis.tex.*--out"):
        open_run_directory(tmp_path, "abc")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("content", [b"", b'{"identity": "ab', b"\xff\xfe", b"[]", b"null", b'"text"'])
def test_a_damaged_manifest_is_refused(tmp_path, content):
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(RunDirectoryError, match=r"run\.json.*--out"):
        open_run_directory(tmp_path, "abc")


def test_a_path_below_a_regular_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunDirectoryError, match="cannot be written.*--out"):
            open_run_directory(path, "abc")


def test_a_directory_that_may_not_be_searched_cannot_be_written(tmp_path, monkeypatch):
    def refuse(self, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.stat", refuse)
    with pytest.raises(RunDirectoryError, match=r"cannot be written \(Permission denied\)"):
        open_run_directory(tmp_path, "abc")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [1.0, float("nan")]}])
def test_json_without_nan(tmp_path, value):
    with pytest.raises(ValueError):
        write_json(tmp_path / "metrics.json", {"x": value})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / MANIFEST
    write_json(path, RUN)
    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, _no_space)
            with pytest.raises(OSError, match="no space"):
                write_json(path, {"identity": "new"})
        assert json.loads(path.read_text(encoding="utf-8")) == RUN
        assert [p.name for p in tmp_path.iterdir()] == [MANIFEST]


def _no_space(*arguments):
    raise OSError("no space left")


def test_others_may_read_what_is_written(tmp_path):
    write_json(tmp_path / MANIFEST, RUN)
    assert (tmp_path / MANIFEST).stat().st_mode & 0o777 == 0o644
