"""The command line as a user meets it: what is printed, and the exit code."""

import json

import pytest

from compcalc.cli import call as call_cli


@pytest.fixture
def compcalc(monkeypatch, capsys, tmp_path):
    """Run the command line in an empty directory; gives exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*words):
        monkeypatch.setattr("sys.argv", ["compcalc", *words])
        code = call_cli(list(words))
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


def test_tasks_as_json(compcalc):
    code, out, _ = compcalc("tasks", "--json")
    rows = json.loads(out)
    assert code == 0
    assert {(r["task"], r["variant"]): (len(r["train"]), len(r["ood"])) for r in rows} == {
        ("length", "base"): (5, 7),
        ("length", "augmented"): (14, 14),
        ("composition", "base"): (21, 7),
        ("composition", "augmented"): (35, 7),
        ("duplication", "base"): (6, 6),
        ("combination", "base"): (16, 8),
    }
    assert rows[0].keys() >= {"task", "variant", "train", "ood"}
    assert "amino_acid/02" in next(r for r in rows if r["task"] == "combination")["ood"]


def test_tasks_for_a_person(compcalc):
    _, out, _ = compcalc("tasks")
    assert "alkane 7-13 (7 molecules)" in out
    assert "alcohol 2,3,9-15, carboxylic_acid 4-8 (14 molecules)" in out


def test_calculators(compcalc):
    code, out, _ = compcalc("calculators", "--json")
    rows = {row["scheme"]: row for row in json.loads(out)}
    assert code == 0
    assert {"mace", "tblite", "mmff94", "python", "file"} <= set(rows)
    assert rows["tblite"]["available"] is True
    _, table, _ = compcalc("calculators")
    assert "tblite" in table


def test_schemas(compcalc):
    code, out, _ = compcalc("schema")
    assert code == 0 and json.loads(out)["title"].startswith("metrics.json")
    assert json.loads(compcalc("schema", "run")[1])["title"].startswith("run.json")
    code, _, err = compcalc("schema", "metric")
    assert code == 2 and "allowed: metrics, run" in err


def test_version(compcalc):
    assert compcalc("--version")[1].startswith("compcalc 0.")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "maze:default", "--task", "length"], r"Did you mean 'mace'?"),
        (["run", "mmff94", "--task", "lenght"], r"Did you mean 'length'?"),
        (["run", "mmff94", "--task", "length", "--variant", "huge"], "augmented, base"),
        (["run", "mmff94", "--task", "length", "--preset", "fast"], "full, quick, standard"),
        (["run", "mmff94", "--task", "length", "--only", "dynamics"], "all, static, md"),
        (["run", "mmff94?speed=9", "--task", "length"], "variant"),
        (["run", "mmff94", "--task", "length", "--data", "nowhere"], "data directory nowhere does not exist"),
        (["plan", "mmff94", "--task", "lenght"], r"Did you mean 'length'?"),
        (["plan", "mmff94", "--task", "length", "--seconds", "0"], "above 0 s"),
        (["run", "mace:nowhere.model", "--task", "length"], "nowhere.model does not exist"),
        pytest.param(
            ["run", "nowhere.model", "--task", "length"], "nowhere.model does not exist", marks=pytest.mark.slow
        ),
        (["run", "tblite:GFN3", "--task", "length"], "GFN1-xTB, GFN2-xTB"),
        (["run", "file:nowhere.py:make", "--task", "length"], "nowhere.py does not exist"),
        (["run", "python:no.such.module:make", "--task", "length"], "cannot be imported"),
        (["run", "python:math:nothing", "--task", "length"], "factory: got 'nothing'"),
        (["run", "python:math:sqrt", "--task", "length"], "could not be built"),
        (["data", "export", "x.xyz", "--trajectory", "Z"], "A, B, C"),
        (["data", "export", "x.xyz", "--molecule", "alkane/99"], "alkane/99"),
        (["data", "verify", "nowhere"], "nowhere does not exist"),
        (["train", "mace", "--task", "nothing", "--out", "x"], "allowed: combination"),
    ],
)
def test_bad_input_is_one_message_and_leaves_nothing(compcalc, tmp_path, words, message):
    code, _, err = compcalc(*words)
    assert code == 2
    assert message in err
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_missing_options_name_themselves(compcalc):
    code, _, err = compcalc("run", "mmff94")
    assert code == 2
    assert "--task" in err


def test_an_unwritable_run_directory(compcalc, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = compcalc("run", "mmff94", "--task", "duplication", "--only", "md", "--out", "file/run")
    assert code == 2
    assert "cannot be written" in err


def test_a_directory_with_other_files(compcalc, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    code, _, err = compcalc("run", "mmff94", "--task", "duplication", "--only", "md", "--out", ".")
    assert code == 2
    assert "thesis.tex" in err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_corrupt_data_are_refused(compcalc, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/test.h5").write_bytes(b"not HDF5")
    code, _, err = compcalc("run", "mmff94", "--task", "length", "--data", "data", "--out", "run")
    assert code == 2
    assert "not a readable HDF5 file" in err
    assert not (tmp_path / "run").exists()


def test_data_info_and_export(compcalc, tmp_path):
    code, out, _ = compcalc("data", "info", "--json")
    content = json.loads(out)
    assert code == 0
    assert content["contents"]["B"]["molecules"] >= 12
    force = content["evidence"]["bond_force_ev_per_angstrom"]["A"]["C-H"]
    assert abs(force["mean"] - force["equilibrium"]) < 4 * force["standard_error"]
    assert force["equilibrium"] == pytest.approx(-0.047, abs=0.002)
    code, out, _ = compcalc("data", "export", "ethane.xyz", "--molecule", "alkane/02")
    assert code == 0
    assert "100 frames written" in out
    assert (tmp_path / "ethane.xyz").read_text().count("REF_energy") == 100


def test_a_run_ends_with_a_table_and_a_report(compcalc, tmp_path, tiny_data, tiny_task, tiny_preset):
    words = ("run", "mmff94", "--task", "length", "--data", str(tiny_data), "--workers", "1", "--out", "run")
    code, out, _ = compcalc(*words)
    assert code == 0
    for text in ("alkane/02", "alkane/04", "ID", "OOD", "ok", "Report:"):
        assert text in out
    assert json.loads((tmp_path / "run/run.json").read_text())["command"].startswith("compcalc run mmff94")


def test_a_plan_as_a_table_and_for_programs(compcalc, tmp_path, tiny_data, tiny_task, tiny_preset):
    words = ("plan", "mmff94", "--task", "length", "--data", str(tiny_data), "--workers", "1", "--seconds", "0.2")
    code, out, _ = compcalc(*words)
    assert code == 0
    for text in ("length/base", "12 frames", "240 steps", "ns/day", "of memory a worker", "1 worker", "14 atoms"):
        assert text in out
    assert max(map(len, out.splitlines())) <= 100
    code, out, _ = compcalc(*words, "--json")
    (found,) = json.loads(out)
    assert (found["potential"], found["total"]["units"], found["workers"]) == ("mmff94", 5, 1)
    assert found["total"]["reference_steps"] == 0
    assert {m["kind"] for m in found["calibration"]["measured"]} == {"static", "nve", "nvt"}
    assert not list(tmp_path.iterdir())


def test_a_plan_counts_the_reference_apart(compcalc, tiny_data, tiny_task, tiny_preset):
    words = ("--data", str(tiny_data), "--workers", "1", "--seconds", "0.2", "--reference-md", "1")
    code, out, _ = compcalc("plan", "mmff94", "--task", "length", *words)
    assert code == 0 and "240 steps" in out and "240 of reference" in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_run_with_technical_failures_exits_with_3(compcalc, tmp_path, tiny_data, tiny_task, tiny_preset):
    (tmp_path / "own.py").write_text(
        "from ase.calculators.lj import LennardJones\n"
        "class Picky(LennardJones):\n"
        "    def calculate(self, atoms, *a, **k):\n"
        "        if len(atoms) == 14: raise ValueError('butane is not for me')\n"
        "        super().calculate(atoms, *a, **k)\n"
    )
    code, out, _ = compcalc(
        "run", "file:own.py:Picky", "--task", "length", "--data", str(tiny_data), "--workers", "1", "--out", "run"
    )
    assert code == 3
    assert "butane is not for me" in out
