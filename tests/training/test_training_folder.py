"""The folder of a training: taken up again, never mixed with another, and done once."""

import json
from dataclasses import dataclass

import pytest
from training_data import TASK, random_data

from compcalc.calculators.linear import save_energies
from compcalc.calculators.model_file import file_hash
from compcalc.errors import MissingDependencyError, RunDirectoryError
from compcalc.training.architecture import Architecture, Fit, Job, Progress
from compcalc.training.card import FittedModel
from compcalc.training.folder import TrainingFolder
from compcalc.training.split import training_split


@dataclass(frozen=True)
class StepSettings:
    """Attributes: steps."""

    steps: int = 4


class Killed(BaseException):
    """Ends a fit in the middle."""


class Stepping:
    """Counts to `steps`, a file a step, so that a fit that was killed goes on where it was."""

    def __init__(self):
        self.made, self.killed_at = [], None

    def __call__(self, job: Job, settings: StepSettings) -> Fit:
        for step in range(1, settings.steps + 1):
            file = job.directory / f"step-{step}"
            if file.exists():
                continue
            if step == self.killed_at:
                raise Killed
            file.touch()
            self.made.append(step)
            job.on_progress(Progress(step, settings.steps))
        save_energies(job.directory / "counted.json", {"H": float(settings.steps)})
        (job.directory / "table.txt").write_text("beside")
        return Fit(job.directory / "counted.json", "the last", beside=(job.directory / "table.txt",), notes=("a note",))


@pytest.fixture
def stepping():
    return Stepping()


@pytest.fixture
def make(tmp_path, stepping):
    """The folder of a counting architecture with this request."""
    architecture = Architecture("steps", "counting", StepSettings, stepping, scheme="linear", file="{name}.json")

    def folder(**request) -> TrainingFolder:
        return TrainingFolder(tmp_path / "out" / "steps-0", architecture, {"seed": 0, **request})

    return folder


@pytest.fixture
def job(tmp_path):
    return Job(training_split(TASK, random_data(tmp_path), seed=0), {}, tmp_path, seed=0)


def record(folder, fit) -> FittedModel:
    return FittedModel(
        name="steps-0", architecture="steps", settings={"steps": 4}, task="tiny/base", seed=0, file=fit.model.name,
        sha256=file_hash(fit.model), spec="linear:steps-0.json", parameters=1, train_molecules=("alkane/01",),
        frames={"train": 1, "validation": 1}, data={"hash": "0"}, selection=fit.selection, errors={"id_test": {}},
        command="compcalc train steps", training_seconds=1.5, versions={}, notes=fit.notes,
    )  # fmt: skip


def test_a_fit_that_was_killed_goes_on_and_keeps_its_time(make, job, stepping):
    folder = make()
    stepping.killed_at = 3
    with pytest.raises(Killed), folder.open():
        folder.fit(job, StepSettings())
    assert not folder.model.exists()
    before = json.loads((folder.path / "seconds.json").read_text())["seconds"]
    (folder.path / "seconds.json").write_text(json.dumps({"seconds": before + 100.0}))
    stepping.killed_at = None
    with make().open():
        fit, seconds = make().fit(job, StepSettings())
    assert stepping.made == [1, 2, 3, 4]
    assert 100.0 <= seconds < 160.0
    assert (fit.model, fit.selection, fit.notes) == (folder.model, "the last", ("a note",))
    assert fit.beside == (folder.path / "table.txt",)
    assert (folder.path / "table.txt").read_text() == "beside"
    assert not (folder.path / "seconds.json").exists()


def test_what_is_fitted_is_not_fitted_again(make, job, stepping):
    with make().open():
        first = make().fit(job, StepSettings())
        second = make().fit(job, StepSettings())
    assert first == second
    assert stepping.made == [1, 2, 3, 4]


def test_the_card_is_the_last_word(make, job):
    folder = make()
    with folder.open():
        fit, _ = folder.fit(job, StepSettings())
        assert folder.finished() is None
        folder.finish(record(folder, fit))
    assert make().finished() == record(folder, fit)
    card = json.loads((folder.path / "card.json").read_text())
    assert "trajectory A of the training molecules alone" in card["tests"]
    folder.model.write_text("{}")
    with pytest.raises(RunDirectoryError, match=r"steps-0.json is not the model of card.json"):
        make().finished()


def test_another_training_is_refused_by_what_differs(make):
    with make(settings={"steps": 4, "shape": (1, 2)}).open():
        pass
    with make(settings={"steps": 4, "shape": (1, 2)}).open():
        pass
    with (
        pytest.raises(RunDirectoryError, match=r"holds another training: settings.steps is 4 there and 5 here"),
        make(settings={"steps": 5, "shape": (1, 2)}).open(),
    ):
        pytest.fail("opened")


def test_a_folder_of_other_files_is_refused(make):
    folder = make()
    folder.path.mkdir(parents=True)
    (folder.path / "thesis.tex").write_text("precious")
    with pytest.raises(RunDirectoryError, match=r"holds other files \(thesis.tex\)"), folder.open():
        pytest.fail("opened")
    assert {path.name for path in folder.path.iterdir()} <= {"thesis.tex", ".lock"}


def test_two_trainings_at_once_are_refused(make):
    kept = make()
    with kept.open(), pytest.raises(RunDirectoryError, match="another process trains here"), make().open():
        pytest.fail("opened")
    with make().open():
        assert kept is not None


def test_a_place_that_cannot_be_written_is_named(make, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(RunDirectoryError, match="steps-0 cannot be written"), make().open():
        pytest.fail("opened")


def test_a_missing_package_is_named_before_anything_is_begun():
    needs = Architecture("x", "y", StepSettings, Stepping(), "linear", "{name}.json", ("no_such_package",), "pip it")
    with pytest.raises(MissingDependencyError, match="training x needs the package 'no_such_package'.*pip it"):
        needs.refuse_missing()
