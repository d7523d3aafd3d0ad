"""Leaderboards of runs that were made up: ranks, ties, what is left out, and what is refused."""

import copy

import numpy as np
import pytest
from report_samples import end_run, make_manifest, make_metrics
from scipy.stats import kendalltau

from compcalc.errors import IncomparableError
from compcalc.report.comparison import Measured, by_subject, make_board
from compcalc.report.comparison.measured import labels_of

ID, OOD = [f"alkane/{n:02d}" for n in range(2, 7)], [f"alkane/{n:02d}" for n in range(7, 14)]
PROTOCOL = {"name": "nve", "production_ps": 1.0, "timestep_fs": 0.5}


def make_run(label, error, *, ood=1.0, noise=0.5, md=True, draw=0, ms=1.0, **manifest):
    """A run whose ID force MAE is about `error` meV/angstrom, and `ood` times that on OOD molecules."""
    rng = np.random.default_rng([draw, round(100 * error)])
    hard = np.random.default_rng(0).uniform(0, 40, (12, 20))
    names = [("id", name, 1.0) for name in ID] + [("ood", name, ood) for name in OOD]
    force_mae = {
        (split, name): hard[i] + error * factor + rng.normal(0, noise, 20)
        for i, (split, name, factor) in enumerate(names)
    }
    metrics = make_metrics(md=md)
    for entry in metrics["static"]["molecules"]:
        entry["ms_per_frame"] = ms
    facts = {
        **make_manifest(),
        "name": label,
        "spec": label,
        "preset": {"name": "quick", "replicas": 1, "protocols": [PROTOCOL]},
        "data": {"path": "shipped", "method": "GFN2-xTB", "sha256": {name: "ab" * 32 for name in ID + OOD}},
        "hardware": {"cpu": "A Fine CPU", "cores": 2, "platform": "Linux", "workers": 1},
        **manifest,
    }
    return Measured(label, f"runs/{label}", facts, metrics, force_mae)


def ranks(board, key):
    return {line.label: (line.places[key].rank, line.places[key].tied) for line in board.lines if line.places[key]}


def test_ranks_ties_and_their_agreement():
    runs = [make_run("c", 60), make_run("a", 20, ood=1.5), make_run("b", 20.02, ood=1.0)]
    board = make_board(runs)
    assert ranks(board, "id") == {"a": (1, True), "b": (1, True), "c": (3, False)}
    assert ranks(board, "ood") == {"b": (1, False), "a": (2, False), "c": (3, False)}
    assert [line.label for line in board.lines] == ["b", "a", "c"], "best error on unseen molecules first"
    tau = {(found.first, found.second): found.tau for found in board.agreements}
    values = {key: [line.places[key].value for line in board.lines] for key in ("id", "ood")}
    assert tau["id", "ood"].value == pytest.approx(kendalltau(values["id"], values["ood"]).statistic)
    assert (tau["id", "ood"].low, tau["id", "ood"].high) == (pytest.approx(1 / 3), 1), "a and b change places"
    assert tau["ood", "stability"] is None, "every run is stable in all"
    assert "same for all" in board.agreements[1].why
    assert board.lines[0].ratio == pytest.approx(
        np.mean([runs[2].force_mae["ood", n].mean() for n in OOD])
        / np.mean([runs[2].force_mae["id", n].mean() for n in ID])
    )


def test_stability_ranks_by_survival_over_physical_runs():
    runs = [make_run(label, error) for label, error in (("good", 50), ("bad", 20), ("worst", 30))]
    for row in runs[1].metrics["md"]["runs"]:
        end_run(row, "bond_broken", "", time_ps=0.5)
    for row in runs[2].metrics["md"]["runs"]:
        end_run(row, "exploded", "", time_ps=0.1)
    board = make_board(runs)
    assert ranks(board, "stability") == {"good": (1, False), "bad": (2, False), "worst": (3, False)}
    assert {line.label: line.places["stability"].value for line in board.lines} == {
        "good": 1,
        "bad": 0.5,
        "worst": pytest.approx(0.1),
    }
    tau = next(found.tau for found in board.agreements if found.second == "stability" and found.first == "ood")
    assert tau.value == pytest.approx(-1 / 3), "bad and worst are as in the errors, good is not"


