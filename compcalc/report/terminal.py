"""The summary that a finished run prints."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from compcalc.report.costs import cost_words
from compcalc.report.energy import energy_metric
from compcalc.report.failures import run_ending, run_name
from compcalc.report.rows import (
    FORCE,
    Row,
    count_runs,
    md_runs,
    molecule_rows,
    protocol_names,
    split_word,
    static_entries,
)
from compcalc.report.verdict import verdict
from compcalc.report.wording import MISSING, clipped, printable, shown

NARROW = 96
"""Console width below which the columns stand one blank apart instead of two."""

MOST_FAILURES = 12
"""Failure lines printed; the rest is in the report."""


def print_summary(
    console: Console, manifest: Mapping[str, Any], metrics: Mapping[str, Any], report: str | Path | None = None
) -> None:
    """Print one row a molecule, the failures, the verdict and where the report lies.

    Args:
        console: where to print; a console that is no terminal gets plain text.
        manifest: content of run.json.
        metrics: content of metrics.json.
        report: path of the HTML report; no line about it when None.
    """
    rows = molecule_rows(metrics)
    energy, why = energy_metric(metrics)
    if rows:
        console.print(_table(rows, energy.key, narrow=console.width < NARROW, metrics=metrics))
        energy_words = [f"{energy.label}: {energy.definition}", why] if static_entries(metrics) else []
        _say(console, " ".join(filter(None, [*energy_words, "Drift in brackets: below its noise."])))
    for line in _failure_lines(rows):
        _say(console, line)
    console.print()
    found = verdict(metrics, manifest.get("preflight"))
    _say(console, f"{found.question} {found.answer}.", style="bold")
    _say(console, f"{_potential(manifest)}: {found.headline}", style="bold")
    for sentence in found.sentences:
        _say(console, f"- {sentence}")
    cost = cost_words(manifest.get("cost"))
    if cost:
        _say(console, f"Cost: {cost}")
    if report is not None:
        _say(console, f"Report: {report}")


def _table(rows: list[Row], energy: str, narrow: bool, metrics: Mapping[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0) if narrow else (0, 1, 0, 0))
    table.add_column("molecule", overflow="fold", min_width=8)
    table.add_column("" if narrow else "split")  # what stands in it says so
    for header in ("force MAE\nmeV/Å", "energy MAE\nmeV/atom", "NVE drift\nmeV/atom/ps"):
        table.add_column(_narrowed(header) if narrow else header, justify="right", no_wrap=True)
    for protocol in protocol_names(metrics):
        table.add_column(protocol.upper(), overflow="fold")
    table.add_column("stable" if narrow else "stable\nruns", justify="right", no_wrap=True)
    for before, row in zip([None, *rows], rows, strict=False):
        if before is not None and before.split != row.split:
            table.add_section()
        table.add_row(*(Text(printable(cell)) for cell in _cells(row, energy, metrics)))
    return table


def _narrowed(header: str) -> str:
    return header.replace(" MAE", "\nMAE").replace("NVE drift", "NVE\ndrift").replace("/ps", "\n/ps")


def _cells(row: Row, energy: str, metrics: Mapping[str, Any]) -> Iterator[str]:
    yield row.molecule
    yield split_word(metrics, row.split) or MISSING
    yield "failed" if row.failed else shown(row.static.get(FORCE))
    yield "failed" if row.failed else shown(row.static.get(energy))
    yield _drift(row)
    for protocol in protocol_names(metrics):
        yield row.outcomes(protocol) or (MISSING if md_runs(metrics) else "not run")
    yield row.survival or MISSING


def _drift(row: Row) -> str:
    text = shown(row.drift, 2)
    return f"({text})" if row.drift is not None and not row.drift_resolved else text


def _failure_lines(rows: list[Row]) -> list[str]:
    """One line a reason, with the molecules it hit; runs that did not complete after failed frames."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        for reason, frames in row.reasons.items():
            where = "" if row.failed else f" ({len(frames)} of {row.static.get('n_frames')} frames)"
            groups.setdefault(f"failed: {clipped(reason, 120)}", []).append(f"{row.molecule}{where}")
        if row.failed and not row.reasons:
            groups.setdefault("failed: no reason recorded", []).append(row.molecule)
    for run in {id(run): run for row in rows for run in row.runs}.values():
        if (count := count_runs([run])).unstable or count.other:
            groups.setdefault(f"failed: {_run_reason(run)}", []).append(run_name(run))
    lines = [f"{clipped(', '.join(names), 160)} {reason}" for reason, names in groups.items()]
    more = len(lines) - MOST_FAILURES
    return lines if more <= 0 else [*lines[:MOST_FAILURES], f"... and {more} more, see the report"]


def _run_reason(run: Mapping) -> str:
    cause = clipped(run.get("cause") or "", 120)
    return f"{run_ending(run)}, {cause}" if cause else run_ending(run)


def _potential(manifest: Mapping) -> str:
    return str((manifest.get("potential") or {}).get("name") or manifest.get("spec") or "The potential")


def _say(console: Console, text: str, style: str | None = None) -> None:
    """Print `text` literally: names and causes come from outside and may hold what looks like markup."""
    console.print(Text(printable(text)), style=style, highlight=False)
