"""Rows of a leaderboard: one a run, or one for all runs that differ in a seed alone.

Two sorts of seeds. Models of one training that differ in its seed are M draws of what this training gives. Runs of one
model that differ in the seed of the run have the same errors, and more replicas of the dynamics.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from compcalc.report.comparison.measured import Measured, labels_of, mean_of_known
from compcalc.report.rows import ensemble, md_runs, median_drift
from compcalc.report.wording import number, plural

_HASH_DIGITS = 12


@dataclass(frozen=True)
class Pool:
    """What stands in one row.

    Attributes:
        label: what it is called.
        models: of each model its runs; those of one model differ in the seed of the run.
    """

    label: str
    models: tuple[tuple[Measured, ...], ...]

    @cached_property
    def runs(self) -> tuple[Measured, ...]:
        """All of them."""
        return tuple(run for model in self.models for run in model)

    @property
    def training_seeds(self) -> list[int]:
        """Of the models whose training is known."""
        return [facts["seed"] for model in self.models if (facts := _trained(model[0]))]

    @property
    def run_seeds(self) -> list[int]:
        """Of the runs with dynamics, each once."""
        return sorted({run.manifest.get("seed") for run in self.runs if run.has_md})

    @property
    def md_rows(self) -> list[Mapping[str, Any]]:
        """Every MD run."""
        return [row for run in self.runs for row in md_runs(run.metrics)]

    @property
    def has_md(self) -> bool:
        """Whether dynamics were run."""
        return any(run.has_md for run in self.runs)

    @property
    def drift(self) -> float | None:
        """Median |drift| over its NVE runs, meV/atom/ps."""
        return median_drift(self.runs[0].metrics if len(self.runs) == 1 else {"md": {"runs": self.md_rows}})

    @property
    def trajectory_forces(self) -> list[float]:
        """Force MAE of each MD run on frames of its own trajectory, meV/angstrom.

        Without heated runs, whose forces grow with the temperature, and runs that the reference labelled no frame of.
        """
        values = [
            number(row.get("trajectory_force_mae_mev_per_angstrom")) for row in self.md_rows if ensemble(row) != "heat"
        ]
        return [value for value in values if value is not None]

    @property
    def trajectory_force(self) -> float | None:
        """Mean of `trajectory_forces`, meV/angstrom."""
        return mean_of_known(self.trajectory_forces)

    @property
    def largest_trajectory_force(self) -> float | None:
        """Largest of `trajectory_forces`, meV/angstrom."""
        return max(self.trajectory_forces, default=None)

    @property
    def ms_per_frame(self) -> float | None:
        """Wall time of one evaluation of energy and forces, mean over the runs, ms."""
        return mean_of_known(run.ms_per_frame for run in self.runs)

    @property
    def ms_per_step(self) -> float | None:
        """Wall time of one MD step, mean over the runs, ms."""
        return mean_of_known(run.ms_per_step for run in self.runs)


def single(runs: Sequence[Measured]) -> list[Pool]:
    """One row a run."""
    return [Pool(run.row or run.label, ((run,),)) for run in runs]


def pooled(runs: Sequence[Measured]) -> tuple[list[Pool], list[str]]:
    """One row for all runs that differ in a seed alone, in the order of the first of each; and what to say of it.

    Models are of one training where architecture, settings, task, precision and training data agree. Models of other
    training data stay apart: how they differ is no noise of a seed.

    Args:
        runs: on one subject, with labels that differ.
    """
    groups: dict[str, list[Measured]] = {}
    for run in runs:
        groups.setdefault(_identity(run), []).append(run)
    names = [(_name(mine), mine[0].folder) for mine in groups.values()]
    notes = _on_other_data(runs)
    pools = []
    for label, mine in zip(labels_of(names), groups.values(), strict=True):
        models, repeated = _models(mine)
        pools.append(Pool(label, models))
        notes += [f"{run.label} is left out: same model and seed as another run." for run in repeated]
    silent = [run.label for run in runs if _says_its_training_in_words_alone(run)]
    if silent:
        words = "is of an earlier version and does not say the seed of the training for programs"
        notes.append(f"run.json of {', '.join(silent)} {words}: give the command of the run again to write it.")
    if not any(len(pool.runs) > 1 for pool in pools):
        notes.append("Nothing was pooled: no two of these runs differ in a seed alone.")
    return pools, notes


def _models(runs: Sequence[Measured]) -> tuple[tuple[tuple[Measured, ...], ...], list[Measured]]:
    """Runs by model, and those that repeat the dynamics of another one."""
    models: dict[tuple, list[Measured]] = {}
    repeated = []
    for run in runs:
        mine = models.setdefault((_seed(run), (run.manifest.get("potential") or {}).get("sha256")), [])
        same = [other for other in mine if other.manifest.get("seed") == run.manifest.get("seed")]
        # One half each, as of --only static and --only md, belong together.
        if any(other.has_md is run.has_md for other in same):
            repeated.append(run)
        else:
            mine.append(run)
    ordered = sorted(models.items(), key=lambda item: str(item[0][0]).zfill(20))
    return tuple(tuple(mine) for _, mine in ordered), repeated


def _trained(run: Measured) -> Mapping[str, Any] | None:
    return (run.manifest.get("potential") or {}).get("trained")


def _says_its_training_in_words_alone(run: Measured) -> bool:
    potential = run.manifest.get("potential") or {}
    return bool(potential.get("training")) and "trained" not in potential


def _seed(run: Measured) -> int | None:
    facts = _trained(run)
    return facts["seed"] if facts else None


def _recipe(run: Measured) -> list:
    """What the models of one training share besides the data."""
    potential = run.manifest.get("potential") or {}
    facts = potential["trained"]
    return [facts["architecture"], facts["settings"], facts["task"], potential.get("dtype")]


def _identity(run: Measured) -> str:
    """Equal for runs that differ in a seed alone, or that were given the same row."""
    if run.row:
        return run.row
    facts, potential = _trained(run), run.manifest.get("potential") or {}
    if facts:
        parts: list = [*_recipe(run), facts["data"], facts["frames"]]
    else:
        parts = [run.manifest.get("spec"), *(potential.get(key) for key in ("name", "dtype", "sha256", "files"))]
    return json.dumps(parts, sort_keys=True, default=str)


def _name(runs: Sequence[Measured]) -> str:
    """What they were given, or of the training, without its seed; of a single run its label, and of runs of one
    potential what they name."""
    facts = _trained(runs[0])
    if runs[0].row:
        return runs[0].row
    if len({run.label for run in runs}) == 1:
        return runs[0].label
    return facts["name"].removesuffix(f"-{facts['seed']}") if facts else str(runs[0].manifest.get("spec"))


def _on_other_data(runs: Sequence[Measured]) -> list[str]:
    """A sentence for each training whose models were fitted to different data."""
    groups: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        if (facts := _trained(run)) and not run.row:
            data, frames = facts["data"]["hash"][:_HASH_DIGITS], plural(facts["frames"]["train"], "training frame")
            mine = groups.setdefault(json.dumps(_recipe(run), sort_keys=True, default=str), {})
            mine.setdefault(f"{data}, {frames}", []).append(run.label)
    return [
        "Not pooled, since they were trained on different data: "
        + "; ".join(f"{', '.join(dict.fromkeys(labels))} ({data})" for data, labels in found.items())
        + "."
        for found in groups.values()
        if len(found) > 1
    ]