def test_a_run_that_ended_for_other_reasons_counts_for_nobody():
    runs = [make_run("a", 20), make_run("b", 30)]
    end_run(runs[0].metrics["md"]["runs"][0], "crashed", "", time_ps=0.1)
    end_run(runs[1].metrics["md"]["runs"][0], "bond_broken", "", time_ps=0.1)
    board = make_board(runs)
    assert {line.places["stability"].value for line in board.lines} == {1.0}
    assert any("1 MD run are left out of stability for all, since a failed there" in note for note in board.notes)


def test_heated_runs_are_made_to_break_and_do_not_count():
    runs = [make_run("a", 20), make_run("b", 30)]
    for run in runs:
        for row in run.metrics["md"]["runs"]:
            row["ensemble"] = "heat"
            end_run(row, "bond_broken", "", time_ps=0.1)
    assert all("stability" not in line.places for line in make_board(runs).lines)


def test_frames_on_which_one_failed_count_for_nobody():
    runs = [make_run("a", 20), make_run("b", 30)]
    lost, partly = ("ood", OOD[0]), ("ood", OOD[1])
    runs[0].force_mae[lost][:] = np.nan
    runs[0].force_mae[partly][:5] = np.nan
    runs[1].force_mae[partly][:5] = 1e6
    board = make_board(runs)
    expected = [runs[1].force_mae["ood", n] for n in OOD[1:]]
    expected[0] = expected[0][5:]
    line = next(line for line in board.lines if line.label == "b")
    assert line.places["ood"].value == pytest.approx(np.mean([values.mean() for values in expected]))
    (note,) = board.notes
    assert note == f"25 frames are left out of OOD for all, since a failed there; nothing is left of {OOD[0]}."


def test_a_potential_without_any_result_is_not_ranked_and_takes_nothing_from_the_others():
    runs = [make_run("a", 20), make_run("b", 30), make_run("dead", 10)]
    for values in runs[2].force_mae.values():
        values[:] = np.nan
    board = make_board(runs)
    assert ranks(board, "ood") == {"a": (1, False), "b": (2, False)}
    assert board.lines[-1].label == "dead" and board.lines[-1].places["ood"] is None
    assert "dead has no usable result for ID." in board.notes


def test_a_run_without_dynamics_is_ranked_by_its_errors_alone():
    runs = [make_run("a", 20), make_run("b", 30), make_run("static", 10, md=False)]
    board = make_board(runs)
    assert ranks(board, "stability") == {"a": (1, True), "b": (1, True)} and len(ranks(board, "ood")) == 3
    assert "needs 3 potentials with both" in board.agreements[1].why


def test_own_molecules_have_one_ranking_of_errors():
    own = {"task": None, "molecules": OOD}
    runs = [make_run("a", 20, **own), make_run("b", 30, **own)]
    board = make_board(runs)
    assert [column.criterion.key for column in board.columns] == ["own", "stability"]
    assert board.subject == "own molecules alkane/07, alkane/08, alkane/09 and 4 more"


def test_the_front_holds_what_nothing_beats_on_the_same_hardware():
    runs = [make_run("fast", 60, ms=0.1), make_run("slow", 20, ms=10.0), make_run("both bad", 70, ms=5.0)]
    board = make_board(runs)
    assert {line.label: line.front for line in board.lines} == {"fast": True, "slow": True, "both bad": False}
    hardware = {**runs[0].manifest["hardware"], "workers": 2}
    board = make_board([*runs[1:], make_run("fast", 60, ms=0.1, hardware=hardware)])
    assert {line.front for line in board.lines} == {None} and not board.same_hardware
    assert board.notes == ("Speeds were measured on different hardware: workers 1 (slow, both bad) against 2 (fast).",)


def test_versions_that_differ_are_said():
    board = make_board([make_run("a", 20), make_run("b", 30, versions={"torch": "2.9.0", "tblite": "1"})])
    assert board.notes == ("Package versions differ: torch 2.8.0 (a) against 2.9.0 (b).",)


def _preset(**changes):
    protocol = {**PROTOCOL, **{k: v for k, v in changes.items() if k != "replicas"}}
    return {"name": "quick", "replicas": changes.get("replicas", 1), "protocols": [protocol]}


