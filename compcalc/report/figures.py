"""Figures of the report as plain Plotly dicts {"data": [...], "layout": {...}}, None where there is nothing to show.

Colours of text, grid and background are left to the style sheet of the page, which knows light from dark.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from compcalc.report.glossary import FORCE_UNIT, Metric
from compcalc.report.rows import DRIFT, SPLITS, Row, estimate, group_means, natural_key, protocol_names, summary_of
from compcalc.report.wording import clipped, number, outcome_words, shown

LONGEST_NAME = 22
"""Characters of a molecule name on an axis; the whole name is in the hover text and in the table."""

LOG_RANGE = 20.0
"""Largest over smallest value above which an axis is logarithmic."""

ROW_PX, FRAME_PX = 20, 100


@dataclass(frozen=True)
class Style:
    """How a group of points looks: told apart by shape as well as by colour (Okabe-Ito palette)."""

    label: str
    colour: str
    symbol: str
    dash: str = "solid"


STYLES = {
    "id": Style("ID", "#0072B2", "circle", "dash"),
    "ood": Style("OOD (unseen)", "#D55E00", "diamond", "dash"),
    "": Style("split unknown", "#7F7F7F", "square"),
    "nve": Style("NVE", "#009E73", "circle", "solid"),
    "nvt": Style("NVT", "#CC79A7", "square", "dash"),
}


def _own_style(protocol: str, place: int) -> Style:
    """Of a protocol with a name of a user's own."""
    colours, dashes = ("#D55E00", "#0072B2", "#E69F00", "#56B4E9"), ("dot", "dashdot", "longdash", "solid")
    return Style(protocol.upper(), colours[place % 4], "diamond", dashes[place % 4])


def molecule_figure(rows: Sequence[Row], metric: Metric, metrics: Mapping[str, Any]) -> dict | None:
    """One point a molecule, ID above OOD, with the mean of each split and its interval behind.

    Args:
        rows: rows of the report.
        metric: a static metric.
        metrics: content of metrics.json, for the means.
    """
    rows = [row for row in rows if row.static]
    values = [number(row.static.get(metric.key)) for row in rows]
    if not any(value is not None for value in values):
        return None
    data = []
    for split in dict.fromkeys(row.split for row in rows):
        style = STYLES.get(split, STYLES[""])
        block = [i for i, row in enumerate(rows) if row.split == split]
        data += _mean(style, block, estimate(metrics, split, metric.key))
        data.append(_points(style, rows, values, block, metric))
    notes = [(i, "failed" if row.failed else "no value") for i, row in enumerate(rows) if values[i] is None]
    return {"data": data, "layout": _row_layout([row.molecule for row in rows], metric.header, values, notes)}


def drift_figure(rows: Sequence[Row], metric: Metric) -> dict | None:
    """One point an NVE run with its standard error; open where the slope is below its noise."""
    rows = list({row.molecule: row for row in rows if row.conserving}.values())
    runs = [(i, run) for i, row in enumerate(rows) for run in row.conserving]
    measured = [(i, run) for i, run in runs if number(run.get(DRIFT)) is not None]
    if not measured:
        return None
    values = [number(run[DRIFT]) for _, run in measured]
    resolved = [item for item in measured if item[1].get("drift_resolved")]
    noise = [item for item in measured if not item[1].get("drift_resolved")]
    data = [_drift_points(resolved, "slope resolved", ""), _drift_points(noise, "below its noise", "-open")]
    seen = {i for i, _ in measured}
    notes = [(i, outcome_words(run.get("outcome"))) for i, run in runs if i not in seen]
    layout = _row_layout([row.molecule for row in rows], metric.header, values, list(dict(notes).items()))
    return {"data": [trace for trace in data if trace["x"]], "layout": layout}


def survival_figure(metrics: Mapping[str, Any]) -> dict | None:
    """Kaplan-Meier curve of each protocol as steps, with its interval as a band."""
    data = []
    for place, protocol in enumerate(protocol_names(metrics)):
        curve = (summary_of(metrics, "md").get(protocol) or {}).get("survival") or {}
        data += _survival_traces(STYLES.get(protocol) or _own_style(protocol, place), curve)
    if not data:
        return None
    layout = _layout(FRAME_PX + 270, "time of production (ps)")
    layout["xaxis"]["rangemode"] = "tozero"
    layout["yaxis"] = {"title": {"text": "share of runs still stable"}, "range": [-0.03, 1.05], "fixedrange": True}
    return {"data": data, "layout": layout}


def group_figure(metrics: Mapping[str, Any], key: str) -> dict | None:
    """Force MAE by group, such as by element: one row a group, ID and OOD on the same row, joined by a line."""
    means = {split: group_means(metrics, split, key) for split in SPLITS}
    groups = sorted({group for found in means.values() for group in found}, key=natural_key)
    if not groups:
        return None
    both = [(i, group) for i, group in enumerate(groups) if all(group in means[split] for split in SPLITS)]
    data = [_joins([(i, [means[split][group] for split in SPLITS]) for i, group in both])] if both else []
    for split in SPLITS:
        style = STYLES[split]
        points = [(i, group, means[split][group]) for i, group in enumerate(groups) if group in means[split]]
        hover = [f"{_name(group)}, {style.label}: {shown(x)} {FORCE_UNIT}" for _, group, x in points]
        data += [_scatter(style, [x for *_, x in points], [i for i, *_ in points], hover)] if points else []
    values = [x for found in means.values() for x in found.values()]
    return {"data": data, "layout": _row_layout(groups, f"Force MAE ({FORCE_UNIT})", values, [])}


