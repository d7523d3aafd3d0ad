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


def test_own_molecules(tmp_path, capsys):
    (tmp_path / "tiny.yaml").write_text("protocols: [{kind: nve, production_ps: 0.02, equilibration_ps: 0.01}]")
    load("own_molecules.py")["main"](tmp_path / "out", reference=None, preset=str(tmp_path / "tiny.yaml"))
    assert capsys.readouterr().out.splitlines() == [
        "left out: [NH4+]: charge 1. Only neutral molecules are supported.",
        "CCO: every check passed",
        "  nve completed",
        "dimethyl-ether: every check passed",
        "  nve completed",
    ]


def test_compare_two_models(tmp_path, capsys):
    load("compare_two_models.py")["main"](tmp_path / "run", ("mmff94", "mmff94:MMFF94s"), task="length")
    _, known, unseen, paired, verdict = capsys.readouterr().out.splitlines()
    first, second = map(float, unseen.split()[-2:])
    assert float(paired.partition(": ")[2].split()[0]) == pytest.approx(second - first, abs=0.11)
    assert known.split()[-1] != unseen.split()[-1]
    assert verdict in ("more than chance", "not distinguishable")


@pytest.mark.slow
def test_train_a_mace(tmp_path, capsys):
    options = ["--epochs", "1", "--channels", "2", "--max-ell", "1", "--correlation", "1", "--layers", "1"]
    load("train_a_mace.py")["main"](tmp_path, options=options)
    printed = capsys.readouterr().out
    assert "ood_test: force MAE" in printed
    assert "OOD/ID ratio" in printed
    assert (tmp_path / "run/report.html").is_file()


@pytest.mark.slow
def test_cluster_run(tmp_path, capsys):
    pytest.importorskip("distributed")
    load("cluster_run.py")["main"](tmp_path / "run")
    printed = capsys.readouterr().out
    assert "note: 2 workers with 2 threads" in printed
    assert "12 molecules, 600 frames" in printed


def test_wrap_a_model(capsys):
    load("wrap_a_model.py")["main"]()
    printed = capsys.readouterr().out
    assert "spring: 0.180 eV, -3.600 eV/angstrom" in printed
    assert "sound: True" in printed


def test_no_example_is_left_untested():
    source, table = Path(__file__).read_text(), (EXAMPLES / "README.md").read_text()
    assert all(f'"{path.name}"' in source for path in EXAMPLES.glob("*.py"))
    assert all(
        f"[{path.name}]" in table for path in EXAMPLES.iterdir() if path.name not in ("README.md", "__pycache__")
    )
