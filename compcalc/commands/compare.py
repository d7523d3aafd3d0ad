"""`compcalc compare`: finished runs side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from compcalc.errors import InputError, RunDirectoryError
from compcalc.report.comparison import Board, Measured, by_subject, make_board
from compcalc.report.comparison.measured import labels_of
from compcalc.report.comparison.text import print_board
from compcalc.report.wording import plural
from compcalc.results.frames import force_mae_mev_per_angstrom
from compcalc.results.loaded import LoadedRun
from compcalc.results.places import read_run, run_folders

FEWEST_RUNS = 2


def compare(paths: Sequence[Path], pool: bool = False) -> list[Board]:
    """A leaderboard a task.

    Args:
        paths: run directories, all runs of which count, and folders of single runs.
        pool: whether runs that differ in a seed alone stand in one row: models that differ in the seed of their
            training, and runs of one potential that differ in the seed of the run.

    Raises:
        InputError: fewer than two runs.
        RunDirectoryError: no run directory, or a run that has not ended.
        IncomparableError: runs on one task were not measured alike.
    """
    folders = list(dict.fromkeys(folder for path in paths for folder in run_folders(path).values()))
    if len(folders) < FEWEST_RUNS:
        raise InputError(
            "RUN",
            f"{plural(len(folders), 'run')} in {', '.join(map(str, paths))}",
            "two or more runs",
            "Name several run directories, or one that holds several runs.",
        )
    return make_boards(folders, pool)


def make_boards(folders: Sequence[Path], pool: bool = False, rows: Mapping[Path, str] | None = None) -> list[Board]:
    """A leaderboard a task, of runs in these folders.

    Args:
        folders: of single runs.
        pool: as of `compare`.
        rows: folder -> what the row of this run and of those pooled with it is called; default: what they say.

    Raises:
        RunDirectoryError: a run that has not ended.
        IncomparableError: runs on one task were not measured alike.
    """
    runs = [replace(_measured(folder), row=(rows or {}).get(folder, "")) for folder in folders]
    return [make_board(_labelled(group), pool=pool) for group in by_subject(runs)]


def print_boards(boards: Sequence[Board], console: Console, page: Path | None) -> None:
    """Print the leaderboards, and where the page lies."""
    for place, board in enumerate(boards):
        if place:
            console.print()
        print_board(console, board)
    words = "--html FILE writes a page with figures and every difference." if page is None else f"Page: {page}"
    console.print(Text(words), highlight=False)


def _measured(folder: Path) -> Measured:
    manifest, metrics = read_run(folder)
    if "sha256" not in (manifest.get("data") or {}):
        raise RunDirectoryError(
            f"{folder}: this run of an earlier version does not say which data it was measured on. Give its command "
            f"again to write it, nothing is computed anew: {manifest.get('command')}"
        )
    errors: dict[tuple[str, str], list[float]] = {}
    for atoms in LoadedRun(folder, manifest, metrics).predicted:
        errors.setdefault((atoms.info["split"], atoms.info["molecule"]), []).append(force_mae_mev_per_angstrom(atoms))
    force_mae = {key: np.array(values) for key, values in errors.items()}
    return Measured(str(manifest.get("spec")), str(folder), manifest, metrics, force_mae)


def _labelled(group: Sequence[Measured]) -> list[Measured]:
    labels = labels_of([(run.label, run.folder) for run in group])
    return [replace(run, label=label) for label, run in zip(labels, group, strict=True)]
