"""Cells of a benchmark: in which order, where they lie, by which command they are trained."""

import json
from pathlib import Path

import pytest

from compcalc.benchmark import Matrix, parse_model
from compcalc.errors import InputError, RunDirectoryError

TASKS = [("length", "base"), ("duplication", "base")]


def matrix(out, *models, seeds=(0, 1), tasks=TASKS):
    return Matrix([parse_model(text) for text in models], tasks, list(seeds), out)


def test_a_cell_for_each_task_model_and_seed_and_one_for_what_is_not_trained(tmp_path):
    cells = matrix(tmp_path, "linear", "mmff94", "mace?seeds=1").cells()
    found = [(cell.task, cell.model.text, cell.seed) for cell in cells]
    one = [("linear", 0), ("linear", 1), ("mmff94", None), ("mace", 0)]
    assert found == [(task, *rest) for task in ("length", "duplication") for rest in one]


def test_models_of_one_architecture_lie_apart(tmp_path):
    cells = matrix(tmp_path, "mace?r_max=3", "mace?r_max=4", seeds=[0], tasks=TASKS[:1]).cells()
    assert len({cell.folder for cell in cells}) == 2
    assert cells[0].folder == tmp_path / "models/mace-r_max-3/mace-length-base-0"
    assert cells[0].spec == f"mace:{cells[0].folder}/mace-length-base-0.model"


def test_the_folder_is_the_one_that_the_training_makes(tmp_path):
    (cell,) = matrix(tmp_path, "delta?base=mmff94&arch=additive&frames=20", seeds=[3], tasks=TASKS[:1]).cells()
    assert cell.folder.name == "delta-mmff94-additive-20-frames-length-base-3"


def test_the_arguments_of_a_training(tmp_path):
    (cell,) = matrix(tmp_path, "mace?r_max=3", seeds=[5], tasks=TASKS[:1]).cells()
    words = cell.arguments(2.5, Path("data"))
    assert words[:4] == ["train", "mace", "--r-max", "3.0"]
    rest = dict(zip(words[4::2], words[5::2], strict=True))
    assert rest == {
        "--task": "length",
        "--variant": "base",
        "--seed": "5",
        "--out": str(tmp_path / "models/mace-r_max-3"),
        "--budget": "2.5",
        "--data": "data",
    }
    assert "--budget" not in cell.arguments(None, None)


def test_nothing_to_do_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="models: got 'nothing'"):
        matrix(tmp_path)
    with pytest.raises(InputError, match="seeds: got 'nothing'"):
        matrix(tmp_path, "linear", seeds=[])


def test_models_that_would_share_a_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="differ in more than signs"):
        matrix(tmp_path, "delta?base=tblite:GFN1-xTB", "delta?base=tblite-GFN1-xTB")


def test_a_damaged_card_is_no_finished_training(tmp_path):
    (cell,) = matrix(tmp_path, "linear", seeds=[0], tasks=TASKS[:1]).cells()
    assert cell.card() is None
    cell.folder.mkdir(parents=True)
    (cell.folder / "card.json").write_text(json.dumps({"seed": 0}))
    assert cell.card() == {"seed": 0}
    (cell.folder / "card.json").write_text("{")
    with pytest.raises(RunDirectoryError, match="Delete .* and train again"):
        cell.card()
