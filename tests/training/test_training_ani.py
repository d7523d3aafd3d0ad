"""Fine-tuning ANI-1x: derivatives against differences, the potential against the training, and the end of a kill."""

import json
import os
import signal
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule
from training_data import ENERGIES, TASK, mmff94_data
from training_fields import labelled

from compcalc import get_calculator
from compcalc.calculators.ani_file import EnsembleFile
from compcalc.calculators.model_file import file_hash
from compcalc.errors import DataError, InputError, UnsupportedElementError
from compcalc.training.architecture import Job
from compcalc.training.delta import DeltaSettings
from compcalc.training.split import training_split
from compcalc.units import HARTREE_EV

if find_spec("torchani") is None:
    pytest.skip("torchani is not installed", allow_module_level=True)

import torch

from compcalc.calculators.ani_environments import SymmetryFunctions
from compcalc.calculators.ani_load import load_ani
from compcalc.training.ani import ANISettings, fit_ani, prepare_ani
from compcalc.training.ani_frames import EnvironmentFrames
from compcalc.training.ani_loop import Course, _loss
from compcalc.training.ani_members import Members

SMALL = ANISettings(members=1, epochs=3, batch_size=4)
NOTHING = dict.fromkeys("HCNO", 0.0)


@pytest.fixture(scope="module")
def ensemble():
    return load_ani("ANI-1x")[1]


@pytest.fixture(scope="module")
def shipped():
    return get_calculator("ani:ANI-1x?dtype=float64")


@pytest.fixture(scope="module")
def frames(shipped):
    """Two molecules with C, H and O, labelled by ANI-1x itself."""

    def label(atoms):
        return shipped.get_potential_energy(atoms), shipped.get_forces(atoms).copy()

    return tuple(labelled(name, molecule(name), label, 2, 3) for name in ("CH3CH2OH", "H2CO"))


@pytest.fixture(scope="module")
def environments(ensemble, frames):
    own = ensemble.energy_shifter.self_energies.double().numpy() * HARTREE_EV
    energies = dict(zip(ensemble.species, own, strict=True))
    functions, present = SymmetryFunctions(ensemble.aev_computer), np.array([0, 1, 3])
    return EnvironmentFrames(functions, present, ensemble.species, frames, energies, np.dtype("float64"))


def members_of(ensemble, environments, count=2):
    networks = list(ensemble.neural_networks)[:count]
    return Members(networks, ["H", "C", "O"], environments.columns, torch.float64, torch.device("cpu"))


def test_both_products_belong_to_one_derivative(environments):
    """g . (J v) = (J^T g) . v, and J v is what a finite step changes."""
    batch, rng = environments.batch([0, 1, 2]), np.random.default_rng(0)
    gradient, displacement = rng.normal(size=batch.values.shape), rng.normal(size=batch.forces.shape)
    forwards, backwards = batch.product(displacement), batch.transposed_product(gradient)
    assert np.sum(gradient * forwards) == pytest.approx(np.sum(backwards * displacement), rel=1e-7)
    np.testing.assert_allclose(batch.product(-3.0 * displacement), -3.0 * forwards, rtol=1e-6, atol=1e-8)
    assert not batch.product(np.zeros_like(displacement)).any()


def test_before_the_first_step_the_training_sees_what_the_potential_gives(ensemble, environments):
    batch = environments.batch([3, 0, 1])
    members = members_of(ensemble, environments, count=8)
    energies, forces = members.predict(batch, training=False)
    np.testing.assert_allclose(energies.detach().numpy().mean(axis=0), batch.energies, atol=1e-5)
    np.testing.assert_allclose(forces.numpy().mean(axis=0), batch.forces, atol=1e-5)


def test_the_gradient_of_the_loss_is_that_of_differences(ensemble, environments):
    """Of weights in the first and a later layer of each element; labels that are not the model's."""
    batch, members = environments.batch([0, 2]), members_of(ensemble, environments)
    batch.forces, batch.energies = batch.forces + 0.3, batch.energies - 0.2
    course = Course(1, 1, 2, 1e-3, energy_weight=2.0, forces_weight=5.0, seed=0)
    _loss(members, batch, course).backward()
    for element in range(3):
        for layer, place in ((0, (1, 3, 2)), (2, (0, 5, 7))):
            weight = members.weights[element][layer]
            column = tuple(place) if layer else (place[0], int(weight.grad[place[0]].abs().sum(1).argmax()), place[2])
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    weight[column] += sign * 1e-5
                    values.append(float(_loss_without_graph(members, batch, course)))
                    weight[column] -= sign * 1e-5
            assert float(weight.grad[column]) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-4, abs=1e-7)


