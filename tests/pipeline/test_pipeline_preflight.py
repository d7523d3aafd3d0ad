"""What is found wrong with a potential before its first number, and where it is said."""

import json
from concurrent.futures import Future

import pytest

from compcalc.cli import call
from compcalc.execution import Here, Lost
from compcalc.pipeline import PotentialError, RunSettings, run

pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")

FAULTY = """
from ase.calculators.calculator import Calculator, all_changes
from ase.units import Ha
from compcalc import get_calculator


class Faulty(Calculator):
    implemented_properties = ["energy", "forces"]

    def __init__(self, fault):
        super().__init__()
        self.fault, self.right, self.kept = fault, get_calculator("mmff94"), {}

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        if self.fault == "stale" and len(atoms) in self.kept:
            self.results = dict(self.kept[len(atoms)])
            return
        copy = atoms.copy()
        energy, forces = self.right.get_potential_energy(copy), self.right.get_forces(copy)
        if self.fault == "hartree":
            forces = forces / Ha
        self.results = self.kept[len(atoms)] = {"energy": energy, "forces": forces}
"""


@pytest.fixture
def faulty(tmp_path):
    path = tmp_path / "faulty.py"
    path.write_text(FAULTY)
    return f"file:{path}:Faulty?fault="


def settings(spec, data, **options):
    return RunSettings(spec, "length", data=data, workers=0, **options)


def test_results_kept_too_long_are_refused_before_anything_is_written(faulty, tiny_data, tmp_path):
    with pytest.raises(PotentialError, match=r"the energy and forces of the old geometry come back.*compcalc check"):
        run(settings(f"{faulty}stale", tiny_data), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_forces_in_another_unit_are_measured_and_named(faulty, tiny_data, tmp_path):
    done = run(settings(f"{faulty}hartree", tiny_data, only="static"), tmp_path / "run")
    found = {f["name"]: f for f in done["manifest"]["preflight"]["findings"]}
    assert found["forces"]["verdict"] == "fail"
    assert found["forces"]["details"]["factor"] == pytest.approx(1 / 27.2114, rel=1e-3)
    assert found["net_force"]["verdict"] == found["moved_atoms"]["verdict"] == "pass"
    assert "27.21 times too small: forces in hartree/angstrom?" in (tmp_path / "run/report.html").read_text()


def test_the_terminal_warns_before_the_first_work_unit(faulty, tiny_data, tmp_path, capsys):
    arguments = ["run", f"{faulty}hartree", "--task", "length", "--only", "static", "--workers", "1"]
    call([*arguments, "--data", str(tiny_data), "--out", str(tmp_path / "run")])
    words = " ".join(capsys.readouterr().out.split())
    assert words.index("warning: forces = -gradient") < words.index("energies and forces: 3 work units")


@pytest.mark.parametrize("spec", ["tblite:GFN2-xTB", "mmff94"])
def test_nothing_is_held_against_a_sound_potential(spec, tiny_data, tmp_path):
    done = run(settings(spec, tiny_data, only="static"), tmp_path / "run")
    preflight = json.loads((tmp_path / "run/run.json").read_text())["preflight"]
    assert preflight["verdict"] == "pass" and len(preflight["findings"]) == 9
    assert preflight["molecule"] in {row["molecule"] for row in done["metrics"]["static"]["molecules"]}


@pytest.mark.parametrize("place", ["tried", "examined"])
def test_a_worker_that_is_killed_from_outside_is_not_held_against_the_potential(
    place, tiny_data, tmp_path, monkeypatch
):
    submit, killed = Here.submit, []

    def killed_once(self, payload, n_units=1):
        if type(payload).__name__ == {"tried": "Try", "examined": "Examine"}[place] and not killed:
            killed.append(payload)
            future = Future()
            future.set_result(Lost("crashed", "the worker process was ended by SIGKILL", blameless=True))
            return future
        return submit(self, payload, n_units)

    monkeypatch.setattr(Here, "submit", killed_once)
    done = run(settings("mmff94", tiny_data, only="static"), tmp_path / "run")
    assert killed and not any(row["n_failed"] for row in done["metrics"]["static"]["molecules"])
