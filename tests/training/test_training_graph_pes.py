"""Training through graph-pes: what a model file holds, what is chosen, and where one that was cut off goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace

import numpy as np
import pytest
from ase import Atoms
from training_data import ENERGIES, TASK, mmff94_data

from compcalc.calculators import get_calculator
from compcalc.errors import CompcalcError, InputError, MissingDependencyError
from compcalc.training.architecture import Job, TrainingError
from compcalc.training.catalogue import get_architecture
from compcalc.training.delta import DeltaSettings, fit_delta
from compcalc.training.graph_pes import PAINN, NequIPSettings, PaiNNSettings, SchNetSettings, TensorNetSettings
from compcalc.training.options import setting_options
from compcalc.training.split import training_split

NAMES = ("schnet", "painn", "tensornet", "nequip")
ONE_FAST = ("painn", *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES if name != "painn"))
SETTINGS = (SchNetSettings, PaiNNSettings, TensorNetSettings, NequIPSettings)
TINY = {
    "channels": 4, "radial": 4, "layers": 1, "r_max": 3.0, "epochs": 10, "batch_size": 2, "learning_rate": 0.03,
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return mmff94_data(tmp_path_factory.mktemp("data"))


def make_job(data, directory, **other) -> Job:
    directory.mkdir(exist_ok=True)
    return Job(training_split(TASK, data, seed=0), ENERGIES, directory, seed=0, **other)


def epochs_of(directory) -> list[dict]:
    return [json.loads(line) for line in (directory / "training.log").read_text().splitlines() if line[:1] == "{"]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("channels", 0),
        ("radial", 0),
        ("layers", 0),
        ("epochs", 0),
        ("patience", -1),
        ("batch_size", 0),
        ("r_max", 1.0),
        ("r_max", 20.5),
        ("learning_rate", 0.0),
        ("energy_weight", -1.0),
        ("forces_weight", float("nan")),
    ],
)
def test_graph_pes_settings_out_of_range_are_refused_by_name(settings, name, value):
    with pytest.raises(InputError, match=f"^{name}: got {value!r}; allowed: "):
        settings(**{name: value})


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_setting_has_words_for_its_option(settings):
    options = {option.name: option for option in setting_options(settings)}
    assert set(options) == {field.name for field in fields(settings)}
    assert all(option.help for option in options.values())
    assert options["r_max"].help == "Cut-off of one layer, angstrom."  # of the class that all extend


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_graph_pes_is_named_before_anything_is_begun(name, monkeypatch):
    monkeypatch.setattr("compcalc.training.architecture.find_spec", lambda package: None)
    with pytest.raises(MissingDependencyError, match=rf"training {name} .*'graph_pes'.*compcalc\[graph-pes\]"):
        get_architecture(name).refuse_missing()


def test_an_element_without_e0_is_refused(data, tmp_path):
    with pytest.raises(TrainingError, match="no E0 of C"):
        PAINN.fit(replace(make_job(data, tmp_path / "work"), atomic_energies={"H": -13.0}), PaiNNSettings(**TINY))


def test_a_fit_that_fails_shows_the_end_of_the_log_and_not_an_older_result(data, tmp_path, monkeypatch):
    real = subprocess.Popen
    code = "import sys; [print('line', k, file=sys.stderr) for k in range(40)]; sys.exit('no such device')"
    monkeypatch.setattr(subprocess, "Popen", lambda line, **given: real([sys.executable, "-c", code], **given))
    job = make_job(data, tmp_path / "work")
    (job.directory / "result.json").write_text("{}")
    with pytest.raises(
        TrainingError, match="(?s)ended with code 1 and no model.*training.log.*line 39\nno such device"
    ):
        PAINN.fit(job, PaiNNSettings(**TINY))


def in_this_process(directory, on_epoch) -> None:
    """Run the program here: another process would take seconds to import what it needs."""
    from compcalc.training.graph_pes_program import main

    def told(entry):
        with (directory / "training.log").open("a") as log:
            log.write(json.dumps(entry) + "\n")
        on_epoch(entry)

    main(directory / "plan.json", time.time(), told)


@pytest.fixture
def quick(monkeypatch):
    """Fits in this process."""
    pytest.importorskip("graph_pes")
    monkeypatch.setattr("compcalc.training.graph_pes._run", in_this_process)


@pytest.fixture(scope="module")
def fitted(data, tmp_path_factory):
    """A tiny model of the architecture called by its name, and the folder that it was fitted in; fitted once, in this
    process."""
    pytest.importorskip("graph_pes")
    made = {}

    def get(name):
        if name not in made:
            directory, told = tmp_path_factory.mktemp(name) / "work", []
            architecture = get_architecture(name)
            job = make_job(data, directory, on_progress=told.append)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("compcalc.training.graph_pes._run", in_this_process)
                made[name] = architecture.fit(job, architecture.settings(**TINY)), directory, told
        return made[name]

    return get


@pytest.mark.parametrize("name", ONE_FAST)
def test_a_tiny_model_has_its_e0_its_elements_and_forces_of_its_energy(name, fitted, data, tmp_path):
    fit, _, _ = fitted(name)
    calculator = get_calculator(f"graph-pes:{fit.model}")
    _alone_means_e0(calculator)
    import torch

    whole = torch.load(fit.model, weights_only=False).state_dict()
    assert 100 < calculator.n_parameters <= sum(each.numel() for each in whole.values() if torch.is_tensor(each))
    with pytest.raises(CompcalcError, match="element.*O"):
        Atoms("OH", [[0, 0, 0], [0, 0, 1]], calculator=calculator).get_potential_energy()
    frames = data.frames(TASK.ood[0], "B")
    atoms = Atoms(frames.numbers, frames.positions[0], calculator=calculator)
    # A model that has hardly learnt has forces below what single precision tells of 3000 eV.
    atoms.calc = louder = _louder(fit.model, 1.0 / np.abs(atoms.get_forces()).max(), tmp_path / "louder.pt")
    forces = atoms.get_forces()
    assert np.abs(forces.sum(axis=0)).max() < 1e-3
    atom, axis = np.unravel_index(np.abs(forces).argmax(), forces.shape)
    energies = []
    for step in (0.02, -0.02):
        moved = atoms.copy()
        moved.positions[atom, axis] += step
        energies.append(louder.get_potential_energy(moved))
    assert (energies[1] - energies[0]) / 0.04 == pytest.approx(forces[atom, axis], abs=0.1)
    assert abs(forces[atom, axis]) == pytest.approx(1.0, rel=1e-3)


def _louder(model, factor, path):
    """The calculator of the same model with its network's energies multiplied."""
    import torch

    loaded = torch.load(model, weights_only=False)
    loaded.models["many_body"].scaler.per_element_scaling.data.mul_(float(factor))
    torch.save(loaded, path)
    return get_calculator(f"graph-pes:{path}")


