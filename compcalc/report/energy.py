"""Which energy error a report shows first."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from compcalc.report.glossary import METRICS, Metric
from compcalc.report.rows import static_entries
from compcalc.report.wording import number

ABSOLUTE = "energy_mae_mev_per_atom"
SHIFTED = "shifted_energy_mae_mev_per_atom"
RELATIVE = "relative_energy_mae_mev_per_atom"

OFFSET_RATIO = 20.0
"""Absolute over relative energy error of the ID molecules above which a constant offset is taken to dominate."""


def energy_metric(metrics: Mapping[str, Any]) -> tuple[Metric, str]:
    """The energy error to show, and, where it is not the absolute one, why, in a sentence.

    The absolute error, unless it is far above the relative one on the ID molecules: an error of that size on molecules
    like the training ones is an offset between levels of theory. OOD molecules have no say, since there a growing
    offset is a failure that the report must show; molecules of the user's own have, where there are no others.
    """
    known = {key: _median(metrics, key) for key in (ABSOLUTE, SHIFTED, RELATIVE)}
    usable = [key for key in (SHIFTED, RELATIVE) if known[key] is not None]
    if known[ABSOLUTE] is None and usable:
        return METRICS[usable[0]], "The absolute energy error was not computed."
    own = bool(metrics.get("own_molecules"))
    absolute, relative = (_median(metrics, key, None if own else "id") for key in (ABSOLUTE, RELATIVE))
    offset = absolute is not None and relative and absolute > OFFSET_RATIO * relative
    if offset and own:
        return METRICS[RELATIVE], (
            "The absolute energy error holds a large constant offset, as between two levels of theory; it stands in "
            "the summary table."
        )
    if usable and offset:
        return METRICS[usable[0]], (
            "The absolute energy error already holds a large constant offset on ID molecules, as between two levels of "
            "theory; it stands in the summary table."
        )
    return METRICS[ABSOLUTE], ""


def _median(metrics: Mapping[str, Any], key: str, split: str | None = None) -> float | None:
    entries = [entry for entry in static_entries(metrics) if split in (None, entry.get("split"))]
    values = [x for entry in entries if (x := number(entry.get(key))) is not None]
    return median(values) if values else None
