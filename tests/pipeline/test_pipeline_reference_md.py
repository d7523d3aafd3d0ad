"""Dynamics of the reference method beside a potential's: shared, resumed, planned, compared, and failures said."""

import copy
import csv
import json
import shutil

import pytest
from rich.console import Console
from test_pipeline_lockstep import laid_out
from test_pipeline_run import settings, without_clocks

from compcalc.cli import main
from compcalc.commands.run import WITH_FAILURES, run_with_progress
from compcalc.dynamics.protocols import PRESETS, Preset, Protocol
from compcalc.errors import InputError, MissingDependencyError
from compcalc.execution import Here
from compcalc.execution.log import read_log
from compcalc.pipeline import Progress, RunSettings, run, run_all
from compcalc.pipeline.planning import plan
from compcalc.pipeline.single import compute_again
from compcalc.pipeline.verifying import verify
from compcalc.reference.dataset import DataSet
from compcalc.reference.store import write_frames
from compcalc.report.verdict import verdict

SCALED = """
from ase.calculators.calculator import Calculator, all_changes

from compcalc import get_calculator


class Scaled(Calculator):
    implemented_properties = ["energy", "forces"]

    def __init__(self, factor=1.0, fault="", after=0):
        super().__init__()
        self.inner, self.factor, self.fault, self.after, self.calls = get_calculator("mmff94"), factor, fault, after, 0

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        if self.fault and self.calls > self.after:
            if self.fault == "exit":
                import os
                os._exit(9)
            raise RuntimeError("the reference did not converge")
        copy = atoms.copy()
        energy, forces = self.inner.get_potential_energy(copy), self.inner.get_forces(copy)
        self.results = {"energy": self.factor * energy, "forces": self.factor * forces}
"""


@pytest.fixture
def scaled(tmp_path):
    """Spec of MMFF94 times `factor`, which may fail after some calls."""
    (tmp_path / "scaled.py").write_text(SCALED)
    return f"file:{tmp_path / 'scaled.py'}:Scaled"


@pytest.fixture
def sparse_preset(monkeypatch):
    """`quick` as a preset has it: frames too sparse for a spectrum, velocities for it in the first part."""
    nve = Protocol("nve", 1.0, equilibration_ps=0.05, frame_every_fs=50.0, velocity_ps=0.9)
    monkeypatch.setitem(PRESETS, "quick", Preset("quick", (nve,), replicas=1))


def own(spec, **options):
    given = {"molecules": ("CO",), "reference": "mmff94", "reference_replicas": 1, "only": "md", "workers": 0}
    return RunSettings(spec, **{**given, **options})


def of_reference(out):
    return {path.relative_to(out): path.read_bytes() for path in out.glob("units/*/reference-md/*.npz")}


def rows_of(metrics, part="runs"):
    return metrics["md"]["reference"]["runs"] if part == "reference" else metrics["md"]["runs"]


# Spectra


def test_a_softer_potential_moves_its_stretch_by_the_root_of_its_factor(scaled, tmp_path, sparse_preset):
    done = run(own(f"{scaled}?factor=0.75"), tmp_path / "run")
    (row,), (true,) = rows_of(done["metrics"]), rows_of(done["metrics"], "reference")
    assert row["outcome"] == true["outcome"] == "completed"
    expected = (0.75**0.5 - 1) * true["band_per_cm"]["O-H stretch"]
    assert row["band_shift_per_cm"]["O-H stretch"] == pytest.approx(expected, rel=0.15)
    assert row["vibrational_overlap"] < 0.8
    summary = done["metrics"]["md"]["summary"]["nve"]
    assert summary["band_shift_per_cm"] == row["band_shift_per_cm"]
    (line,) = [s for s in verdict(done["metrics"]).sentences if s.startswith("Vibrational spectra")]
    assert "O-H stretch -" in line and "mmff94" not in line
    assert "spectrum like reference" in (tmp_path / "run/report.html").read_text()


