"""The metrics of a run as one tidy CSV table."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from compcalc.report.files import write_text_atomically
from compcalc.report.glossary import ascii_unit
from compcalc.report.rows import md_runs, reference_runs, static_entries

COLUMNS = ("molecule", "smiles", "split", "protocol", "replica", "metric", "value", "unit")

_NAMES = frozenset({"molecule", "smiles", "split", "protocol", "replica"})


def write_metrics_csv(path: str | Path, metrics: Mapping[str, Any]) -> None:
    """Write one line a molecule and metric, and for MD a run and metric; UTF-8, with a header.

    A metric that was not computed keeps its line, with an empty value. Metrics kept by group carry the group in
    brackets: `force_mae_by_element[C]`. Before the protocol of a run with the reference method stands `reference`.

    Args:
        path: the file.
        metrics: content of metrics.json.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_lines(metrics))
    write_text_atomically(path, text.getvalue())


def _lines(metrics: Mapping) -> Iterator[tuple]:
    splits: dict[str, list[str]] = {}
    for entry in static_entries(metrics):
        splits.setdefault(entry.get("molecule"), []).append(entry.get("split") or "")
        names = (entry.get("molecule"), entry.get("smiles"), entry.get("split"), "static", "")
        yield from (names + cells for cells in _cells(entry))
    of_reference = [{**run, "protocol": f"reference {run.get('protocol')}"} for run in reference_runs(metrics)]
    for run in (*md_runs(metrics), *of_reference):
        split = "+".join(splits.get(run.get("molecule"), []))
        names = (run.get("molecule"), run.get("smiles"), split, run.get("protocol"), run.get("replica"))
        yield from (names + cells for cells in _cells(run))


def _cells(record: Mapping) -> Iterator[tuple]:
    for key, value in record.items():
        if key in _NAMES:
            continue
        unit = ascii_unit(key)
        if isinstance(value, Mapping):
            yield from ((f"{key}[{group}]", _plain(item), unit) for group, item in value.items())
        else:
            yield key, _plain(value), unit


def _plain(value: object) -> object:
    """A cell: lists joined by blanks, None left empty, numbers at full precision."""
    return " ".join(str(item) for item in value) if isinstance(value, list | tuple) else value
