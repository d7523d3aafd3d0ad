"""Training through mace-torch's program: what it is given, what happens when it fails, and once for real."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from ase.io import read
from training_data import ENERGIES, TASK, mmff94_data, random_data

from compcalc.errors import InputError
from compcalc.training.architecture import Job, TrainingError
from compcalc.training.mace import MACESettings, fit_mace, train_mace
from compcalc.training.mace_program import History
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
            return real([sys.executable, "-c", code, *command[5:]], **settings)

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
        ("steps", 0),
        ("patience", 0),
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
pathlib.Path("results").mkdir(exist_ok=True)
lines = [
    {"mode": "eval", "epoch": None, "mae_f": 9.0, "loss": 9.0},
    {"mode": "opt", "epoch": 0, "loss": 1.0},
    {"mode": "eval", "epoch": 0, "mae_f": 0.5, "loss": 2.0},
    {"mode": "eval", "epoch": 1, "mae_f": 0.25, "loss": 3.0},
]
pathlib.Path("results/model_run-7_train.txt").open("a").write("".join(json.dumps(x) + "\\n" for x in lines))
pathlib.Path("checkpoints").mkdir()
pathlib.Path("model.model").write_text(os.environ["OMP_WAIT_POLICY"])
"""


def test_a_program_that_works_is_followed_epoch_by_epoch(program, split, tmp_path):
    program(WRITES_A_MODEL)
    seen = []
    model, history = train_mace(
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
    assert (history.best, history.last, history.sessions) == (1, 2, 1)
    assert not (tmp_path / "work" / "checkpoints").exists()


LEARNS_NO_MORE = """
import json, pathlib, sys, time
given = dict(part[2:].split("=", 1) for part in sys.argv[1:] if "=" in part)
for name in ("results", "checkpoints"):
    pathlib.Path(name).mkdir(exist_ok=True)
log = pathlib.Path("results/model_run-7_train.txt").open("a", buffering=1)
made = sorted(int(path.stem.rpartition("-")[2]) for path in pathlib.Path("checkpoints").iterdir())
log.write(json.dumps({"mode": "eval", "epoch": None, "mae_f": 9.0, "loss": 9.0}) + "\\n")
for epoch in range(made[-1] if made else 0, int(given["max_num_epochs"])):
    loss = [4.0, 3.0, 1.0][epoch] if epoch < 3 else 5.0
    # Epoch 6 is better: the program is faster than the one that stops it.
    if epoch < 3 or epoch == 6:
        pathlib.Path(f"checkpoints/model_run-7_epoch-{epoch}.pt").touch()
    log.write(json.dumps({"mode": "eval", "epoch": epoch, "mae_f": loss, "loss": loss}) + "\\n")
if made:
    pathlib.Path("model.model").write_text(f"of epoch {made[-1] + 1}")
else:
    time.sleep(300)
"""


def test_a_program_that_learns_no_more_is_stopped_and_leaves_its_best_epoch(program, split, tmp_path):
    commands = program(LEARNS_NO_MORE)
    settings = replace(TINY, epochs=50, patience=3)
    seen = []
    model, history = train_mace(
        split, ENERGIES, tmp_path / "work", settings, seed=7, on_epoch=lambda epoch, errors: seen.append(epoch)
    )
    assert seen == [1, 2, 3, 4, 5, 6]
    assert (history.best, history.last) == (3, 6)
    assert model.read_text() == "of epoch 3"
    assert [command[-1] for command in commands] == ["--save_cpu", "--max_num_epochs=2"]


def test_results_of_a_killed_session_are_counted_and_not_taken_for_those_of_this_one(program, split, tmp_path):
    results = tmp_path / "work/results/model_run-7_train.txt"
    results.parent.mkdir(parents=True)
    lines = [{"mode": "eval", "epoch": epoch, "mae_f": 0.1, "loss": 0.1} for epoch in (None, 0, 1)]
    results.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"mode": "eval", "ep')
    program(WRITES_A_MODEL)
    seen = []
    _, history = train_mace(
        split, ENERGIES, tmp_path / "work", TINY, seed=7, on_epoch=lambda epoch, errors: seen.append(errors["loss"])
    )
    assert seen == [2.0, 3.0]
    assert (history.sessions, history.best) == (2, 1)


def test_patience_counts_from_the_lowest_loss():
    history = History()
    for epoch, loss in enumerate([4.0, 2.0, 3.0, 2.0, 2.5]):
        history.add({"epoch": epoch, "loss": loss})
        assert history.exhausted(3) == (epoch == 4)
    assert (history.best, history.last) == (2, 5)
    assert not history.exhausted(4)
    assert not History().exhausted(1)


def test_the_program_gets_the_split_the_settings_and_the_elements_seen(program, split, tmp_path):
    commands = program(WRITES_A_MODEL)
    train_mace(split, ENERGIES, tmp_path / "work", TINY, seed=7)
    given = dict(part[2:].split("=", 1) for part in commands[0] if part.startswith("--") and "=" in part)
    assert commands[0][4] == "mace.cli.run_train"
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
    monkeypatch.setattr("compcalc.training.mace_program.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_mace(split, ENERGIES, tmp_path / "work", TINY, seed=0)
    assert started[0].returncode is not None


def test_a_program_ends_with_the_process_that_started_it(split, tmp_path):
    """Killed, as by a scheduler: nobody may go on writing into the folder of a training that is taken up again."""
    (tmp_path / "mace/cli").mkdir(parents=True)
    for package in ("mace", "mace/cli"):
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "mace/cli/run_train.py").write_text(
        "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(300)"
    )
    code = (
        "import pathlib; from compcalc.training.mace_program import Program; "
        f"Program(pathlib.Path({str(tmp_path)!r}), 0).run([], print)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code])
    pid = tmp_path / "pid"
    deadline = time.monotonic() + 30
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    child = int(pid.read_text())
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in open(f"/proc/{pid}/stat").read().rpartition(")")[2]
    except OSError:
        return False


@pytest.mark.slow
def test_a_tiny_mace_trains_loads_and_is_the_same_again(tmp_path):
    from compcalc.calculators.mace import MACE
    from compcalc.checks.accuracy import evaluate

    dataset = mmff94_data(tmp_path)
    split = training_split(TASK, dataset, seed=0)
    epochs, models = [], []
    for again in ("one", "two"):
        model, history = train_mace(
            split, ENERGIES, tmp_path / again, TINY, seed=0, on_epoch=lambda epoch, errors: epochs.append(errors)
        )
        models.append(model)
        assert history.last == 2
    assert len(epochs) == 4
    assert all(0 < errors["mae_f"] < 100 for errors in epochs)
    assert epochs[1]["loss"] == epochs[3]["loss"]
    calculators = [MACE(str(model)) for model in models]
    for letter, molecules in (("A", TASK.train), ("B", TASK.ood)):
        for molecule in molecules:
            frames = dataset.frames(molecule, letter)
            (energy, forces), (other, same) = (evaluate(c, frames.numbers, frames.positions[0]) for c in calculators)
            by_element = {6: ENERGIES["C"], 1: ENERGIES["H"]}
            assert energy == pytest.approx(sum(by_element[int(z)] for z in frames.numbers), abs=10)
            assert forces.shape == frames.forces[0].shape
            assert energy == other
            np.testing.assert_array_equal(forces, same)


@pytest.mark.slow
def test_a_tiny_mace_that_learns_no_more_stops_early(tmp_path):
    split = training_split(TASK, mmff94_data(tmp_path), seed=0)
    settings = replace(TINY, epochs=40, patience=2, learning_rate=3.0)  # steps too large to learn anything by
    model, history = train_mace(split, ENERGIES, tmp_path / "work", settings, seed=0)
    assert history.last < 40
    assert history.last == history.best + 2
    assert model.is_file()


@pytest.mark.slow
def test_a_tiny_mace_that_was_cut_off_goes_on(tmp_path):
    split = training_split(TASK, mmff94_data(tmp_path), seed=0)
    seen = []

    def stop(epoch, errors):
        seen.append(epoch)
        if epoch == 2:
            raise KeyboardInterrupt

    settings = replace(TINY, epochs=4)
    with pytest.raises(KeyboardInterrupt):
        train_mace(split, ENERGIES, tmp_path / "work", settings, seed=0, on_epoch=stop)
    assert seen == [1, 2]
    assert list((tmp_path / "work/checkpoints").iterdir())
    model, history = train_mace(split, ENERGIES, tmp_path / "work", settings, seed=0)
    assert model.is_file()
    assert (history.sessions, history.last) == (2, 4)
    assert history.first >= 2  # not from the beginning


TRAINS_SLOWLY = """
import json, pathlib, sys, time
given = dict(part[2:].split("=", 1) for part in sys.argv[1:] if "=" in part)
for name in ("results", "checkpoints"):
    pathlib.Path(name).mkdir(exist_ok=True)
log = pathlib.Path("results/model_run-0_train.txt").open("a", buffering=1)
made = sorted(int(path.stem.rpartition("-")[2]) for path in pathlib.Path("checkpoints").iterdir())
log.write(json.dumps({"mode": "eval", "epoch": None, "mae_f": 9.0, "loss": 9.0, "time": 0.0}) + "\\n")
for epoch in range(made[-1] if made else 0, int(given["max_num_epochs"])):
    for step in range(8):
        log.write(json.dumps({"mode": "opt", "epoch": epoch, "loss": 1.0, "time": STEP}) + "\\n")
    pathlib.Path(f"checkpoints/model_run-0_epoch-{epoch}.pt").touch()
    log.write(json.dumps({"mode": "eval", "epoch": epoch, "mae_f": 1.0, "loss": 5.0 - epoch, "time": 0.0}) + "\\n")
    time.sleep(WAIT)
pathlib.Path("model.model").write_text(given["lr_scheduler_gamma"])
"""


def job_of(split, directory, minutes):
    return Job(split, ENERGIES, directory, 0, minutes=minutes)


def test_a_budget_decides_the_epochs_and_the_fall_of_the_learning_rate(program, split, tmp_path):
    commands = program(TRAINS_SLOWLY.replace("STEP", "1.0").replace("WAIT", "0.01"))
    fit = fit_mace(job_of(split, tmp_path, 2.0), replace(TINY, epochs=60))
    steps = 14  # 54 frames, 4 a step
    epochs = fit.details["epochs_planned"]
    assert 120 * 0.8 / steps - 1 < epochs <= 120 / steps
    assert fit.details["epochs"] == epochs
    assert float(fit.model.read_text()) ** epochs == pytest.approx(0.01)
    assert fit.notes == (f"{epochs} of 60 epochs fit into the budget of 2 min",)
    asked = [next(word for word in command if "max_num_epochs" in word) for command in commands]
    assert asked == ["--max_num_epochs=60", f"--max_num_epochs={epochs}"]
    assert not (tmp_path / "pace").exists()


def test_a_training_that_is_taken_up_again_keeps_its_number_of_epochs(program, split, tmp_path):
    (tmp_path / "epochs.json").write_text('{"epochs": 3}')
    commands = program(TRAINS_SLOWLY.replace("STEP", "1e-6").replace("WAIT", "0.01"))
    assert fit_mace(job_of(split, tmp_path, 2.0), replace(TINY, epochs=60)).details["epochs_planned"] == 3
    assert len(commands) == 1


def test_the_budget_ends_a_training_that_got_slower_and_its_best_epoch_is_kept(program, split, tmp_path):
    program(TRAINS_SLOWLY.replace("STEP", "1e-4").replace("WAIT", "0.4"))
    began = time.monotonic()
    fit = fit_mace(job_of(split, tmp_path, 0.05), replace(TINY, epochs=60))
    assert time.monotonic() - began < 20
    assert fit.details["best_epoch"] < 60
    assert "the budget of 0.05 min ended before the last epoch" in fit.notes
    assert fit.model.is_file()


def test_a_budget_too_small_for_an_epoch_is_an_error(program, split, tmp_path):
    (tmp_path / "epochs.json").write_text('{"epochs": 1}')
    program("import time; time.sleep(300)")
    with pytest.raises(TrainingError, match="before the first epoch had ended. Give it a larger --budget"):
        fit_mace(job_of(split, tmp_path, 0.005), TINY)


def test_steps_are_counted_in_whole_epochs(program, split, tmp_path):
    commands = program(TRAINS_SLOWLY.replace("STEP", "0.0").replace("WAIT", "0.01"))
    fit = fit_mace(Job(split, ENERGIES, tmp_path, 0), replace(TINY, steps=29))  # 14 steps an epoch
    assert fit.details["epochs_planned"] == 3
    assert "--max_num_epochs=3" in commands[0]
