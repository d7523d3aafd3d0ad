"""Finished runs read back: frames against the stored results, and clear words for what cannot be read."""

import json
import shutil
import sys

import numpy as np
import pytest
from ase import Atoms

import compcalc
from compcalc.errors import MissingDependencyError, RunDirectoryError, UnknownNameError
from compcalc.pipeline import RunSettings, run, run_all
from compcalc.reference.dataset import DataSet
from compcalc.results import load_run
from compcalc.results.frames import predictions_frame, rows_frame
from compcalc.results.places import run_folders

pd = pytest.importorskip("pandas", reason="pip install 'compcalc[tables]'")

pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")


def asked(tiny_data, spec="mmff94", **options):
    return RunSettings(spec, "length", data=tiny_data, **{"workers": 0, **options})


@pytest.fixture
def whole(tiny_data, tmp_path):
    out = tmp_path / "run"
    return out, run(asked(tiny_data), out)


def test_what_a_run_left_comes_back(whole, tiny_data):
    out, done = whole
    loaded = compcalc.load_run(str(out))
    assert loaded.manifest == done["manifest"] and loaded.metrics == done["metrics"]
    assert repr(loaded).startswith("<LoadedRun mmff94-length-base-quick: 3 molecules, 2 MD runs in ")
    static = done["metrics"]["static"]["molecules"]
    molecules = loaded.molecules.set_index(["molecule", "split"])
    assert list(molecules.index) == [("alkane/02", "id"), ("alkane/03", "id"), ("alkane/04", "ood")]
    assert molecules.loc[("alkane/04", "ood"), "force_cosine"] == static[2]["force_cosine"]
    assert loaded.molecules.attrs["units"]["energy_mae_mev"] == "meV"
    assert "failures" not in loaded.molecules and "force_mae_by_element" not in loaded.molecules
    runs = loaded.md_runs
    assert list(zip(runs.protocol, runs.outcome, strict=True)) == [("nve", "completed"), ("nvt", "completed")]
    assert runs.attrs["units"]["drift_mev_per_atom_per_ps"] == "meV/atom/ps"
    table = loaded.table
    carbon = table[(table.molecule == "alkane/04") & (table.metric == "force_mae_by_element[C]")]
    assert carbon.value.item() == static[2]["force_mae_by_element"]["C"] and carbon.unit.item() == "meV/angstrom"
    assert table.value.dtype == float and set(table.run) == {"mmff94-length-base-quick"}


def test_predictions_and_forces_are_those_of_the_results(whole, tiny_data):
    out, done = whole
    loaded = load_run(out)
    frames = DataSet(tiny_data).file("B").read("alkane/04")
    (stored,) = out.glob("units/*/static/alkane-04-*.npz")
    with np.load(stored) as raw:
        energy, forces = raw["energy"], raw["forces"]
    mine = loaded.predictions.query("molecule == 'alkane/04'")
    np.testing.assert_allclose(mine.reference_energy_ev, frames.energy, rtol=1e-12)
    np.testing.assert_allclose(mine.energy_error_ev, energy - frames.energy, atol=1e-9)
    static = done["metrics"]["static"]["molecules"]
    by_molecule = loaded.predictions.groupby("molecule").force_mae_mev_per_angstrom.mean()
    np.testing.assert_allclose(by_molecule, [row["force_mae_mev_per_angstrom"] for row in static], rtol=1e-5)
    table = loaded.forces.query("molecule == 'alkane/04'")
    assert len(table) == frames.forces.size // 3 and list(table.element[:5]) == ["C"] * 4 + ["H"]
    columns = [f"{{}}_f{axis}_ev_per_angstrom" for axis in "xyz"]
    for whose, true in (("reference", frames.forces), ("predicted", forces)):
        found = table[[column.format(whose) for column in columns]].to_numpy()
        np.testing.assert_allclose(found, true.reshape(-1, 3), atol=1e-8)
    second = table[(table.frame == 2) & (table.atom == 5)]
    assert second.predicted_fy_ev_per_angstrom.item() == pytest.approx(forces[2, 5, 1], abs=1e-8)


def test_trajectories_are_atoms(whole):
    out, _ = whole
    trajectories = load_run(out).trajectories
    assert list(trajectories) == [("alkane/04", "nve", 0), ("alkane/04", "nvt", 0)]
    frames = trajectories["alkane/04", "nve", 0]
    assert isinstance(frames[0], Atoms) and [a.info["time_fs"] for a in frames] == list(np.arange(0, 41, 5.0))
    assert not load_run(out).events
    with pytest.raises(UnknownNameError, match=r"\('alkane/04', 'heat', 0\).*allowed: \('alkane/04', 'nve', 0\), "):
        trajectories["alkane/04", "heat", 0]


