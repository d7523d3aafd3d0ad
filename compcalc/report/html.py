"""The HTML report: one file that needs no network."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from compcalc.report.energy import ABSOLUTE, RELATIVE, SHIFTED, energy_metric
from compcalc.report.failures import failed_frames, failed_runs, run_ending
from compcalc.report.figures import SCATTERS, all_figures
from compcalc.report.files import write_text_atomically
from compcalc.report.glossary import MD_METRICS, METRICS, STATIC_METRICS, TERMS, label_of
from compcalc.report.md_words import ENERGY_CAUSES
from compcalc.report.omissions import omissions
from compcalc.report.pictures import molecule_svg
from compcalc.report.provenance import SPLIT_NOTE, provenance
from compcalc.report.rows import (
    DRIFT,
    FORCE,
    SPREAD,
    Row,
    check_entries,
    count_runs,
    estimate,
    md_runs,
    molecule_rows,
    protocol_names,
    split_word,
    summary_of,
)
from compcalc.report.stability import columns, correlation_lines
from compcalc.report.tiles import tiles
from compcalc.report.trajectories import Seen, SeenRun, look
from compcalc.report.verdict import verdict
from compcalc.report.wording import MISSING, clipped, interval, moment, number, outcome_words, shown

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


def write_html(
    path: str | Path, manifest: Mapping[str, Any], metrics: Mapping[str, Any], runs: Iterable[SeenRun] = ()
) -> None:
    """Write the report of a run.

    Args:
        path: the file; replaced in one step.
        manifest: content of run.json.
        metrics: content of metrics.json.
        runs: every MD run, for views of events and distributions; gone through once.
    """
    write_text_atomically(path, render_html(manifest, metrics, runs))


def render_html(manifest: Mapping[str, Any], metrics: Mapping[str, Any], runs: Iterable[SeenRun] = ()) -> str:
    """The report of a run as HTML text; see `write_html`."""
    from plotly.offline import get_plotlyjs

    page = environment().get_template("report.html.j2")
    return page.render(**_context(manifest, metrics, look(runs)), plotly_js=get_plotlyjs())


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
    made.filters.update(shown=shown, clipped=clipped, number=number, ending=run_ending, label=label_of, states=_states)
    made.filters["moment"] = moment
    return made


def _states(row: Row) -> str:
    """Words by which the table of molecules is filtered."""
    count = count_runs(row.runs)
    found = {
        "stable": count.n and count.stable == count.n,
        "unstable": count.unstable,
        "other": count.other,
        "frames": row.static.get("n_failed"),
    }
    return " ".join(state for state, holds in found.items() if holds)


def _context(manifest: Mapping, metrics: Mapping, seen: Seen) -> dict[str, Any]:
    """Everything the template shows, computed here so that the template only lays it out."""
    rows = molecule_rows(metrics)
    energy, why = energy_metric(metrics)
    return {
        "title": str((manifest.get("potential") or {}).get("name") or manifest.get("spec") or "unnamed potential"),
        "manifest": manifest,
        "verdict": verdict(metrics, manifest.get("preflight")),
        "tiles": tiles(metrics, energy),
        "own": bool(metrics.get("own_molecules")),
        "rows": rows,
        "split_word": partial(split_word, metrics),
        "energy": energy,
        "energy_why": why,
        "figures": _jsonable({name: asdict(one) for name, one in all_figures(metrics, rows, energy, seen).items()}),
        "summary": _summary_lines(metrics),
        "static_run": bool(metrics.get("static")),
        "static_columns": _static_columns(rows, energy),
        "frames": failed_frames(rows),
        "checks": check_entries(metrics),
        **_md_context(metrics, seen),
        "omissions": omissions(manifest, metrics, rows, seen),
        "provenance": provenance(manifest, metrics),
        "split_note": SPLIT_NOTE,
        "glossary": [*STATIC_METRICS, *MD_METRICS],
        "terms": TERMS,
        "metric": METRICS,
        "drift": DRIFT,
        "svg": molecule_svg,
        "missing": MISSING,
    }


def _md_context(metrics: Mapping, seen: Seen) -> dict[str, Any]:
    """The part about the dynamics."""
    runs = md_runs(metrics)
    return {
        "md_run": bool(metrics.get("md")),
        "runs": runs,
        "md_columns": MD_COLUMNS,
        "protocols": _protocol_lines(metrics),
        "protocol_names": protocol_names(metrics),
        "energy_causes": ENERGY_CAUSES,
        "unstable": failed_runs(metrics, physical=True),
        "other": failed_runs(metrics, physical=False),
        "events": _jsonable([asdict(event) for event in seen.events]),
        "event_places": {event.run: place for place, event in enumerate(seen.events)},
        "n_events": seen.n_events,
        "stability": (metrics.get("md") or {}).get("stability") if runs else None,
        "stability_columns": columns(metrics),
        "scatters": SCATTERS,
        "correlations": correlation_lines(metrics),
    }


def _jsonable(value: Any) -> Any:
    """`value` with None in place of NaN and infinity, which JSON does not know: no script would start with them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    return [_jsonable(item) for item in value] if isinstance(value, list | tuple) else value


def _static_columns(rows: list, energy) -> tuple[str, ...]:
    """Columns of the table of molecules: the shifted energy where it is the one shown, the spread of an ensemble."""
    shifted = (SHIFTED,) if energy.key == SHIFTED else ()
    spread = (SPREAD,) if any(number(row.static.get(SPREAD)) is not None for row in rows) else ()
    return (*STATIC_COLUMNS, *shifted, *spread)


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
