"""`compcalc benchmark` from end to end: trained, tested, ranked, recorded; goes on; what fails is said."""

import json

import pytest

from compcalc.benchmark import Matrix, parse_model
from compcalc.cli import call
from compcalc.cli.benchmarking import _each
from compcalc.commands.benchmark import Sizes, benchmark


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run `compcalc benchmark` without dynamics; gives exit code and standard output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def start(*words):
        words = ("benchmark", *words, "--only", "static", "--workers", "1", "--out", "b")
        monkeypatch.setattr("sys.argv", ["compcalc", *words])
        code = call(list(words))
        out = capsys.readouterr()
        return code, out.out + out.err

    return start


def record(tmp_path):
    return json.loads((tmp_path / "b/benchmark.json").read_text())


@pytest.mark.slow
def test_two_seeds_of_a_model_stand_in_one_row_beside_a_potential(run, tmp_path):
    code, out = run("--models", "linear,mmff94", "--tasks", "length", "--seeds", "0,1")
    assert code == 0
    found = record(tmp_path)
    cells = {(cell["model"], cell["seed"]): cell for cell in found["cells"]}
    assert set(cells) == {("linear", 0), ("linear", 1), ("mmff94", None)}
    assert [cell["state"] for cell in cells.values()] == ["trained", "trained", "untrained"]
    mine = cells["linear", 0]
    # Trained and tested apart, on the same frames: both say the same error.
    errors = mine["training"]["errors"]["ood_test"]["force_mae_mev_per_angstrom"]
    assert mine["test"]["static"]["ood"]["force_mae_mev_per_angstrom"]["value"] == pytest.approx(errors, abs=0.01)
    (board,) = found["boards"]
    row = {line["label"]: line for line in board["runs"]}["linear"]
    assert row["training_seeds"] == [0, 1]
    low, high = row["ood_id_ratio_low"], row["ood_id_ratio_high"]
    ratio = row["places"]["ood"]["value"] / row["places"]["id"]["value"]
    assert row["ood_id_ratio"] == pytest.approx(ratio) and low < ratio < high
    assert set(found["data_sha256"]) == {"length/base"} and len(found["data_sha256"]["length/base"]) == 12
    assert found["sizes"]["only"] == "static" and found["command"].startswith(
        "compcalc benchmark --models linear,mmff94"
    )
    assert (tmp_path / "b/leaderboard.html").is_file()
    assert "[2/3] linear on length/base, seed 1\n" in out and "b/models" not in out
    assert "length/base: 3 runs in 2 rows" in out and "Everything in one file: b/benchmark.json" in out

    before = (tmp_path / "b/models/linear/linear-length-base-0/card.json").stat().st_mtime_ns
    code, out = run("--models", "linear", "--tasks", "length", "--seeds", "0,1")
    assert code == 0 and "2 trainings finished before" in out
    assert (tmp_path / "b/models/linear/linear-length-base-0/card.json").stat().st_mtime_ns == before
    assert [cell["model"] for cell in record(tmp_path)["cells"]] == ["linear", "linear"]


def test_a_training_that_fails_is_a_cell_with_its_cause(run, tmp_path):
    code, out = run("--models", "linear?frames=1000,linear", "--tasks", "length")
    assert code == 3
    assert "1 cell without a result; the same command tries them again:" in out
    assert "linear?frames=1000 on length/base, seed 0: alkane/02: trajectory A has 100 frames" in out
    failed, good = record(tmp_path)["cells"]
    assert (failed["state"], failed["training"], failed["test"]) == ("failed", None, None)
    assert "1000 were asked for" in failed["cause"]
    assert good["state"] == "trained" and good["test"]["static"]["ratio"]["value"] > 0
    (board,) = record(tmp_path)["boards"]
    assert [line["label"] for line in board["runs"]] == ["linear"]  # one seed is called as several are
    assert "pooled" not in out and "linear:b/models" not in out

    code, out = run("--models", "linear", "--tasks", "length", "--budget", "3")
    assert code == 2 and "holds a model trained otherwise: minutes is None there and 3.0 here" in out
    path = tmp_path / "b/models/linear/linear-length-base-0/request.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"settings": {"ridge": 0.5}}))
    code, out = run("--models", "linear", "--tasks", "length")  # as after a version with another default
    assert code == 2 and "holds a model trained otherwise: settings.ridge is 0.5 there and None here" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--models", "linaer", "--tasks", "length"), "model: got 'linaer'"),
        (("--models", "linear", "--tasks", "lenght"), "got 'lenght'"),
        (("--models", "linear", "--tasks", "length", "--seeds", "0;1"), "--seeds: got '0;1'"),
        (("--models", "linear", "--tasks", "length", "--preset", "huge"), "got 'huge'"),
        (("--models", ",", "--tasks", "length"), "models: got 'nothing'"),
    ],
)
def test_mistakes_are_said_before_anything_is_written(run, tmp_path, words, said):
    code, out = run(*words)
    assert code == 2 and said in out
    assert not (tmp_path / "b").exists()


@pytest.mark.slow
def test_a_potential_that_cannot_be_used_takes_nothing_from_the_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models = [parse_model(text) for text in ("mace:missing.model", "mmff94")]
    sizes = Sizes(only="static", workers=1)
    assert benchmark(Matrix(models, [("length", "base")], [0], tmp_path / "b"), sizes, "compcalc benchmark") == 3
    bad, good = record(tmp_path)["cells"]
    assert "missing.model" in bad["cause"] and bad["test"] is None
    assert good["cause"] is None and good["test"]["static"]["ood"]["force_mae_mev_per_angstrom"]["value"] > 50


def test_lists_are_separated_by_commas_or_repeated():
    assert _each(["linear, mace", "mace", ""]) == ["linear", "mace"]