def test_the_reference_as_a_potential_is_like_itself(tmp_path, sparse_preset):
    done = run(own("mmff94", reference_replicas=2), tmp_path / "run")
    (row,), (first, second) = rows_of(done["metrics"]), rows_of(done["metrics"], "reference")
    assert row["vibrational_overlap"] > 0.95 and abs(row["band_shift_per_cm"]["O-H stretch"]) < 5
    assert first["temperature_mean_k"] == pytest.approx(row["temperature_mean_k"], rel=0.02)
    # Each of the two beside the other: the same overlap, and shifts of the other sign.
    assert 0.5 < first["vibrational_overlap"] < 0.99
    assert first["vibrational_overlap"] == pytest.approx(second["vibrational_overlap"])
    shift = first["band_shift_per_cm"]["C-H stretch"]
    assert shift == pytest.approx(-second["band_shift_per_cm"]["C-H stretch"]) and shift != 0
    (beside,) = done["metrics"]["md"]["stability"]["molecules"]
    assert beside["reference_vibrational_overlap"] == pytest.approx(first["vibrational_overlap"])
    assert beside["reference_n_stable"] == beside["reference_n_runs"] == 2
    drifts = [one["drift_mev_per_atom_per_ps"] for one in (first, second)]
    assert beside["reference_drift_mev_per_atom_per_ps"] == pytest.approx(sum(drifts) / 2)


# Work units of the directory


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """Where the run that several tests begin with is kept, and what it gave: empty until one of them has made it."""
    return tmp_path_factory.mktemp("computed"), []


@pytest.fixture
def shared(tiny_task, tiny_preset, tiny_data, tmp_path, computed):
    """Two potentials on one task, each beside the method of the data; a copy for each test."""
    folder, done = computed
    both = [settings(tiny_data, spec, only="md", reference_replicas=1) for spec in ("mmff94", "tblite:GFN1-xTB")]
    if not done:
        done.append(run_all(both, folder / "run"))
    shutil.copytree(folder / "run", tmp_path / "run")
    return tmp_path / "run", copy.deepcopy(done[0]), both


def test_potentials_share_the_runs_of_the_reference(shared, tiny_data):
    out, done, _ = shared
    assert len(of_reference(out)) == 2
    finished = [event["unit"] for event in read_log(out / "log.jsonl") if event["event"] == "done"]
    assert sum("/reference-md/" in unit for unit in finished) == 2
    first, second = (one["manifest"]["cost"]["reference_cpu_seconds"] for one in done.values())
    assert first == second > 0
    first, second = (one["metrics"] for one in done.values())
    assert first["md"]["reference"] == second["md"]["reference"]
    assert first["md"]["reference"]["method"] == DataSet(tiny_data).description["method"]
    rows = rows_of(first, "reference")
    assert [(row["protocol"], row["outcome"]) for row in rows] == [("nve", "completed"), ("nvt", "completed")]
    drift = rows[0]["drift_mev_per_atom_per_ps"]
    for metrics in (first, second):
        (row,) = metrics["md"]["stability"]["molecules"]
        assert row["reference_drift_mev_per_atom_per_ps"] == drift != row["drift_mev_per_atom_per_ps"]
        assert row["reference_survived_share"] == 1.0
    for found in verify(out):
        assert found.good and found.units == 4


def test_it_is_the_method_of_the_data_that_runs(shared, tiny_data, tmp_path):
    """The same start, protocol and seed with that method as the potential under test: the same run."""
    _, done, _ = shared
    method = DataSet(tiny_data).description["method"]
    alone = run(settings(tiny_data, method, only="md"), tmp_path / "alone")["metrics"]
    beside = rows_of(next(iter(done.values()))["metrics"], "reference")
    for row, true in zip(rows_of(alone), beside, strict=True):
        assert row["temperature_mean_k"] == pytest.approx(true["temperature_mean_k"], rel=1e-6)


def test_what_is_lost_on_the_disk_comes_back_alone(shared):
    out, done, both = shared
    name = "tblite-GFN1-xTB-length-base-quick"
    path, before = sorted(of_reference(out))[0], of_reference(out)
    (out / path).unlink()
    missing = [path.with_suffix("").as_posix()]
    assert [found.missing for found in verify(out)] == [missing, missing]
    again = run(both[1], out)["metrics"]
    assert without_clocks(again) == without_clocks(done[name]["metrics"])
    assert {key for key, content in of_reference(out).items() if content != before[key]} <= {path}
    assert [found.missing for found in verify(out)] == [[], []]


def test_one_of_them_computed_again_is_the_same(shared):
    out, _, _ = shared
    unit = sorted(of_reference(out))[0].with_suffix("").as_posix()
    again = compute_again(out, unit)
    assert again.differences and max(again.differences.values()) < 1e-6


def test_they_are_in_the_tables_and_among_the_trajectories(shared):
    out, done, _ = shared
    folder = out / next(iter(done))
    names = {path.name for path in (folder / "trajectories").glob("*-0.extxyz")}
    assert names == {f"{of}alkane-04-{p}-0.extxyz" for of in ("", "reference-") for p in ("nve", "nvt")}
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["protocol"] for row in rows} == {"nve", "nvt", "reference nve", "reference nvt"}
    assert "drift of reference" in (folder / "report.html").read_text()


