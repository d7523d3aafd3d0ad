"""The whole chain on three small molecules: outputs, the truth test, repetition, resuming."""

import copy
import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from ase.io import read

from compcalc.errors import RunDirectoryError, UnknownNameError
from compcalc.execution.log import read_log
from compcalc.pipeline import PotentialError, RunSettings, run

pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")


def without_clocks(metrics):
    """Metrics without the wall times in them."""
    if isinstance(metrics, dict):
        return {k: without_clocks(v) for k, v in metrics.items() if k not in ("ms_per_frame", "ms_per_step", "seconds")}
    return [without_clocks(v) for v in metrics] if isinstance(metrics, list) else metrics


def settings(tiny_data, spec="tblite:GFN2-xTB", **options):
    return RunSettings(spec, "length", data=tiny_data, **{"workers": 0, **options})


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """Where the run that most tests begin with is kept, and what it gave: empty until one of them has made it."""
    return tmp_path_factory.mktemp("computed"), []


@pytest.fixture
def xtb_run(tiny_data, tmp_path, computed):
    """A finished run, a copy for each test."""
    folder, done = computed
    if not done:
        done.append(run(settings(tiny_data), folder / "run", command="compcalc run tblite:GFN2-xTB --task length"))
    shutil.copytree(folder / "run", tmp_path / "run")
    return tmp_path / "run", copy.deepcopy(done[0])


def test_the_reference_method_has_no_error(xtb_run):
    _, done = xtb_run
    rows = done["metrics"]["static"]["molecules"]
    assert [row["split"] for row in rows] == ["id", "id", "ood"]
    assert all(row["n_failed"] == 0 for row in rows)
    assert max(row["force_mae_mev_per_angstrom"] for row in rows) < 1e-3
    assert max(row["energy_mae_mev_per_atom"] for row in rows) < 1e-4


def test_another_method_has_an_error(tiny_data, tmp_path):
    done = run(settings(tiny_data, "tblite:GFN1-xTB", only="static"), tmp_path / "run")
    rows = done["metrics"]["static"]["molecules"]
    assert min(row["force_mae_mev_per_angstrom"] for row in rows) > 10
    # Another level of theory: the absolute energy means nothing, the energy within a molecule does.
    assert min(row["energy_mae_mev_per_atom"] for row in rows) > 100
    assert max(row["relative_energy_mae_mev_per_atom"] for row in rows) < 20
    assert done["metrics"]["md"] is None
    ratio = done["metrics"]["static"]["summary"]["ratio"]
    assert 0.3 < ratio["low"] <= ratio["value"] <= ratio["high"] < 3


