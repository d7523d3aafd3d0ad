"""Fills the tables of results.md from the records of `compcalc benchmark` in docs/results.

A table stands between `<!-- table NAME -->` and `<!-- end -->`. `python docs/results_tables.py` fills all of them; a
test fails while one of them is not what the records give.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

HERE = Path(__file__).parent
PAGE, RECORDS = HERE / "results.md", HERE / "results"
_TABLE = re.compile(r"(<!-- table ([\w-]+) -->\n).*?(<!-- end -->)", re.S)
FORCE, ENERGY = "force_mae_mev_per_angstrom", "energy_mae_mev_per_atom"
RELATIVE = "relative_energy_mae_mev_per_atom"
ON_THE_WAY = "trajectory_force_mae_mev_per_angstrom"
DYNAMICS = ["MD complete", "NVE drift", "MD force"]
MISSING = "–"

Rows = list[list[str]]


def fill(text: str) -> str:
    """The page with every table made anew."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", text)


@cache
def record(name: str) -> dict[str, Any]:
    """A record of `compcalc benchmark`."""
    return json.loads((RECORDS / f"{name}.json").read_text())


def cells(name: str, model: str | None = None, task: str | None = None) -> list[dict[str, Any]]:
    """Cells with a test, of a model and task where these are given."""
    return [
        cell
        for cell in record(name)["cells"]
        if cell["test"] and model in (None, cell["model"]) and task in (None, cell["task"])
    ]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | None, digits: int = 1) -> str:
    """Rounded; a dash where there is none."""
    return MISSING if value is None else f"{value:.{digits}f}"


def over_seeds(values: Sequence[float | None], digits: int = 1) -> str:
    """Mean over seeds, with their standard deviation where there are several."""
    known = [value for value in values if value is not None]
    if not known:
        return MISSING
    spread = f" ± {stdev(known):.{digits}f}" if len(known) > 1 else ""
    return f"{mean(known):.{digits}f}{spread}"


def value(cell: Mapping[str, Any], side: str, key: str) -> float | None:
    """Macro mean over molecules of one cell's test."""
    static = cell["test"]["static"] or {}
    found = (static.get(side) or {}).get(key)
    return None if found is None else found["value"]


def line_of(name: str, task: str, model: str) -> Mapping[str, Any] | None:
    """Row of a leaderboard."""
    for board in record(name)["boards"]:
        if board["subject"] == task:
            return next((row for row in board["runs"] if row["label"] == model), None)
    return None


def ratio(row: Mapping[str, Any] | None) -> str:
    """`1.30 (1.10–1.50)`."""
    if row is None or row["ood_id_ratio"] is None:
        return MISSING
    low, high = row["ood_id_ratio_low"], row["ood_id_ratio_high"]
    return f"{row['ood_id_ratio']:.2f} ({low:.2f}–{high:.2f})"


def dynamics(names: Sequence[str], task: str, model: str) -> tuple[str, str, str]:
    """`DYNAMICS` of a model, out of the first of several records that has any.

    Those are the runs that completed of those that count, the median NVE drift, and `force_on_the_way`.
    """
    for name in names:
        row = line_of(name, task, model)
        if row is not None and row["n_physical"]:
            complete = f"{row['n_stable']}/{row['n_physical']}"
            drift = number(row["median_drift_mev_per_atom_per_ps"], 3)
            return complete, drift, force_on_the_way(cells(name, model, task))
    return MISSING, MISSING, MISSING


def force_on_the_way(found: Iterable[Mapping[str, Any]]) -> str:
    """Force MAE on the trajectories of the model itself: mean over runs, and the largest of them."""
    runs = [run.get(ON_THE_WAY) for cell in found for run in cell["test"]["md"]["runs"]]
    known = [error for error in runs if error is not None]
    return f"{mean(known):.0f} ({max(known):.0f})" if known else MISSING


