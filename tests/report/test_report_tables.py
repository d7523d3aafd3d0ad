"""The CSV table read back, and files that are whole or absent."""

import csv
import os
import sys

import pytest

from compcalc.errors import MissingDependencyError
from compcalc.metrics.dynamics import GROUPS, NUMBERS
from compcalc.report.files import write_text_atomically
from compcalc.report.tables import COLUMNS, metrics_parquet, write_metrics_csv


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
        assert runs[*name, "outcome"]["text"] == run["outcome"]
        assert runs[*name, "cause"]["text"] == run["cause"]
        assert runs[*name, "drift_mev_per_atom_per_ps"]["unit"] == "meV/atom/ps"


WORDS = {
    "mev": "meV", "atom": "atom", "ps": "ps", "angstrom": "angstrom", "cm": "cm", "k": "K", "degrees": "degrees",
    "fs": "fs", "seconds": "s",
}  # fmt: skip


def unit_of_name(name: str) -> str:
    """The unit that the last words of a name spell: `drift_mev_per_atom_per_ps` is meV/atom/ps, `band_per_cm` 1/cm."""
    words = name.split("_")
    begin = next((i for i in range(len(words)) if {*words[i:]} <= {*WORDS, "per"}), len(words))
    units = [WORDS[word] for word in words[begin:] if word != "per"]
    return "/".join(["1", *units] if words[begin : begin + 1] == ["per"] else units)


def test_names_are_read_as_they_are_spelled():
    assert unit_of_name("drift_mev_per_atom_per_ps") == "meV/atom/ps"
    assert (unit_of_name("band_shift_per_cm"), unit_of_name("ramp_end_k"), unit_of_name("n_atoms")) == ("1/cm", "K", "")


def test_every_number_whose_name_has_a_unit_carries_it(tmp_path, metrics):
    """Every key that a run can have, filled, beside the ones of the samples."""
    numbers, groups = dict.fromkeys(NUMBERS, 1.5), {key: {"a": 1.5} for key in GROUPS}
    metrics["md"]["runs"] = [{**metrics["md"]["runs"][0], **numbers, **groups}]
    metrics["md"]["reference"] = {"runs": metrics["md"]["runs"]}
    write_metrics_csv(tmp_path / "metrics.csv", metrics)
    seen = set()
    for line in read(tmp_path / "metrics.csv"):
        name = line["metric"].partition("[")[0]
        if unit_of_name(name):
            assert line["unit"] == unit_of_name(name), name
            seen.add(line["unit"])
    assert {*NUMBERS, *GROUPS} <= {line["metric"].partition("[")[0] for line in read(tmp_path / "metrics.csv")}
    assert {"meV/angstrom", "meV/atom/ps", "angstrom", "degrees", "1/cm", "K", "ps", "s", "meV"} <= seen
    by_time = [line for line in read(tmp_path / "metrics.csv") if line["metric"] == "trajectory_force_mae_by_time[a]"]
    assert {line["unit"] for line in by_time} == {"meV/angstrom"}
    assert {line["protocol"] for line in by_time} == {"nve", "reference nve"}


def test_lines_are_unique(tmp_path, metrics):
    write_metrics_csv(tmp_path / "metrics.csv", metrics)
    keys = [tuple(line[c] for c in COLUMNS[:-4]) for line in read(tmp_path / "metrics.csv")]
    assert len(keys) == len(set(keys))


def test_every_line_says_of_which_run_it_is_and_over_what(tmp_path, failing_metrics, manifest):
    write_metrics_csv(tmp_path / "metrics.csv", failing_metrics, {**manifest, "name": "mace-length"})
    lines = read(tmp_path / "metrics.csv")
    assert {(x["run"], x["potential"], x["task"], x["variant"]) for x in lines} == {
        ("mace-length", "mace:default", "length", "base")
    }
    force = {x["molecule"]: x["n"] for x in lines if x["metric"] == "force_mae_mev_per_angstrom"}
    assert (force["alkane/02"], force["alkane/12"], force["alkane/13"]) == ("50", "47", "0")
    assert {x["n"] for x in lines if x["protocol"] == "nve"} == {"1"}


def test_numbers_and_words_stand_apart_and_every_number_has_a_unit(tmp_path, failing_metrics):
    write_metrics_csv(tmp_path / "metrics.csv", failing_metrics)
    units = {}
    for line in read(tmp_path / "metrics.csv"):
        assert not (line["value"] and line["text"])
        if line["value"]:
            float(line["value"])
            units[line["metric"].partition("[")[0]] = line["unit"]
    assert all(units.values()), units
    assert (units["force_cosine"], units["drift_resolved"], units["ms_per_frame"]) == ("1", "1", "ms")
    assert (units["force_mae_by_element"], units["temperature_by_element_k"]) == ("meV/angstrom", "K")


def test_parquet_holds_the_same_lines_with_types(tmp_path, failing_metrics, manifest):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install 'compcalc[tables]'")
    (tmp_path / "metrics.parquet").write_bytes(metrics_parquet(failing_metrics, manifest))
    write_metrics_csv(tmp_path / "metrics.csv", failing_metrics, manifest)
    table = parquet.read_table(tmp_path / "metrics.parquet")
    assert (str(table.schema.field("value").type), str(table.schema.field("n").type)) == ("double", "int64")
    rows = [{key: "" if value is None else value for key, value in row.items()} for row in table.to_pylist()]
    lines = read(tmp_path / "metrics.csv")
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        assert {key: str(row[key]) for key in COLUMNS if key != "value"} == {
            k: line[k] for k in COLUMNS if k != "value"
        }
        assert row["value"] == (float(line["value"]) if line["value"] else "")


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch, metrics):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"'pyarrow'.*pip install 'compcalc\[tables\]'"):
        metrics_parquet(metrics)


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
