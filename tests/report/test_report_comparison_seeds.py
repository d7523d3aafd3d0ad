"""Leaderboards with seeds in one row: what is pooled, what is not, and what is shown of it."""

import copy
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_samples import end_run
from rich.console import Console
from test_report_comparison import OOD, make_run, ranks

from compcalc.errors import IncomparableError
from compcalc.report.comparison import Measured, make_board
from compcalc.report.comparison.page import render_page
from compcalc.report.comparison.plain import plain_boards
from compcalc.report.comparison.text import print_board


def trained(name, seed, **changes):
    facts = {
        "name": f"{name}-{seed}",
        "architecture": "mace",
        "settings": {"channels": name},
        "task": "length/base",
        "seed": seed,
        "data": {"method": "GFN2-xTB", "hash": "ab" * 32},
        "frames": {"train": 450, "validation": 50},
        "selection": "lowest loss",
        "sha256": "cd" * 32,
    }
    sha256 = f"{seed:064d}"
    return {"name": name, "dtype": "float32", "sha256": sha256, "files": {}, "trained": {**facts, **changes}}


def make_seed(name, seed, error, run_seed=7, **options):
    """A run of a model of the training `name`; the noise of frames is the same for all."""
    changes = {key: options.pop(key) for key in ("data", "frames") if key in options}
    label = f"{name}-{seed}" + (f" ({run_seed})" if run_seed != 7 else "")
    made = make_run(label, error, noise=0.0, seed=run_seed, potential=trained(name, seed, **changes), **options)
    return Measured(label, f"runs/{label}", made.manifest, made.metrics, made.force_mae)


def seeds_of(name, *errors, **options):
    return [make_seed(name, seed, error, **options) for seed, error in enumerate(errors)]


def printed(board, width=80):
    out = io.StringIO()
    print_board(Console(file=out, width=width), board)
    return out.getvalue()


@pytest.fixture
def noisy():
    return [*seeds_of("small", 20, 26, 23), *seeds_of("large", 21, 27, 24), make_run("other", 90, noise=0.0)]


def test_architectures_that_differ_by_less_than_their_seeds_are_a_tie(noisy):
    """Of the first seed alone, every frame says that the small one is better."""
    single = make_board([noisy[0], noisy[3], noisy[6]])
    assert ranks(single, "ood") == {"small-0": (1, False), "large-0": (2, False), "other": (3, False)}
    board = make_board(noisy, pool=True)
    assert ranks(board, "ood") == {"small": (1, True), "large": (1, True), "other": (3, False)}
    small = board.lines[0].places["ood"]
    means = [np.mean([run.force_mae["ood", name].mean() for name in OOD]) for run in noisy[:3]]
    assert small.value == pytest.approx(np.mean(means)) and small.spread == pytest.approx(3) and small.n_models == 3
    assert board.lines[2].places["ood"].spread is None and not board.notes


def test_seeds_without_spread_have_the_interval_of_one_run():
    one = make_board([make_run("a", 20), make_run("b", 60)]).lines[0].places["ood"]
    alike = [make_seed("a", seed, 20) for seed in range(3)]
    frames = make_run("a", 20).force_mae
    alike = [Measured(run.label, run.folder, run.manifest, run.metrics, frames) for run in alike]
    three = make_board([*alike, make_run("b", 60)], pool=True).lines[0].places["ood"]
    assert (three.value, three.low, three.high) == pytest.approx((one.value, one.low, one.high), rel=1e-12)
    assert three.spread == pytest.approx(0, abs=1e-12)


def test_nothing_is_pooled_unless_it_is_asked_for(noisy):
    assert len(make_board(noisy).lines) == 7


@pytest.mark.parametrize(
    "changes", [{"data": {"method": "x", "hash": "99" * 32}}, {"frames": {"train": 90, "validation": 10}}]
)
def test_models_of_other_training_data_are_not_pooled_and_it_says_so(changes):
    runs = [*seeds_of("small", 20, 22), make_seed("small", 2, 60, **changes)]
    board = make_board(runs, pool=True)
    assert [len(line.pool.models) for line in board.lines] == [2, 1]
    (note,) = board.notes
    assert note.startswith(
        "Not pooled, since they were trained on different data: small-0, small-1 (abababababab, 450 "
    )
    assert "; small-2 (" in note


def test_other_settings_and_precisions_are_other_rows():
    double = seeds_of("small", 30, 33)
    for run in double:
        run.manifest["potential"]["dtype"] = "float64"
    board = make_board([*seeds_of("small", 20, 22), *seeds_of("large", 40, 42), *_renamed(double)], pool=True)
    assert [len(line.pool.models) for line in board.lines] == [2, 2, 2]
    assert len({line.label for line in board.lines}) == 3, "rows of one name are told apart"


def _renamed(runs):
    return [Measured(f"{r.label}/64", f"{r.folder}/64", r.manifest, r.metrics, r.force_mae) for r in runs]


