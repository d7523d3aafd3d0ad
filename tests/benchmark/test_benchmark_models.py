"""What the words of a benchmark's models mean."""

import pytest

from compcalc.benchmark import parse_model
from compcalc.cli import call
from compcalc.errors import InputError, UnknownNameError


def test_an_architecture_alone_is_trained_with_its_defaults():
    model = parse_model("mace")
    assert (model.architecture, dict(model.values), model.frames, model.seeds) == ("mace", {}, None, None)
    assert model.settings.epochs == 60
    assert model.arguments() == ["mace"]


def test_options_become_settings_frames_and_seeds():
    model = parse_model("mace?r_max=5&epochs=7&dtype=float64&frames=50&seeds=1")
    assert (model.settings.r_max, model.settings.epochs, model.settings.dtype) == (5.0, 7, "float64")
    assert isinstance(model.settings.r_max, float)
    assert (model.frames, model.seeds) == (50, 1)
    assert model.arguments() == ["mace", "--r-max", "5.0", "--epochs", "7", "--dtype", "float64", "--frames", "50"]
    assert model.text == "mace?r_max=5&epochs=7&dtype=float64&frames=50"
    assert model.folder == "mace-r_max-5-epochs-7-dtype-float64-frames-50"


def test_how_many_seeds_is_no_other_model():
    assert parse_model("linear?seeds=2").text == parse_model("linear").text == "linear"


def test_options_of_an_architecture_inside_are_known():
    model = parse_model("delta?base=tblite:GFN1-xTB&arch=mace&channels=8")
    assert (model.settings.base, model.settings.arch, model.settings.correction.channels) == (
        "tblite:GFN1-xTB",
        "mace",
        8,
    )
    assert model.arguments() == ["delta", "--base", "tblite:GFN1-xTB", "--arch", "mace", "--channels", "8"]


@pytest.mark.parametrize("text", ["mmff94", "tblite:GFN1-xTB?accuracy=1.0", "mace:default", "some/file.model"])
def test_potentials_are_tested_as_they_are(text):
    model = parse_model(text)
    assert (model.text, model.architecture) == (text, None)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("mase", UnknownNameError, "model: got 'mase'.*mace"),
        ("mace?chanels=4", UnknownNameError, "option of mace: got 'chanels'.*channels.*seeds.*Did you mean 'channels'"),
        ("mace?epochs=0", InputError, "epochs: got 0; allowed: 1 or more"),
        ("mace?epochs=many", InputError, "epochs: got 'many'; allowed: a value of type int"),
        ("mace?epochs=1.5", InputError, "epochs: got 1.5"),
        ("mace?frames=1", InputError, "frames: got 1; allowed: a whole number from 2"),
        ("mace?seeds=0", InputError, "seeds: got 0; allowed: a whole number from 1"),
        ("", InputError, "potential: got ''"),
    ],
)
def test_mistakes_are_named(text, error, words):
    with pytest.raises(error, match=f"(?s){words}"):
        parse_model(text)


def test_the_arguments_are_what_the_command_line_of_training_takes(capsys, tmp_path):
    model = parse_model("delta?base=mmff94&arch=mace&channels=8&frames=20")
    code = call(["train", *model.arguments(), "--task", "nothing", "--out", str(tmp_path)])
    assert code == 2
    assert "task: got 'nothing'" in capsys.readouterr().err
