"""Every figure of the report by its name; those that have nothing to show are left out."""

from collections.abc import Mapping, Sequence
from typing import Any

from compcalc.report.error_figures import chain_figure, distance_figure, group_figure, molecule_figure, split_figure
from compcalc.report.glossary import METRICS, Metric
from compcalc.report.md_figures import drift_figure, own_way_figure, scatter_figure, survival_figure
from compcalc.report.plot_parts import Figure
from compcalc.report.rows import DRIFT, FORCE, Row
from compcalc.report.stability import COLUMNS
from compcalc.report.structure_figures import bond_figure, distances_figure, temperature_figure
from compcalc.report.trajectories import Seen

SCATTERS = tuple(column for column in COLUMNS if column.key not in (FORCE, "energy_jumps"))
"""Measures of stability that the force MAE is drawn against, each in a figure `scatter-KEY`."""


def all_figures(metrics: Mapping[str, Any], rows: Sequence[Row], energy: Metric, seen: Seen) -> dict[str, Figure]:
    """Name -> figure.

    Args:
        metrics: content of metrics.json.
        rows: rows of the report.
        energy: the energy error to show.
        seen: what was looked at in the trajectories.
    """
    force = METRICS[FORCE]
    made = {
        "split": split_figure(rows, force, metrics),
        "chain-length": chain_figure(rows, force, metrics),
        "force": molecule_figure(rows, force, metrics),
        "energy": molecule_figure(rows, energy, metrics),
        "element": group_figure(metrics, "force_mae_by_element", "element"),
        "distance": distance_figure(metrics),
        "chain": group_figure(metrics, "force_mae_by_chain_end", "bonds from the chain end"),
        "survival": survival_figure(metrics),
        "drift": drift_figure(rows, METRICS[DRIFT]),
        "own-way": own_way_figure(metrics),
        "distances": distances_figure(seen.distances),
        "bonds": bond_figure(metrics),
        "temperature": temperature_figure(metrics),
        **{f"scatter-{c.key}": scatter_figure(metrics, c.key, c.header) for c in SCATTERS},
    }
    return {name: figure for name, figure in made.items() if figure}
