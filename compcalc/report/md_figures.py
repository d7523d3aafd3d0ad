"""Figures of the dynamics: survival, drift, the truth along the way, and accuracy against stability."""

import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from textwrap import wrap
from typing import Any

from compcalc.report.glossary import FORCE_UNIT, METRICS, Metric
from compcalc.report.md_words import GFN2_DRIFT_MEV_PER_ATOM_PER_PS
from compcalc.report.plot_parts import (
    GREY,
    PLOT_PX,
    QUIET,
    STYLES,
    Figure,
    Style,
    axis,
    faint,
    hover,
    layout,
    plot_name,
    points,
    protocol_style,
    row_layout,
    trace,
)
from compcalc.report.rows import DRIFT, FORCE, Row, md_runs, protocol_names, summary_of
from compcalc.report.wording import number, outcome_words, shown

_ERROR = "drift_standard_error_mev_per_atom_per_ps"


def survival_figure(metrics: Mapping[str, Any]) -> Figure | None:
    """Kaplan-Meier curve of each protocol as steps, with its interval as a band.

    The band resamples molecules, whose replicas are not independent, where metrics.json has it.
    """
    data, lines = [], []
    for place, protocol in enumerate(protocol_names(metrics)):
        steps = _survival_steps(metrics, protocol)
        if steps:
            style = protocol_style(protocol, place)
            data += _survival_traces(style, *zip(*steps, strict=True))
            lines += [(style.label, *step) for step in steps]
    if not data:
        return None
    made = layout(PLOT_PX, "time of production (ps)")
    made["yaxis"] |= {"title": {"text": "share of runs still stable"}, "range": [-0.03, 1.05]}
    return Figure(data, made, ("protocol", "time (ps)", "share stable", "low", "high"), lines)


def drift_figure(rows: Sequence[Row], metric: Metric) -> Figure | None:
    """One point an NVE run with its standard error; open where the slope is below its noise."""
    rows = list({row.molecule: row for row in rows if row.conserving}.values())
    runs = [(i, run) for i, row in enumerate(rows) for run in row.conserving]
    measured = [(i, run) for i, run in runs if number(run.get(DRIFT)) is not None]
    if not measured:
        return None
    resolved = [item for item in measured if item[1].get("drift_resolved")]
    noise = [item for item in measured if not item[1].get("drift_resolved")]
    data = [_drift_points(resolved, "slope resolved", ""), _drift_points(noise, "below its noise", "-open")]
    seen = {i for i, _ in measured}
    notes = dict((i, outcome_words(run.get("outcome"))) for i, run in runs if i not in seen)
    values = [run[DRIFT] for _, run in measured]
    made = row_layout([row.molecule for row in rows], metric.header, values, list(notes.items()))
    lines = [
        (run.get("molecule"), run.get("replica"), run.get(DRIFT), run.get(_ERROR), run.get("drift_resolved"))
        for _, run in runs
    ]
    columns = ("molecule", "replica", metric.header, "standard error", "resolved")
    return Figure([_reference_drift(len(rows)), *(one for one in data if one["x"])], made, columns, lines)


def own_way_figure(metrics: Mapping[str, Any]) -> Figure | None:
    """Force MAE against the time of the run: thin lines the runs, thick their median, dashed the static frames."""
    runs = [(run, found) for run in md_runs(metrics) if (found := _in_time(run))]
    if not runs:
        return None
    x = [t for _, found in runs for t in (*(0.5 * (a + b) for a, b, _ in found), None)]
    y = [value for _, found in runs for value in (*(mae for *_, mae in found), None)]
    text = [words for run, found in runs for words in (*_way_words(run, found), "")]
    thin = {"color": GREY, "width": 1}
    data = [{**trace(x, y), "mode": "lines+markers", "name": "one run", "line": thin, **hover(text)}]
    data[0]["marker"] = {"color": GREY, "size": 4}
    middle = _medians(runs)
    style = Style("median of the runs", STYLES["ood"].colour, "diamond")
    words = [f"median at {shown(t)} ps: {shown(v)} {FORCE_UNIT}" for t, v in middle]
    thick = {"color": style.colour, "width": 3}
    data.append({**points(style, *map(list, zip(*middle, strict=True)), words), "mode": "lines+markers", "line": thick})
    static = [mae for entry in _static_of(metrics, runs) if (mae := number(entry.get(FORCE))) is not None]
    if static:
        data.append(_level(median(static), max(t for t in x if t is not None)))
    made = layout(PLOT_PX, "time of production (ps)")
    made["yaxis"] = axis(f"Force MAE ({FORCE_UNIT})", y)
    lines = [
        (run.get("molecule"), run.get("protocol"), run.get("replica"), *part) for run, found in runs for part in found
    ]
    columns = ("molecule", "protocol", "replica", "from (ps)", "to (ps)", f"Force MAE ({FORCE_UNIT})")
    return Figure(data, made, columns, lines)


