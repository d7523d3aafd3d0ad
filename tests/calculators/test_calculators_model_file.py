"""What lies beside a model file, and files that are not what they say."""

import json

import pytest

from compcalc.calculators import get_calculator
from compcalc.calculators.linear import save_energies
from compcalc.calculators.mace_file import shipped_model
from compcalc.calculators.model_file import file_hash, read_model, training_note, write_model
from compcalc.errors import DataError

CARD = {
    "architecture": "linear", "task": "length/base", "seed": 3, "selection": "no choice",
    "frames": {"train": 90, "validation": 10}, "data": {"hash": "0123456789abcdef"},
}  # fmt: skip


@pytest.fixture
def model(tmp_path):
    save_energies(tmp_path / "model.json", {"H": 1.0})
    return tmp_path / "model.json"


def test_a_calculator_says_how_it_was_trained(model):
    (model.parent / "card.json").write_text(json.dumps({**CARD, "sha256": file_hash(model)}))
    expected = "linear on length/base, 90 training and 10 validation frames, data 0123456789ab, seed 3; "
    assert get_calculator(f"linear:{model}").training == expected + "chosen by: no choice"


def test_a_calculator_says_how_it_was_trained_for_programs(model):
    (model.parent / "card.json").write_text(json.dumps({**CARD, "settings": {"r": 5}, "sha256": file_hash(model)}))
    facts = get_calculator(f"linear:{model}").trained
    assert (facts["architecture"], facts["seed"], facts["settings"]) == ("linear", 3, {"r": 5})
    assert facts["data"]["hash"] == CARD["data"]["hash"] and facts["sha256"] == file_hash(model)
    assert facts["name"] == model.stem, "of the file, where the card gives none"


@pytest.mark.parametrize("card", [None, {**CARD, "sha256": "of another file"}, "not JSON", [1], {"sha256": None}])
def test_without_a_card_of_its_own_it_says_nothing(model, card):
    if card is not None:
        (model.parent / "card.json").write_text(card if isinstance(card, str) else json.dumps(card))
    calculator = get_calculator(f"linear:{model}")
    assert calculator.training is None and calculator.trained is None


def test_the_shipped_model_says_that_it_was_chosen_in_distribution():
    path = shipped_model()
    note = training_note(path, file_hash(path))
    assert note.startswith("MACE on length/base, 450 training and 50 validation frames")
    assert note.endswith("(in distribution only)")


def test_a_model_file_says_what_it_is(tmp_path):
    write_model(tmp_path / "one.json", "form", {"a": 1})
    assert read_model(tmp_path / "one.json", "form", "make it") == {"format": "form", "a": 1}
    with pytest.raises(DataError, match="format 'form'; allowed: 'other'. Make one with `make it`"):
        read_model(tmp_path / "one.json", "other", "make it")
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]
