"""`compcalc data`: building, describing, verifying and exporting reference data."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console

from compcalc.calculators import get_calculator
from compcalc.calculators.mmff_field import MMFF94Field
from compcalc.commands.progress import progress_bar
from compcalc.errors import CompcalcError, DataError, InputError, RunDirectoryError
from compcalc.execution import (
    Followed,
    Here,
    LocalPool,
    Lost,
    Result,
    ResultStore,
    Unit,
    content_hash,
    run_units,
)
from compcalc.execution.environment import usable_cores
from compcalc.execution.packing import pack_frames, unpack_frames
from compcalc.records import Frames
from compcalc.reference.atomic_energies import fit_atomic_energies
from compcalc.reference.build import BuildSettings, TrajectorySampler, write_dataset
from compcalc.reference.dataset import DataSet
from compcalc.reference.export import export
from compcalc.reference.labelling import Labeller
from compcalc.reference.plan import FILES, PlannedTrajectory, plan_dataset
from compcalc.tasks import all_tasks, get_task

LABEL_TOLERANCE_EV_PER_ANGSTROM = 1e-5
"""How far a recomputed force may lie from its label; float32 storage and the platform's arithmetic leave less."""


def build(
    out: Path,
    method: str,
    dynamics_method: str,
    tasks: list[str] | None,
    seed: int,
    frames: tuple[int, int, int, int],
    workers: int | None,
    console: Console,
) -> None:
    """Sample and label a data set in `out`; finished trajectories of an earlier call with the same settings are kept.

    Args:
        out: directory; trajectories are gathered in `out/parts` until the set is whole.
        method: spec of the labelling method.
        dynamics_method: spec of what drives the sampling.
        tasks: `task` or `task/variant` names; None or empty for all.
        seed: of the whole set.
        frames: numbers of frames of A, of B for training and for OOD molecules, and of the control C.
        workers: processes; None for one a core, 0 to compute in this one.
        console: for progress.

    Raises:
        CompcalcError: unknown names, a method that cannot be built, a directory that cannot be written, a lost worker.
    """
    chosen = [get_task(name) for name in tasks] if tasks else all_tasks()
    train_frames, id_frames, ood_frames, control_frames = frames
    plan = plan_dataset(
        chosen,
        train_frames=train_frames,
        id_frames=id_frames,
        ood_frames=ood_frames,
        control_frames=control_frames,
    )
    settings = BuildSettings(method, dynamics_method, seed)
    labeller = Labeller(get_calculator(method), get_calculator(dynamics_method))
    _refuse_other_content(out)
    units = build_units(plan, settings)
    store = ResultStore(out / "parts")
    sampler = TrajectorySampler(
        settings, partial(get_calculator, method), partial(get_calculator, dynamics_method), MMFF94Field
    )
    with progress_bar(console) as bar, _executor(SamplingWorker(sampler), workers) as executor:
        task = bar.add_task("sampling and labelling", total=len(units))
        followed = Followed(done=lambda unit, result: bar.advance(task))
        run_units(units, executor, store, on_lost=_stop, followed=followed)
    groups = [unpack_frames(p.molecule, store.read(u)) for p, u in zip(plan, units, strict=True)]
    paths = write_dataset(out, groups, settings, fit_atomic_energies(labeller, seed=seed))
    # The set is whole once `parts` is gone, which a rename does at one stroke and a removal does not.
    (out / "parts").rename(out / ".parts.partial")
    shutil.rmtree(out / ".parts.partial")
    size = sum(path.stat().st_size for path in paths) / 1e6
    console.print(f"{sum(map(len, groups))} frames of {len(groups)} trajectories in {out} ({size:.1f} MB)")


def _executor(factory: Callable, workers: int | None) -> Here | LocalPool:
    return Here(factory) if workers == 0 else LocalPool(factory, workers or usable_cores())