def scatter_figure(metrics: Mapping[str, Any], column: str, label: str) -> Figure | None:
    """Static force MAE against one measure of stability: one point a molecule.

    Args:
        metrics: content of metrics.json.
        column: of the stability table.
        label: its name and unit.
    """
    rows = ((metrics.get("md") or {}).get("stability") or {}).get("molecules") or ()
    found = [
        (row, x, y)
        for row in rows
        if (x := number(row.get(FORCE))) is not None and (y := number(row.get(column))) is not None
    ]
    if len(found) < 2:
        return None
    style = STYLES["ood"]
    text = [f"{plot_name(row.get('molecule'), 80)}: {shown(x)} {FORCE_UNIT}, {shown(y)}" for row, x, y in found]
    made = layout(PLOT_PX, METRICS[FORCE].header, [x for _, x, _ in found])
    made["yaxis"] = axis("<br>".join(wrap(label, 26)), (y for *_, y in found))
    made["showlegend"] = False
    made["annotations"] = _rank_correlation(metrics, column)
    lines = [(row.get("molecule"), x, y) for row, x, y in found]
    data = [points(style, [x for _, x, _ in found], [y for *_, y in found], text)]
    return Figure(data, made, ("molecule", METRICS[FORCE].header, label), lines)


def _rank_correlation(metrics: Mapping[str, Any], column: str) -> list[dict]:
    """Kendall's tau-b of the force MAE with `column` and its interval, above the figure; nothing where unknown."""
    found = ((metrics["md"]["stability"].get("correlations") or {}).get(column)) or {}
    tau, low, high = (number(found.get(key)) for key in ("tau", "low", "high"))
    if tau is None:
        return []
    limits = "" if low is None or high is None else f" (95% CI {low:.2f} to {high:.2f})"
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"}
    return [{**place, "text": f"Kendall τ = {tau:.2f}{limits}", "showarrow": False}]


def _survival_steps(metrics: Mapping[str, Any], protocol: str) -> list[tuple]:
    """(time, share, low, high) of each step, from the first moment to the length that was asked for."""
    curve = (summary_of(metrics, "md").get(protocol) or {}).get("survival") or {}
    time, share = curve.get("time_ps") or [], curve.get("survival") or []
    low, high = (curve.get(f"clustered_{end}") or curve.get(end) or [] for end in ("low", "high"))
    if not time or len(time) != len(share):
        return []
    if not len(low) == len(high) == len(time):
        low = high = [None] * len(time)
    steps = list(zip(time, share, low, high, strict=True))
    before = [(0.0, 1.0, *steps[0][2:])] if share[0] < 1 else []
    asked = [number(run.get("asked_ps")) or 0.0 for run in md_runs(metrics) if run.get("protocol") == protocol]
    end = max(asked, default=0.0)
    # Where no run is left, the share stays what it is: none.
    after = [(end, *steps[-1][1:])] if share[-1] == 0 and end > time[-1] else []
    return [*before, *steps, *after]


