"""Figures of a comparison as plain Plotly dicts {"data": [...], "layout": {...}}, None where there is nothing to show.

Colours of text, grid and background are left to the style sheet of the page.
"""

from typing import Any

from compcalc.report.comparison.records import STABILITY, Board, Column, Line, Place
from compcalc.report.comparison.words import spread_words
from compcalc.report.plot_parts import FRAME_PX, STYLES, axis, hover, layout, middle, plot_name, trace
from compcalc.report.wording import clipped, shown

LONGEST_LABEL = 29
"""Characters of a label in a figure; the whole one is in the hover text and in the table."""

FRONT, BEATEN = "#009E73", "#7F7F7F"

_ROW_PX, _SQUARE_PX = 34, 360
_CLOSE = 0.2
"""Difference of two errors, over that at the middle of the axis, below which labels would lie on each other."""


def error_figure(board: Board) -> dict[str, Any] | None:
    """One row a potential, best on top: its errors on each side with their intervals."""
    columns = [column for column in board.columns if column.criterion is not STABILITY]
    if not columns:
        return None
    traces = [_errors(board, column) for column in columns]
    title = f"{columns[0].criterion.quantity} ({columns[0].criterion.unit})"
    values = [x for one in traces for x in one["x"]]
    made = layout(FRAME_PX + _ROW_PX * len(board.lines), title, values)
    made["yaxis"] |= {
        "tickvals": list(range(len(board.lines))),
        "ticktext": [_short(line.label) for line in board.lines],
        "range": [len(board.lines) - 0.5, -0.5],
    }
    return {"data": traces, "layout": made}


def pareto_figure(board: Board) -> dict[str, Any] | None:
    """Error against wall time of one evaluation; the front joined as steps where speeds can be compared."""
    judged = board.judged
    if judged is None or judged.criterion is STABILITY:
        return None
    lines = [line for line in board.lines if line.pool.ms_per_frame is not None and line.places[judged.criterion.key]]
    if not lines:
        return None
    on_front = [line for line in lines if line.front]
    others = [line for line in lines if not line.front]
    rest = "not on it" if board.same_hardware else "on different hardware"
    times = [line.pool.ms_per_frame for line in lines]
    errors = [line.places[judged.criterion.key].value for line in lines]
    made = layout(_SQUARE_PX, "time per frame (ms)", times)
    made["yaxis"] = axis(f"{judged.criterion.label} {judged.criterion.quantity} ({judged.criterion.unit})", errors)
    centre = middle(times), middle(errors)
    data = [
        _front_line(on_front, judged),
        _points(on_front, judged, "Pareto front", FRONT, "circle", centre),
        _points(others, judged, rest, BEATEN, "diamond", centre),
    ]
    return {"data": [one for one in data if one["x"]], "layout": made}


def _errors(board: Board, column: Column) -> dict[str, Any]:
    style = STYLES["id" if column.criterion.key == "id" else "ood"]
    placed = [(i, line.places[column.criterion.key]) for i, line in enumerate(board.lines)]
    known = [(i, place) for i, place in placed if place is not None]
    text = [
        f"{plot_name(board.lines[i].label, 200)}, {column.criterion.label}: {_value(place)} "
        f"({shown(place.low)}–{shown(place.high)})"
        for i, place in known
    ]
    return {
        **trace([place.value for _, place in known], [i for i, _ in known]),
        "mode": "markers",
        "name": column.criterion.label,
        "error_x": _bars([place for _, place in known]),
        "marker": {"color": style.colour, "symbol": style.symbol, "size": 10},
        **hover(text),
    }


def _points(
    lines: list[Line], judged: Column, name: str, colour: str, symbol: str, centre: tuple[float, float]
) -> dict[str, Any]:
    """Points whose labels stand towards the middle, ms and unit of the error, so that they stay in the figure.

    Where the next slower potential has much the same error, its label stands on the other side of its point, and that
    of one more is left to the hover text.
    """
    lines = sorted(lines, key=lambda line: line.pool.ms_per_frame)
    places = [line.places[judged.criterion.key] for line in lines]
    below: list[bool] = []
    neighbours: list[int] = []
    for k, place in enumerate(places):
        close = k > 0 and abs(place.value - places[k - 1].value) < _CLOSE * centre[1]
        below.append(not below[-1] if close else place.value > centre[1])
        neighbours.append(neighbours[-1] + 1 if close else 0)
    sides = [
        f"{'bottom' if low else 'top'} {'left' if line.pool.ms_per_frame > centre[0] else 'right'}"
        for line, low in zip(lines, below, strict=True)
    ]
    text = [
        f"{plot_name(line.label, 200)}: {_value(place)} {judged.criterion.unit}, "
        f"{shown(line.pool.ms_per_frame)} ms a frame"
        for line, place in zip(lines, places, strict=True)
    ]
    return {
        **trace([line.pool.ms_per_frame for line in lines], [place.value for place in places]),
        "mode": "markers+text",
        "name": name,
        "error_y": _bars(places),
        "text": [_short(line.label) if n < 2 else "" for line, n in zip(lines, neighbours, strict=True)],
        "textposition": sides,
        "marker": {"color": colour, "symbol": symbol, "size": 10},
        "hovertext": text,
        "hoverinfo": "text",
    }


def _front_line(lines: list[Line], judged: Column) -> dict[str, Any]:
    """Along the front: at each time, the smallest error that is to be had."""
    ordered = sorted(lines, key=lambda line: line.pool.ms_per_frame)
    places = [line.places[judged.criterion.key].value for line in ordered]
    return {
        **trace([line.pool.ms_per_frame for line in ordered], places),
        "mode": "lines",
        "line": {"color": FRONT, "width": 1.5, "dash": "dot", "shape": "hv"},
        "showlegend": False,
        "hoverinfo": "skip",
    }


def _short(label: str) -> str:
    """Without its middle where it is too long: seeds and versions of one potential differ at the end of their names."""
    half = (LONGEST_LABEL - 1) // 2
    text = clipped(label, 500)
    return plot_name(text if len(text) <= LONGEST_LABEL else f"{text[:half]}…{text[-half:]}", LONGEST_LABEL)


def _bars(places: list[Place]) -> dict[str, Any]:
    above = [place.high - place.value for place in places]
    below = [place.value - place.low for place in places]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.5, "width": 4}


def _value(place: Place) -> str:
    """`26.2 ±1.3`."""
    return " ".join(filter(None, (shown(place.value), spread_words(place))))