def test_seeds_of_the_dynamics_are_replicas():
    runs = [make_run("a", 20, seed=seed) for seed in (0, 1)] + [make_run("b", 30, seed=seed) for seed in (0, 1)]
    runs = [Measured(f"{r.label} ({i})", f"runs/{i}", r.manifest, r.metrics, r.force_mae) for i, r in enumerate(runs)]
    for row in runs[1].metrics["md"]["runs"]:
        end_run(row, "bond_broken", "", time_ps=0.5)
    with pytest.raises(IncomparableError, match=r"seed: 0 .*against 1 .*\n.*--pool-seeds"):
        make_board(runs)
    board = make_board(runs, pool=True)
    lines = {line.label: line for line in board.lines}
    assert (lines["a"].stable, lines["a"].physical, lines["b"].stable) == (14, 28, 28)
    assert lines["a"].places["stability"].value == pytest.approx(0.75), "half of its runs survive half of the time"
    assert lines["a"].places["ood"].n_models == 1 and lines["a"].places["ood"].spread is None
    assert lines["a"].pool.run_seeds == [0, 1] and "2 MD" in printed(board)


def test_dynamics_of_other_seeds_are_refused_between_rows():
    runs = [*seeds_of("small", 20, 22), make_seed("small", 0, 20, run_seed=8), *seeds_of("large", 30, 33)]
    with pytest.raises(IncomparableError, match=r"seed: 7, 8 \(small-0\) against 7 \(small-1, large-0, large-1\)"):
        make_board(runs, pool=True)


def test_a_run_that_repeats_another_counts_once():
    runs = [*seeds_of("small", 20, 22), make_run("b", 60, noise=0.0)]
    twice = Measured("again", "runs/again", runs[0].manifest, runs[0].metrics, runs[0].force_mae)
    board = make_board([*runs, twice], pool=True)
    assert len(board.lines[0].pool.runs) == 2
    assert board.notes == ("again is left out: same model and seed as another run.",)


def test_halves_of_one_model_belong_together():
    first, second = seeds_of("small", 20, 22)
    static = Measured("s", "runs/s", first.manifest, {**copy.deepcopy(first.metrics), "md": None}, first.force_mae)
    md = Measured("m", "runs/m", first.manifest, {**copy.deepcopy(first.metrics), "static": None})
    board = make_board([static, md, second, make_run("b", 60, noise=0.0)], pool=True)
    assert [len(model) for model in board.lines[0].pool.models] == [2, 1] and not board.notes


def test_a_seed_without_any_result_is_left_out_with_a_word(noisy):
    for values in noisy[1].force_mae.values():
        values[:] = np.nan
    board = make_board(noisy, pool=True)
    assert next(line for line in board.lines if line.label == "small").places["ood"].n_models == 2
    assert "1 of 3 models of small has no usable result for OOD." in board.notes


def test_one_row_of_seeds_shows_its_numbers(noisy):
    (line,) = make_board(noisy[:3], pool=True).lines
    assert (line.places["ood"].rank, line.places["ood"].tied) == (1, False)
    assert line.places["ood"].spread == pytest.approx(3)


def test_what_cannot_be_pooled_is_said():
    old = make_run("a", 20, potential={"name": "a", "training": "mace on length/base"})
    (first, second) = make_board([old, make_run("b", 30)], pool=True).notes
    assert "run.json of a is of an earlier version" in first and "no two of these runs" in second


def test_every_form_shows_the_seeds(noisy):
    board = make_board(noisy, pool=True)
    text = printed(board, 120)
    first = board.lines[0].places["ood"]
    assert "7 runs in 3 rows" in text and f"{first.value:.1f} ±3.0" in text
    assert "seed of their training alone" in " ".join(text.split())
    page = render_page([board], Path("/"))
    assert "7 runs" in page and '<span class="spread">±3.0</span>' in page and "runs/small-2/report.html" in page
    (plain,) = json.loads(json.dumps(plain_boards([board]), allow_nan=False))["boards"]
    small = plain["runs"][0]
    assert (small["n_models"], small["training_seeds"], small["md_seeds"]) == (3, [0, 1, 2], [7])
    assert small["places"]["ood"]["spread"] == pytest.approx(3) and small["sha256"] is None
    assert [run["training_seed"] for run in small["runs"]] == [0, 1, 2]
    assert plain["runs"][2]["n_models"] == 1 and plain["runs"][2]["run"] == "other"


def test_runs_that_were_given_a_row_stand_in_it_whatever_else_they_say():
    fewer = make_seed("small", 2, 24, frames={"train": 448, "validation": 52})
    runs = [replace(run, row="mace?frames=100") for run in (*seeds_of("small", 20, 22), fewer)]
    board = make_board([*runs, replace(make_run("other", 50), row="mmff94")], pool=True)
    assert [(line.label, len(line.pool.models)) for line in board.lines] == [("mace?frames=100", 3), ("mmff94", 1)]
    assert not board.notes
