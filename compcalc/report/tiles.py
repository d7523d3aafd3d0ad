"""The key figures at the top of the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compcalc.report.glossary import METRICS, TERMS, Metric
from compcalc.report.rows import (
    DRIFT,
    FORCE,
    count_runs,
    ensemble,
    estimate,
    md_runs,
    median_drift,
    split_word,
    summary_of,
)
from compcalc.report.wording import MISSING, interval, number, shown


@dataclass(frozen=True)
class Tile:
    """A key figure: label, value with unit, and a line below; `title` is its definition."""

    label: str
    value: str
    unit: str
    note: str
    title: str


def tiles(metrics: Mapping[str, Any], energy: Metric) -> list[Tile]:
    """Errors, their ratio, stable runs and drift; `energy` is the energy error to show."""
    if metrics.get("own_molecules"):
        errors = [_metric_tile(metrics, "ood", metric) for metric in (METRICS[FORCE], energy)]
        return [*(errors if metrics.get("static") else []), _stable_tile(metrics), _drift_tile(metrics)]
    ratio = summary_of(metrics, "static").get("ratio") or {}
    value = number(ratio.get("value"))
    times = MISSING if value is None else f"{shown(value, 2)} ×"
    return [
        _stable_tile(metrics),
        Tile("OOD/ID force error", times, "", _ci(metrics, ratio), dict(TERMS)["OOD/ID ratio"]),
        _metric_tile(metrics, "id", METRICS[FORCE]),
        _metric_tile(metrics, "ood", METRICS[FORCE]),
        _metric_tile(metrics, "ood", energy),
        _drift_tile(metrics),
    ]


def _stable_tile(metrics: Mapping) -> Tile:
    runs = md_runs(metrics)
    count = count_runs(runs)
    note = f"{count.other} more ended for other reasons" if count.other else ("" if runs else "not run")
    value = f"{count.stable} of {count.physical}" if runs else MISSING
    return Tile("Stable MD runs", value, "", note, dict(TERMS)["Stable runs"])


def _metric_tile(metrics: Mapping, split: str, metric: Metric) -> Tile:
    found = estimate(metrics, split, metric.key)
    label = f"{metric.label}, {split_word(metrics, split)}"
    return Tile(label, shown(found.get("value")), metric.unit, _ci(metrics, found), metric.definition)


def _drift_tile(metrics: Mapping) -> Tile:
    runs = [run for run in md_runs(metrics) if number(run.get(DRIFT)) is not None]
    resolved = sum(bool(run.get("drift_resolved")) for run in runs)
    tried = any(ensemble(run) == "nve" for run in md_runs(metrics))
    none = "no NVE run got far enough" if tried else "no NVE was run"
    note = f"resolved in {resolved} of {len(runs)} runs" if runs else none
    metric = METRICS[DRIFT]
    return Tile("Median NVE drift", shown(median_drift(metrics)), metric.unit, note, metric.definition)


def _ci(metrics: Mapping, found: Mapping) -> str:
    if number(found.get("value")) is None:
        return "no value"
    level = number(summary_of(metrics, "static").get("level")) or 0.95
    return f"{level:.0%} CI {interval(found, 3)}" if interval(found) else "no interval"