def test_a_run_leaves_what_the_readme_promises(xtb_run):
    out, done = xtb_run
    manifest = json.loads((out / "run.json").read_text())
    assert manifest["spec"] == "tblite:GFN2-xTB"
    assert manifest["finished"] is not None
    assert {"python", "compcalc", "ase", "tblite"} <= set(manifest["versions"])
    assert {"loading", "units", "report", "total"} <= set(manifest["timings_s"])
    assert manifest["hardware"]["cores"] >= 1
    assert json.loads((out / "metrics.json").read_text()) == done["metrics"]
    with (out / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    force = [r for r in rows if r["molecule"] == "alkane/04" and r["metric"] == "force_mae_mev_per_angstrom"]
    assert float(force[0]["value"]) == pytest.approx(
        done["metrics"]["static"]["molecules"][2]["force_mae_mev_per_angstrom"], rel=1e-5
    )
    report = (out / "report.html").read_text()
    assert "alkane/04" in report
    assert "GFN2-xTB" in report
    stems = sorted(path.stem[:9] for path in (out / "units/tblite-GFN2-xTB/static").iterdir())
    assert stems == ["alkane-02", "alkane-03", "alkane-04"]
    events = list(read_log(out / "log.jsonl"))
    assert [event["event"] for event in events] == ["begin", *["done"] * 9, "end"]
    assert manifest["cost"]["steps_per_s"] > 0 and manifest["cost"]["memory_mib"] > 50
    assert not list(out.rglob("*.partial"))


SUFFIXES = (
    ("_mev_per_atom_per_ps", "meV/atom/ps"), ("_mev_per_atom", "meV/atom"), ("_mev_per_angstrom", "meV/angstrom"),
    ("_mev", "meV"), ("_angstrom", "angstrom"), ("_degrees", "degrees"), ("_per_cm", "1/cm"), ("_ps", "ps"),
    ("_k", "K"),
)  # fmt: skip


def test_every_line_of_the_table_has_the_unit_of_its_name(xtb_run):
    out, _ = xtb_run
    with (out / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {}
    for row in rows:
        name = row["metric"].partition("[")[0]
        expected = next((unit for suffix, unit in SUFFIXES if name.endswith(suffix)), None)
        if expected is not None:
            assert row["unit"] == expected, name
            found[name] = expected
    assert {*found.values()} >= {"meV/atom/ps", "meV/atom", "meV/angstrom", "angstrom", "degrees", "1/cm", "ps", "K"}


def test_trajectories_open_in_ase(xtb_run):
    out, _ = xtb_run
    frames = read(out / "trajectories/alkane-04-nve-0.extxyz", ":")
    assert len(frames) == 9  # 0 to 40 fs, every 5 fs
    assert [f.info["time_fs"] for f in frames] == list(np.arange(0, 41, 5.0))
    (stored,) = out.glob("units/*/md/alkane-04-nve-0-*.npz")
    with np.load(stored) as raw:
        np.testing.assert_allclose(frames[-1].positions, raw["positions"][-1], atol=1e-7)
        np.testing.assert_allclose(frames[-1].get_kinetic_energy(), raw["kinetic_energy"][-1], rtol=1e-5)


def test_forces_along_a_trajectory_are_compared_with_the_reference(xtb_run, tiny_data, tmp_path):
    _, done = xtb_run
    other = run(settings(tiny_data, "mmff94"), tmp_path / "other")
    for true, wrong in zip(done["metrics"]["md"]["runs"], other["metrics"]["md"]["runs"], strict=True):
        assert true["trajectory_force_mae_mev_per_angstrom"] < 0.5
        assert wrong["trajectory_force_mae_mev_per_angstrom"] > 30
        assert 0.2 < wrong["trajectory_force_mae_ratio"] < 5
    only_md = run(settings(tiny_data, "mmff94", only="md"), tmp_path / "only")["metrics"]["md"]["runs"]
    assert [r["trajectory_force_mae_mev_per_angstrom"] for r in only_md] == [
        r["trajectory_force_mae_mev_per_angstrom"] for r in other["metrics"]["md"]["runs"]
    ]
    assert only_md[0]["trajectory_force_mae_ratio"] is None


def test_dynamics_of_the_reference_method_are_stable(xtb_run):
    _, done = xtb_run
    runs = done["metrics"]["md"]["runs"]
    assert [(r["protocol"], r["outcome"]) for r in runs] == [("nve", "completed"), ("nvt", "completed")]
    assert runs[0]["drift_mev_per_atom_per_ps"] is not None
    assert runs[1]["drift_mev_per_atom_per_ps"] is None
    assert runs[0]["fluctuation_mev_per_atom"] < 0.3 < runs[0]["kinetic_spread_mev_per_atom"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_metrics_on_any_number_of_workers(xtb_run, tiny_data, tmp_path):
    _, first = xtb_run
    second = run(settings(tiny_data, workers=2), tmp_path / "again")
    assert without_clocks(second["metrics"]) == without_clocks(first["metrics"])
    other = run(settings(tiny_data, seed=1, only="md"), tmp_path / "other")
    assert without_clocks(other["metrics"]["md"]) != without_clocks(first["metrics"]["md"])


def test_a_finished_run_is_not_computed_again(xtb_run, tiny_data, monkeypatch):
    out, first = xtb_run
    monkeypatch.setattr("compcalc.pipeline.work.predict", lambda *a: pytest.fail("computed again"))
    monkeypatch.setattr("compcalc.pipeline.work.run_protocol", lambda *a, **k: pytest.fail("computed again"))
    assert run(settings(tiny_data), out)["metrics"] == first["metrics"]


def test_a_damaged_result_is_computed_again(xtb_run, tiny_data):
    out, first = xtb_run
    (path,) = out.glob("units/*/md/alkane-04-nvt-0-*.npz")
    path.write_bytes(path.read_bytes()[:-40])
    again = run(settings(tiny_data), out)
    assert without_clocks(again["metrics"]) == without_clocks(first["metrics"])


def test_a_name_stands_for_one_run(xtb_run, tiny_data, monkeypatch):
    out, _ = xtb_run
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    monkeypatch.setattr("compcalc.pipeline.prepared.version", lambda name: "another")
    with pytest.raises(RunDirectoryError, match=r"made with other versions \(versions: compcalc .* -> another.*--out"):
        run(settings(tiny_data), out)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_a_killed_run_ends_with_the_same_numbers(xtb_run, tiny_data, tmp_path):
    """kill -9 as soon as the first trajectory is on the disk, then the same call again."""
    _, undisturbed = xtb_run
    out = tmp_path / "killed"
    code = textwrap.dedent(
        f"""
        import pytest
        import compcalc.pipeline as p
        import compcalc.pipeline.inputs
        from pathlib import Path
        from compcalc.dynamics.protocols import PRESETS, Preset, Protocol
        from compcalc.tasks import Task, get_task

        length = get_task("length")
        task = Task("length", "base", length.question, length.train[:2], length.train[2:3])
        p.inputs.get_task = lambda name, variant="base": task
        protocols = tuple(Protocol(n, 0.04, equilibration_ps=0.02, frame_every_fs=5.0) for n in ("nve", "nvt"))
        PRESETS["quick"] = Preset("quick", protocols, replicas=1)
        s = p.RunSettings("tblite:GFN2-xTB", "length", data=Path({str(tiny_data)!r}), workers=0)
        p.run(s, Path({str(out)!r}))
        """
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 120
    while not list(out.glob("units/*/md/*.npz")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert json.loads((out / "run.json").read_text())["finished"] is None
    assert not (out / "metrics.json").exists()
    resumed = run(settings(tiny_data), out)
    assert without_clocks(resumed["metrics"]) == without_clocks(undisturbed["metrics"])


BROKEN = """
import numpy as np
from ase.calculators.calculator import Calculator, all_changes

class Springs(Calculator):
    implemented_properties = ["energy", "forces"]

    def __init__(self, fault="", on=None):
        super().__init__()
        self.fault, self.on = fault, on

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        forces = np.zeros((len(atoms), 3))
        if self.on is None or len(atoms) == self.on:
            if self.fault == "nan":
                forces[1, 2] = np.nan
            if self.fault == "shape":
                forces = forces.T
            if self.fault == "raise":
                raise RuntimeError("no such luck")
            if self.fault == "exit":
                import os, multiprocessing
                if multiprocessing.parent_process() is not None:
                    os._exit(9)
        self.results = {"energy": 0.0, "forces": forces}
"""


@pytest.fixture
def springs(tmp_path):
    path = tmp_path / "springs.py"
    path.write_text(BROKEN)
    return f"file:{path}:Springs"


@pytest.mark.parametrize(
    ("fault", "words"),
    [("nan", "force on atom 1 is NaN"), ("shape", r"shape \(3, 8\); allowed: \(8, 3\)"), ("raise", "no such luck")],
)
def test_a_potential_that_fails_everywhere_is_refused_before_anything_is_written(
    springs, fault, words, tiny_data, tmp_path
):
    with pytest.raises(PotentialError, match=f"fails on all 3 molecules.*{words}"):
        run(settings(tiny_data, f"{springs}?fault={fault}"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_bad_molecule_costs_itself_alone(springs, tiny_data, tmp_path):
    done = run(settings(tiny_data, f"{springs}?fault=raise&on=14"), tmp_path / "run")
    rows = {row["molecule"]: row for row in done["metrics"]["static"]["molecules"]}
    assert rows["alkane/02"]["n_failed"] == rows["alkane/03"]["n_failed"] == 0
    assert rows["alkane/04"]["n_failed"] == rows["alkane/04"]["n_frames"] == 4
    assert "no such luck" in rows["alkane/04"]["failures"]["0"]
    assert rows["alkane/04"]["force_mae_mev_per_angstrom"] is None
    assert {run["outcome"] for run in done["metrics"]["md"]["runs"]} == {"calculator_error"}
    summary = done["metrics"]["md"]["summary"]["nve"]
    assert (summary["n_physical"], summary["n_other"]) == (0, 1)


@pytest.mark.slow
def test_a_process_that_dies_is_an_outcome(springs, tiny_data, tmp_path):
    done = run(settings(tiny_data, f"{springs}?fault=exit&on=14", workers=2), tmp_path / "run")
    assert {run["outcome"] for run in done["metrics"]["md"]["runs"]} == {"crashed"}
    rows = {row["molecule"]: row for row in done["metrics"]["static"]["molecules"]}
    assert rows["alkane/04"]["n_failed"] == 4
    assert "exit code 9" in rows["alkane/04"]["failures"]["0"]
    assert rows["alkane/02"]["n_failed"] == 0
    assert math.isfinite(rows["alkane/02"]["force_mae_mev_per_angstrom"])


def test_data_that_do_not_cover_the_task(tmp_path, tiny_data, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(UnknownNameError, match=r"alkane/05.*data build"):
        run(settings(tiny_data), tmp_path / "run")
    assert not (tmp_path / "run").exists()
