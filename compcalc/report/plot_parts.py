"""What every figure of the report is made of: the record that holds it, how groups look, traces, layouts, labels.

Colours of text, grid and background are left to the style sheet of the page, which knows light from dark; the page's
script exchanges the colours of the traces for lighter ones where it is dark.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from compcalc.report.wording import clipped, number

LONGEST_NAME = 22
"""Characters of a molecule name on an axis; the whole name is in the hover text and in the table."""

LOG_RANGE = 20.0
"""Largest over smallest value above which an axis is logarithmic."""

DECADES = 300.0
"""The same above which a logarithmic axis has one tick a decade."""

ROW_PX, FRAME_PX, PLOT_PX = 20, 100, 290

GREY = "#8a8a8a"


@dataclass(frozen=True)
class Figure:
    """A plot, and the numbers behind it.

    Attributes:
        data: Plotly traces.
        layout: Plotly layout.
        columns: names of the columns of its numbers, with units.
        lines: the numbers, in the order of `columns`; empty where they are the choice, name and points of each trace.
        choices: (label, indices of the traces that it shows), where the reader chooses; the first is shown at first.
    """

    data: list[dict]
    layout: dict
    columns: tuple[str, ...]
    lines: list[tuple]
    choices: Sequence[tuple[str, list[int]]] = ()


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

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x", "star", "triangle-down")


def split_style(metrics: Mapping[str, Any], split: str) -> Style:
    """Of a split; molecules of the user's own are neither known nor unseen."""
    style = STYLES.get(split, STYLES[""])
    return replace(style, label="own molecules") if metrics.get("own_molecules") and split else style


def protocol_style(protocol: str, place: int) -> Style:
    """Of a protocol; one with a name of a user's own looks as its `place` among the protocols says."""
    colours, dashes = ("#D55E00", "#0072B2", "#E69F00", "#56B4E9"), ("dot", "dashdot", "longdash", "solid")
    own = Style(protocol.upper(), colours[place % 4], SYMBOLS[1 + place % 4], dashes[place % 4])
    return STYLES.get(protocol) or own


def trace(x: Iterable, y: Iterable) -> dict:
    """A scatter trace."""
    return {"type": "scatter", "x": list(x), "y": list(y)}


def hover(text: Iterable[str]) -> dict:
    """Hover texts, already escaped, one a point."""
    return {"text": list(text), "hovertemplate": "%{text}<extra></extra>"}


QUIET = {"showlegend": False, "hoverinfo": "skip"}
"""Of traces that say nothing by themselves."""


def points(style: Style, x: list, y: list, text: list[str], size: int = 9) -> dict:
    """Markers with a legend entry."""
    marker = {"color": style.colour, "symbol": style.symbol, "size": size}
    return {**trace(x, y), "mode": "markers", "name": style.label, "marker": marker, **hover(text)}


def faint(colour: str, alpha: float = 0.13) -> str:
    """`#rrggbb` as a transparent colour."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def plot_name(text: object, most: int = LONGEST_NAME) -> str:
    """A name for Plotly, which reads a little HTML in its labels; it would show escaped quotation marks as they are."""
    return escape(clipped(str(text), most), quote=False)


def layout(height: int, title: str, values: Iterable = ()) -> dict:
    """Layout with `title` below the x axis, which is logarithmic where `values` span much."""
    return {
        "height": height,
        "margin": {"l": 50, "r": 14, "t": 40, "b": 50},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "family": "system-ui, sans-serif"},
        "xaxis": axis(title, values),
        "yaxis": {"zeroline": False, "automargin": True, "fixedrange": True},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#7a8794", "activecolor": "#0072B2"},
        "showlegend": True,
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "#1b1f24", "bordercolor": "#9aa4ae", "font": {"color": "#ffffff"}},
    }


def axis(title: str, values: Iterable = ()) -> dict:
    """An axis of numbers from zero, or, where `values` span much, a logarithmic one, which says so."""
    values = list(values)
    scale: dict[str, Any] = {"rangemode": "tozero"}
    if is_wide(values):
        scale = {"type": "log", "dtick": 1 if _ratio(values) > DECADES else "D2"}
        title = f"{title}, log"
    return {**scale, "title": {"text": title}, "automargin": True, "fixedrange": True, "zeroline": False}


def row_layout(names: Sequence[str], title: str, values: Iterable, notes: Sequence[tuple[int, str]] = ()) -> dict:
    """Layout of a figure with one row a name; `notes` are words for rows without a point."""
    made = layout(FRAME_PX + ROW_PX * len(names), title, values)
    made["yaxis"] |= {
        "tickvals": list(range(len(names))),
        "ticktext": [plot_name(name) for name in names],
        "range": [len(names) - 0.5, -0.5],
    }
    made["annotations"] = [
        {"xref": "paper", "x": 0, "xanchor": "left", "y": i, "text": f"<i>{plot_name(text)}</i>", "showarrow": False}
        for i, text in notes
    ]
    return made


def is_wide(values: Iterable) -> bool:
    """Whether positive numbers span so much that only a logarithmic axis shows them all."""
    return _ratio(values) > LOG_RANGE


def middle(values: Iterable) -> float:
    """Of the axis that `axis` makes of `values`, of which there is one at least."""
    values = list(values)
    return math.sqrt(min(values) * max(values)) if is_wide(values) else max(values) / 2


def _ratio(values: Iterable) -> float:
    """Largest over smallest number; 0 where there is none, or one that a logarithm does not take."""
    known = [x for value in values if (x := number(value)) is not None]
    return max(known) / min(known) if known and min(known) > 0 else 0.0
