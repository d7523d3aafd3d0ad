"""Figures of the static errors: ID against OOD, each molecule, along the chain, by element and place."""

import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from compcalc.report.glossary import FORCE_UNIT, Metric
from compcalc.report.pictures import count_carbons
from compcalc.report.plot_parts import (
    GREY,
    PLOT_PX,
    QUIET,
    STYLES,
    SYMBOLS,
    Figure,
    Style,
    axis,
    faint,
    hover,
    layout,
    plot_name,
    points,
    row_layout,
    split_style,
    trace,
)
from compcalc.report.rows import SPLITS, Row, estimate, group_means, natural_key, static_entries
from compcalc.report.wording import interval, number, plural, shown

_SPREAD = (0.0, 0.14, -0.14, 0.28, -0.28)
"""Heights at which the points of one row stand, so that equal ones do not hide each other."""


def split_figure(rows: Sequence[Row], metric: Metric, metrics: Mapping[str, Any]) -> Figure | None:
    """ID above OOD: the mean over molecules with its interval, among the molecules.

    Args:
        rows: rows of the report.
        metric: a static metric.
        metrics: content of metrics.json, for the means.
    """
    found = {split: _known(rows, split, metric.key) for split in SPLITS}
    found = {split: block for split, block in found.items() if block}
    if not found:
        return None
    data, lines, names = [], [], [split_style(metrics, split).label for split in found]
    for y, (split, block) in enumerate(found.items()):
        style = split_style(metrics, split)
        data += [_cloud(style, y, block, metric), *_whisker(style, y, estimate(metrics, split, metric.key), metric)]
        lines += _split_lines(style, block, estimate(metrics, split, metric.key))
    values = [value for block in found.values() for _, value in block]
    made = row_layout(names, metric.header, values)
    made["height"] = 110 + 60 * len(names)
    made["showlegend"] = False
    return Figure(data, made, ("split", "molecule", metric.header, "low", "high"), lines)


def molecule_figure(rows: Sequence[Row], metric: Metric, metrics: Mapping[str, Any]) -> Figure | None:
    """One point a molecule, ID above OOD, with the mean of each split and its interval behind; see `split_figure`."""
    rows = [row for row in rows if row.static]
    values = [number(row.static.get(metric.key)) for row in rows]
    if not any(value is not None for value in values):
        return None
    data = []
    for split in dict.fromkeys(row.split for row in rows):
        style = split_style(metrics, split)
        block = [i for i, row in enumerate(rows) if row.split == split]
        data += _mean(style, block, estimate(metrics, split, metric.key))
        kept = [i for i in block if values[i] is not None]
        text = [f"{plot_name(rows[i].molecule, 80)}: {shown(values[i])} {metric.unit}" for i in kept]
        data.append(points(style, [values[i] for i in kept], kept, text))
    notes = [(i, "failed" if row.failed else "no value") for i, row in enumerate(rows) if values[i] is None]
    lines = [(row.split.upper(), row.molecule, value) for row, value in zip(rows, values, strict=True)]
    made = row_layout([row.molecule for row in rows], metric.header, values, notes)
    return Figure(data, made, ("split", "molecule", metric.header), lines)