def _alone_means_e0(calculator):
    far = Atoms("CHHC", np.outer(range(4), [50.0, 0.0, 0.0]), calculator=calculator)
    assert far.get_potential_energy() == pytest.approx(2 * ENERGIES["C"] + 2 * ENERGIES["H"], abs=1e-3)
    assert np.abs(far.get_forces()).max() == 0.0
    bound = Atoms("CHHC", np.outer(range(4), [1.1, 0.0, 0.0]), calculator=calculator)
    assert abs(bound.get_potential_energy() - far.get_potential_energy()) > 0.01


def test_the_energy_does_not_jump_at_the_cutoff_of_a_schnet(fitted):
    """graph-pes' own SchNet does: its filters have no envelope."""
    calculator = get_calculator(f"graph-pes:{fitted('schnet')[0].model}")
    energies = [
        calculator.get_potential_energy(Atoms("HH", [[0, 0, 0], [0, 0, distance]])) for distance in (2.0, 2.999, 3.001)
    ]
    assert abs(energies[0] - energies[2]) > 1e-3
    assert energies[1] == pytest.approx(energies[2], abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_epoch_with_the_lowest_loss_is_the_model(name, fitted, data):
    fit, directory, told = fitted(name)
    entries = epochs_of(directory)
    losses = [entry["loss"] for entry in entries]
    assert [entry["epoch"] for entry in entries] == list(range(1, TINY["epochs"] + 1))
    assert fit.details == {
        "epochs": 10, "epochs_planned": 10, "best_epoch": 1 + losses.index(min(losses)), "stopped_early": False,
    }  # fmt: skip
    assert [(progress.done, progress.total) for progress in told] == [(epoch, 10) for epoch in range(1, 11)]
    best = entries[fit.details["best_epoch"] - 1]
    assert told[fit.details["best_epoch"] - 1].words == f"validation force MAE {1000 * best['force_mae']:.1f} meV/A"
    assert _force_mae(fit, data, directory) == pytest.approx(best["force_mae"], rel=1e-4)


def _force_mae(fit, data, directory) -> float:
    """Of the model file on the validation frames, eV/angstrom."""
    calculator = get_calculator(f"graph-pes:{fit.model}")
    wrong = []
    for frames in make_job(data, directory).split.valid:
        for positions, forces in zip(frames.positions, frames.forces, strict=True):
            wrong.append(Atoms(frames.numbers, positions, calculator=calculator).get_forces() - forces)
    return float(np.abs(np.concatenate(wrong)).mean())


def test_a_training_that_learns_no_more_stops_and_keeps_its_best_epoch(quick, data, tmp_path):
    settings = PaiNNSettings(
        **TINY | {"epochs": 40, "patience": 2, "learning_rate": 3.0}
    )  # too large to learn anything by
    fit = PAINN.fit(make_job(data, tmp_path / "work"), settings)
    losses = [entry["loss"] for entry in epochs_of(tmp_path / "work")]
    assert fit.details["stopped_early"] and len(losses) == fit.details["epochs"] < 40
    assert fit.details["best_epoch"] == 1 + losses.index(min(losses)) == len(losses) - 2
    assert "stopped after 2 epochs without a lower one" in fit.selection


def test_epochs_that_fit_into_a_time_are_those_of_a_training_of_so_many(quick, data, tmp_path):
    """A time that is over after the first epoch leaves one; it is the first epoch of any training."""
    fit = PAINN.fit(make_job(data, tmp_path / "work", minutes=1e-4), PaiNNSettings(**TINY | {"epochs": 50}))
    assert fit.details == {"epochs": 1, "epochs_planned": 1, "best_epoch": 1, "stopped_early": False}


@pytest.mark.slow
def test_the_program_in_its_own_process_makes_the_same_epochs(fitted, data, tmp_path):
    whole, directory, _ = fitted("painn")
    fit = PAINN.fit(make_job(data, tmp_path / "work"), PaiNNSettings(**TINY))
    assert fit.details == whole.details
    assert epochs_of(tmp_path / "work") == epochs_of(directory)


def test_the_learning_rate_rises_over_the_first_epoch_and_falls_to_a_hundredth_over_the_rest():
    pytest.importorskip("graph_pes")
    from compcalc.training.graph_pes_epochs import rate

    assert rate(0.5, 0.5, None) == 0.25
    assert rate(0.5, 1.0, 10) == 0.5
    assert rate(0.5, 10.0, 10) == pytest.approx(0.005)
    assert rate(0.5, 5.5, 10) == pytest.approx(0.05)  # half of nine epochs


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_killed_training_goes_on_to_the_same_model(name, fitted, data, tmp_path):
    """Killed with no warning, after the first epoch of ten: same number of epochs, same losses, same model."""
    whole, directory, _ = fitted(name)
    cut = tmp_path / "work"
    make_job(data, cut)  # makes the folder
    code = (
        "import os, signal, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "import test_training_graph_pes as t; from compcalc.reference.dataset import DataSet\n"
        "architecture = t.get_architecture(sys.argv[4])\n"
        "kill = lambda progress: os.kill(os.getpid(), signal.SIGKILL)\n"
        "job = t.make_job(DataSet(Path(sys.argv[2])), Path(sys.argv[3]), on_progress=kill)\n"
        "architecture.fit(job, architecture.settings(**t.TINY))\n"
    )
    here = os.path.dirname(os.path.abspath(__file__))
    killed = subprocess.run([sys.executable, "-c", code, here, str(data.directory), str(cut), name])
    assert killed.returncode == -signal.SIGKILL
    assert not (cut / "model.pt").exists()
    time.sleep(0.5)
    architecture = get_architecture(name)
    again = architecture.fit(make_job(data, cut), architecture.settings(**TINY))
    assert again.details == whole.details
    assert epochs_of(cut)[-1] == epochs_of(directory)[-1]
    frames = data.frames(TASK.ood[0], "B")
    one, other = (
        Atoms(frames.numbers, frames.positions[0], calculator=get_calculator(f"graph-pes:{fit.model}")).get_forces()
        for fit in (whole, again)
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_model(name, fitted, data, tmp_path):
    _, directory, _ = fitted(name)
    architecture = get_architecture(name)
    architecture.fit(make_job(data, tmp_path / "work"), architecture.settings(**TINY))
    assert epochs_of(tmp_path / "work") == epochs_of(directory)
    other = architecture.fit(replace(make_job(data, tmp_path / "other"), seed=1), architecture.settings(**TINY))
    assert epochs_of(tmp_path / "other")[0]["loss"] != epochs_of(directory)[0]["loss"]
    assert other.details["epochs"] == 10


def test_a_number_of_epochs_that_was_chosen_is_kept(quick, data, tmp_path):
    """Cut off after its first epoch, and taken up when the time is over: the epochs that fitted then are made."""

    def stop(progress):
        raise KeyboardInterrupt

    settings = PaiNNSettings(**TINY | {"epochs": 5})
    with pytest.raises(KeyboardInterrupt):
        PAINN.fit(make_job(data, tmp_path / "work", minutes=10.0, on_progress=stop), settings)
    fit = PAINN.fit(make_job(data, tmp_path / "work", minutes=1e-4), settings)
    assert (fit.details["epochs"], fit.details["epochs_planned"]) == (5, 5)


@pytest.mark.slow
def test_a_tiny_painn_corrects_a_base(data, tmp_path):
    pytest.importorskip("graph_pes")
    settings = DeltaSettings(base="mmff94", arch="painn", correction=PaiNNSettings(**TINY))
    fit = fit_delta(make_job(data, tmp_path / "work"), settings)
    frames = data.frames(TASK.ood[0], "B")
    calculator = get_calculator(f"delta:{fit.model}")
    forces = Atoms(frames.numbers, frames.positions[0], calculator=calculator).get_forces()
    # What is missing has no forces at all, so that a model that has hardly learnt does little harm.
    assert np.abs(forces - frames.forces[0]).max() < 0.5 * np.abs(frames.forces[0]).max()
