"""The metrics of a run as tidy lines: one a molecule and metric, and for MD a run and metric, each with its unit."""

from collections.abc import Iterator, Mapping
from typing import Any

from compcalc.report.glossary import ascii_unit
from compcalc.report.rows import md_runs, reference_runs, static_entries
from compcalc.schemas import unit_of

RUN_COLUMNS = ("run", "potential", "task", "variant")
SUBJECT_COLUMNS = ("split", "molecule", "smiles", "protocol", "replica")
COLUMNS = (*RUN_COLUMNS, *SUBJECT_COLUMNS, "metric", "value", "unit", "n", "text")

_NAMES = frozenset(SUBJECT_COLUMNS)


def tidy_lines(metrics: Mapping[str, Any], manifest: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Lines with the keys `COLUMNS`; None where a column does not apply.

    `value` holds numbers alone, flags as 0 and 1; words, such as outcomes and causes, and lists of atoms stand in
    `text`. A metric that was not computed keeps its line with neither. Metrics kept by group carry the group in
    brackets: `force_mae_by_element[C]`. `n` is what a number is taken over: frames of a molecule, or one MD run.
    Before the protocol of a run with the reference method stands `reference`.

    Args:
        metrics: content of metrics.json.
        manifest: content of run.json; without it, the columns that name the run are None.
    """
    run = _run_columns(manifest or {})
    splits: dict[str, list[str]] = {}
    for entry in static_entries(metrics):
        splits.setdefault(str(entry.get("molecule")), []).append(entry.get("split") or "")
        frames = (entry.get("n_frames") or 0) - (entry.get("n_failed") or 0)
        yield from _lines_of(entry, run | {"protocol": "static", "n": frames})
    of_reference = [{**entry, "protocol": f"reference {entry.get('protocol')}"} for entry in reference_runs(metrics)]
    for entry in (*md_runs(metrics), *of_reference):
        split = entry.get("split") or "+".join(splits.get(str(entry.get("molecule")), []))
        yield from _lines_of(entry, run | {"split": split, "n": 1})


def _run_columns(manifest: Mapping[str, Any]) -> dict[str, Any]:
    task, _, variant = (manifest.get("task") or "").partition("/")
    names = (manifest.get("name"), manifest.get("spec"), task or None, variant or None)
    return dict(zip(RUN_COLUMNS, names, strict=True))


def _lines_of(entry: Mapping[str, Any], common: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    names = {key: entry.get(key) for key in SUBJECT_COLUMNS} | common
    for key, value in entry.items():
        if key in _NAMES:
            continue
        grouped = isinstance(value, Mapping)
        for metric, item in ((f"{key}[{group}]", one) for group, one in value.items()) if grouped else ((key, value),):
            number, text = _cell(item)
            unit = "" if text is not None else unit_of(key) or ascii_unit(key)
            yield {**dict.fromkeys(COLUMNS), **names, "metric": metric, "value": number, "unit": unit, "text": text}


def _cell(value: object) -> tuple[int | float | None, str | None]:
    """A number or words."""
    if isinstance(value, bool):
        return int(value), None
    if value is None or isinstance(value, int | float):
        return value, None
    return None, " ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
