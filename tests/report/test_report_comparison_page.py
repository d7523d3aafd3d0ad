"""Leaderboards as text, page and JSON."""

import io
import json
import re
from pathlib import Path

import pytest
from report_samples import end_run
from rich.console import Console
from test_report_comparison import make_run

from compcalc.report.comparison import make_board
from compcalc.report.comparison.figures import error_figure, pareto_figure
from compcalc.report.comparison.page import render_page, write_page
from compcalc.report.comparison.plain import plain_boards
from compcalc.report.comparison.text import print_board
from compcalc.report.comparison.words import HOW_RANKED


@pytest.fixture
def board():
    runs = [make_run("a", 20, ood=1.5, ms=10.0), make_run("b", 20.02, ms=1.0), make_run("c", 60, ms=20.0)]
    for row in runs[0].metrics["md"]["runs"]:
        end_run(row, "bond_broken", "", time_ps=0.5)
    return make_board(runs)


def printed(board, width=80):
    out = io.StringIO()
    print_board(Console(file=out, width=width), board)
    return out.getvalue()


def test_the_terminal_shows_ranks_and_values_side_by_side(board):
    text = printed(board)
    assert max(map(len, text.splitlines())) <= 80
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if re.match(r"[abc] ", line)}
    assert list(rows) == ["b", "a", "c"]
    first = board.lines[0].places
    assert rows["b"][:2] == ["1=", f"{first['id'].value:.1f}"] and rows["b"][2] == "1"
    assert rows["a"][4:6] == ["3", "0.500"] and "0/14" in rows["a"]
    assert rows["b"][-1] == "1.0*" and rows["c"][-1] == "20"
    assert "Kendall tau of ID and OOD: 1.00 (95% CI 0.33 to 1.00)" in text and " ".join(HOW_RANKED.split()) in " ".join(
        text.split()
    )
    assert "\x1b" not in text, "plain where it is no terminal"


def test_no_number_is_lost_on_a_narrow_terminal(board):
    rows = [line.split() for line in printed(board, width=50).splitlines() if re.match(r"[abc] ", line)]
    assert [row[-1] for row in rows] == ["1.0*", "10", "20"]


def test_a_lone_run_and_one_without_anything(board):
    alone = printed(make_board([make_run("a", 20)]))
    assert "fewer than two of these runs" in alone and "length/base: 1 run\n" in alone


def test_long_names_and_control_characters_stay_on_their_lines():
    name = "mace:" + "x" * 200 + "\x1b[31m"
    text = printed(make_board([make_run(name, 20), make_run("b", 30)]))
    assert max(map(len, text.splitlines())) <= 80 and "\x1b" not in text


def test_the_page_has_every_number_and_links_to_the_reports(board, tmp_path):
    write_page(tmp_path / "sub" / "page.html", [board])
    page = (tmp_path / "sub/page.html").read_text()
    head = page[: page.index('<script type="application/json"')]
    for line in board.lines:
        assert f">{line.label}</a>" in head
    assert re.search(r'href="(\.\./)+.*runs/a/report.html"', head)
    cells = re.findall(r'<td class="rank">(.*?)</td>', head)
    assert cells == ["1=", "1", "1=", "1=", "2", "3", "3", "3", "1="]
    assert '<span class="tie">tie</span>' in head and '<span class="better">better</span>' in head
    assert "http" not in re.sub(r"<meta[^>]*>", "", head), "needs no network"
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page, flags=re.DOTALL).group(1))
    assert set(figures) == {"errors-0", "pareto-0"}
    assert all(f'id="figure-{key}"' in head for key in figures)


def test_names_with_markup_are_words_everywhere():
    runs = [make_run("<img src=x>", 20), make_run("b", 30)]
    page = render_page([make_board(runs)], Path("/"))
    figures = re.search(r'id="figures">(.*?)</script>', page, flags=re.DOTALL).group(1)
    assert "<img" not in page[: page.index("plotly.js v")] and "<img" not in figures
    assert "&lt;img src=x&gt;" in page


def test_several_tasks_on_one_page():
    boards = [
        make_board([make_run("a", 20, task=task), make_run("b", 30, task=task)])
        for task in ("length/base", "other/base")
    ]
    page = render_page(boards, Path("/"))
    assert "4 runs on 2 tasks" in page and 'id="figure-pareto-1"' in page