def _loss_without_graph(members, batch, course):
    with torch.enable_grad():
        return _loss(members, batch, course).detach()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return mmff94_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def make_job(data, tmp_path):
    def make(name="work", **more):
        (tmp_path / name).mkdir(exist_ok=True)
        return Job(training_split(TASK, data, seed=0), ENERGIES, tmp_path / name, seed=0, **more)

    return make


@pytest.fixture(autouse=True)
def _read_once(monkeypatch, ensemble):
    """The ensemble's files, which take seconds."""
    monkeypatch.setattr("compcalc.calculators.ani_load._load", lambda torchani, folder: deepcopy(ensemble))


@pytest.fixture(autouse=True)
def _known_scale(monkeypatch):
    """E0 of ANI-1x from the small molecules, which take seconds."""
    found = {"H": -16.6, "C": -1036.0, "N": -1490.0, "O": -2046.0}
    monkeypatch.setattr("compcalc.training.foundation.fit_atomic_energies", lambda labeller: found)


def test_a_fine_tuned_ensemble_learns_and_loads(make_job, data):
    seen = []
    fit = fit_ani(make_job(on_progress=seen.append), replace(SMALL, members=2, epochs=6))
    assert [progress.done for progress in seen] == [1, 2, 3, 4, 5, 6]
    maes = [float(progress.words.split()[-2]) for progress in seen]
    calculator, before = get_calculator(f"ani:{fit.model}"), get_calculator("ani:")
    frames = data.frames(TASK.train[1], "B")
    errors = {}
    for name, potential in (("after", calculator), ("before", before)):
        found = [potential.evaluate([_atoms(frames, k)]) for k in range(3)]
        errors[name] = np.mean([np.abs(forces[0] - frames.forces[k]).mean() for k, (_, forces) in enumerate(found)])
        energies = np.array([energy[0] for energy, _ in found])
        assert (np.abs(energies - frames.energy[:3]).max() < 1.0) == (name == "after")
    assert errors["after"] < 0.8 * errors["before"]
    assert maes[-1] < 1000 * errors["before"]
    calculator.get_potential_energy(_atoms(frames, 0))
    assert calculator.energy_spread > 0
    assert calculator.n_parameters * 4 == before.n_parameters
    assert fit.details["epochs"] == 6 and not fit.details["stopped_early"]
    assert fit.details["init"] == {"model": "ANI-1x"}
    assert "no training molecule has N and O" in fit.notes[0]


def _atoms(frames, k):
    from ase import Atoms

    return Atoms(frames.numbers, frames.positions[k])


def test_what_is_not_seen_stays(make_job, ensemble):
    file = EnsembleFile.load(fit_ani(make_job(), replace(SMALL, epochs=1)).model)
    before, after = ensemble.neural_networks[0].state_dict(), file.members[0]
    for name in ("N.0.weight", "O.2.bias"):
        np.testing.assert_array_equal(after[name], before[name].numpy())
    changed = after["C.0.weight"] != before["C.0.weight"].numpy()
    # Radial terms of N and O: columns 32 to 63.
    assert changed[:, :32].any() and not changed[:, 32:64].any()


def test_a_training_that_was_cut_off_ends_as_one_that_was_not(make_job):
    class Cut(Exception):
        pass

    def stop(progress):
        if progress.done == 2:
            raise Cut

    whole = fit_ani(make_job("whole"), SMALL)
    with pytest.raises(Cut):
        fit_ani(make_job("cut", on_progress=stop), SMALL)
    seen = []
    fit = fit_ani(make_job("cut", on_progress=seen.append), SMALL)
    assert [progress.done for progress in seen] == [3]
    assert fit.details == whole.details
    assert fit.model.read_bytes() == whole.model.read_bytes()
    other = fit_ani(replace(make_job("other"), seed=1), SMALL)
    assert other.model.read_bytes() != whole.model.read_bytes()


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_to_the_same_end(tmp_path):
    (tmp_path / "data").mkdir()
    mmff94_data(tmp_path / "data")
    code = (
        "import sys; sys.path.insert(0, {tests!r})\n"
        "import os, pathlib, compcalc.training.foundation as foundation\n"
        "from training_data import ENERGIES, TASK; from compcalc.reference.dataset import DataSet\n"
        "from compcalc.training.ani import ANISettings, fit_ani; from compcalc.training.architecture import Job\n"
        "from compcalc.training.split import training_split\n"
        "foundation.fit_atomic_energies = lambda labeller: ENERGIES\n"
        "def told(progress):\n"
        "    if {kill} and progress.done == 2: os.kill(os.getpid(), 9)\n"
        "folder = pathlib.Path({folder!r}); folder.mkdir(exist_ok=True)\n"
        "split = training_split(TASK, DataSet(pathlib.Path({data!r})), seed=0)\n"
        "fit_ani(Job(split, ENERGIES, folder, 0, told), ANISettings(members=1, epochs=3, batch_size=4))\n"
    )

    def run(folder, kill):
        text = code.format(
            tests=str(Path(__file__).parent), data=str(tmp_path / "data"), folder=str(tmp_path / folder), kill=kill
        )
        return subprocess.run([sys.executable, "-c", text], env=os.environ).returncode

    assert run("whole", False) == 0
    assert run("cut", True) == -signal.SIGKILL
    assert not (tmp_path / "cut/ani.npz").exists()
    assert run("cut", False) == 0
    assert file_hash(tmp_path / "cut/ani.npz") == file_hash(tmp_path / "whole/ani.npz")


