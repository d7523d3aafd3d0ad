"""Delta-learning: what is fitted is the reference minus the base, and the sum is the reference again."""

import json

import numpy as np
import pytest
from ase import Atoms
from training_data import ENERGIES, TASK, mmff94_data

from compcalc.calculators import get_calculator
from compcalc.calculators.linear import save_energies
from compcalc.errors import InputError
from compcalc.reference.labelling import Labeller
from compcalc.training.additive import AdditiveSettings
from compcalc.training.architecture import Job, TrainingError
from compcalc.training.delta import DeltaSettings, fit_delta
from compcalc.training.mace import MACESettings
from compcalc.training.split import training_split


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return mmff94_data(tmp_path_factory.mktemp("data"))


def make_job(data, directory) -> Job:
    directory.mkdir(exist_ok=True)
    return Job(training_split(TASK, data, seed=0), ENERGIES, directory, seed=0)


def test_base_and_correction_give_the_reference_on_unseen_molecules(data, tmp_path):
    """The data are MMFF94 and energies by element: with that base, energies by element are all that is missing."""
    fit = fit_delta(make_job(data, tmp_path / "work"), DeltaSettings(base="mmff94", arch="linear"))
    calculator = get_calculator(f"delta:{fit.model}")
    frames = data.frames(TASK.ood[0], "B")
    for positions, energy, forces in zip(frames.positions[:3], frames.energy, frames.forces, strict=False):
        (found,), (force,) = calculator.evaluate([atoms_of(frames.numbers, positions)])
        assert found == pytest.approx(energy, abs=1e-6)
        np.testing.assert_allclose(force, forces, atol=1e-6)
    assert [path.name for path in fit.beside] == ["correction.json"]
    assert "errors are those of mmff94 and the correction together" in fit.notes


def test_the_correction_is_fitted_to_what_the_base_lacks(data, tmp_path):
    fit = fit_delta(make_job(data, tmp_path / "work"), DeltaSettings(base="mmff94", arch="additive"))
    frames = data.frames(TASK.train[1], "B")
    correction = get_calculator(f"additive:{fit.beside[0]}")
    _, (forces,) = correction.evaluate([atoms_of(frames.numbers, frames.positions[0])])
    assert np.abs(forces).max() < 1e-3 < 0.1 < np.abs(frames.forces[0]).max()
    assert fit.details["shifts_ev"]["C"] == pytest.approx(-1000.0, abs=2.0)


def test_labels_of_the_base_are_computed_once(data, tmp_path, monkeypatch):
    asked = []
    label = Labeller.label
    monkeypatch.setattr(Labeller, "label", lambda self, *given: asked.append(1) or label(self, *given))
    fit_delta(make_job(data, tmp_path / "work"), DeltaSettings(arch="linear"))
    first = len(asked)
    fit_delta(make_job(data, tmp_path / "work"), DeltaSettings(arch="linear"))
    small_molecules = len(asked) - first
    assert first == sum(make_job(data, tmp_path / "work").split.count()) + small_molecules


def test_a_base_that_is_not_available_is_named(data, tmp_path):
    with pytest.raises(TrainingError, match="the base tblite:GFN9 is not available.*GFN1-xTB, GFN2-xTB"):
        fit_delta(make_job(data, tmp_path / "work"), DeltaSettings(base="tblite:GFN9", arch="linear"))


def test_a_base_that_fails_on_the_frames_is_named(data, tmp_path):
    save_energies(tmp_path / "h.json", {"H": 0.0})
    with pytest.raises(TrainingError, match=r"h.json fails on frame 0 of alkane/01 .*element\(s\) C.*another base"):
        fit_delta(make_job(data, tmp_path / "work"), DeltaSettings(base=f"linear:{tmp_path}/h.json", arch="linear"))


def test_a_base_that_fails_on_the_small_molecules_is_named(data, tmp_path):
    save_energies(tmp_path / "ch.json", {"H": 0.0, "C": 0.0})
    with pytest.raises(TrainingError, match=r"ch.json fails on the small molecules"):
        fit_delta(make_job(data, tmp_path / "work"), DeltaSettings(base=f"linear:{tmp_path}/ch.json", arch="linear"))


def test_settings_hold_those_of_the_correction():
    assert DeltaSettings(arch="additive").correction == AdditiveSettings()
    with pytest.raises(InputError, match="arch: got 'delta'"):
        DeltaSettings(arch="delta")


def test_the_file_says_what_it_is_made_of(data, tmp_path):
    fit = fit_delta(make_job(data, tmp_path / "work"), DeltaSettings(arch="linear"))
    content = json.loads(fit.model.read_text())
    assert (content["base"], content["scheme"], content["correction"]) == ("mmff94", "linear", "correction.json")


@pytest.mark.slow
def test_a_tiny_mace_corrects_a_base(data, tmp_path):
    tiny = MACESettings(channels=4, max_ell=1, correlation=1, layers=1, r_max=3.0, radial=8, epochs=1, batch_size=4)
    fit = fit_delta(make_job(data, tmp_path / "work"), DeltaSettings(base="mmff94", arch="mace", correction=tiny))
    calculator = get_calculator(f"delta:{fit.model}")
    frames = data.frames(TASK.ood[0], "B")
    _, (forces,) = calculator.evaluate([atoms_of(frames.numbers, frames.positions[0])])
    # What is missing has no forces at all, so that a model that has hardly learnt does little harm.
    assert np.abs(forces - frames.forces[0]).max() < 0.5 * np.abs(frames.forces[0]).max()
    assert "lowest loss on validation starts" in fit.selection


def atoms_of(numbers, positions):
    return Atoms(numbers, positions)
