"""The schema files (JSON Schema, draft 2020-12), and what can be read off them.

A new key of metrics.json or run.json is described here once, as a property in `metrics.schema.json` or
`run.schema.json` with its type, its unit and a sentence. The table of metrics takes the unit from there.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from compcalc.errors import UnknownNameError

NAMES = ("metrics", "run")
"""metrics.json and run.json."""


@cache
def schema_text(name: str = "metrics") -> str:
    """The schema as it is shipped.

    Args:
        name: one of `NAMES`.

    Raises:
        UnknownNameError: there is no such schema.
    """
    if name not in NAMES:
        raise UnknownNameError("schema", name, NAMES)
    return files("compcalc.schemas").joinpath(f"{name}.schema.json").read_text(encoding="utf-8")


def schema(name: str = "metrics") -> dict[str, Any]:
    """The schema as a dictionary of the caller's own; see `schema_text`."""
    return json.loads(schema_text(name))


def unit_of(key: str) -> str | None:
    """Unit of a number of a molecule or MD run in metrics.json; `1` without dimension, None for words and unknown keys.

    Args:
        key: as in metrics.json; of metrics by group, their name without the group.
    """
    return _units().get(key)


@cache
def _units() -> dict[str, str]:
    definitions = schema("metrics")["$defs"]
    rows = (definitions[name]["properties"] for name in ("static_molecule", "md_run"))
    return {key: unit for properties in rows for key, unit in _with_unit(properties)}


def _with_unit(properties: Mapping[str, Mapping]) -> Iterator[tuple[str, str]]:
    """Keys and units; a flag counts as the number 0 or 1."""
    for key, described in properties.items():
        unit = described.get("unit")
        if unit is not None:
            yield key, unit
        elif "boolean" in described.get("type", ()):
            yield key, "1"