@dataclass(frozen=True)
class SamplingWorker:
    """Worker factory: trajectories as unit results."""

    sampler: TrajectorySampler

    def __call__(self) -> Callable[[PlannedTrajectory], Result]:
        sample = self.sampler()
        return lambda planned: pack_frames(sample(planned))


def build_units(plan: list[PlannedTrajectory], settings: BuildSettings) -> list[Unit]:
    """One work unit a planned trajectory."""
    return [
        Unit(
            id=f"{planned.trajectory}/{planned.molecule.file_stem}",
            payload=planned,
            hash=content_hash(asdict(settings), asdict(planned)),
        )
        for planned in plan
    ]


def _refuse_other_content(out: Path) -> None:
    present = [name for name in FILES.values() if (out / name).exists()]
    if present and not (out / "parts").is_dir():
        raise RunDirectoryError(f"{out} already holds a data set ({', '.join(present)}). Choose another directory.")
    try:
        (out / "parts").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunDirectoryError(f"{out} cannot be written ({error.strerror}). Choose another directory.") from error


def _stop(unit: Unit, lost: Lost) -> Result:
    raise CompcalcError(f"{unit.id}: {lost.cause}. Give the same command again; finished trajectories are kept.")


def verify(directory: Path | None, relabel: int, console: Console) -> int:
    """Check each group's checksum, and `relabel` frames a group against the method; returns the exit code, 1 if bad."""
    dataset = DataSet(directory)
    bad = 0
    letters = [letter for letter in FILES if dataset.has(letter)]
    if not letters:
        raise DataError(f"{dataset.directory} holds none of {', '.join(FILES.values())}.")
    names = []
    calculator = None
    for letter in letters:
        try:
            if relabel and calculator is None:
                calculator = get_calculator(dataset.file(letter).description["method"])
            names += [(letter, name) for name in dataset.file(letter).names]
        except DataError as error:
            bad += 1
            console.print(f"bad: {error}", style="bold")
    with progress_bar(console) as bar:
        task = bar.add_task("verifying", total=len(names))
        for letter, name in names:
            try:
                frames = dataset.file(letter).read(name)
                if calculator is not None:
                    _compare_labels(frames, calculator, relabel)
            except Exception as error:  # one bad group, or one that the method fails on, must not hide the others
                bad += 1
                console.print(f"bad: {letter} {name}: {error}", style="bold")
            bar.advance(task)
    verdict = "all good" if not bad else f"{bad} bad"
    console.print(f"{len(names)} groups in {dataset.directory}: {verdict}")
    return 1 if bad else 0


def _compare_labels(frames: Frames, calculator, count: int) -> None:
    labeller = Labeller(calculator)
    for index in np.linspace(0, len(frames) - 1, min(count, len(frames))).astype(int):
        energy, forces = labeller.label(frames.numbers, frames.positions[index])
        worst = float(np.abs(forces - frames.forces[index]).max())
        if worst > LABEL_TOLERANCE_EV_PER_ANGSTROM or abs(energy - frames.energy[index]) > 1e-6 * len(frames.numbers):
            raise DataError(
                f"{frames.molecule.name} frame {index}: the method gives forces that differ by {worst:.1e} eV/angstrom "
                f"and an energy that differs by {energy - frames.energy[index]:.1e} eV"
            )


def export_data(
    out: Path, directory: Path | None, trajectory: str, file_format: str, molecules: list[str] | None
) -> int:
    """Write the frames of one trajectory letter to a file; returns their number.

    Raises:
        InputError: an unknown trajectory or format, or the file exists.
        UnknownNameError: a molecule that the data do not hold.
    """
    if trajectory not in FILES:
        raise InputError("trajectory", trajectory, ", ".join(FILES))
    file = DataSet(directory).file(trajectory)
    return export(_groups(file, molecules or file.names), out, file_format)


def _groups(file, names) -> Iterator[Frames]:
    for name in names:
        yield file.read(name)