def matrix_table(name: str = "matrix") -> str:
    """Every model on every task."""
    head = ["task", "potential", "seeds", "ID force", "OOD force", "OOD/ID", "ID energy", "OOD energy"]
    head += ["OOD relative energy"]
    with_md = any(cell["test"]["md"] for cell in cells(name))
    head += DYNAMICS if with_md else []
    rows: Rows = []
    for task in record(name)["tasks"]:
        models = [model for model in record(name)["models"] if cells(name, model, task)]
        for place, model in enumerate(models):
            found = cells(name, model, task)
            seeds = str(len(found)) if found[0]["seed"] is not None else MISSING
            numbers = [
                over_seeds([value(cell, side, key) for cell in found], digits)
                for side, key, digits in (("id", FORCE, 1), ("ood", FORCE, 1))
            ]
            energies = [
                over_seeds([value(cell, side, key) for cell in found], 2)
                for side, key in (("id", ENERGY), ("ood", ENERGY), ("ood", RELATIVE))
            ]
            if seeds == MISSING:  # energies of another zero
                energies[:2] = [MISSING, MISSING]
            shown = f"`{task}`" if not place else ""
            row = [shown, f"`{model}`", seeds, *numbers, ratio(line_of(name, task, model))]
            rows.append([*row, *energies, *(dynamics([name], task, model) if with_md else ())])
    return markdown(head, rows)


def dynamics_table(names: Sequence[str]) -> str:
    """What became of the MD runs on the unseen molecules, out of several records of the same tasks."""
    rows: Rows = []
    for task in record(names[0])["tasks"]:
        models = [(name, model) for name in names for model in record(name)["models"] if cells(name, model, task)]
        for place, (name, model) in enumerate(models):
            found = [cell["test"]["md"]["summary"] for cell in cells(name, model, task)]
            numbers = [_completed([summary[protocol] for summary in found]) for protocol in ("nve", "nvt")]
            way = force_on_the_way(cells(name, model, task))
            drifts = [summary["nve"]["median_drift_mev_per_atom_per_ps"] for summary in found]
            shown = f"`{task}`" if not place else ""
            rows.append([shown, f"`{model}`", *numbers, over_seeds(drifts, 4), way, _ends(found)])
    head = ["task", "potential", "NVE complete", "NVT complete", "NVE drift", "MD force", "how the others ended"]
    return markdown(head, rows)


def _completed(summaries: Sequence[Mapping[str, Any]]) -> str:
    return f"{sum(one['n_stable'] for one in summaries)}/{sum(one['n_physical'] for one in summaries)}"


def _ends(found: Sequence[Mapping[str, Mapping[str, Any]]]) -> str:
    """`bond_formed 2, exploded 1` over protocols and seeds."""
    counts: Counter[str] = Counter()
    for summary in found:
        for protocol in ("nve", "nvt"):
            counts.update(summary[protocol]["outcomes"])
    counts.pop("completed", None)
    return ", ".join(f"`{outcome}` {count}" for outcome, count in counts.most_common()) or MISSING


def tau_table(name: str = "matrix") -> str:
    """Agreement of the rankings."""
    rows: Rows = []
    for board in record(name)["boards"]:
        for found in board["kendall_tau"]:
            tau = MISSING
            if found["value"] is not None:
                tau = f"{found['value']:.2f} ({found['low']:.2f}–{found['high']:.2f})"
            rows.append([f"`{board['subject']}`", found["first"], found["second"], str(found["n"]), tau])
    return markdown(["task", "ranking", "and", "potentials", "Kendall tau"], rows)


def length_table(task: str, name: str = "matrix") -> str:
    """Force MAE of each molecule of a task."""
    models = [model for model in record(name)["models"] if cells(name, model, task)]
    by_molecule: dict[tuple[str, str], dict[str, list[float]]] = {}
    for model in models:
        for cell in cells(name, model, task):
            for row in cell["test"]["static"]["molecules"]:
                if row[FORCE] is not None:
                    mine = by_molecule.setdefault((row["molecule"], row["split"]), {})
                    mine.setdefault(model, []).append(row[FORCE])
    rows = [
        [molecule, split.upper(), *(over_seeds(mine.get(model, [])) for model in models)]
        for (molecule, split), mine in sorted(by_molecule.items())
    ]
    return markdown(["molecule", "", *(f"`{model}`" for model in models)], rows)


