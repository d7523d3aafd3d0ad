"""Task splits, read from `data/*.json`: one file a task, one entry a variant, molecules as family -> carbon counts.

The splits follow arXiv:2605.08988. The authors' files are not public; the tables are reconstructed from public
descriptions of the paper.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from compcalc.errors import InputError, UnknownNameError
from compcalc.molecules.families import family_molecule
from compcalc.records import Molecule
from compcalc.tasks.leakage import check_leakage


@dataclass(frozen=True)
class Task:
    """One variant of one task.

    Attributes:
        task: name of the task (`length`).
        variant: name of the variant (`base`).
        question: what the task asks, in a sentence.
        train: molecules whose trajectory A trains a model and whose trajectory B is the ID test.
        ood: molecules whose trajectory B is the OOD test.
    """

    task: str
    variant: str
    question: str
    train: tuple[Molecule, ...]
    ood: tuple[Molecule, ...]

    @property
    def name(self) -> str:
        """`task/variant`."""
        return f"{self.task}/{self.variant}"


def parse_counts(text: str) -> list[int]:
    """Carbon counts from a string such as `2,3,9-15`.

    Raises:
        InputError: the string has another form.
    """
    counts = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)) or int(last or first) < int(first):
            raise InputError("carbon counts", text, "comma-separated counts and ascending ranges such as 2,3,9-15")
        counts += range(int(first), int(last or first) + 1)
    return counts


def _molecules(table: dict[str, str]) -> tuple[Molecule, ...]:
    return tuple(family_molecule(family, n) for family, counts in table.items() for n in parse_counts(counts))


@cache
def _task_table() -> dict[str, dict]:
    folder = files("compcalc.tasks").joinpath("data")
    return {
        entry.name.removesuffix(".json"): json.loads(entry.read_text())
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".json")
    }


def get_task(task: str, variant: str = "base") -> Task:
    """The task called `task` in its `variant`; `length/augmented` names both at once.

    Raises:
        UnknownNameError: there is no such task or variant.
        LeakageError: the table has a molecule on both sides.
    """
    task, _, inner = task.partition("/")
    variant = inner or variant
    table = _task_table()
    if task not in table:
        raise UnknownNameError("task", task, table, "`compcalc tasks` describes them.")
    variants = table[task]["variants"]
    if variant not in variants:
        raise UnknownNameError("variant", variant, variants, f"These are the variants of task {task}.")
    train, ood = (_molecules(variants[variant][side]) for side in ("train", "ood"))
    check_leakage(train, ood, name=f"{task}/{variant}")
    return Task(task, variant, table[task]["question"], train, ood)


def all_tasks() -> list[Task]:
    """Every variant of every task."""
    return [get_task(task, variant) for task, entry in _task_table().items() for variant in entry["variants"]]
