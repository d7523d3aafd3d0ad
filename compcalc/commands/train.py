"""`compcalc train`: fit a potential with its progress shown, and leave the model with its card."""

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from rich.console import Console

from compcalc.calculators.mace import MACE
from compcalc.checks.accuracy import predict
from compcalc.commands.progress import progress_bar
from compcalc.errors import RunDirectoryError
from compcalc.execution.environment import package_versions
from compcalc.execution.run_directory import write_json
from compcalc.metrics.errors import energy_mae_per_atom, force_mae
from compcalc.records import Frames
from compcalc.reference.dataset import DataSet
from compcalc.tasks import get_task
from compcalc.training.card import model_card
from compcalc.training.mace import MACESettings, train_mace
from compcalc.training.split import training_split


def train_with_progress(
    task_name: str,
    variant: str,
    data: Path | None,
    out: Path,
    settings: MACESettings,
    seed: int,
    command: str,
    console: Console,
) -> dict:
    """Train, evaluate, write `out/NAME.model` and `out/NAME.json`; returns the card.

    Raises:
        CompcalcError: unknown names, missing data, an existing model, or a training that ended without a model.
    """
    task, dataset = get_task(task_name, variant), DataSet(data)
    split = training_split(task, dataset, seed)
    name = f"mace-{task.task}-{task.variant}-{seed}"
    final = out / f"{name}.model"
    if final.exists():
        raise RunDirectoryError(f"{final} exists. Choose another directory with --out, or another --seed.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunDirectoryError(f"{out} cannot be written ({error.strerror}). Choose another with --out.") from error
    n_train, n_valid = split.count()
    console.print(f"{task.name}: {n_train} training and {n_valid} validation frames of {len(task.train)} molecules")
    started = time.perf_counter()
    with progress_bar(console) as bar:
        row = bar.add_task("training", total=settings.epochs)

        def on_epoch(epoch: int, errors: dict) -> None:
            force = 1000 * errors["mae_f"]
            bar.update(row, completed=epoch, description=f"training; validation force MAE {force:.1f} meV/A")

        model = train_mace(split, dataset.atomic_energies, out / f"{name}-work", settings, seed=seed, on_epoch=on_epoch)
    seconds = time.perf_counter() - started
    shutil.copyfile(model, final)
    with console.status("evaluating on ID and OOD test frames"):
        calculator = MACE(str(final))
        card = model_card(
            model=final,
            parameters=calculator.n_parameters,
            errors={
                "validation": mean_errors(calculator, split.valid),
                "id_test": mean_errors(calculator, [dataset.frames(m, "B") for m in task.train]),
                "ood_test": mean_errors(calculator, [dataset.frames(m, "B") for m in task.ood]),
            },
            task=task,
            dataset=dataset,
            split=split,
            settings=settings,
            seed=seed,
            command=command,
            seconds=seconds,
            versions=package_versions(),
        )
    write_json(out / f"{name}.json", card)
    for label, errors in card["errors"].items():
        force, energy = errors["force_mae_mev_per_angstrom"], errors["energy_mae_mev_per_atom"]
        console.print(f"{label:>11}: force MAE {force:.1f} meV/A, energy MAE {energy:.2f} meV/atom")
    console.print(f"Model: {final}\nTry it: compcalc run {final} --task {task.task} --variant {task.variant}")
    return card


def mean_errors(calculator, groups: Iterable[Frames]) -> dict[str, float]:
    """Force MAE (meV/angstrom) and energy MAE (meV/atom), means over molecules, so that each counts alike."""
    groups = list(groups)
    force, energy = [], []
    for frames in groups:
        predicted = predict(calculator, frames)
        force.append(force_mae(predicted.forces, frames.forces))
        energy.append(energy_mae_per_atom(predicted.energy, frames.energy, len(frames.numbers)))
    return {
        "force_mae_mev_per_angstrom": round(float(np.mean(force)), 2),
        "energy_mae_mev_per_atom": round(float(np.mean(energy)), 3),
        "molecules": len(groups),
        "frames": sum(map(len, groups)),
    }
