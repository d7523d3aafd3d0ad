"""The numbers that a ranking is made of: of each molecule, row and model, a number a frame or MD run.

Symbols in the shapes: M models of one row, T frames or MD runs of one molecule.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from compcalc.metrics.stability import survived_share
from compcalc.report.comparison.measured import Measured
from compcalc.report.comparison.pooling import Pool
from compcalc.report.rows import ensemble, md_runs
from compcalc.report.wording import outcome_kind

Table = Mapping[str, Mapping[str, np.ndarray]]
"""Molecule -> label of the row -> (M, T), NaN where there is no usable number; M is the same for all molecules."""


def errors(pools: Sequence[Pool], split: str) -> Table:
    """Force MAE of each frame, meV/angstrom; rows and models without errors are left out."""
    models = {pool.label: _with_errors(pool, split) for pool in pools}
    sizes = {
        name: len(values)
        for mine in models.values()
        for model in mine
        for run in model
        for (side, name), values in run.force_mae.items()
        if side == split
    }
    return {
        name: {
            label: np.array([_error(model, (split, name), size) for model in mine])
            for label, mine in models.items()
            if mine
        }
        for name, size in sizes.items()
    }


def survival(pools: Sequence[Pool]) -> Table:
    """Share of the asked time that each MD run survived; heated runs are made to break, and left out."""
    shares: dict[str, dict[tuple, dict[tuple[str, int], float]]] = {}
    n_models: dict[str, int] = {}
    for pool in pools:
        models = [rows for model in pool.models if (rows := [cell for run in model for cell in _cells(run)])]
        if models:
            n_models[pool.label] = len(models)
        for place, rows in enumerate(models):
            for molecule, alike, share in rows:
                shares.setdefault(molecule, {}).setdefault(alike, {})[pool.label, place] = share
    return {
        name: {
            label: np.array([[cell.get((label, m), np.nan) for cell in cells.values()] for m in range(count)])
            for label, count in n_models.items()
        }
        for name, cells in shares.items()
    }


def usable(table: Table) -> tuple[Table, dict[str, tuple[int, int]]]:
    """Without the models that have not one usable number, and label -> how many those are, of how many."""
    labels = dict.fromkeys(label for row in table.values() for label in row)
    kept = {label: np.any([np.isfinite(row[label]).any(axis=1) for row in table.values()], axis=0) for label in labels}
    without = {label: (int((~mine).sum()), len(mine)) for label, mine in kept.items() if not mine.all()}
    left = {
        name: {label: values[kept[label]] for label, values in row.items() if kept[label].any()}
        for name, row in table.items()
    }
    return left, without


def _with_errors(pool: Pool, split: str) -> list[tuple[Measured, ...]]:
    return [model for model in pool.models if any(side == split for run in model for side, _ in run.force_mae)]


def _error(model: Sequence[Measured], key: tuple[str, str], size: int) -> np.ndarray:
    """Of one model, (T,): its runs evaluate the same frames."""
    found = [run.force_mae[key] for run in model if key in run.force_mae]
    return np.mean(found, axis=0) if found else np.full(size, np.nan)


def _cells(run: Measured) -> list[tuple[str, tuple, float]]:
    """Molecule, what makes two MD runs of it alike, and the survived share, of each MD run."""
    return [
        (str(row["molecule"]), (row.get("protocol"), row.get("replica"), run.manifest.get("seed")), _share(row))
        for row in md_runs(run.metrics)
        if ensemble(row) != "heat"
    ]


def _share(row: Mapping) -> float:
    """Share of the asked time that an MD run survived; NaN for one that ended for other than physical reasons."""
    kind = outcome_kind(row.get("outcome"))
    share = survived_share([row]) if kind is not None and kind.physical else None
    return float("nan") if share is None else share
