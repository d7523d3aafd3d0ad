"""Models shipped with compcalc: one a task variant, whole, of their task, and as good as their cards say."""

import json

import numpy as np
import pytest
from ase.data import chemical_symbols

from compcalc.calculators import get_calculator
from compcalc.calculators.mace_file import shipped_model, shipped_models
from compcalc.checks.accuracy import predict
from compcalc.errors import DataError, UnknownNameError
from compcalc.reference.dataset import DataSet
from compcalc.tasks import all_tasks, get_task
from compcalc.units import MEV_PER_EV

VARIANTS = [f"{task.task}/{task.variant}" for task in all_tasks()]


def card_of(name):
    return json.loads(shipped_model(name).with_suffix(".json").read_text())


def test_every_task_variant_has_a_model_and_the_default_is_that_of_length():
    names = shipped_models()
    assert set(names) == {"default", *VARIANTS, *(name.partition("/")[0] for name in VARIANTS)}
    assert names["default"] == names["length"] == names["length/base"]
    assert names["length/augmented"] != names["length"]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_model_belongs_to_its_task_and_is_as_good_as_its_card_says(name):
    task, card, shipped = get_task(*name.split("/")), card_of(name), DataSet()
    assert card["task"] == name
    assert card["train_molecules"] == [molecule.name for molecule in task.train]
    assert card["data"]["hash"] == shipped.fingerprint(list(task.train), "A")
    calculator = get_calculator(f"mace:{name}")
    assert calculator.trained["task"] == name and calculator.trained["sha256"] == card["sha256"]
    groups = [shipped.frames(molecule, "B").select(slice(0, 4)) for molecule in task.ood]
    errors = [MEV_PER_EV * np.abs(predict(calculator, frames).forces - frames.forces).mean() for frames in groups]
    said = card["errors"]["ood_test"]["force_mae_mev_per_angstrom"]
    assert np.mean(errors) == pytest.approx(said, rel=0.15)
    seen = {chemical_symbols[z] for molecule in task.train for z in shipped.frames(molecule, "A").numbers}
    assert set(calculator.known_elements) == seen


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(UnknownNameError, match="shipped model: got 'lenght'.*Did you mean 'length'"):
        shipped_model("lenght")
    with pytest.raises(DataError, match="MACE model file nothing does not exist.*default, .*length/augmented"):
        get_calculator("mace:nothing")