def test_dynamics_of_the_reference_method_stand_apart(tiny_data, tmp_path):
    run(asked(tiny_data, only="md", reference_replicas=1), tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    assert len(loaded.md_runs) == len(loaded.reference_runs) == 2 and list(loaded.trajectories) == [
        *loaded.reference_trajectories
    ]
    mine, reference = (
        some["alkane/04", "nve", 0][-1].positions for some in (loaded.trajectories, loaded.reference_trajectories)
    )
    assert not np.allclose(mine, reference, atol=1e-3)
    assert set(loaded.table.protocol) == {"nve", "nvt", "reference nve", "reference nvt"}


def test_halves_that_were_not_run_are_empty_tables(tiny_data, tmp_path):
    run(asked(tiny_data, only="static"), tmp_path / "static")
    run(asked(tiny_data, only="md"), tmp_path / "md")
    static, md = load_run(tmp_path / "static"), load_run(tmp_path / "md")
    assert len(static.md_runs) == len(md.molecules) == len(md.predictions) == len(md.forces) == 0
    assert {"outcome", "drift_mev_per_atom_per_ps"} <= set(static.md_runs) and "force_cosine" in md.molecules
    assert "reference_energy_ev" in md.predictions and "element" in md.forces
    assert len(static.trajectories) == 0 and len(static.molecules) == 3 and len(md.md_runs) == 2


def test_a_frame_that_failed_is_nan_with_its_reason():
    info = {"molecule": "HF", "smiles": "F", "split": "ood", "frame": 0, "start": 0, "REF_energy": 1.0}
    atoms = Atoms("HF", [[0, 0, 0], [0, 0, 1]], info={**info, "failure": "no such luck"})
    atoms.arrays["REF_forces"] = np.ones((2, 3))
    row = predictions_frame([atoms]).iloc[0]
    assert np.isnan(row.force_mae_mev_per_angstrom) and np.isnan(row.predicted_energy_ev)
    assert row.failure == "no such luck"


def test_a_directory_with_several_runs_says_their_names(tiny_data, tmp_path):
    out = tmp_path / "several"
    both = [asked(tiny_data, spec, only="static") for spec in ("mmff94", "tblite:GFN1-xTB")]
    run_all(both, out)
    names = ["mmff94-length-base-quick", "tblite-GFN1-xTB-length-base-quick"]
    with pytest.raises(RunDirectoryError, match=f"holds 2 runs: {', '.join(names)}. Say which with name="):
        load_run(out)
    assert load_run(out, names[1]).manifest["spec"] == "tblite:GFN1-xTB"
    assert load_run(out / names[0]).manifest["spec"] == "mmff94"
    with pytest.raises(UnknownNameError, match="Did you mean 'mmff94-length-base-quick'"):
        load_run(out, "mmff94-length-base-quik")
    shutil.copytree(out / names[0], tmp_path / "taken-out")
    assert len(load_run(tmp_path / "taken-out").predictions) == 12, "the outputs are enough"


def test_what_is_no_run_or_has_not_ended(whole, tmp_path):
    out, _ = whole
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunDirectoryError, match=r"empty holds no runs.json or run.json.*compcalc run"):
        load_run(tmp_path / "empty")
    with pytest.raises(RunDirectoryError, match="nowhere does not exist"):
        load_run(tmp_path / "nowhere")
    with pytest.raises(RunDirectoryError, match="metrics.json is a file"):
        load_run(out / "metrics.json")
    manifest = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**manifest, "finished": None, "command": "compcalc run x"}))
    with pytest.raises(RunDirectoryError, match="has not ended.*give its command again to go on: compcalc run x"):
        load_run(out)
    (out / "run.json").unlink()
    with pytest.raises(RunDirectoryError, match="has not begun to write"):
        load_run(out)


def test_files_that_are_damaged_or_of_an_earlier_version(whole):
    out, _ = whole
    shutil.rmtree(out / "predictions")
    with pytest.raises(RunDirectoryError, match=r"alkane-02-id.extxyz is missing.*Give the command of the run again"):
        _ = load_run(out).predictions
    (out / "metrics.json").write_text('{"schema_ver')
    with pytest.raises(RunDirectoryError, match=r"metrics.json cannot be read.*compcalc verify .* --repair"):
        load_run(out)


def test_the_first_run_is_found_at_the_top_until_a_second_has_ended(whole):
    out, _ = whole
    index = json.loads((out / "runs.json").read_text())
    (name,) = index["runs"]
    index["runs"]["second"] = index["runs"][name]
    (out / "runs.json").write_text(json.dumps(index))
    assert run_folders(out) == {name: out, "second": out / "second"}


def test_tables_need_pandas_and_say_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match=r"'pandas'.*pip install 'compcalc\[tables\]'"):
        rows_frame([], "md_run")
