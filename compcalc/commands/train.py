"""`compcalc train`: fit a model with its progress shown, and leave it with its card, one folder a seed."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from compcalc.calculators import get_calculator
from compcalc.calculators.model_file import file_hash
from compcalc.checks.accuracy import predict
from compcalc.commands.progress import progress_bar
from compcalc.execution.environment import package_versions
from compcalc.metrics.errors import energy_mae_per_atom, force_mae
from compcalc.records import Frames
from compcalc.reference.dataset import DataSet
from compcalc.tasks import Task, get_task
from compcalc.training.architecture import Fit, Job, Progress
from compcalc.training.card import FittedModel
from compcalc.training.catalogue import get_architecture
from compcalc.training.folder import TrainingFolder, folder_name
from compcalc.training.request import Request, make_request
from compcalc.training.split import TrainingSplit
from compcalc.units import SECONDS_PER_MINUTE

OVERRUN = 1.1
"""A fit that takes longer than this share of its budget says so: writing the model comes on top of the training."""

FORCE, ENERGY = "force_mae_mev_per_angstrom", "energy_mae_mev_per_atom"


def train_seeds(
    name: str,
    settings: Any,
    task_name: str,
    variant: str,
    data: Path | None,
    out: Path,
    seeds: Sequence[int],
    command: str,
    console: Console,
    *,
    minutes: float | None = None,
    frames: int | None = None,
) -> list[FittedModel]:
    """Train the architecture called `name` once a seed, each in a folder below `out`; what is done is not done again.

    Args:
        minutes: wall time that each fit may take; None: as much as its settings ask for.
        frames: of each training molecule, validation included; None: all of them.

    Raises:
        CompcalcError: unknown names, missing data or packages, a folder of another training, or a training that ended
            without a model.
    """
    architecture, task, dataset = get_architecture(name), get_task(task_name, variant), DataSet(data)
    architecture.refuse_missing()
    found = []
    for seed in seeds:
        request = make_request(architecture, settings, task, dataset, seed, minutes, frames)
        place = out / folder_name(name, request.settings, task.task, task.variant, seed, frames)
        folder = TrainingFolder(place, architecture, request.content)
        with folder.open():
            record = folder.finished()
            if record is not None:
                console.print(f"{folder.path}: finished before")
            else:
                record = _train(folder, request, task, dataset, command, console)
        _say(record, folder, task, console)
        found.append(record)
    _say_spread(found, console)
    return found


def _train(
    folder: TrainingFolder,
    request: Request,
    task: Task,
    dataset: DataSet,
    command: str,
    console: Console,
) -> FittedModel:
    frames = folder.request["frames"]
    console.print(
        f"{folder.path}: {frames['train']} training and {frames['validation']} validation frames of "
        f"{len(task.train)} molecules"
    )
    with progress_bar(console) as bar:
        row = bar.add_task("training", total=None)

        def told(progress: Progress) -> None:
            words = f"training; {progress.words}" if progress.words else "training"
            bar.update(row, completed=progress.done, total=progress.total, description=words)

        job = Job(
            request.split, dataset.atomic_energies, folder.path, folder.request["seed"], told, folder.request["minutes"]
        )
        fit, seconds = folder.fit(job, request.settings)
    if (minutes := folder.request["minutes"]) is not None and seconds > SECONDS_PER_MINUTE * minutes * OVERRUN:
        words = f"the fit took {seconds / SECONDS_PER_MINUTE:.1f} min of a budget of {minutes:g} min"
        fit = replace(fit, notes=(*fit.notes, words))
    with console.status("evaluating on ID and OOD test frames"):
        record = _evaluated(_record(folder, fit, seconds, task, command), folder, request.split, task, dataset)
    folder.finish(record)
    return record


def _record(folder: TrainingFolder, fit: Fit, seconds: float, task: Task, command: str) -> FittedModel:
    """The record of a model that has not been evaluated."""
    request = folder.request
    return FittedModel(
        name=folder.path.name,
        architecture=folder.architecture.name,
        settings=request["settings"],
        task=task.name,
        seed=request["seed"],
        file=fit.model.name,
        sha256=file_hash(fit.model),
        spec=f"{folder.architecture.scheme}:{fit.model.name}",
        parameters=None,
        train_molecules=tuple(molecule.name for molecule in task.train),
        frames=request["frames"],
        data=request["data"],
        selection=fit.selection,
        errors={},
        command=command,
        training_seconds=seconds,
        versions=package_versions(),
        details=fit.details,
        notes=fit.notes,
    )


def _evaluated(
    record: FittedModel, folder: TrainingFolder, split: TrainingSplit, task: Task, dataset: DataSet
) -> FittedModel:
    calculator = get_calculator(folder.spec)
    sets = {
        "validation": split.valid,
        "id_test": [dataset.frames(molecule, "B") for molecule in task.train],
        "ood_test": [dataset.frames(molecule, "B") for molecule in task.ood],
    }
    errors, notes = {}, record.notes
    for label, groups in sets.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            errors[label] = mean_errors(calculator, groups)
        said = dict.fromkeys(str(one.message) for one in caught if one.category.__module__.startswith("compcalc."))
        notes += tuple(f"{label}: {text}" for text in said)
    return replace(record, errors=errors, notes=notes, parameters=getattr(calculator, "n_parameters", None))


def mean_errors(calculator, groups: Iterable[Frames]) -> dict[str, Any]:
    """Force MAE (meV/angstrom) and energy MAE (meV/atom), means over molecules, so that each counts alike.

    Frames that fail are left out and counted, the first reason beside them; where all fail, the means are None.
    """
    groups = list(groups)
    force, energy, failures, used = [], [], {}, 0
    for frames in groups:
        predicted = predict(calculator, frames)
        good = predicted.good
        failures |= {(frames.molecule.name, index): reason for index, reason in predicted.failures.items()}
        if good.any():
            used += int(good.sum())
            force.append(force_mae(predicted.forces[good], frames.forces[good]))
            energy.append(energy_mae_per_atom(predicted.energy[good], frames.energy[good], len(frames.numbers)))
    found = {
        FORCE: round(float(np.mean(force)), 2) if force else None,
        ENERGY: round(float(np.mean(energy)), 3) if energy else None,
        "molecules": len(force),
        "frames": used,
    }
    if failures:
        names = {name for name, _ in failures}
        found |= {
            "failed_frames": len(failures),
            "failed_molecules": len(names),
            "reason": next(iter(failures.values())),
        }
    return found


def _say(record: FittedModel, folder: TrainingFolder, task: Task, console: Console) -> None:
    for label, errors in record.errors.items():
        console.print(f"{label:>11}: {_words(errors)}", highlight=False, markup=False)
    console.print(f"{'chosen by':>11}: {record.selection}", highlight=False, markup=False)
    for note in record.notes:
        console.print(f"{'note':>11}: {note}", highlight=False, markup=False)
    console.print(f"Model: {folder.model}")
    console.print(f"Try it: compcalc run {folder.spec} --task {task.task} --variant {task.variant}", soft_wrap=True)


def _words(errors: dict[str, Any]) -> str:
    text = "no molecule could be computed"
    if errors[FORCE] is not None:
        text = f"force MAE {errors[FORCE]:.1f} meV/A, energy MAE {errors[ENERGY]:.2f} meV/atom"
    if "failed_frames" in errors:
        text += (
            f"; {errors['failed_frames']} frames of {errors['failed_molecules']} molecules failed: {errors['reason']}"
        )
    return text


def _say_spread(records: Sequence[FittedModel], console: Console) -> None:
    """Mean and standard deviation over several seeds."""
    if len(records) < 2:
        return
    for label in records[0].errors:
        values = [record.errors[label][FORCE] for record in records]
        if None not in values:
            spread = f"{np.mean(values):.1f} +- {np.std(values, ddof=1):.1f} meV/A"
            console.print(f"{label:>11}: force MAE of {len(values)} seeds {spread}", highlight=False, markup=False)
