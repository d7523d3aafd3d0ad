"""The settings of an architecture as options of a command."""

import dataclasses
import inspect
import re
import types
from dataclasses import dataclass
from typing import Any, get_args

from compcalc.errors import UnknownNameError
from compcalc.training.catalogue import get_architecture

_ATTRIBUTE = re.compile(r"^    (\w+): (.*)$")


@dataclass(frozen=True)
class SettingOption:
    """One field of a settings class.

    Attributes:
        name: of the field.
        type: int, float, str or bool.
        default: its default, None as well.
        help: what the docstring says of it.
    """

    name: str
    type: type
    default: Any
    help: str

    @property
    def flag(self) -> str:
        """`--max-L` of `max_L`."""
        return f"--{self.name.replace('_', '-')}"


def setting_options(settings: type) -> list[SettingOption]:
    """The options of a settings class, without those of an architecture inside."""
    words = _documented(settings)
    return [
        SettingOption(field.name, _plain(field.type), field.default, words.get(field.name, ""))
        for field in dataclasses.fields(settings)
        if field.name != "correction"
    ]


def options_of(name: str, words: list[str]) -> list[SettingOption]:
    """The options of the architecture called `name`; where another is inside, those of the one that `words` name.

    Raises:
        UnknownNameError: no such architecture.
    """
    own = setting_options(get_architecture(name).settings)
    inner = _inner(own, words)
    known = {option.name for option in own}
    return own + [option for option in (setting_options(get_architecture(inner).settings) if inner else [])
                  if option.name not in known]  # fmt: skip


def make_settings(name: str, values: dict[str, Any]) -> Any:
    """The settings of the architecture called `name` from the values of its options.

    Raises:
        UnknownNameError: an option that it does not have.
        InputError: a value out of range.
    """
    settings = get_architecture(name).settings
    own = {option.name for option in setting_options(settings)}
    mine = {key: value for key, value in values.items() if key in own}
    rest = {key: value for key, value in values.items() if key not in own}
    if "arch" in own:
        arch = mine.get("arch", _default(settings, "arch"))
        return settings(**mine, correction=make_settings(arch, rest))
    if rest:
        raise UnknownNameError(f"option of {name}", min(rest), own)
    return settings(**mine)


def _inner(own: list[SettingOption], words: list[str]) -> str | None:
    """Name of the architecture inside: the value of `--arch`, or its default."""
    found = next((option.default for option in own if option.name == "arch"), None)
    if found is None:
        return None
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word == "--arch":
            found = following
        elif word.startswith("--arch="):
            found = word.partition("=")[2]
    return found


def _default(settings: type, name: str) -> Any:
    return next(field.default for field in dataclasses.fields(settings) if field.name == name)


def _plain(annotation: Any) -> type:
    """`int` of `int | None`."""
    if isinstance(annotation, types.UnionType):
        return next(kind for kind in get_args(annotation) if kind is not types.NoneType)
    return annotation


def _documented(settings: type) -> dict[str, str]:
    """Field -> what the section `Attributes:` of the docstring says of it, of this class or of one that it extends."""
    found: dict[str, str] = {}
    for kind in reversed(settings.__mro__[:-1]):
        found |= _attributes(inspect.getdoc(kind) or "")
    return {name: words[:1].upper() + words[1:] for name, words in found.items()}


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = None
    for line in text.partition("Attributes:\n")[2].splitlines():
        if match := _ATTRIBUTE.match(line):
            name = match[1]
            found[name] = match[2]
        elif name and line.startswith("        "):
            found[name] += f" {line.strip()}"
    return found
