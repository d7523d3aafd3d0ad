"""Figures of a comparison as plain Plotly dicts {"data": [...], "layout": {...}}, None where there is nothing to show.

Colours of text, grid and background are left to the style sheet of the page.
"""

from html import escape
from typing import Any

from compcalc.report.comparison.records import STABILITY, Board, Column, Line
from compcalc.report.wording import clipped, shown

LONGEST_LABEL = 30
"""Characters of a label in a figure; the whole one is in the hover text and in the table."""

LOOKS = {"id": ("#0072B2", "circle"), "ood": ("#D55E00", "diamond"), "own": ("#D55E00", "diamond")}
"""Colour (Okabe-Ito) and shape of each side, which tell them apart alike."""

FRONT, BEATEN = "#009E73", "#7F7F7F"

_ROW_PX, _FRAME_PX, _SQUARE_PX = 34, 110, 360
_WIDE, _DECADES = 20.0, 300.0
"""Largest over smallest value above which an axis is logarithmic, and above which it has one tick a decade."""


def error_figure(board: Board) -> dict[str, Any] | None:
    """One row a potential, best on top: its errors on each side with their intervals."""
    columns = [column for column in board.columns if column.criterion is not STABILITY]
    if not columns:
        return None
    traces = [_errors(board, column) for column in columns]
    title = f"{columns[0].criterion.quantity} ({columns[0].criterion.unit})"
    layout = _layout(_FRAME_PX + _ROW_PX * len(board.lines), title, [x for trace in traces for x in trace["x"]])
    layout["yaxis"] |= {
        "tickvals": list(range(len(board.lines))),
        "ticktext": [_short(line.label) for line in board.lines],
        "range": [len(board.lines) - 0.5, -0.5],
        "zeroline": False,
        "fixedrange": True,
    }
    return {"data": traces, "layout": layout}


def pareto_figure(board: Board) -> dict[str, Any] | None:
    """Error against wall time of one evaluation; the front joined as steps where speeds can be compared."""
    judged = board.judged
    if judged is None or judged.criterion is STABILITY:
        return None
    lines = [line for line in board.lines if line.run.ms_per_frame is not None and line.places[judged.criterion.key]]
    if not lines:
        return None
    on_front = [line for line in lines if line.front]
    others = [line for line in lines if not line.front]
    rest = "not on it" if board.same_hardware else "on different hardware"
    times = [line.run.ms_per_frame for line in lines]
    layout = _layout(_SQUARE_PX, "time per frame (ms)", times)
    errors = [line.places[judged.criterion.key].value for line in lines]
    middle = _middle(times), _middle(errors)
    data = [
        _front_line(on_front, judged),
        _points(on_front, judged, "Pareto front", FRONT, "circle", middle),
        _points(others, judged, rest, BEATEN, "diamond", middle),
    ]
    layout["yaxis"] |= _axis(f"{judged.criterion.label} {judged.criterion.quantity} ({judged.criterion.unit})", errors)
    return {"data": [trace for trace in data if trace["x"]], "layout": layout}


def _errors(board: Board, column: Column) -> dict[str, Any]:
    colour, symbol = LOOKS[column.criterion.key]
    placed = [(i, line.places[column.criterion.key]) for i, line in enumerate(board.lines)]
    known = [(i, place) for i, place in placed if place is not None]
    hover = [
        f"{escape(board.lines[i].label)}, {column.criterion.label}: {shown(p.value)} ({shown(p.low)}–{shown(p.high)})"
        for i, p in known
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": column.criterion.label,
        "x": [place.value for _, place in known],
        "y": [i for i, _ in known],
        "error_x": _bars([place for _, place in known]),
        "marker": {"color": colour, "symbol": symbol, "size": 10},
        **_hover(hover),
    }


def _points(
    lines: list[Line], judged: Column, name: str, colour: str, symbol: str, middle: tuple[float, float]
) -> dict[str, Any]:
    """Points whose labels stand towards the middle, ms and unit of the error, so that they stay in the figure."""
    places = [line.places[judged.criterion.key] for line in lines]
    sides = [
        f"{'bottom' if place.value > middle[1] else 'top'} {'left' if line.run.ms_per_frame > middle[0] else 'right'}"
        for line, place in zip(lines, places, strict=True)
    ]
    hover = [
        f"{escape(line.label)}: {shown(place.value)} {judged.criterion.unit}, {shown(line.run.ms_per_frame)} ms a frame"
        for line, place in zip(lines, places, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": name,
        "x": [line.run.ms_per_frame for line in lines],
        "y": [place.value for place in places],
        "error_y": _bars(places),
        "text": [_short(line.label) for line in lines],
        "textposition": sides,
        "marker": {"color": colour, "symbol": symbol, "size": 10},
        "hovertext": hover,
        "hoverinfo": "text",
    }


def _front_line(lines: list[Line], judged: Column) -> dict[str, Any]:
    """Along the front: at each time, the smallest error that is to be had."""
    ordered = sorted(lines, key=lambda line: line.run.ms_per_frame)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [line.run.ms_per_frame for line in ordered],
        "y": [line.places[judged.criterion.key].value for line in ordered],
        "line": {"color": FRONT, "width": 1.5, "dash": "dot", "shape": "hv"},
        "showlegend": False,
        "hoverinfo": "skip",
    }


def _bars(places: list) -> dict[str, Any]:
    above = [place.high - place.value for place in places]
    below = [place.value - place.low for place in places]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.5, "width": 4}


def _hover(text: list[str]) -> dict[str, Any]:
    return {"text": text, "hovertemplate": "%{text}<extra></extra>"}


def _layout(height: int, title: str, values: list[float]) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 60, "r": 14, "t": 40, "b": 50},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "family": "system-ui, sans-serif"},
        "xaxis": _axis(title, values),
        "yaxis": {"automargin": True},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)"},
        "showlegend": True,
        "dragmode": False,
        "hovermode": "closest",
    }


def _axis(title: str, values: list[float]) -> dict[str, Any]:
    """From zero, or logarithmic where positive values span much."""
    scale: dict[str, Any] = {"rangemode": "tozero"}
    if _is_wide(values):
        scale = {"type": "log", "dtick": "D2" if max(values) < _DECADES * min(values) else 1}
        title = f"{title}, log"
    return {**scale, "title": {"text": title}, "automargin": True, "fixedrange": True}


def _is_wide(values: list[float]) -> bool:
    return min(values) > 0 and max(values) > _WIDE * min(values)


def _middle(values: list[float]) -> float:
    """Of the axis that `_axis` makes."""
    return (min(values) * max(values)) ** 0.5 if _is_wide(values) else max(values) / 2


def _short(label: str) -> str:
    return escape(clipped(label, LONGEST_LABEL))
