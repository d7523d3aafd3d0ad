"""Settings of architectures as options of a command."""

import dataclasses

import pytest

from compcalc.errors import InputError, UnknownNameError
from compcalc.training.additive import AdditiveSettings
from compcalc.training.architecture import Architecture
from compcalc.training.catalogue import ARCHITECTURES, get_architecture
from compcalc.training.delta import DeltaSettings
from compcalc.training.mace import MACESettings
from compcalc.training.options import make_settings, options_of, setting_options


def test_options_are_the_fields_with_the_words_of_the_docstring():
    found = {option.name: option for option in setting_options(MACESettings)}
    assert (found["max_L"].flag, found["max_L"].type, found["max_L"].default) == ("--max-L", int, 0)
    assert (found["r_max"].flag, found["r_max"].type) == ("--r-max", float)
    assert found["r_max"].help == "Cut-off of one layer, angstrom."
    assert found["energy_weight"].help.endswith("leaves the forces 99% of it.")
    assert (found["device"].type, found["device"].default) == (str, "cpu")


def test_an_option_without_default_is_of_the_type_that_it_may_have():
    (ridge,) = [option for option in setting_options(AdditiveSettings) if option.name == "ridge"]
    assert (ridge.type, ridge.default) == (float, None)


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_every_architecture_is_described(name):
    architecture = get_architecture(name)
    assert isinstance(architecture, Architecture) and architecture.name == name
    assert dataclasses.is_dataclass(architecture.settings)
    for option in setting_options(architecture.settings):
        assert option.help, option.name
        assert option.type in (int, float, str, bool)
    assert make_settings(name, {}) == architecture.settings()


@pytest.mark.parametrize("words", [["--arch", "additive"], ["--arch=additive"]])
def test_the_options_of_the_architecture_inside_are_added(words):
    names = {option.name for option in options_of("delta", ["delta", *words, "--task", "length"])}
    assert names == {"base", "arch", "ridge", "energy_weight", "free_pairs"}
    assert "channels" in {option.name for option in options_of("delta", [])}
    made = make_settings("delta", {"base": "mmff94", "arch": "additive", "ridge": 2.0, "energy_weight": None})
    assert made == DeltaSettings("mmff94", "additive", AdditiveSettings(ridge=2.0))


def test_what_is_no_option_is_refused():
    with pytest.raises(UnknownNameError, match="option of additive: got 'chanels'"):
        make_settings("additive", {"chanels": 3})
    with pytest.raises(UnknownNameError, match="architecture: got 'mase'.*Did you mean 'mace'"):
        options_of("mase", [])
    with pytest.raises(InputError, match="arch: got 'delta'"):
        make_settings("delta", {"arch": "delta"})


def test_an_entry_point_that_is_no_architecture_is_refused(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES._builtin, "odd", "compcalc.units:MEV_PER_EV")
    with pytest.raises(InputError, match="architecture odd: got 'float'"):
        get_architecture("odd")