def test_a_directory_keeps_those_that_it_has(shared, tiny_data):
    out, done, _ = shared
    before, notices = of_reference(out), []
    again = run(settings(tiny_data, "mmff94", only="md"), out, progress=Progress(notice=notices.append))
    assert of_reference(out) == before and any("of the reference method already" in text for text in notices)
    assert again["metrics"] == done["mmff94-length-base-quick"]["metrics"]


@pytest.mark.usefixtures("tiny_task", "tiny_preset")
def test_what_determines_them_is_in_their_hash(tiny_data):
    def hashes(**options):
        return {u.hash for u in laid_out(tiny_data, **{"reference_replicas": 2, **options}).reference_md_units()}

    mine = hashes()
    assert len(mine) == 4
    assert mine == hashes(spec="tblite:GFN1-xTB", batch_atoms=None) == hashes(only="md", replicas=3)
    assert len(mine & hashes(reference_replicas=3)) == 4
    assert not mine & hashes(seed=1)
    assert hashes(reference_replicas=0) == set()


def test_a_changed_model_of_the_reference_is_another(scaled, tmp_path, sparse_preset):
    from test_pipeline_own import OwnInput

    from compcalc.pipeline import PreparedRun
    from compcalc.pipeline.potential import Potential

    def hashes():
        prepared = PreparedRun(OwnInput(own("mmff94", reference=scaled)), Potential({"batch_atoms": None}, {}))
        return [unit.hash for unit in prepared.reference_md_units()]

    before = hashes()
    (tmp_path / "scaled.py").write_text(SCALED + "\n# another\n")
    assert hashes() != before