def _points(
    style: Style, rows: Sequence[Row], values: Sequence[float | None], block: list[int], metric: Metric
) -> dict:
    kept = [i for i in block if values[i] is not None]
    hover = [f"{_name(rows[i].molecule, 80)}: {shown(values[i])} {metric.unit}" for i in kept]
    return _scatter(style, [values[i] for i in kept], kept, hover)


def _scatter(style: Style, x: list, y: list, hover: list[str]) -> dict:
    marker = {"color": style.colour, "symbol": style.symbol, "size": 9}
    return {**_trace(x, y), "mode": "markers", "name": style.label, "marker": marker, **_hover(hover)}


def _drift_points(items: list[tuple[int, Mapping]], label: str, suffix: str) -> dict:
    style = STYLES["nve"]
    errors = [number(run.get("drift_standard_error_mev_per_atom_per_ps")) for _, run in items]
    names = [f"{_name(run.get('molecule'), 80)} #{run.get('replica')}" for _, run in items]
    hover = [
        f"{name}: {shown(run.get(DRIFT))} ± {shown(error, 2)} meV/atom/ps"
        for name, (_, run), error in zip(names, items, errors, strict=True)
    ]
    return {
        **_trace([number(run[DRIFT]) for _, run in items], [i for i, _ in items]),
        "mode": "markers",
        "name": label,
        "marker": {"color": style.colour, "symbol": style.symbol + suffix, "size": 9},
        "error_x": {"type": "data", "array": [error or 0 for error in errors], "thickness": 1, "width": 3},
        **_hover(hover),
    }


def _mean(style: Style, block: list[int], found: Mapping) -> list[dict]:
    """Dashed line at the mean across the rows of `block`, and the band of its interval."""
    value, low, high = (number(found.get(key)) for key in ("value", "low", "high"))
    top, bottom = block[0] - 0.5, block[-1] + 0.5
    traces = []
    if low is not None and high is not None:
        box = _trace([low, high, high, low, low], [top, top, bottom, bottom, top])
        traces.append({**box, "mode": "none", "fill": "toself", "fillcolor": _faint(style.colour), **_QUIET})
    if value is not None:
        line = {"color": style.colour, "width": 1.5, "dash": style.dash}
        traces.append({**_trace([value, value], [top, bottom]), "mode": "lines", "line": line, **_QUIET})
    return traces


def _joins(pairs: list[tuple[int, list[float]]]) -> dict:
    x = [value for _, ends in pairs for value in (*ends, None)]
    y = [value for i, _ in pairs for value in (i, i, None)]
    return {**_trace(x, y), "mode": "lines", "line": {"color": "#8a8a8a", "width": 1.5}, **_QUIET}


def _survival_traces(style: Style, curve: Mapping) -> list[dict]:
    time, share = curve.get("time_ps") or [], curve.get("survival") or []
    low, high = curve.get("low") or [], curve.get("high") or []
    if not time or len(time) != len(share):
        return []
    traces = []
    if len(low) == len(high) == len(time):
        edge = {"mode": "lines", "line": {"width": 0, "shape": "hv"}, **_QUIET}
        traces = [
            {**_trace(time, low), **edge},
            {**_trace(time, high), **edge, "fill": "tonexty", "fillcolor": _faint(style.colour)},
        ]
    hover = [f"{style.label}, {shown(t)} ps: {shown(s)}" for t, s in zip(time, share, strict=True)]
    line = {"color": style.colour, "width": 2.5, "dash": style.dash, "shape": "hv"}
    return [*traces, {**_trace(time, share), "mode": "lines", "name": style.label, "line": line, **_hover(hover)}]


_QUIET = {"showlegend": False, "hoverinfo": "skip"}


def _trace(x: Iterable, y: Iterable) -> dict:
    return {"type": "scatter", "x": list(x), "y": list(y)}


def _hover(text: list[str]) -> dict:
    return {"text": text, "hovertemplate": "%{text}<extra></extra>"}


def _row_layout(names: Sequence[str], title: str, values: Iterable, notes: list[tuple[int, str]]) -> dict:
    """Layout of a figure with one row a name; `notes` are words for rows without a point."""
    layout = _layout(FRAME_PX + ROW_PX * len(names), title, logarithmic=_logarithmic(values))
    layout["yaxis"] = {
        "tickvals": list(range(len(names))),
        "ticktext": [_name(name) for name in names],
        "range": [len(names) - 0.5, -0.5],
        "automargin": True,
        "zeroline": False,
        "fixedrange": True,
    }
    layout["annotations"] = [
        {"xref": "paper", "x": 0, "xanchor": "left", "y": i, "text": f"<i>{_name(text)}</i>", "showarrow": False}
        for i, text in notes
    ]
    return layout


def _layout(height: int, title: str, logarithmic: bool = False) -> dict:
    axis = {"type": "log", "dtick": "D2"} if logarithmic else {"rangemode": "tozero"}
    title = f"{title}, log" if logarithmic else title
    return {
        "height": height,
        "margin": {"l": 50, "r": 14, "t": 40, "b": 50},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "family": "system-ui, sans-serif"},
        "xaxis": {**axis, "title": {"text": title}, "automargin": True, "fixedrange": True},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)"},
        "showlegend": True,
        "dragmode": False,
        "hovermode": "closest",
    }


def _logarithmic(values: Iterable) -> bool:
    known = [x for x in values if x is not None]
    return min(known) > 0 and max(known) > LOG_RANGE * min(known)


def _name(text: object, most: int = LONGEST_NAME) -> str:
    """A name for Plotly, which reads a little HTML in its labels."""
    return escape(clipped(str(text), most))


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.13)"
