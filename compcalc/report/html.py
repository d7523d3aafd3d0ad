"""The HTML report: one file that needs no network."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from compcalc.report.energy import ABSOLUTE, RELATIVE, SHIFTED, energy_metric
from compcalc.report.failures import failed_frames, failed_runs, run_ending
from compcalc.report.figures import drift_figure, group_figure, molecule_figure, survival_figure
from compcalc.report.files import write_text_atomically
from compcalc.report.glossary import MD_METRICS, METRICS, STATIC_METRICS, TERMS, label_of
from compcalc.report.pictures import molecule_svg
from compcalc.report.provenance import SPLIT_NOTE, provenance
from compcalc.report.rows import (
    DRIFT,
    FORCE,
    SPREAD,
    check_entries,
    count_runs,
    estimate,
    md_runs,
    median_drift,
    molecule_rows,
    protocol_names,
    split_word,
    summary_of,
)
from compcalc.report.stability import columns, correlation_lines
from compcalc.report.verdict import ENERGY_CAUSES, verdict
from compcalc.report.wording import MISSING, clipped, interval, number, outcome_words, shown

STATIC_COLUMNS = (FORCE, ABSOLUTE, RELATIVE)
"""Static metrics in the table of molecules; the shifted energy error joins them where it is the one shown first."""

MD_COLUMNS = (
    DRIFT,
    "fluctuation_mev_per_atom",
    "kinetic_spread_mev_per_atom",
    "temperature_mean_k",
    "distance_distribution_mae",
    "ms_per_step",
)
"""Metrics in the table of runs."""


@dataclass(frozen=True)
class Tile:
    """A key figure: label, value with unit, and a line below; `title` is its definition."""

    label: str
    value: str
    unit: str
    note: str
    title: str


def write_html(path: str | Path, manifest: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Write the report of a run.

    Args:
        path: the file; replaced in one step.
        manifest: content of run.json.
        metrics: content of metrics.json.
    """
    write_text_atomically(path, render_html(manifest, metrics))


