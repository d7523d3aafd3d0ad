"""The grammar in which a user names a potential: `scheme:argument?key=value&key=value`."""

import hashlib
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from compcalc.errors import InputError

_WORDS = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class Spec:
    """A potential by name.

    Attributes:
        text: as the user wrote it.
        scheme: kind of potential (`mace`).
        argument: what the scheme is to load, or an empty string.
        options: keyword arguments; values are int, float, bool, None or str.
        python: interpreter that the potential runs in, the option `python`; None: this one.
    """

    text: str
    scheme: str
    argument: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    python: str | None = None

    def inner_text(self) -> str:
        """The spec as the interpreter that it runs in has to understand it: without the option `python`."""
        head, _, query = self.text.strip().partition("?")
        kept = [pair for pair in query.split("&") if pair and not pair.startswith("python=")]
        return "?".join([head, "&".join(kept)]) if kept else head

    def with_options(self, options: dict[str, Any]) -> "Spec":
        """This spec with more options, in its text as well."""
        if not options:
            return self
        more = "&".join(f"{key}={value}" for key, value in options.items())
        kept = {**self.options, **options}
        python = kept.pop("python", self.python)
        text = f"{self.text}{'&' if '?' in self.text else '?'}{more}"
        return replace(self, text=text, options=kept, python=None if python is None else str(python))

    def files(self) -> list[Path]:
        """Existing files that the argument and the options name."""
        head, _, tail = self.argument.rpartition(":")
        candidates = [self.argument, head or tail, *(v for v in self.options.values() if isinstance(v, str))]
        return [Path(text) for text in dict.fromkeys(candidates) if text and _is_file(text)]

    def file_hashes(self) -> dict[str, str]:
        """File name -> SHA-256 of each of `files`."""
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.files()}


def parse_spec(text: str) -> Spec:
    """Read `text`; a bare path of an existing file, or one that ends in `.model`, stands for `mace:path`.

    Raises:
        InputError: empty, or options that are not `key=value` pairs joined by `&`.
    """
    head, _, query = text.strip().partition("?")
    options = _parse_options(query, text)
    python = options.pop("python", None)
    python = None if python is None else str(python)
    if not head:
        raise InputError("potential", text, "scheme:argument?key=value&key=value", "`compcalc calculators` lists them.")
    if _is_file(head) or (head.endswith(".model") and ":" not in head):
        return Spec(text, "mace", head, options, python)
    scheme, _, argument = head.partition(":")
    return Spec(text, scheme, argument, options, python)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # longer than a file name may be
        return False


def _parse_options(query: str, text: str) -> dict[str, Any]:
    options = {}
    for pair in filter(None, query.split("&")):
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"option {pair!r} of the potential", text, "key=value pairs joined by &")
        options[key] = _typed(value)
    return options


def _typed(value: str) -> Any:
    if value.lower() in _WORDS:
        return _WORDS[value.lower()]
    for kind in (int, float):
        try:
            number = kind(value)
        except ValueError:
            continue
        # `nan` and `inf` are words that a user means as words.
        return number if isinstance(number, int) or math.isfinite(number) else value
    return value
