"""The matrix of a benchmark: models x task variants x seeds, and where what becomes of each cell lies."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from compcalc.benchmark.models import Model
from compcalc.errors import InputError, RunDirectoryError
from compcalc.training.catalogue import get_architecture
from compcalc.training.folder import CARD, folder_name

MODELS = "models"
"""Folder of the trainings."""


@dataclass(frozen=True)
class Cell:
    """One model on one task variant, with one seed of its training.

    Attributes:
        model: which.
        task: name.
        variant: of the task.
        seed: of the training; None for a potential that is not trained.
        place: folder of the model's trainings.
    """

    model: Model
    task: str
    variant: str
    seed: int | None
    place: Path

    @property
    def name(self) -> str:
        """For people."""
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"{self.model.text} on {self.task}/{self.variant}{seed}"

    @cached_property
    def folder(self) -> Path:
        """Of the training."""
        model = self.model
        name = folder_name(
            str(model.architecture), model.settings, self.task, self.variant, int(self.seed or 0), model.frames
        )
        return self.place / name

    @property
    def log(self) -> Path:
        """What the training said."""
        return self.place / f"{self.folder.name}.log"

    def card(self) -> dict[str, Any] | None:
        """Of the model; None where its training has not ended.

        Raises:
            RunDirectoryError: it cannot be read.
        """
        path = self.folder / CARD
        if not path.is_file():
            return None
        try:
            return dict(json.loads(path.read_text()))
        except ValueError as error:
            raise RunDirectoryError(f"{path} cannot be read ({error}). Delete {self.folder} and train again.") from None

    @property
    def spec(self) -> str:
        """By which the potential is loaded."""
        architecture = self.model.architecture
        if architecture is None:
            return self.model.text
        made = get_architecture(architecture)
        return f"{made.scheme}:{self.folder / made.file.format(name=self.folder.name)}"

    def arguments(self, minutes: float | None, data: Path | None) -> list[str]:
        """Arguments of `compcalc` that train it."""
        words = ["--task", self.task, "--variant", self.variant, "--seed", str(self.seed), "--out", str(self.place)]
        words += [] if minutes is None else ["--budget", f"{minutes:g}"]
        words += [] if data is None else ["--data", str(data)]
        return ["train", *self.model.arguments(), *words]


@dataclass(frozen=True)
class Matrix:
    """What a benchmark compares, and on what.

    Attributes:
        models: lines.
        tasks: names with variants.
        seeds: of the trainings.
        out: directory of the benchmark.
    """

    models: Sequence[Model]
    tasks: Sequence[tuple[str, str]]
    seeds: Sequence[int]
    out: Path

    def __post_init__(self):
        for name in ("models", "tasks", "seeds"):
            if not getattr(self, name):
                raise InputError(name, "nothing", "at least one")
        folders: Mapping[str, str] = {}
        for model in self.models:
            if (other := folders.setdefault(model.folder, model.text)) != model.text:
                raise InputError("models", f"{other} and {model.text}", "models whose names differ in more than signs")

    def cells(self) -> list[Cell]:
        """All of them, those of a task together, so that what is finished can be compared."""
        return [
            Cell(model, task, variant, seed, self.out / MODELS / model.folder)
            for task, variant in self.tasks
            for model in self.models
            for seed in (self.seeds[: model.seeds] if model.architecture else (None,))
        ]

    def refuse_missing(self) -> None:
        """Refuse to begin what cannot be ended.

        Raises:
            MissingDependencyError: the package of an architecture is not installed.
        """
        for model in self.models:
            if model.architecture is not None:
                get_architecture(model.architecture).refuse_missing()