def test_the_command_line_asks_for_them(tiny_task, tiny_preset, tiny_data, tmp_path, monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr("sys.argv", ["compcalc", *words, "--data", str(tiny_data), "--workers", "1"])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, capsys.readouterr()

    words = ("mmff94", "--task", "length", "--reference-md", "1", "--only")
    code, said = call("run", *words, "static", "--out", str(tmp_path / "run"))
    assert code == 2 and "reference_replicas" in said.err and not (tmp_path / "run").exists()
    code, said = call("run", *words, "md", "--out", str(tmp_path / "run"))
    assert code == 0 and "tblite:GFN2-xTB" in said.out and "itself" in said.out
    assert len(of_reference(tmp_path / "run")) == 2


def test_they_are_planned(tiny_task, tiny_preset, tiny_data, monkeypatch):
    monkeypatch.setattr("compcalc.pipeline.planning.LocalPool", lambda factory, *_, **__: Here(factory))
    asked = settings(tiny_data, "mmff94", only="md", reference_replicas=1)
    (found,) = plan([asked], seconds=0.5)
    (row,) = found.runs
    assert (row.units, row.steps, row.reference_steps) == (4, 240, 240)
    assert set(found.calibration.kinds) == {"nve", "nvt", "reference nve", "reference nvt"}
    (alone,) = plan([settings(tiny_data, "mmff94", only="md")], seconds=0.5)
    assert row.worker_seconds.value > 5 * alone.runs[0].worker_seconds.value, "GFN2-xTB takes longer than MMFF94"
    assert row.result_bytes == pytest.approx(2 * alone.runs[0].result_bytes)


# Failures


@pytest.mark.parametrize(
    ("fault", "workers", "outcome"),
    [
        pytest.param("raise", 0, "calculator_error", id="error"),
        pytest.param("exit", 1, "crashed", marks=pytest.mark.slow, id="crash"),
    ],
)
def test_a_reference_that_fails_is_said(scaled, tmp_path, sparse_preset, fault, workers, outcome):
    asked = own("mmff94", reference=f"{scaled}?fault={fault}&after=700", workers=workers)
    assert run_with_progress([asked], tmp_path / "run", "", Console(quiet=True)) == WITH_FAILURES
    done = run(asked, tmp_path / "run")
    (row,), (true,) = rows_of(done["metrics"]), rows_of(done["metrics"], "reference")
    assert (row["outcome"], true["outcome"]) == ("completed", outcome)
    assert row["vibrational_overlap"] is None and row["band_per_cm"]["O-H stretch"] > 3000
    summary = done["metrics"]["md"]["reference"]["summary"]["nve"]
    assert (summary["n_runs"], summary["n_physical"], summary["n_other"]) == (1, 0, 1)
    (line,) = [s for s in verdict(done["metrics"]).sentences if "failed on CO, NVE, replica 0" in s]
    assert ("did not converge" in line) == (fault == "raise")
    (beside,) = done["metrics"]["md"]["stability"]["molecules"]
    assert (beside["reference_n_runs"], beside["reference_n_other"]) == (0, 1)
    (found,) = verify(tmp_path / "run")
    assert found.good and len(found.lost) == (fault == "exit")


@pytest.mark.slow
def test_a_replica_is_compared_with_another_where_the_reference_failed(scaled, tmp_path, sparse_preset):
    """It fails once, in its first run, and goes on to the second."""
    code = SCALED.replace("self.calls > self.after:", "self.calls == self.after:")
    (tmp_path / "once.py").write_text(code)
    reference = f"file:{tmp_path / 'once.py'}:Scaled?fault=raise&after=700"
    done = run(own("mmff94", reference=reference, reference_replicas=2), tmp_path / "run")
    outcomes = [row["outcome"] for row in rows_of(done["metrics"], "reference")]
    assert sorted(outcomes) == ["calculator_error", "completed"]
    (row,) = rows_of(done["metrics"])
    assert row["vibrational_overlap"] > 0.5
    assert [one["vibrational_overlap"] for one in rows_of(done["metrics"], "reference")].count(None) == 2


# Heated runs


def test_breaking_temperatures_stand_beside_the_reference_s(scaled, tmp_path, monkeypatch):
    """Bonds of a tenth of their strength break on the way up; the reference's hold."""
    heat = Protocol("heat", 0.3, equilibration_ps=0.01, frame_every_fs=50.0)
    monkeypatch.setitem(PRESETS, "quick", Preset("quick", (heat,), replicas=1))
    done = run(own(f"{scaled}?factor=0.02"), tmp_path / "run")
    found = done["metrics"]["md"]["summary"]["heat"]["breaking_temperature_k"]
    assert (found["n_runs"], found["n_broke"], found["n_censored"]) == (1, 1, 0)
    assert found["difference"]["value"] == pytest.approx(found["mean"] - 1500)
    (row,) = done["metrics"]["md"]["stability"]["molecules"]
    assert row["breaking_temperature_k"] < row["reference_breaking_temperature_k"] == 1500
    line, true = [s for s in verdict(done["metrics"]).sentences if "heated run" in s]
    assert "1 of 1 heated run broke" in line and "below mmff94 on the same ramp" in line
    assert true == "mmff94 on the ramp: None of 1 heated run broke, up to 1500 K (all censored)."
    assert verdict(done["metrics"]).level != "unstable", "a ramp is made to break"


# What is refused


def test_a_reference_that_there_is_not(tiny_task, tiny_preset, tiny_data, tmp_path):
    with pytest.raises(InputError, match=r"reference_replicas: got 1; .*--reference"):
        RunSettings("mmff94", molecules=("C",), reference_replicas=1)
    with pytest.raises(InputError, match=r"reference_replicas: got 1; allowed: 0 where no dynamics"):
        settings(tiny_data, only="static", reference_replicas=1)
    with pytest.raises(InputError, match=r"reference_replicas: got -1"):
        settings(tiny_data, reference_replicas=-1)
    for method, match in ((None, "0 for data without a method"), ("orca:wB97X", "0 for data labelled by 'orca:wB97X'")):
        data = tmp_path / str(method).replace(":", "-")
        shutil.copytree(tiny_data, data)
        description = {k: v for k, v in DataSet(tiny_data).description.items() if k != "method"}
        groups = [DataSet(tiny_data).file("B").read(f"alkane/{n:02d}") for n in (2, 3, 4)]
        write_frames(data / "test.h5", groups, description | ({} if method is None else {"method": method}))
        with pytest.raises(InputError, match=match):
            run(settings(data, "mmff94", reference_replicas=1), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_method_whose_package_is_missing(tiny_task, tiny_preset, tiny_data, tmp_path, monkeypatch):
    monkeypatch.setattr("compcalc.calculators.catalogue.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="--reference-md"):
        run(settings(tiny_data, "mmff94", reference_replicas=1), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_them_nothing_is_said_of_them(tiny_task, tiny_preset, tiny_data, tmp_path):
    done = run(settings(tiny_data, "mmff94", only="md"), tmp_path / "run")
    assert done["metrics"]["md"]["reference"] is None
    assert "of reference" not in json.dumps(verdict(done["metrics"]).sentences)
    assert "drift of reference" not in (tmp_path / "run/report.html").read_text()
