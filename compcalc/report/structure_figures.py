"""Figures of structure and temperature in finished NVT runs, against the reference and the thermostat."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from compcalc.report.plot_parts import (
    GREY,
    PLOT_PX,
    STYLES,
    Figure,
    Style,
    axis,
    layout,
    plot_name,
    points,
    row_layout,
)
from compcalc.report.rows import md_runs, protocol_names, summary_of
from compcalc.report.trajectories import BIN_ANGSTROM, Distances
from compcalc.report.wording import number, shown

MOST_CURVES = 100
"""Molecules to choose from in the figure of distances; those with the smallest differences are left out first."""


def distances_figure(distances: Sequence[Distances]) -> Figure | None:
    """h(r) of a molecule's finished NVT runs and of the reference; the reader chooses the molecule."""
    if not distances:
        return None
    data, choices = [], []
    for one in distances[:MOST_CURVES]:
        choices.append((_choice(one), [len(data), len(data) + 1]))
        curves = ("reference", GREY, "solid", one.reference), ("potential", STYLES["ood"].colour, "dash", one.run)
        data += [_density(*curve, shown_now=len(choices) == 1) for curve in curves]
    made = layout(PLOT_PX, "distance of two atoms, r (Å)")
    made["yaxis"] = axis("h(r) (1/Å)")
    return Figure(data, made, ("molecule", "curve", "r (Å)", "h(r) (1/Å)"), [], choices)


def bond_figure(metrics: Mapping[str, Any]) -> Figure | None:
    """Mean length of each type of bond in finished NVT runs, less the reference's: one point a run.

    Open where the distributions differ no more than chance makes them.
    """
    found = [
        (kind, run, shift, _beyond_chance(run, kind))
        for run in md_runs(metrics)
        for kind, value in (run.get("bond_length_mean_difference_angstrom") or {}).items()
        if (shift := number(value)) is not None
    ]
    if not found:
        return None
    kinds = sorted({kind for kind, *_ in found})
    data = []
    for beyond, label, suffix in ((True, "beyond chance", ""), (False, "within chance", "-open")):
        style = Style(label, STYLES["nvt"].colour, STYLES["nvt"].symbol + suffix)
        mine = [(kind, run, shift) for kind, run, shift, is_beyond in found if is_beyond is beyond]
        text = [
            f"{plot_name(kind)} in {plot_name(run.get('molecule'), 80)}: {shift:+.4f} Å" for kind, run, shift in mine
        ]
        if mine:
            data.append(points(style, [s for *_, s in mine], [kinds.index(kind) for kind, *_ in mine], text, size=7))
    made = row_layout(kinds, "mean length less that of the reference (Å)", ())
    made["xaxis"] |= {"rangemode": "normal", "zeroline": True, "zerolinewidth": 2}
    lines = [(run.get("molecule"), run.get("replica"), kind, shift, beyond) for kind, run, shift, beyond in found]
    return Figure(
        data, made, ("molecule", "replica", "bond", "mean length less the reference's (Å)", "beyond chance"), lines
    )


def temperature_figure(metrics: Mapping[str, Any]) -> Figure | None:
    """Temperature of each element over the finished NVT runs, less what is expected of it, with two standard errors.

    Open where it is no farther from it than chance and the time step explain.
    """
    found = [
        (protocol, element, item)
        for protocol in protocol_names(metrics)
        for element, item in ((summary_of(metrics, "md").get(protocol) or {}).get("equipartition") or {}).items()
        if number(item.get("temperature_k")) is not None and number(item.get("expected_k")) is not None
    ]
    if not found:
        return None
    names = [f"{element}, {protocol.upper()}" for protocol, element, _ in found]
    data = []
    for off, label, suffix in ((True, "off", ""), (False, "as expected", "-open")):
        mine = [(y, item) for y, (*_, item) in enumerate(found) if bool(item.get("off")) is off]
        style = Style(label, STYLES["nvt"].colour, STYLES["nvt"].symbol + suffix)
        x = [item["temperature_k"] - item["expected_k"] for _, item in mine]
        bars = [2 * (number(item.get("standard_error_k")) or 0.0) for _, item in mine]
        text = [
            f"{plot_name(names[y])}: {shown(item['temperature_k'])} K of {shown(item['expected_k'])}"
            for y, item in mine
        ]
        if mine:
            made = points(style, x, [y for y, _ in mine], text)
            data.append({**made, "error_x": {"type": "data", "array": bars, "thickness": 1, "color": style.colour}})
    made = row_layout(names, "temperature less what is expected (K)", ())
    made["xaxis"] |= {"rangemode": "normal", "zeroline": True, "zerolinewidth": 2}
    keys = ("temperature_k", "standard_error_k", "expected_k", "off")
    lines = [(protocol, element, *(item.get(key) for key in keys)) for protocol, element, item in found]
    return Figure(data, made, ("protocol", "element", "T (K)", "standard error (K)", "expected (K)", "off"), lines)


def _choice(one: Distances) -> str:
    runs = f", {one.n_runs} runs" if one.n_runs > 1 else ""
    return f"{one.molecule}, {one.protocol.upper()}{runs}: difference {shown(one.mae, 2)}"


def _density(name: str, colour: str, dash: str, values: Iterable, shown_now: bool) -> dict:
    line = {"color": colour, "width": 2, "dash": dash}
    place = {"x0": 0.5 * BIN_ANGSTROM, "dx": BIN_ANGSTROM, "y": [round(float(value), 4) for value in values]}
    shown_as = {"mode": "lines", "name": name, "line": line, "visible": shown_now, "hoverinfo": "x+y+name"}
    return {"type": "scatter", **place, **shown_as}


def _beyond_chance(run: Mapping, kind: str) -> bool:
    moved, chance = (
        number((run.get(f"bond_length_{part}_angstrom") or {}).get(kind)) for part in ("wasserstein", "chance")
    )
    return moved is not None and chance is not None and moved > chance
