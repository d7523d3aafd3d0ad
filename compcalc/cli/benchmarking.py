"""The command that trains and tests a whole matrix."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from compcalc.cli.options import DataOption, OnlyOption, PresetOption, ReplicasOption, WorkersOption


def benchmark(
    models: Annotated[
        list[str],
        typer.Option(
            "--models",
            help="Architectures, such as mace or mace?r_max=5&frames=50, and potentials, which are tested untrained; "
            "separated by commas, or repeated.",
        ),
    ],
    tasks: Annotated[
        list[str], typer.Option("--tasks", help="Task, task/variant or all; separated by commas, or repeated.")
    ],
    seeds: Annotated[str, typer.Option("--seeds", help="Seeds of the trainings, such as 0,1,2.")] = "0",
    budget: Annotated[
        float | None, typer.Option("--budget", min=0.01, help="Wall time of each training, minutes; default: no limit.")
    ] = None,
    preset: PresetOption = "quick",
    replicas: ReplicasOption = None,
    only: OnlyOption = "all",
    data: DataOption = None,
    workers: WorkersOption = None,
    out: Annotated[Path, typer.Option("--out", help="Directory of the benchmark.")] = Path("benchmark"),
) -> None:
    """Train models on tasks with several seeds, test them like `run`, and rank them.

    Trainings run side by side, one a worker. Given again, it goes on where it was cut off, and takes up further models,
    tasks and seeds. A training that fails takes nothing from the others. Exit code 0: all is done; 2: the input cannot
    be used; 3: something failed, which the same command tries again.
    """
    from compcalc.benchmark import Matrix, parse_model
    from compcalc.cli.subjects import seed_numbers, task_names
    from compcalc.commands.benchmark import Sizes, benchmark

    matrix = Matrix(
        [parse_model(text) for text in _each(models)],
        task_names(_each(tasks), "base"),
        seed_numbers("--seeds", seeds),
        out,
    )
    sizes = Sizes(budget, preset, replicas, only, workers, data)
    raise typer.Exit(benchmark(matrix, sizes, shlex.join(["compcalc", *sys.argv[1:]])))


def _each(values: list[str]) -> list[str]:
    words = [word.strip() for value in values for word in value.split(",")]
    return list(dict.fromkeys(filter(None, words)))