def test_a_time_limit_shortens_the_training_for_good(make_job):
    def stop(progress):
        assert progress.total == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_ani(make_job(minutes=1e-6, on_progress=stop), SMALL)
    assert fit_ani(make_job(), SMALL).details["epochs"] == 1  # the number is on disk


def test_patience_ends_a_training_that_learns_no_more(make_job):
    fit = fit_ani(make_job(), replace(SMALL, epochs=30, patience=1, learning_rate=1.0))
    assert fit.details["stopped_early"] and fit.details["epochs"] == fit.details["best_epoch"] + 1 < 30
    assert "stopped after 1 epochs" in fit.selection


def test_a_fine_tuned_file_can_be_fine_tuned(make_job):
    first = fit_ani(make_job("first"), replace(SMALL, epochs=1)).model
    settings = replace(SMALL, epochs=1, init=str(first))
    given, depends = prepare_ani(settings, {"C", "H"})
    assert given == settings and depends == {"init_sha256": file_hash(first)}
    assert settings.label == "from-ani"
    second = fit_ani(make_job("second"), settings)
    assert second.details["init"] == {"model": "ani.npz", "sha256": file_hash(first)}
    # It is on the scale of the data, but for what the training has left.
    assert all(abs(shift) < 0.5 for shift in second.details["shifts_ev"].values())
    with pytest.raises(InputError, match="members: got 2; allowed: 1 to 1"):
        prepare_ani(replace(settings, members=2), {"C", "H"})


def test_elements_that_ani_does_not_know_are_refused_before_anything_begins():
    with pytest.raises(UnsupportedElementError, match="ANI-1x does not know the element.* S"):
        prepare_ani(SMALL, {"C", "S"})
    assert prepare_ani(SMALL, {"C", "O"}) == (SMALL, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 0), ("members", 9), ("learning_rate", float("nan")), ("energy_weight", 0.0), ("dtype", "float16")],
)
def test_fine_tuning_settings_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(InputError, match=f"^{name}: got {value!r}; allowed: "):
        ANISettings(**{name: value})


def test_a_foundation_is_no_correction():
    with pytest.raises(InputError, match="init: got 'ani1x'; allowed: nothing in a correction"):
        DeltaSettings(arch="ani")


def test_files_that_are_no_ensembles_are_refused(tmp_path, ensemble):
    path = tmp_path / "model.npz"
    with pytest.raises(DataError, match="does not exist"):
        prepare_ani(replace(SMALL, init=str(path)), {"C"})
    path.write_text(json.dumps({"format": "other"}))
    with pytest.raises(DataError, match="is not a file that `compcalc train ani` has made"):
        get_calculator(f"ani:{path}")
    np.savez(path, format=np.array("other"))
    with pytest.raises(DataError, match="has the format 'other'"):
        get_calculator(f"ani:{path}")
    np.savez(path, format=np.array([object()], dtype=object))  # a pickle, which is not loaded
    with pytest.raises(DataError, match="allow_pickle"):
        get_calculator(f"ani:{path}")
    member = {name: array.numpy() for name, array in ensemble.neural_networks[0].state_dict().items()}
    EnsembleFile([{**member, "H.0.bias": np.zeros(3, np.float32)}], np.zeros(4), np.zeros(4)).save(path)
    with pytest.raises(DataError, match="is damaged"):
        get_calculator(f"ani:{path}")
    EnsembleFile([{**member, "H.0.bias": np.full(160, np.nan, np.float32)}], np.zeros(4), np.zeros(4)).save(path)
    with pytest.raises(DataError, match="not finite"):
        get_calculator(f"ani:{path}")
