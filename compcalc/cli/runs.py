"""Commands of run directories."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from compcalc.cli.options import (
    DataOption,
    JsonOption,
    MoleculesOption,
    OnlyOption,
    PotentialsArgument,
    PresetOption,
    PythonOption,
    ReferenceMdOption,
    ReplicasOption,
    SeedOption,
    TasksOption,
    VariantOption,
    WorkersOption,
    print_json,
)
from compcalc.cli.subjects import default_directory, given, in_interpreter, tested_on


def run(
    potential: PotentialsArgument = None,
    task: TasksOption = None,
    molecules: MoleculesOption = None,
    reference: Annotated[
        str | None, typer.Option("--reference", help="Potential that labels --molecules; default: no errors shown.")
    ] = None,
    variant: VariantOption = "base",
    preset: PresetOption = "quick",
    replicas: ReplicasOption = None,
    reference_md: ReferenceMdOption = 0,
    only: OnlyOption = "all",
    seed: SeedOption = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Run directory; default: a name below runs/.")] = None,
    data: DataOption = None,
    workers: WorkersOption = None,
    timeout: Annotated[float | None, typer.Option("--timeout", min=1, help="Time limit of one work unit, s.")] = None,
    memory: Annotated[
        float | None, typer.Option("--memory", help="Memory limit of one work unit, GiB; default: the machine's.")
    ] = None,
    dask: Annotated[
        str | None, typer.Option("--dask", help="Dask scheduler (tcp://...) or cluster file to compute on.")
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Compute units again that ended in a crash, a limit or an error.")
    ] = False,
    unit: Annotated[
        str | None, typer.Option("--unit", help="Compute only this unit of the directory --out, here, and compare.")
    ] = None,
    python: PythonOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but warnings and errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print verdict and paths as one JSON object.")] = False,
) -> None:
    """Test potentials on tasks: errors on known and unseen molecules, then MD on the unseen ones.

    A run that was cut off goes on when the same command is given again; with --out a directory can be given further
    potentials, tasks and replicas. Exit code 0: the run is complete; 2: the input cannot be used, or the directory not
    be written; 3: the run is complete, but a calculation failed for other than physical reasons; 130: stopped by
    Ctrl-C.
    """
    if unit is not None:
        from compcalc.commands.run import run_unit
        from compcalc.errors import InputError

        if out is None:
            raise InputError("--out", None, "the run directory that the unit belongs to", "log.jsonl has the command.")
        raise typer.Exit(run_unit(out, unit))
    from compcalc.commands.run import run_with_progress
    from compcalc.pipeline import RunSettings

    common = {
        "preset": preset,
        "only": only,
        "seed": seed,
        "data": data,
        "workers": workers,
        "timeout_s": timeout,
        "replicas": replicas,
        "reference_replicas": reference_md,
        "memory_gib": memory,
        "dask": dask,
        "retry": retry,
    }
    subjects = tested_on(task, variant, molecules, reference)
    all_settings = [
        RunSettings(in_interpreter(spec, python), **subject, **common)
        for spec in given("POTENTIAL", potential, "`compcalc calculators` lists the kinds.")
        for subject in subjects
    ]
    out = out or default_directory(all_settings)
    command = shlex.join(["compcalc", *sys.argv[1:]])
    raise typer.Exit(run_with_progress(all_settings, out, command, quiet=quiet, as_json=as_json))


def plan(
    potential: PotentialsArgument = None,
    task: TasksOption = None,
    molecules: MoleculesOption = None,
    variant: VariantOption = "base",
    preset: PresetOption = "quick",
    replicas: ReplicasOption = None,
    reference_md: ReferenceMdOption = 0,
    only: OnlyOption = "all",
    seed: SeedOption = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Run directory whose results are left out; default: a new one.")
    ] = None,
    data: DataOption = None,
    workers: WorkersOption = None,
    seconds: Annotated[float, typer.Option("--seconds", help="Time to spend on measuring a potential, s.")] = 20.0,
    python: PythonOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what `compcalc run` with the same words will cost: time, memory, disk; measured on its own molecules.

    Of molecules of your own the dynamics are counted, and neither the physical checks nor labels of a reference method.
    """
    from compcalc.commands.plan import plan_runs
    from compcalc.pipeline import RunSettings

    common = {
        "preset": preset,
        "only": only,
        "seed": seed,
        "data": data,
        "workers": workers,
        "replicas": replicas,
        "reference_replicas": reference_md,
    }
    subjects = tested_on(task, variant, molecules, None)
    all_settings = [
        RunSettings(in_interpreter(spec, python), **subject, **common)
        for spec in given("POTENTIAL", potential, "`compcalc calculators` lists the kinds.")
        for subject in subjects
    ]
    plan_runs(all_settings, out, seconds, as_json)


def verify(
    directory: Annotated[Path, typer.Argument(help="Run directory.")],
    repair: Annotated[bool, typer.Option("--repair", help="Write outputs again that are missing or wrong.")] = False,
    recompute: Annotated[int, typer.Option("--recompute", min=0, help="Compute this many units a run again.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Check a run directory: every result whole, every output the one that its results give.

    Exit code 0: all good; 1: something is missing, damaged or differs; 2: not a run directory.
    """
    from compcalc.commands.verify import as_rows, verify_directory

    if as_json:
        from compcalc.pipeline.verifying import verify

        found = verify(directory, repair=repair, recompute=recompute)
        print_json(as_rows(found))
        raise typer.Exit(0 if all(run.good for run in found) else 1)
    raise typer.Exit(verify_directory(directory, repair, recompute, Console()))