def _survival_traces(style: Style, time: Sequence, share: Sequence, low: Sequence, high: Sequence) -> list[dict]:
    traces = []
    if None not in (*low, *high):
        edge = {"mode": "lines", "line": {"width": 0, "shape": "hv"}, **QUIET}
        filled = {"fill": "tonexty", "fillcolor": faint(style.colour)}
        traces = [{**trace(time, low), **edge}, {**trace(time, high), **edge, **filled}]
    text = [f"{style.label}, {shown(t)} ps: {shown(s)}" for t, s in zip(time, share, strict=True)]
    line = {"color": style.colour, "width": 2.5, "dash": style.dash, "shape": "hv"}
    return [*traces, {**trace(time, share), "mode": "lines", "name": style.label, "line": line, **hover(text)}]


def _drift_points(items: list[tuple[int, Mapping]], label: str, suffix: str) -> dict:
    style = Style(label, STYLES["nve"].colour, STYLES["nve"].symbol + suffix)
    errors = [number(run.get(_ERROR)) for _, run in items]
    text = [
        f"{plot_name(run.get('molecule'), 80)} #{run.get('replica')}: {shown(run.get(DRIFT))} ± {shown(error, 2)} "
        "meV/atom/ps"
        for (_, run), error in zip(items, errors, strict=True)
    ]
    made = points(style, [number(run[DRIFT]) for _, run in items], [i for i, _ in items], text)
    bars = {"type": "data", "array": [error or 0 for error in errors], "thickness": 1, "width": 3}
    return {**made, "error_x": bars | {"color": style.colour}}


def _reference_drift(n_rows: int) -> dict:
    """Line at what the reference method itself drifts by, across all rows."""
    x = [GFN2_DRIFT_MEV_PER_ATOM_PER_PS] * 2
    line = {"color": GREY, "width": 1.5, "dash": "dash"}
    text = hover([f"GFN2-xTB itself: {x[0]} meV/atom/ps"] * 2)
    return {**trace(x, [-0.5, n_rows - 0.5]), "mode": "lines", "name": "GFN2-xTB itself", "line": line, **text}


_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_BIN = re.compile(rf"({_NUMBER})-({_NUMBER}) ps")


def _in_time(run: Mapping) -> list[tuple[float, float, float]]:
    """(from, to, MAE) of the bins of time, ps and meV/angstrom, that hold labelled frames."""
    found = []
    for key, value in (run.get("trajectory_force_mae_by_time") or {}).items():
        limits, mae = _BIN.fullmatch(str(key)), number(value)
        if limits and mae is not None:
            found.append((float(limits[1]), float(limits[2]), mae))
    return found


def _way_words(run: Mapping, found: Iterable[tuple]) -> list[str]:
    name = f"{plot_name(run.get('molecule'), 80)}, {str(run.get('protocol')).upper()} #{run.get('replica')}"
    return [f"{name}, {shown(a)}–{shown(b)} ps: {shown(mae)} {FORCE_UNIT}" for a, b, mae in found]


def _medians(runs: Sequence[tuple[Mapping, list]]) -> list[tuple[float, float]]:
    """(time, median MAE) of the first, second, ... bin over the runs that were as long as the longest."""
    longest = max(found[-1][1] for _, found in runs)
    whole = [found for _, found in runs if found[-1][1] > 0.9 * longest]
    by_time: dict[float, list[float]] = {}
    for a, b, mae in (part for found in whole for part in found):
        by_time.setdefault(round(0.5 * (a + b), 3), []).append(mae)
    return [(t, median(by_time[t])) for t in sorted(by_time)]


def _static_of(metrics: Mapping, runs: Sequence[tuple[Mapping, list]]) -> list[Mapping]:
    """Static rows of the molecules of `runs`."""
    names = {run.get("molecule") for run, _ in runs}
    table = ((metrics.get("md") or {}).get("stability") or {}).get("molecules") or ()
    return [row for row in table if row.get("molecule") in names]


def _level(value: float, end: float) -> dict:
    """Dashed line of the static error."""
    line = {"color": STYLES["id"].colour, "width": 2, "dash": "dash"}
    text = [f"median on the reference's frames: {shown(value)} {FORCE_UNIT}"] * 2
    return {
        **trace([0, end], [value, value]),
        "mode": "lines",
        "name": "on reference frames",
        "line": line,
        **hover(text),
    }
