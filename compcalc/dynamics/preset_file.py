"""Own presets, from YAML files.

    name: my-md            # the file's name, where it is left out
    replicas: 2            # 1, where it is left out
    protocols:
      - kind: nve
        production_ps: 5
        control_ps: 0.2
      - name: hot
        kind: nvt
        production_ps: 5
        temperature_k: 500
      - kind: heat
        production_ps: 12
        final_temperature_k: 1500

The keys of a protocol are the attributes of `Protocol`; of `kind` and `name` one may be left out.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from compcalc.dynamics.protocols import Preset, Protocol
from compcalc.errors import DataError, InputError, UnknownNameError

_PRESET_KEYS = ("name", "replicas", "protocols")
_PROTOCOL_KEYS = tuple(field.name for field in fields(Protocol))
_WORDS = ("name", "kind")


def load_preset(path: Path) -> Preset:
    """The preset in a YAML file.

    Raises:
        DataError: the file cannot be read, or is no YAML.
        InputError: a key or a value that cannot be used; the message begins with where it stands in the file.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"preset file {path}: {error}. Give the path of a YAML file.") from error
    except yaml.YAMLError as error:
        raise DataError(f"preset file {path} is no YAML: {error}") from error
    content = _mapping(str(path), content, _PRESET_KEYS)
    entries = content.get("protocols")
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: protocols", entries, "a list of protocols", "Begin each with '- kind: nve'.")
    protocols = tuple(_protocol(f"{path}: protocol {place}", entry) for place, entry in enumerate(entries, 1))
    return _made(str(path), Preset, str(content.get("name") or path.stem), protocols, content.get("replicas", 1))


def _protocol(where: str, entry: object) -> Protocol:
    entry = _mapping(where, entry, _PROTOCOL_KEYS)
    if "production_ps" not in entry or not set(_WORDS) & set(entry):
        raise InputError(where, sorted(entry), "kind and production_ps, and more", "Add what is missing.")
    values = {key: _word(value) if key in _WORDS else _number(value) for key, value in entry.items()}
    values.setdefault("name", values.get("kind"))
    return _made(where, Protocol, **values)


def _mapping(where: str, value: object, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(where, value, f"keys and values, of {', '.join(keys)}", "Write 'key: value' a line.")
    for key in value:
        if key not in keys:
            raise UnknownNameError(f"{where}: key", key, keys)
    return value


def _made(where: str, record: type, *args, **kwargs):
    try:
        return record(*args, **kwargs)
    except InputError as error:
        raise InputError(f"{where}: {error.argument}", error.got, error.allowed, error.remedy) from error


def _word(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _number(value: object) -> object:
    """YAML 1.1 reads 1e-3 as a word; anything that is no number is left for `Protocol` to refuse."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
