"""Commands of data sets."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from compcalc.cli.options import DataOption, JsonOption, SeedOption, WorkersOption, print_json

app = typer.Typer(help="Reference data: build, describe, verify, export, cross-check.", no_args_is_help=True)


@app.command("build")
def data_build(
    out: Annotated[Path, typer.Argument(help="Directory for the data set.")],
    method: Annotated[str, typer.Option(help="Labelling method, as a potential.")] = "tblite:GFN2-xTB?accuracy=0.1",
    dynamics_method: Annotated[
        str, typer.Option(help="What drives the sampling, where a looser accuracy serves.")
    ] = "tblite:GFN2-xTB?accuracy=1.0",
    task: Annotated[list[str] | None, typer.Option(help="task or task/variant, may be repeated; default: all.")] = None,
    seed: SeedOption = 20260508,
    train_frames: Annotated[int, typer.Option(min=1, help="Frames of trajectory A.")] = 100,
    id_frames: Annotated[int, typer.Option(min=1, help="Frames of trajectory B of training molecules.")] = 25,
    ood_frames: Annotated[int, typer.Option(min=1, help="Frames of trajectory B of OOD molecules.")] = 50,
    control_frames: Annotated[int, typer.Option(min=0, help="Frames of the sampler's control; 0: none.")] = 500,
    workers: WorkersOption = None,
) -> None:
    """Sample and label a data set; goes on where an earlier call was cut off."""
    from compcalc.commands.data import build

    frames = (train_frames, id_frames, ood_frames, control_frames)
    build(out, method, dynamics_method, task, seed, frames, workers, Console())


@app.command("info")
def data_info(
    data: Annotated[Path | None, typer.Argument(help="Directory of a data set; default: the shipped one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Describe a data set, with the evidence that its sampling worked."""
    from compcalc.commands.data_info import info

    if as_json:
        print_json(info(data))
        return
    from compcalc.commands.data_info import print_data_info

    print_data_info(info(data), Console())


@app.command("verify")
def data_verify(
    data: Annotated[Path | None, typer.Argument(help="Directory of a data set; default: the shipped one.")] = None,
    relabel: Annotated[int, typer.Option(min=0, help="Also compute this many frames a molecule again.")] = 0,
) -> None:
    """Check every checksum, and on request compare labels with the method itself."""
    from compcalc.commands.data import verify

    raise typer.Exit(verify(data, relabel, Console()))


@app.command("export")
def data_export(
    out: Annotated[Path, typer.Argument(help="File to write.")],
    data: DataOption = None,
    trajectory: Annotated[str, typer.Option(help="A (training), B (test) or C (control).")] = "A",
    file_format: Annotated[str, typer.Option("--format", help="extxyz or db (ASE database).")] = "extxyz",
    molecule: Annotated[list[str] | None, typer.Option(help="Molecule, may be repeated; default: all.")] = None,
) -> None:
    """Write frames as extended XYZ (REF_energy, REF_forces) or as an ASE database."""
    from compcalc.commands.data import export_data

    count = export_data(out, data, trajectory, file_format, molecule)
    Console().print(f"{count} frames written to {out}")


@app.command("relabel")
def data_relabel(
    method: Annotated[str, typer.Argument(help="What labels, as a potential: pyscf:wb97x/6-31g*?cart=true")],
    out: Annotated[Path, typer.Option("--out", help="HDF5 file to write.")],
    data: DataOption = None,
    trajectory: Annotated[str, typer.Option(help="A (training), B (test) or C (control).")] = "B",
    family: Annotated[
        list[str] | None, typer.Option(help="Family, may be repeated; default: all, where no molecule is named.")
    ] = None,
    molecule: Annotated[list[str] | None, typer.Option(help="Molecule by name, may be repeated.")] = None,
    members: Annotated[int, typer.Option(min=1, help="Molecules of a family, the smallest first.")] = 1,
    frames: Annotated[int, typer.Option(min=1, help="Frames of a molecule, spread over its starts.")] = 3,
    workers: WorkersOption = None,
) -> None:
    """Label frames of a data set with another method; goes on where an earlier call was cut off."""
    from compcalc.commands.relabel import Wanted, relabel

    wanted = Wanted(method, data, trajectory, tuple(family or ()), tuple(molecule or ()), members, frames)
    command = shlex.join(["compcalc", *sys.argv[1:]])
    raise typer.Exit(relabel(wanted, out, workers, command, Console()))


@app.command("crosscheck")
def data_crosscheck(
    potential: Annotated[list[str] | None, typer.Argument(help="scheme:argument?key=value; one or several.")] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="File of `data relabel`, may be repeated; default: the shipped ones.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge potentials, and the label of record itself, by other levels of theory."""
    from compcalc.commands.crosscheck import crosscheck, print_crosscheck, to_json

    rows, failures = crosscheck(potential or [], against, data, Console(stderr=True))
    if as_json:
        print_json(to_json(rows, failures))
    else:
        print_crosscheck(rows, failures, Console())
    raise typer.Exit(1 if failures else 0)