def chain_figure(rows: Sequence[Row], metric: Metric, metrics: Mapping[str, Any]) -> Figure | None:
    """The error against the number of carbon atoms: one symbol a family, one colour a split."""
    found = [
        (row, carbons, value)
        for row in rows
        if (carbons := count_carbons(row.smiles)) is not None
        and (value := number(row.static.get(metric.key))) is not None
    ]
    if len({carbons for _, carbons, _ in found}) < 2:
        return None
    families = list(dict.fromkeys(_family(row) for row, *_ in found))
    data = []
    for split, family in dict.fromkeys((row.split, _family(row)) for row, *_ in found):
        mine = sorted((c, v, row.molecule) for row, c, v in found if (row.split, _family(row)) == (split, family))
        style, symbol = split_style(metrics, split), SYMBOLS[families.index(family) % len(SYMBOLS)]
        text = [f"{plot_name(name, 80)} ({style.label}), C{c}: {shown(v)} {metric.unit}" for c, v, name in mine]
        joined = len({c for c, *_ in mine}) == len(mine)
        data.append(_line(style, f"{plot_name(family)}, {style.label}", symbol, mine, text, joined))
    values = [value for *_, value in found]
    made = layout(PLOT_PX + 20 * (len(data) // 2), "carbon atoms in the molecule")
    lengths = [carbons for _, carbons, _ in found]
    made["xaxis"] |= {"rangemode": "normal", "dtick": max(1, round((max(lengths) - min(lengths)) / 10))}
    made["yaxis"] = axis(metric.header, values)
    lines = [(row.split.upper(), row.molecule, carbons, value) for row, carbons, value in found]
    return Figure(data, made, ("split", "molecule", "carbon atoms", metric.header), lines)


def group_figure(metrics: Mapping[str, Any], key: str, column: str) -> Figure | None:
    """Force MAE by group, such as by element: one row a group, ID and OOD on the same row, joined by a line."""
    means = {split: group_means(metrics, split, key) for split in SPLITS}
    groups = sorted({group for found in means.values() for group in found}, key=natural_key)
    if not groups:
        return None
    both = [(i, group) for i, group in enumerate(groups) if all(group in means[split] for split in SPLITS)]
    data = [_joins([(i, [means[split][group] for split in SPLITS]) for i, group in both])] if both else []
    for split in SPLITS:
        style = split_style(metrics, split)
        mine = [(i, group, means[split][group]) for i, group in enumerate(groups) if group in means[split]]
        text = [f"{plot_name(group)}, {style.label}: {shown(x)} {FORCE_UNIT}" for _, group, x in mine]
        data += [points(style, [x for *_, x in mine], [i for i, *_ in mine], text)] if mine else []
    values = [x for found in means.values() for x in found.values()]
    lines = [(split.upper(), group, x) for split, found in means.items() for group, x in found.items()]
    made = row_layout(["none" if group == "-1" else group for group in groups], f"Force MAE ({FORCE_UNIT})", values)
    return Figure(data, made, ("split", column, f"Force MAE ({FORCE_UNIT})"), lines)


def distance_figure(metrics: Mapping[str, Any]) -> Figure | None:
    """Force MAE against the distance from the nearest functional group: a symbol a group, a colour a split."""
    found = _by_distance(metrics)
    if not found:
        return None
    places = sorted({place for places in found.values() for place in places}, key=natural_key)
    names = list(dict.fromkeys(name for _, name in found))
    data, lines = [], []
    for (split, name), by_place in found.items():
        style, words = split_style(metrics, split), name.replace("_", " ")
        mine = [(place, fmean(by_place[place]), len(by_place[place])) for place in places if place in by_place]
        text = [
            f"{plot_name(words)} + {plot_name(p)} ({style.label}): {shown(x)} {FORCE_UNIT}, {plural(n, 'molecule')}"
            for p, x, n in mine
        ]
        symbol = SYMBOLS[names.index(name) % len(SYMBOLS)]
        data.append(_line(style, f"{plot_name(words)}, {style.label}", symbol, mine, text))
        lines += [(split.upper(), name, place, x, n) for place, x, n in mine]
    made = layout(PLOT_PX + 20 * (len(data) // 2), "bonds from the group; 0 is inside it")
    made["xaxis"] = {**axis("bonds from the group; 0 is inside it"), "type": "category"}
    made["xaxis"] |= {"categoryorder": "array", "categoryarray": places}
    made["yaxis"] = axis(f"Force MAE ({FORCE_UNIT})", (line[3] for line in lines))
    return Figure(data, made, ("split", "group", "bonds from it", f"Force MAE ({FORCE_UNIT})", "molecules"), lines)


def _known(rows: Sequence[Row], split: str, key: str) -> list[tuple[str, float]]:
    return [(r.molecule, x) for r in rows if r.split == split and (x := number(r.static.get(key))) is not None]


def _cloud(style: Style, y: int, block: Sequence[tuple[str, float]], metric: Metric) -> dict:
    heights = [y + _SPREAD[i % len(_SPREAD)] for i in range(len(block))]
    text = [f"{plot_name(name, 80)}: {shown(value)} {metric.unit}" for name, value in block]
    made = points(style, [value for _, value in block], heights, text, size=7)
    made["marker"] |= {"color": faint(style.colour, 0.45)}
    return made


def _whisker(style: Style, y: int, found: Mapping, metric: Metric) -> list[dict]:
    """The mean as a large marker with its interval."""
    value, low, high = (number(found.get(key)) for key in ("value", "low", "high"))
    if value is None:
        return []
    limits = interval(found, 3)
    text = f"mean, {style.label}: {shown(value)} {metric.unit}{f' ({limits})' if limits else ''}"
    made = points(style, [value], [y], [text], size=14)
    if low is not None and high is not None:
        ends = {"array": [high - value], "arrayminus": [value - low], "symmetric": False}
        made["error_x"] = {"type": "data", **ends, "thickness": 3, "width": 9, "color": style.colour}
    return [made]


def _split_lines(style: Style, block: Sequence[tuple[str, float]], found: Mapping) -> list[tuple]:
    mean = tuple(number(found.get(key)) for key in ("value", "low", "high"))
    return [(style.label, "mean", *mean), *((style.label, name, value, None, None) for name, value in block)]


def _mean(style: Style, block: list[int], found: Mapping) -> list[dict]:
    """Dashed line at the mean across the rows of `block`, and the band of its interval."""
    value, low, high = (number(found.get(key)) for key in ("value", "low", "high"))
    top, bottom = block[0] - 0.5, block[-1] + 0.5
    traces = []
    if low is not None and high is not None:
        box = trace([low, high, high, low, low], [top, top, bottom, bottom, top])
        traces.append({**box, "mode": "none", "fill": "toself", "fillcolor": faint(style.colour), **QUIET})
    if value is not None:
        line = {"color": style.colour, "width": 1.5, "dash": style.dash}
        traces.append({**trace([value, value], [top, bottom]), "mode": "lines", "line": line, **QUIET})
    return traces


def _line(style: Style, label: str, symbol: str, mine: Iterable[tuple], text: list[str], joined: bool = True) -> dict:
    """Markers, joined by a line, full for ID and open for OOD; the first two of each tuple are its place."""
    solid = style.symbol == STYLES["id"].symbol
    return {
        **trace([item[0] for item in mine], [item[1] for item in mine]),
        "mode": "lines+markers" if joined else "markers",
        "name": label,
        "line": {"color": style.colour, "width": 1.5, "dash": "solid" if solid else "dot"},
        "marker": {"color": style.colour, "symbol": symbol if solid else f"{symbol}-open", "size": 9},
        **hover(text),
    }


def _joins(pairs: list[tuple[int, list[float]]]) -> dict:
    x = [value for _, ends in pairs for value in (*ends, None)]
    y = [value for i, _ in pairs for value in (i, i, None)]
    return {**trace(x, y), "mode": "lines", "line": {"color": GREY, "width": 1.5}, **QUIET}


def _family(row: Row) -> str:
    """`carboxylic acid` of `carboxylic_acid/07`; molecules with names of their own are one family."""
    found = re.fullmatch(r"([a-z_]+)/\d+", row.molecule)
    return found[1].replace("_", " ") if found else "molecules"


def _by_distance(metrics: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, list[float]]]:
    """(split, group) -> distance from it -> force MAE of each molecule."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for entry in static_entries(metrics):
        for environment, value in (entry.get("force_mae_by_environment") or {}).items():
            name, plus, place = str(environment).rpartition("+")
            if (x := number(value)) is not None:
                key = str(entry.get("split") or ""), name if plus else str(environment)
                place = place.replace("..", " or more") if plus else "none"
                found.setdefault(key, {}).setdefault(place, []).append(x)
    return dict(sorted(found.items(), key=lambda item: (item[0][0] != "id", item[0][1])))