@pytest.mark.parametrize(
    ("changes", "line", "remedy"),
    [
        (
            {"data": {"method": "GFN1-xTB", "sha256": {}}},
            "reference method: GFN2-xTB (a) against GFN1-xTB (b)",
            "--reference",
        ),
        ({"seed": 1}, "seed: 7 (a) against 1 (b)", "--seed"),
        ({"preset": _preset(replicas=3)}, "preset, replicas: 1 (a) against 3 (b)", "--replicas"),
        (
            {"preset": _preset(production_ps=10.0)},
            "preset, production_ps of nve: 1.0 (a) against 10.0 (b)",
            "--preset",
        ),
        ({"preset": _preset(name="hot")}, "preset, protocols: nve (a) against hot (b)", "--preset"),
    ],
)
def test_what_was_not_measured_alike_is_refused_by_name_and_value(changes, line, remedy):
    with pytest.raises(IncomparableError) as caught:
        make_board([make_run("a", 20), make_run("b", 30, **changes)])
    first, *lines = str(caught.value).splitlines()
    assert first == "the runs on length/base were not measured alike:"
    assert f"  {line}" in lines and remedy in lines[-1]


def test_data_that_differ_are_refused_molecule_by_molecule():
    data = make_run("x", 1).manifest["data"]
    other = {**data, "sha256": {**data["sha256"], OOD[0]: "cd" * 32}}
    with pytest.raises(IncomparableError, match=f"data of {OOD[0]}: {'ab' * 6} .a. against {'cd' * 6} .b.\n.*--data"):
        make_board([make_run("a", 20), make_run("b", 30, data=other)])
    other = {**data, "sha256": {name: "cd" * 32 for name in data["sha256"]}}
    with pytest.raises(IncomparableError, match=r"data of alkane/04.*\n  data: of 9 molecules more\n"):
        make_board([make_run("a", 20), make_run("b", 30, data=other)])


def test_other_molecules_and_other_metrics_are_refused():
    other = make_run("b", 30)
    other.metrics["static"]["molecules"].pop()
    with pytest.raises(IncomparableError, match=r"molecules with errors: 12 molecules, .* against 11 molecules"):
        make_board([make_run("a", 20), other])
    newer = make_run("b", 30)
    newer.metrics["schema_version"] = 2
    with pytest.raises(IncomparableError, match=r"metrics version: 1 \(a\) against 2 \(b\)"):
        make_board([make_run("a", 20), newer])


def test_preset_and_seed_do_not_matter_to_errors_on_given_frames():
    changes = {"seed": 1, "preset": _preset(replicas=3)}
    board = make_board([make_run("a", 20), make_run("b", 30, md=False, **changes)])
    assert len(ranks(board, "ood")) == 2


def test_a_half_that_a_run_lacks_is_no_difference():
    """The checksums of a run of dynamics alone are of the unseen molecules alone."""
    md_only = make_run("b", 30)
    data = md_only.manifest["data"]
    md_only = Measured(
        "b",
        "runs/b",
        {**md_only.manifest, "data": {**data, "sha256": {name: data["sha256"][name] for name in OOD}}},
        {**copy.deepcopy(md_only.metrics), "static": None},
    )
    board = make_board([make_run("a", 20), md_only])
    assert [column.criterion.key for column in board.columns] == ["stability"]


def test_runs_on_different_tasks_are_grouped_not_refused():
    runs = [make_run("a", 20), make_run("b", 30, task="duplication/base", seed=3), make_run("c", 30)]
    own = [make_run("d", 1, task=None, molecules=names) for names in (["CC"], ["CC"], ["CO"])]
    groups = by_subject([*runs, *own])
    assert [[run.label for run in group] for group in groups] == [["a", "c"], ["b"], ["d", "d"], ["d"]]


def test_a_potential_that_occurs_twice_is_named_with_its_folder():
    assert labels_of([("a", "x"), ("b", "y"), ("a", "z")]) == ["a (x)", "b", "a (z)"]


def test_folders_of_a_model_file_are_named_where_they_are_needed():
    assert labels_of([("mace:/a/b/m.model?dtype=float64", "x"), ("file:c/d.py:make", "y"), ("mmff94", "z")]) == [
        "mace:m.model?dtype=float64",
        "file:d.py:make",
        "mmff94",
    ]
    assert labels_of([("mace:/a/m.model", "x"), ("mace:/b/m.model", "y")]) == ["mace:/a/m.model", "mace:/b/m.model"]
    assert labels_of([("mace:/a/m.model", "x"), ("mace:/a/m.model", "y")]) == ["mace:m.model (x)", "mace:m.model (y)"]
