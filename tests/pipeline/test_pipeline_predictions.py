"""Predictions as files: what ASE reads back, which frames failed, and that a damaged file is found."""

import json
import sys

import numpy as np
import pytest
from ase.io import read

from compcalc import get_calculator
from compcalc.pipeline import RunSettings, run
from compcalc.pipeline.predictions import prediction_atoms, write_predictions
from compcalc.pipeline.verifying import verify
from compcalc.records import Frames, Molecule, Prediction
from compcalc.reference.dataset import DataSet

pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")


@pytest.fixture
def static(tiny_data, tmp_path):
    out = tmp_path / "run"
    return out, run(RunSettings("mmff94", "length", data=tiny_data, workers=0, only="static"), out)


def test_ase_reads_reference_and_prediction_and_keeps_them_in_a_copy(static, tiny_data):
    out, done = static
    names = ["alkane-02-id", "alkane-03-id", "alkane-04-ood"]
    assert sorted(path.stem for path in (out / "predictions").iterdir()) == names
    frames = [atoms.copy() for atoms in read(out / "predictions/alkane-04-ood.extxyz", ":")]
    errors = [a.arrays["PRED_forces"] - a.arrays["REF_forces"] for a in frames]
    row = done["metrics"]["static"]["molecules"][2]
    assert 1000 * np.abs(errors).mean() == pytest.approx(row["force_mae_mev_per_angstrom"], rel=1e-5)
    energy = [a.info["PRED_energy"] - a.info["REF_energy"] for a in frames]
    assert 1000 * np.abs(energy).mean() == pytest.approx(row["energy_mae_mev"], rel=1e-9)
    last = frames[-1]
    assert (last.info["molecule"], last.info["split"], last.info["frame"]) == ("alkane/04", "ood", 3)
    last.calc = get_calculator("mmff94")
    assert last.get_potential_energy() == pytest.approx(last.info["PRED_energy"], abs=1e-6)
    np.testing.assert_allclose(last.get_forces(), last.arrays["PRED_forces"], atol=1e-5)


def test_a_frame_that_failed_has_its_reason_and_no_prediction(tmp_path):
    numbers, n = np.array([8, 1, 1]), 3
    positions = np.random.default_rng(0).normal(size=(2, n, 3))
    zero = np.zeros((2, n, 3))
    frames = Frames(Molecule("water", "O"), numbers, positions, np.zeros(2), zero, np.array([[0, 1]]), np.zeros(2))
    energy, forces = np.array([1.5, np.nan]), zero.copy()
    forces[1] = np.nan
    prediction = Prediction(
        frames.molecule, energy, forces, {1: 'it said "no"\nand died'}, spread=np.array([0.1, np.nan])
    )
    images = prediction_atoms(frames, prediction, "ood")
    assert (images[0].info["PRED_energy"], images[0].info["PRED_energy_spread"]) == (1.5, 0.1)
    assert "failure" not in images[0].info and "PRED_energy" not in images[1].info
    assert "PRED_forces" not in images[1].arrays
    write_predictions(tmp_path / "p.extxyz", images)
    assert read(tmp_path / "p.extxyz", ":")[1].info["failure"] == 'it said "no" and died'


def test_a_damaged_file_is_found_and_written_again(static):
    out, _ = static
    path = out / "predictions/alkane-03-id.extxyz"
    before = path.read_bytes()
    for content in (before[:-30], None):
        path.unlink() if content is None else path.write_bytes(content)
        (found,) = verify(out)
        assert found.outputs == ["predictions/alkane-03-id.extxyz"]
        assert verify(out, repair=True)[0].good and path.read_bytes() == before


def test_a_run_of_dynamics_alone_has_no_predictions(tiny_data, tmp_path):
    run(RunSettings("mmff94", "length", data=tiny_data, workers=0, only="md"), tmp_path / "run")
    assert not (tmp_path / "run/predictions").exists()
    assert verify(tmp_path / "run")[0].good


def test_run_json_says_what_was_not_written(tiny_data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    out = tmp_path / "run"
    out.mkdir()
    run(RunSettings("mmff94", "length", data=tiny_data, workers=0, only="static"), out)
    manifest = json.loads((out / "run.json").read_text())
    assert "pip install 'compcalc[tables]'" in manifest["not_written"]["metrics.parquet"]
    assert verify(out)[0].good and not (out / "metrics.parquet").exists()


def test_run_json_names_the_data_of_each_molecule(static, tiny_data):
    _, done = static
    digests = done["manifest"]["data"]["sha256"]
    file = DataSet(tiny_data).file("B")
    assert digests == {name: file.checksum(name) for name in ("alkane/02", "alkane/03", "alkane/04")}
