"""The CSV table read back, and files that are whole or absent."""

import csv
import os

import pytest

from compcalc.report.files import write_text_atomically
from compcalc.report.tables import COLUMNS, write_metrics_csv


def read(path) -> list[dict]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_round_trip(tmp_path, failing_metrics):
    failing_metrics["static"]["molecules"][0]["molecule"] = 'odd, "name"\nof two lines'
    write_metrics_csv(tmp_path / "metrics.csv", failing_metrics)
    lines = read(tmp_path / "metrics.csv")
    assert tuple(lines[0]) == COLUMNS
    static = {(x["molecule"], x["split"], x["metric"]): x for x in lines if x["protocol"] == "static"}
    for entry in failing_metrics["static"]["molecules"]:
        line = static[entry["molecule"], entry["split"], "force_mae_mev_per_angstrom"]
        value = entry["force_mae_mev_per_angstrom"]
        assert (float(line["value"]) if line["value"] else None) == value
        assert line["unit"] == "meV/angstrom"
        for element, error in entry["force_mae_by_element"].items():
            assert (
                float(static[entry["molecule"], entry["split"], f"force_mae_by_element[{element}]"]["value"]) == error
            )
    runs = {(x["molecule"], x["protocol"], x["replica"], x["metric"]): x for x in lines if x["protocol"] != "static"}
    for run in failing_metrics["md"]["runs"]:
        name = (run["molecule"], run["protocol"], str(run["replica"]))
        assert runs[*name, "outcome"]["value"] == run["outcome"]
        assert runs[*name, "cause"]["value"] == run["cause"]
        assert runs[*name, "drift_mev_per_atom_per_ps"]["unit"] == "meV/atom/ps"


def test_lines_are_unique(tmp_path, metrics):
    write_metrics_csv(tmp_path / "metrics.csv", metrics)
    keys = [tuple(line[c] for c in COLUMNS[:6]) for line in read(tmp_path / "metrics.csv")]
    assert len(keys) == len(set(keys))


def test_nothing_run_gives_the_header_alone(tmp_path):
    write_metrics_csv(tmp_path / "metrics.csv", {"schema_version": 1, "static": None, "md": None})
    assert (tmp_path / "metrics.csv").read_text() == ",".join(COLUMNS) + "\n"


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, monkeypatch):
    path = write_text_atomically(tmp_path / "a.txt", "old")
    assert path.stat().st_mode & 0o400

    def refuse(*_):
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        write_text_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
