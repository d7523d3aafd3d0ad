"""What a run prints while it goes on: on a terminal, in a batch job's log, for programs, and when it is to be quiet."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from compcalc.commands.following import LINE_EVERY_S, Shown, line
from compcalc.commands.progress import run_bars
from compcalc.commands.run import COMPLETE, WITH_FAILURES, run_with_progress
from compcalc.pipeline import PreparedRun, RunSettings, read_input
from compcalc.pipeline.pace import Pace
from compcalc.pipeline.potential import Potential

pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def asked(tiny_data):
    return RunSettings("mmff94", "length", data=tiny_data, workers=0)


@pytest.fixture
def md(asked):
    described = {"name": "mmff94", "dtype": None, "sha256": None, "files": {}, "batch_atoms": None}
    return PreparedRun(read_input(asked), Potential(described, {})).md_units()


def test_a_line_says_what_is_done_and_how_long_the_rest_takes(md):
    clock = Clock()
    pace = Pace(md, clock)
    assert line("md", pace) == "molecular dynamics: 0 of 2 units"
    pace.under_way({md[0].id: 0.0})
    clock.now = 240.0
    pace.done(md[0].id)
    assert line("md", pace) == "molecular dynamics: 1 of 2 units, 4.0 min left, 0.500 steps/s"
    pace.under_way({md[1].id: 0.5})
    assert line("md", pace).endswith("80 s left, 0.750 steps/s, 0.032 ns/day a molecule")
    pace.done(md[1].id)
    assert line("md", pace) == "molecular dynamics: 2 of 2 units"


def test_a_log_shows_life_every_half_minute(md):
    clock, out = Clock(), io.StringIO()
    console = Console(file=out, width=100)
    with run_bars(console) as bars:
        progress = Shown(console, bars, clock=clock).progress()
        progress.begin("static", [])
        progress.begin("md", md)
        for clock.now in range(100):
            progress.under_way({md[0].id: clock.now / 100})
        progress.advance("md", md[0])
    lines = out.getvalue().splitlines()
    assert lines[0] == "molecular dynamics: 2 work units"
    assert len(lines) == 1 + 99 // LINE_EVERY_S
    assert all(text.startswith("molecular dynamics: 0 of 2 units, ") and " left, " in text for text in lines[1:])


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_speed_and_time_left(md, width):
    clock, out = Clock(), io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    with run_bars(console) as bars:
        progress = Shown(console, bars, clock=clock).progress()
        progress.begin("md", md)
        progress.under_way({md[0].id: 0.0})
        clock.now = 60.0
        progress.under_way({md[0].id: 0.5})
        bars.refresh()
    assert "0 of 2 units" in out.getvalue()
    assert "3.0 min left, 1.00 steps/s" in out.getvalue()
    assert ("0.043 ns/day a molecule" in out.getvalue()) == (width == 120)


def test_one_json_object_for_programs(asked, tmp_path, capsys):
    out = io.StringIO()
    code = run_with_progress([asked], tmp_path / "run", "compcalc run", Console(file=out), as_json=True)
    told = json.loads(out.getvalue())
    (one,) = told["runs"]
    assert code == told["exit_code"] == COMPLETE
    assert "MD run" in one["verdict"] and one["task"] == "length/base"
    assert json.loads(Path(one["metrics"]).read_text())["schema_version"] == 1
    assert one["cost"]["steps_per_s"] > 0
    assert "2 work units" in capsys.readouterr().err


def test_a_quiet_run_prints_nothing(asked, tmp_path, capfd):
    out = io.StringIO()
    assert run_with_progress([asked], tmp_path / "run", "compcalc run", Console(file=out), quiet=True) == COMPLETE
    assert (out.getvalue(), *capfd.readouterr()) == ("", "", "")
    assert (tmp_path / "run/report.html").is_file()


def test_a_quiet_run_still_warns(asked, tmp_path, capfd):
    (tmp_path / "own.py").write_text(
        "from ase.calculators.lj import LennardJones\n"
        "class Wrong(LennardJones):\n"
        "    def calculate(self, atoms, *a, **k):\n"
        "        super().calculate(atoms, *a, **k)\n"
        "        self.results['forces'] = -self.results['forces']\n"
        "        if len(atoms) == 14: raise ValueError('butane is not for me')\n"
    )
    wrong = RunSettings(f"file:{tmp_path}/own.py:Wrong", "length", data=asked.data, workers=0, only="static")
    assert run_with_progress([wrong], tmp_path / "run", "compcalc run", quiet=True) == WITH_FAILURES
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("warning: ")


def test_each_of_several_potentials_is_named_when_its_turn_comes():
    for total, printed in ((1, ""), (2, "[2/2] mmff94\n")):
        out = io.StringIO()
        console = Console(file=out)
        with run_bars(console) as bars:
            Shown(console, bars).progress().potential("mmff94", total, total)
        assert out.getvalue() == printed
