"""Every example runs as its docstring says."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name):
    return runpy.run_path(str(EXAMPLES / name))


def test_own_calculator_scales_energy_and_forces():
    from ase.build import molecule

    make = load("own_calculator.py")["scaled_xtb"]
    water, double = molecule("H2O"), molecule("H2O")
    water.rattle(0.05, seed=1)
    double.positions = water.positions
    water.calc, double.calc = make(1.0), make(2.0)
    assert double.get_potential_energy() == pytest.approx(2 * water.get_potential_energy())
    assert double.get_forces() == pytest.approx(2 * water.get_forces())


def test_guarded_run(capsys):
    load("guarded_run.py")["main"](spec="mmff94", production_ps=0.05)
    printed = capsys.readouterr().out
    assert "outcome: completed at 0.05 ps" in printed
    assert "own dynamics: " in printed


def test_run_from_python(tmp_path, capsys):
    load("run_from_python.py")["main"](tmp_path / "run")
    assert "OOD/ID ratio" in capsys.readouterr().out
    assert (tmp_path / "run/report.html").is_file()


def test_wrap_a_model(capsys):
    load("wrap_a_model.py")["main"]()
    printed = capsys.readouterr().out
    assert "spring: 0.180 eV, -3.600 eV/angstrom" in printed
    assert "sound: True" in printed


def test_no_example_is_left_untested():
    source = Path(__file__).read_text()
    assert all(f'"{path.name}"' in source for path in EXAMPLES.glob("*.py"))