def budget_table(name: str) -> str:
    """What each model made of the same time, on one task."""
    head = ["potential", "epochs", "minutes"]
    head += ["ID force", "OOD force", "OOD/ID", "ID energy", "OOD energy"]
    with_md = any(cell["test"]["md"] for cell in cells(name))
    head += DYNAMICS if with_md else []
    rows: Rows = []
    (task,) = record(name)["tasks"]
    for model in record(name)["models"]:
        for cell in cells(name, model, task):
            made = cell["training"]
            epochs = made["details"].get("epochs")
            cost = [MISSING if epochs is None else str(epochs)]
            numbers = [number(value(cell, side, FORCE)) for side in ("id", "ood")]
            energies = [number(value(cell, side, ENERGY), 2) for side in ("id", "ood")]
            cost.append(number(made["training_seconds"] / 60.0))
            row = [f"`{model}`", *cost, *numbers, ratio(line_of(name, task, model)), *energies]
            rows.append([*row, *(dynamics([name], task, model) if with_md else ())])
    return markdown(head, rows)


def option_table(
    names: Sequence[str], option: str, task: str, md: Sequence[str], architecture: str | None = None
) -> str:
    """Models that differ in one option of theirs, such as the cut-off, out of several records; MD is out of `md`."""
    head = [option, "potential", "seeds", "ID force", "OOD force", "OOD/ID", "ID energy", "OOD energy"]
    head += DYNAMICS
    rows: list[tuple[float, str, list[str]]] = []
    for name in names:
        for model in record(name)["models"]:
            found = cells(name, model, task)
            kind, _, words = model.partition("?")
            given = dict(pair.split("=", 1) for pair in words.split("&") if pair)
            if not found or option not in given or architecture not in (None, kind):
                continue
            numbers = [over_seeds([value(cell, side, FORCE) for cell in found]) for side in ("id", "ood")]
            energies = [over_seeds([value(cell, side, ENERGY) for cell in found], 2) for side in ("id", "ood")]
            row = [given[option], f"`{model}`", str(len(found)), *numbers, ratio(line_of(name, task, model)), *energies]
            rows.append((float(given[option]), kind, [*row, *dynamics(md, task, model)]))
    rows.sort(key=lambda row: (row[1], row[0]))
    return markdown(head, [row for _, _, row in rows])


def bond_table(name: str = "matrix", farthest: int = 4) -> str:
    """Force MAE by distance in bonds from the nearest functional group, ID and OOD."""
    distances = [*map(str, range(farthest)), f"{farthest}.."]
    rows: Rows = []
    for task in record(name)["tasks"]:
        for model in (model for model in record(name)["models"] if cells(name, model, task)):
            sides = [_by_distance(cells(name, model, task), side) for side in ("id", "ood")]
            if any(len(side) < 2 for side in sides):
                continue
            numbers = [f"{number(sides[0].get(distance))}, {number(sides[1].get(distance))}" for distance in distances]
            rows.append([f"`{task}`", f"`{model}`", *numbers])
    return markdown(["task", "potential", *distances], rows)


def _by_distance(found: Sequence[Mapping[str, Any]], side: str) -> dict[str, float]:
    """Distance in bonds -> mean over seeds, molecules and groups."""
    values: dict[str, list[float]] = {}
    for cell in found:
        for row in cell["test"]["static"]["molecules"]:
            for place, error in (row["force_mae_by_environment"] or {}).items():
                if row["split"] == side and "+" in place:
                    values.setdefault(place.rpartition("+")[2], []).append(error)
    return {distance: mean(errors) for distance, errors in values.items()}


TABLES: dict[str, Callable[[], str]] = {
    "matrix": matrix_table,
    "tau": tau_table,
    "length-base": lambda: length_table("length/base"),
    "length-augmented": lambda: length_table("length/augmented"),
    "frames": lambda: option_table(["frames"], "frames", "length/base", ["frames"]),
    "bonds": bond_table,
    "dynamics": lambda: dynamics_table(["dynamics", "dynamics-delta"]),
    "seeds": lambda: matrix_table("seeds"),
    "steps": lambda: option_table(["steps", "matrix"], "steps", "duplication/base", ["steps", "dynamics"], "mace"),
    "cutoff": lambda: option_table(["cutoff"], "r_max", "length/base", ["cutoff"]),
    "architectures": lambda: budget_table("architectures"),
    "pairs": lambda: matrix_table("pairs"),
    "tuned": lambda: matrix_table("tuned"),
}
"""Name of each table -> what makes it."""


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text()))
