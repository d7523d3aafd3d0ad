"""Static accuracy beside dynamic stability, in words and columns."""

from collections.abc import Mapping
from typing import Any

from compcalc.report.glossary import Metric
from compcalc.report.wording import interval, number, shown

COLUMNS = (
    Metric("force_mae_mev_per_angstrom", "force MAE", "meV/Å", "On the reference's own frames of the molecule."),
    Metric(
        "trajectory_force_mae_mev_per_angstrom",
        "force MAE on its own trajectories",
        "meV/Å",
        "Frames of the potential's own MD, labelled by the reference afterwards; mean over runs.",
    ),
    Metric("drift_mev_per_atom_per_ps", "NVE drift", "meV/atom/ps", "Median of the slopes of the total energy."),
    Metric(
        "energy_jumps", "energy jumps", "", "Steps of the total energy that stand out of its fluctuation, all NVE runs."
    ),
    Metric("distance_distribution_mae", "error of h(r)", "", "Of the distribution of distances; 0 equal, 2 disjoint."),
    Metric("survived_share", "survival", "", "Mean time to the first break over the time asked for, 0 to 1."),
    Metric(
        "breaking_temperature_k",
        "ramp reached",
        "K",
        "Temperature of the ramp at the first break, or its end; mean over runs.",
    ),
)
"""Columns of the table of molecules."""

_WORDS = {
    "drift_mev_per_atom_per_ps": "the NVE drift",
    "survived_share": "survival",
    "distance_distribution_mae": "the error of h(r)",
    "breaking_temperature_k": "the breaking temperature",
    "trajectory_force_mae_mev_per_angstrom": "the force MAE on the own trajectories",
}


def correlation_lines(metrics: Mapping[str, Any]) -> list[str]:
    """One sentence a rank correlation of the static force MAE; none where no force error was measured."""
    table = (metrics.get("md") or {}).get("stability") or {}
    if all(row.get("force_mae_mev_per_angstrom") is None for row in table.get("molecules") or ()):
        return []
    found = table.get("correlations") or {}
    return [f"{_WORDS.get(key, key)}: {_words(value)}" for key, value in found.items()]


def _words(value: Mapping[str, Any] | None) -> str:
    tau = number((value or {}).get("tau"))
    if tau is None:
        return "not defined (fewer than three molecules, or one of the two is the same for all)"
    low, high = number(value.get("low")), number(value.get("high"))
    text = f"{shown(tau, 2)} over {value.get('n')} molecules"
    if low is None or high is None:
        return text
    verdict = "" if low > 0 or high < 0 else ": not distinguishable from none"
    return f"{text} (95% CI {interval(value)}){verdict}"
