"""Everything that determines a trained model: what a folder of a training is asked for, and recognised by."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ase.data import chemical_symbols

from compcalc.reference.dataset import DataSet
from compcalc.tasks import Task
from compcalc.training.architecture import Architecture
from compcalc.training.split import TrainingSplit, training_split


@dataclass(frozen=True)
class Request:
    """One training.

    Attributes:
        content: what determines its result, JSON-able.
        settings: of the architecture, with those that a model to begin with decides.
        split: the frames that it learns from.
    """

    content: Mapping[str, Any]
    settings: Any
    split: TrainingSplit


def make_request(
    architecture: Architecture,
    settings: Any,
    task: Task,
    dataset: DataSet,
    seed: int,
    minutes: float | None = None,
    frames: int | None = None,
) -> Request:
    """Of a training with these settings.

    Args:
        minutes: wall time that the fit may take; None: as much as its settings ask for.
        frames: of each training molecule, validation included; None: all of them.

    Raises:
        CompcalcError: what the architecture says of the settings, data that are missing, or too few frames.
    """
    settings, depends = architecture.prepare(settings, _elements(task, dataset))
    split = training_split(task, dataset, seed, frames)
    content = {
        "architecture": architecture.name,
        "settings": asdict(settings),
        "task": task.name,
        "seed": seed,
        "data": {"method": dataset.description.get("method"), "hash": dataset.fingerprint(list(task.train), "A")},
        "frames": dict(zip(("train", "validation"), split.count(), strict=True)),
        "minutes": minutes,
        **depends,
    }
    return Request(content, settings, split)


def differences(before: Mapping, now: Mapping, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Name and both values of each entry that differs."""
    for key in sorted({*before, *now}):
        there, here = before.get(key), now.get(key)
        if isinstance(there, dict) and isinstance(here, dict):
            yield from differences(there, here, f"{prefix}{key}.")
        elif there != here:
            yield f"{prefix}{key}", there, here


def _elements(task: Task, dataset: DataSet) -> set[str]:
    """Symbols of the training molecules' elements."""
    return {chemical_symbols[z] for molecule in task.train for z in dataset.frames(molecule, "A").numbers}
