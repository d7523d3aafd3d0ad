"""What a benchmark compares: architectures with their settings, and potentials as they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compcalc.calculators import parse_spec
from compcalc.calculators.catalogue import SCHEMES
from compcalc.errors import InputError, UnknownNameError
from compcalc.training.catalogue import ARCHITECTURES
from compcalc.training.options import SettingOption, make_settings, options_of

FRAMES, SEEDS = "frames", "seeds"
"""Options of every architecture: frames of each training molecule; how many of the seeds it is trained with."""


@dataclass(frozen=True)
class Model:
    """One line of a benchmark.

    Attributes:
        text: as the user wrote it, without how many seeds; by this it is known.
        architecture: that is trained; None for a potential that is tested as it is.
        values: settings of the architecture that the user gave.
        frames: of each training molecule; None: all.
        seeds: how many of the benchmark's seeds it is trained with; None: all.
    """

    text: str
    architecture: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    frames: int | None = None
    seeds: int | None = None

    @property
    def folder(self) -> str:
        """Name of the folder of its trainings."""
        return "".join(c if c.isalnum() or c in "._" else "-" for c in self.text).strip("-.")

    @property
    def settings(self) -> Any:
        """Of the architecture."""
        return make_settings(self.architecture, dict(self.values))

    def arguments(self) -> list[str]:
        """What `compcalc train` is given for it, the architecture first."""
        words = [str(self.architecture)]
        for option in _options(self.architecture, self.values):
            if option.name in self.values:
                words += _words(option, self.values[option.name])
        return words if self.frames is None else [*words, "--frames", str(self.frames)]


def parse_model(text: str) -> Model:
    """`mace`, `mace?channels=16&frames=50`, or a potential such as `tblite:GFN1-xTB`, which is not trained.

    The name of an architecture without anything behind it but options is trained.

    Raises:
        UnknownNameError: neither an architecture nor a kind of potential, or an option that the architecture lacks.
        InputError: a value of the wrong type or out of range.
    """
    spec = parse_spec(text)
    if spec.scheme not in ARCHITECTURES.names() or spec.argument:
        _refuse_unknown(spec.scheme)
        return Model(text)
    given = dict(spec.options)
    frames, seeds = _count(given, FRAMES, 2, text), _count(given, SEEDS, 1, text)
    known = {option.name: option for option in _options(spec.scheme, given)}
    for name in given:
        if name not in known:
            raise UnknownNameError(f"option of {spec.scheme}", name, [*known, FRAMES, SEEDS])
    values = {name: _typed(known[name], value) for name, value in given.items()}
    model = Model(_without_seeds(text), spec.scheme, values, frames, seeds)
    _ = model.settings  # refuses what is out of range
    return model


def _count(given: dict[str, Any], name: str, least: int, text: str) -> int | None:
    value = given.pop(name, None)
    if value is not None and (type(value) is not int or value < least):
        raise InputError(name, value, f"a whole number from {least}", f"It is an option of the model {text}.")
    return value


def _without_seeds(text: str) -> str:
    head, _, query = text.partition("?")
    kept = [pair for pair in query.split("&") if pair and not pair.startswith(f"{SEEDS}=")]
    return "?".join([head, "&".join(kept)]) if kept else head


def _refuse_unknown(scheme: str) -> None:
    if scheme not in (known := SCHEMES.names()):
        raise UnknownNameError("model", scheme, {*ARCHITECTURES.names(), *known})


def _options(architecture: str | None, values: Mapping[str, Any]) -> list[SettingOption]:
    inner = ["--arch", str(values["arch"])] if "arch" in values else []
    return options_of(str(architecture), inner)


def _typed(option: SettingOption, value: Any) -> Any:
    if option.type is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if option.type is str and not isinstance(value, str):
        return str(value)
    if type(value) is not option.type:
        raise InputError(option.name, value, f"a value of type {option.type.__name__}", option.help)
    return value


def _words(option: SettingOption, value: Any) -> list[str]:
    if option.type is bool:
        return [option.flag if value else f"--no-{option.flag[2:]}"]
    return [option.flag, str(value)]
