"""The model card: everything needed to judge a trained model and to make it again, as JSON beside it."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from compcalc.reference.dataset import DataSet
from compcalc.tasks import Task
from compcalc.training.mace import MACESettings
from compcalc.training.split import TrainingSplit


def model_card(
    *,
    model: Path,
    parameters: int,
    errors: Mapping[str, Mapping[str, float]],
    task: Task,
    dataset: DataSet,
    split: TrainingSplit,
    settings: MACESettings,
    seed: int,
    command: str,
    seconds: float,
    versions: dict[str, str],
) -> dict:
    """Card of a trained model, with its errors on ID validation frames, ID test and OOD test.

    Args:
        model: the model file.
        parameters: number of trained parameters.
        errors: `validation`, `id_test` and `ood_test` -> errors in meV/angstrom and meV/atom.
        task: it was trained on.
        dataset: it was trained from.
        split: training and validation frames.
        settings: architecture and optimisation.
        seed: of weights, batches and the split.
        command: that made it.
        seconds: training time, s.
        versions: of the software.
    """
    train, valid = split.count()
    return {
        "file": model.name,
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "architecture": "MACE",
        "settings": asdict(settings),
        "parameters": parameters,
        "task": task.name,
        "train_molecules": [m.name for m in task.train],
        "frames": {"train": train, "validation": valid},
        "selection": "lowest loss on validation starts of the training molecules (in distribution only)",
        "data": {
            "method": dataset.description.get("method"),
            "hash": dataset.fingerprint(list(task.train), "A"),
        },
        "seed": seed,
        "command": command,
        "training_seconds": round(seconds, 1),
        "versions": versions,
        "errors": errors,
    }