def test_figures_hold_the_numbers(board):
    objects = pytest.importorskip("plotly.graph_objects")
    errors, pareto = error_figure(board), pareto_figure(board)
    for figure in (errors, pareto):
        objects.Figure(figure)
    ood = next(trace for trace in errors["data"] if trace["name"] == "OOD")
    assert ood["x"] == [line.places["ood"].value for line in board.lines]
    place = board.lines[0].places["ood"]
    assert ood["error_x"]["array"][0] == pytest.approx(place.high - place.value)
    front, rest = (next(t for t in pareto["data"] if t.get("name") == n) for n in ("Pareto front", "not on it"))
    assert (front["text"], front["x"]) == (["b"], [1.0]) and sorted(rest["text"]) == ["a", "c"]


def test_labels_of_potentials_of_one_error_stand_on_both_sides():
    runs = [make_run(f"a-name-of-many-characters-seed-{k}", 60 + 0.1 * k, ms=1.0 + k) for k in range(3)]
    (trace,) = (t for t in pareto_figure(make_board(runs))["data"] if t.get("name") == "Pareto front")
    rest = next(t for t in pareto_figure(make_board(runs))["data"] if t.get("name") == "not on it")
    sides = [side.split()[0] for t in (trace, rest) for side in t["textposition"]]
    assert len(set(sides)) == 2
    assert trace["text"] == ["a-name-of-many…racters-seed-0"], "the end says which one it is"


def test_no_front_is_drawn_across_hardware():
    other = {"cpu": "B", "cores": 64, "platform": "Linux", "workers": 1}
    board = make_board([make_run("a", 20, ms=10.0), make_run("b", 30, ms=1.0, hardware=other)])
    (trace,) = pareto_figure(board)["data"]
    assert trace["name"] == "on different hardware" and len(trace["x"]) == 2
    assert "Speeds were measured on different hardware" in printed(board)


def test_json_has_ranks_intervals_differences_and_agreement(board):
    (plain,) = json.loads(json.dumps(plain_boards([board]), allow_nan=False))["boards"]
    best = plain["runs"][0]
    assert (best["label"], best["places"]["id"]["rank"], best["places"]["id"]["tied"]) == ("b", 1, True)
    assert plain["rankings"]["ood"]["unit"] == "meV/angstrom" and plain["rankings"]["stability"]["unit"] == "1"
    pairs = {(d["first"], d["second"]): d for d in plain["rankings"]["id"]["differences"]}
    assert pairs["a", "b"]["tie"] and not pairs["a", "c"]["tie"]
    assert pairs["a", "c"]["low"] < pairs["a", "c"]["value"] < pairs["a", "c"]["high"] < 0
    assert {(t["first"], t["second"]) for t in plain["kendall_tau"]} == {
        ("id", "ood"),
        ("id", "stability"),
        ("ood", "stability"),
    }
    assert best["on_pareto_front"] is True and best["folder"] == "runs/b"


WAY = "trajectory_force_mae_mev_per_angstrom"


def test_every_form_shows_the_force_error_on_the_way_where_it_is_known(board):
    assert "own trajectories" not in render_page([board], Path()) and "MD" not in printed(board).splitlines()[2]
    runs = [make_run("a", 20), make_run("b", 30), make_run("c", 60, md=False)]
    first, second, heated, *_ = runs[0].metrics["md"]["runs"]
    first[WAY], second[WAY], heated[WAY] = 100.0, 431.0, 5000.0
    heated["ensemble"] = "heat"
    board = make_board(runs)
    plain = {line["label"]: line for line in plain_boards([board])["boards"][0]["runs"]}
    assert (plain["a"][WAY], plain["a"][f"largest_{WAY}"]) == (265.5, 431.0)
    assert (plain["b"][WAY], plain["c"][f"largest_{WAY}"]) == (None, None)
    rows = {line.split()[0]: line.split()[1:] for line in printed(board).splitlines() if re.match(r"[abc] ", line)}
    place = len(board.columns) * 2 + 1  # behind the rankings and the ratio
    assert [rows[name][place] for name in "abc"] == ["266", "–", "–"]
    page = render_page([board], Path())
    assert "MD: force MAE on own trajectories" in page
    assert '<td class="n">266 <span class="remark">up to 431</span></td>' in page
