"""Training through mace-torch's program: what it is given, what happens when it fails, and once for real."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from ase.io import read
from training_data import ENERGIES, TASK, mmff94_data, random_data

from compcalc.errors import InputError
from compcalc.training.mace import MACESettings, TrainingError, train_mace
from compcalc.training.split import training_split

TINY = MACESettings(
    channels=4, max_L=0, max_ell=1, correlation=1, layers=1, r_max=3.0, radial=8, epochs=2, batch_size=4
)


@pytest.fixture
def program(monkeypatch):
    """Replaces mace's program by a few lines of Python; gives the command lines that were asked for."""
    commands = []
    real = subprocess.Popen

    def replace_by(code: str):
        def start(command, **settings):
            commands.append(command)
            return real([sys.executable, "-c", code], **settings)

        monkeypatch.setattr(subprocess, "Popen", start)
        return commands

    return replace_by


@pytest.fixture
def split(tmp_path):
    return training_split(TASK, random_data(tmp_path), seed=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("channels", 0),
        ("max_ell", 0),
        ("correlation", 0),
        ("layers", 0),
        ("radial", 0),
        ("epochs", 0),
        ("batch_size", -1),
        ("max_L", -1),
        ("r_max", 1.0),
        ("r_max", 20.5),
        ("r_max", float("nan")),
        ("learning_rate", 0.0),
        ("dtype", "float16"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(InputError, match=f"^{name}: got {value!r}; allowed: "):
        MACESettings(**{name: value})


def test_a_program_that_fails_shows_the_end_of_its_log(program, split, tmp_path):
    program("import sys; [print('line', k) for k in range(40)]; print('CUDA is not there'); sys.exit(3)")
    with pytest.raises(TrainingError, match="(?s)code 3.*training.log.*line 39\nCUDA is not there") as caught:
        train_mace(split, ENERGIES, tmp_path / "work", TINY, seed=0)
    assert "line 20\n" not in str(caught.value)


def test_a_program_that_ends_without_a_model_has_failed(program, split, tmp_path):
    program("print('nothing to do')")
    with pytest.raises(TrainingError, match="(?s)code 0 and no model.*nothing to do"):
        train_mace(split, ENERGIES, tmp_path / "work", TINY, seed=0)


def test_a_program_that_fails_beside_an_older_model_has_failed(program, split, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "model.model").write_text("old")
    program("raise SystemExit(1)")
    with pytest.raises(TrainingError, match="code 1"):
        train_mace(split, ENERGIES, tmp_path / "work", TINY, seed=0)


WRITES_A_MODEL = """
import json, os, pathlib
pathlib.Path("results").mkdir()
lines = [
    {"mode": "eval", "epoch": None, "mae_f": 9.0},
    {"mode": "opt", "epoch": 0, "loss": 1.0},
    {"mode": "eval", "epoch": 0, "mae_f": 0.5},
    {"mode": "eval", "epoch": 1, "mae_f": 0.25},
]
pathlib.Path("results/model_run-7_train.txt").write_text("".join(json.dumps(x) + "\\n" for x in lines))
pathlib.Path("checkpoints").mkdir()
pathlib.Path("model.model").write_text(os.environ["OMP_WAIT_POLICY"])
"""


def test_a_program_that_works_is_followed_epoch_by_epoch(program, split, tmp_path):
    program(WRITES_A_MODEL)
    seen = []
    model = train_mace(
        split,
        ENERGIES,
        tmp_path / "work",
        TINY,
        seed=7,
        on_epoch=lambda epoch, errors: seen.append((epoch, errors["mae_f"])),
    )
    assert model == tmp_path / "work" / "model.model"
    assert model.read_text()
    assert seen == [(1, 0.5), (2, 0.25)]
    assert not (tmp_path / "work" / "checkpoints").exists()


def test_the_program_gets_the_split_the_settings_and_the_elements_seen(program, split, tmp_path):
    commands = program(WRITES_A_MODEL)
    train_mace(split, ENERGIES, tmp_path / "work", TINY, seed=7)
    given = dict(part[2:].split("=", 1) for part in commands[0] if "=" in part)
    assert commands[0][:3] == [sys.executable, "-m", "mace.cli.run_train"]
    assert given["E0s"] == "{1: -13.0, 6: -1000.0}"
    assert (given["num_channels"], given["max_L"], given["num_interactions"]) == ("4", "0", "1")
    assert (given["seed"], given["default_dtype"], given["max_num_epochs"]) == ("7", "float32", "2")
    assert float(given["lr_scheduler_gamma"]) ** 2 == pytest.approx(0.01)
    for name, groups in (("train", split.train), ("valid", split.valid)):
        images = read(tmp_path / "work" / given[f"{name}_file"], ":")
        found = [atoms.info[given["energy_key"]] for atoms in images]
        assert found == [energy for frames in groups for energy in frames.energy]
        np.testing.assert_allclose(images[0].arrays[given["forces_key"]], groups[0].forces[0], atol=1e-8)


def test_an_interrupt_ends_the_program(program, split, tmp_path, monkeypatch):
    program("import time; print('started', flush=True); time.sleep(300)")
    started = []
    popen = subprocess.Popen

    def keep(*arguments, **settings):
        started.append(popen(*arguments, **settings))
        return started[-1]

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", keep)
    monkeypatch.setattr("compcalc.training.mace.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_mace(split, ENERGIES, tmp_path / "work", TINY, seed=0)
    assert started[0].returncode is not None


@pytest.mark.slow
def test_a_tiny_mace_trains_loads_and_has_a_card(tmp_path):
    from compcalc.calculators.mace import MACE
    from compcalc.checks.accuracy import evaluate
    from compcalc.training.card import model_card

    dataset = mmff94_data(tmp_path)
    split = training_split(TASK, dataset, seed=0)
    epochs = []
    model = train_mace(
        split, ENERGIES, tmp_path / "work", TINY, seed=0, on_epoch=lambda epoch, errors: epochs.append((epoch, errors))
    )
    assert [epoch for epoch, _ in epochs] == [1, 2]
    assert all(0 < errors["mae_f"] < 100 for _, errors in epochs)
    calculator = MACE(str(model))
    for letter, molecules in (("A", TASK.train), ("B", TASK.ood)):
        for molecule in molecules:
            frames = dataset.frames(molecule, letter)
            energy, forces = evaluate(calculator, frames.numbers, frames.positions[0])
            by_element = {6: ENERGIES["C"], 1: ENERGIES["H"]}
            assert energy == pytest.approx(sum(by_element[int(z)] for z in frames.numbers), abs=10)
            assert forces.shape == frames.forces[0].shape
    card = model_card(
        model=model,
        parameters=1234,
        errors={"id_test": {"force_mae_mev_per_angstrom": 1.0}},
        task=TASK,
        dataset=dataset,
        split=split,
        settings=TINY,
        seed=0,
        command="test",
        seconds=1.0,
        versions={},
    )
    json.dumps(card, allow_nan=False)
    assert card["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert card["frames"] == {"train": 12, "validation": 4}
    assert card["train_molecules"] == ["alkane/01", "alkane/02"]
    assert card["data"] == {"method": "mmff94", "hash": dataset.fingerprint(list(TASK.train), "A")}