def render_html(manifest: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """The report of a run as HTML text; see `write_html`."""
    from plotly.offline import get_plotlyjs

    page = environment().get_template("report.html.j2")
    return page.render(**_context(manifest, metrics), plotly_js=get_plotlyjs())


def environment():
    """The templates, which escape what is put into them."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        shown=shown, clipped=clipped, number=number, outcome=outcome_words, ending=run_ending, label=label_of
    )
    return made


def _context(manifest: Mapping, metrics: Mapping) -> dict[str, Any]:
    """Everything the template shows, computed here so that the template only lays it out."""
    rows = molecule_rows(metrics)
    energy, why = energy_metric(metrics)
    return {
        "title": str((manifest.get("potential") or {}).get("name") or manifest.get("spec") or "unnamed potential"),
        "manifest": manifest,
        "verdict": verdict(metrics, manifest.get("preflight")),
        "tiles": _tiles(metrics, energy),
        "rows": rows,
        "protocol_names": protocol_names(metrics),
        "energy_causes": ENERGY_CAUSES,
        "checks": check_entries(metrics),
        "stability": (metrics.get("md") or {}).get("stability") if md_runs(metrics) else None,
        "stability_columns": columns(metrics),
        "correlations": correlation_lines(metrics),
        "split_word": partial(split_word, metrics),
        "runs": md_runs(metrics),
        "energy": energy,
        "energy_why": why,
        "figures": {key: figure for key, figure in _figures(metrics, rows, energy).items() if figure},
        "summary": _summary_lines(metrics),
        "protocols": _protocol_lines(metrics),
        "static_run": bool(metrics.get("static")),
        "md_run": bool(metrics.get("md")),
        "unstable": failed_runs(metrics, physical=True),
        "other": failed_runs(metrics, physical=False),
        "frames": failed_frames(rows),
        "provenance": provenance(manifest, metrics),
        "glossary": [*STATIC_METRICS, *MD_METRICS],
        "terms": TERMS,
        "metric": METRICS,
        "drift": DRIFT,
        "static_columns": _static_columns(rows, energy),
        "md_columns": MD_COLUMNS,
        "split_note": SPLIT_NOTE,
        "svg": molecule_svg,
        "missing": MISSING,
    }


def _static_columns(rows: list, energy) -> tuple[str, ...]:
    """Columns of the table of molecules: the shifted energy where it is the one shown, the spread of an ensemble."""
    shifted = (SHIFTED,) if energy.key == SHIFTED else ()
    spread = (SPREAD,) if any(number(row.static.get(SPREAD)) is not None for row in rows) else ()
    return (*STATIC_COLUMNS, *shifted, *spread)


def _figures(metrics: Mapping, rows: list, energy) -> dict[str, dict | None]:
    return {
        "force": molecule_figure(rows, METRICS[FORCE], metrics),
        "energy": molecule_figure(rows, energy, metrics),
        "survival": survival_figure(metrics),
        "drift": drift_figure(rows, METRICS[DRIFT]),
        "element": group_figure(metrics, "force_mae_by_element"),
        "environment": group_figure(metrics, "force_mae_by_environment"),
        "chain": group_figure(metrics, "force_mae_by_chain_end"),
    }


def _tiles(metrics: Mapping, energy) -> list[Tile]:
    runs, ratio = md_runs(metrics), summary_of(metrics, "static").get("ratio") or {}
    count = count_runs(runs)
    stable = Tile(
        "Stable MD runs",
        f"{count.stable} of {count.physical}" if runs else MISSING,
        "",
        f"{count.other} more ended for other reasons" if count.other else ("" if runs else "not run"),
        dict(TERMS)["Stable runs"],
    )
    if metrics.get("own_molecules"):
        errors = [_metric_tile(metrics, "ood", metric) for metric in (METRICS[FORCE], energy)]
        return [*(errors if metrics.get("static") else []), stable, _drift_tile(metrics)]
    return [
        _metric_tile(metrics, "id", METRICS[FORCE]),
        _metric_tile(metrics, "ood", METRICS[FORCE]),
        Tile("OOD/ID force error", *_times(ratio), _ci(metrics, ratio), dict(TERMS)["OOD/ID ratio"]),
        _metric_tile(metrics, "ood", energy),
        stable,
        _drift_tile(metrics),
    ]


def _metric_tile(metrics: Mapping, split: str, metric) -> Tile:
    found = estimate(metrics, split, metric.key)
    return Tile(
        f"{metric.label}, {split_word(metrics, split)}",
        shown(found.get("value")),
        metric.unit,
        _ci(metrics, found),
        metric.definition,
    )


def _drift_tile(metrics: Mapping) -> Tile:
    value = median_drift(metrics)
    runs = [run for run in md_runs(metrics) if number(run.get(DRIFT)) is not None]
    resolved = sum(bool(run.get("drift_resolved")) for run in runs)
    note = f"resolved in {resolved} of {len(runs)} runs" if runs else "not run"
    return Tile("Median NVE drift", shown(value), METRICS[DRIFT].unit, note, METRICS[DRIFT].definition)


def _times(ratio: Mapping) -> tuple[str, str]:
    value = number(ratio.get("value"))
    return (MISSING, "") if value is None else (f"{shown(value, 2)} ×", "")


def _ci(metrics: Mapping, found: Mapping) -> str:
    if number(found.get("value")) is None:
        return "no value"
    level = number(summary_of(metrics, "static").get("level")) or 0.95
    return f"{level:.0%} CI {interval(found, 3)}" if interval(found) else "no interval"


def _summary_lines(metrics: Mapping) -> list[dict[str, Any]]:
    """One line a metric of the static summary: key, then estimate and interval of ID and OOD."""
    summary = summary_of(metrics, "static")
    keys = dict.fromkeys([*(summary.get("id") or {}), *(summary.get("ood") or {})])
    lines = [
        {"key": key, **{split: _estimate(estimate(metrics, split, key)) for split in ("id", "ood")}} for key in keys
    ]
    extra = [key for key in summary if key.startswith("kendall")]
    return lines + [{"key": key, "id": _estimate(_as_estimate(summary[key])), "ood": None} for key in extra]


def _estimate(found: Mapping) -> dict[str, Any]:
    return {"value": number(found.get("value")), "interval": interval(found, 3)}


def _as_estimate(found: object) -> Mapping:
    return found if isinstance(found, Mapping) else {"value": found}


def _protocol_lines(metrics: Mapping) -> list[dict[str, Any]]:
    """One line a protocol that was run: counts and outcomes."""
    lines = []
    for protocol in protocol_names(metrics):
        runs = [run for run in md_runs(metrics) if run.get("protocol") == protocol]
        if runs:
            lines.append(
                {"protocol": protocol.upper(), "count": count_runs(runs, heated=True), "outcomes": _outcomes(runs)}
            )
    return lines


def _outcomes(runs: Iterable[Mapping]) -> str:
    names = [outcome_words(run.get("outcome")) for run in runs]
    return ", ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(names))
