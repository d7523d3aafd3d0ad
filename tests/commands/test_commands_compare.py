"""`compcalc compare` on runs that were really made: ranks, what is refused, and what cannot be read."""

import json
import shutil

import pytest

from compcalc.cli import call
from compcalc.commands.compare import compare
from compcalc.errors import InputError, RunDirectoryError
from compcalc.pipeline import RunSettings, run, run_all
from compcalc.reference.dataset import DataSet
from compcalc.reference.store import write_frames

pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")

METHODS = ("mmff94", "tblite:GFN1-xTB", "tblite:GFN2-xTB")


def asked(data, spec="mmff94", **options):
    return RunSettings(spec, "length", data=data, **{"workers": 0, "only": "static", **options})


@pytest.fixture
def three(tiny_data, tmp_path):
    run_all([asked(tiny_data, spec) for spec in METHODS], tmp_path / "three")
    return tmp_path / "three"


def test_the_reference_method_itself_wins(three, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert call(["compare", str(three), "--json", "--html", str(page)]) == 0
    (board,) = json.loads(capsys.readouterr().out)["boards"]
    assert [one["potential"] for one in board["runs"]] == list(reversed(METHODS))
    assert [one["places"]["ood"]["rank"] for one in board["runs"]] == [1, 2, 3]
    assert board["runs"][0]["places"]["id"]["value"] < 1e-3 < board["runs"][1]["places"]["id"]["value"]
    metrics = json.loads((three / "mmff94-length-base-quick/metrics.json").read_text())
    mine = metrics["static"]["summary"]["ood"]["force_mae_mev_per_angstrom"]["value"]
    assert board["runs"][2]["places"]["ood"]["value"] == pytest.approx(mine, rel=1e-5)
    assert board["kendall_tau"][0]["value"] == 1.0 and board["same_hardware"]
    text = page.read_text()
    assert 'href="three/mmff94-length-base-quick/report.html"' in text and "GFN1-xTB" in text
    assert call(["compare", *(str(three / f"{name}-length-base-quick") for name in ("mmff94", "tblite-GFN1-xTB"))]) == 0
    out = capsys.readouterr().out
    assert "length/base: 2 runs" in out and "needs 3 potentials" in out and "--html FILE" in out


def test_the_same_potential_twice_is_a_tie(tiny_data, tmp_path):
    for name in ("a", "b"):
        run(asked(tiny_data), tmp_path / name)
    (board,) = compare([tmp_path / "a", tmp_path / "b", tmp_path / "a"])
    assert [line.label for line in board.lines] == [f"mmff94 ({tmp_path / name})" for name in ("a", "b")]
    assert all((p.rank, p.tied) == (1, True) for line in board.lines for p in line.places.values())


def test_dynamics_are_ranked_by_survival(tiny_data, tmp_path):
    for spec in ("mmff94", "tblite:GFN1-xTB"):
        run(asked(tiny_data, spec, only="all"), tmp_path / spec)
    (board,) = compare([tmp_path / "mmff94", tmp_path / "tblite:GFN1-xTB"])
    assert [column.criterion.key for column in board.columns] == ["id", "ood", "stability"]
    assert {(line.stable, line.physical, line.places["stability"].value) for line in board.lines} == {(2, 2, 1.0)}
    assert all(line.drift is not None and line.pool.ms_per_step > 0 for line in board.lines)


def test_other_data_of_the_same_task_are_refused(three, tiny_data, tmp_path, capsys):
    groups = [DataSet(tiny_data).file("B").read(f"alkane/{n:02d}") for n in (2, 3, 4)]
    (tmp_path / "other").mkdir()
    write_frames(
        tmp_path / "other/test.h5", [*groups[:2], groups[2].select(slice(0, 3))], DataSet(tiny_data).description
    )
    run(asked(tmp_path / "other"), tmp_path / "cut")
    assert call(["compare", str(three), str(tmp_path / "cut")]) == 2
    shown = capsys.readouterr()
    assert (
        shown.out == ""
        and "error: the runs on length/base were not measured alike:\n  data of alkane/04: " in shown.err
    )
    assert "data of alkane/02" not in shown.err and "--data" in shown.err


def test_other_replicas_are_refused_and_own_molecules_stand_apart(three, tiny_data, tmp_path, capsys):
    run(asked(tiny_data, only="md"), tmp_path / "one")
    run(asked(tiny_data, only="md", replicas=2), tmp_path / "two")
    assert call(["compare", str(tmp_path / "one"), str(tmp_path / "two")]) == 2
    assert "preset, replicas: 1 (mmff94 (" in capsys.readouterr().err
    run(RunSettings("mmff94", molecules=("C",), workers=0), tmp_path / "own")
    boards = compare([three, tmp_path / "one", tmp_path / "own"])
    assert [(board.subject, len(board.lines)) for board in boards] == [("length/base", 4), ("own molecules C", 1)]


def test_what_cannot_be_compared_is_said(three, tmp_path):
    lone = three / "mmff94-length-base-quick"
    with pytest.raises(InputError, match=r"RUN: got '1 run in .*allowed: two or more runs"):
        compare([lone])
    with pytest.raises(RunDirectoryError, match="is no run directory"):
        compare([lone, tmp_path])
    manifest = json.loads((lone / "run.json").read_text())
    (lone / "run.json").write_text(json.dumps({**manifest, "finished": None}))
    with pytest.raises(RunDirectoryError, match="has not ended"):
        compare([three])
    del manifest["data"]["sha256"]
    (lone / "run.json").write_text(json.dumps({**manifest, "command": "compcalc run mmff94"}))
    with pytest.raises(RunDirectoryError, match=r"earlier version.*Give its command again.*: compcalc run mmff94"):
        compare([three])
    shutil.rmtree(lone)
    with pytest.raises(RunDirectoryError, match="has not begun to write"):
        compare([three])
