"""Options that several commands share, and what they have in common."""

import json
from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[Path | None, typer.Option("--data", help="Directory of a data set; default: the shipped one.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random number.")]
VariantOption = Annotated[str, typer.Option("--variant", help="Variant of the task.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default: one a core.")]
PythonOption = Annotated[
    Path | None,
    typer.Option("--python", help="Interpreter that the potential runs in, with its packages, ase and numpy."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
PotentialsArgument = Annotated[
    list[str] | None, typer.Argument(help="scheme:argument?key=value, or a MACE file; one or several.")
]
TasksOption = Annotated[
    list[str] | None,
    typer.Option("--task", help="Task, task/variant or all, may be repeated; see `compcalc tasks`."),
]
MoleculesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--molecules", help="Instead of a task: SMILES, family names, xyz/extxyz/sdf files, directories of them."
    ),
]
PresetOption = Annotated[str, typer.Option("--preset", help="Size of the dynamics: quick, standard, full.")]
ReplicasOption = Annotated[
    int | None, typer.Option("--replicas", min=1, help="MD runs a molecule and protocol; default: the preset's.")
]
ReferenceMdOption = Annotated[
    int, typer.Option("--reference-md", min=0, help="MD runs a molecule and protocol with the reference method.")
]
OnlyOption = Annotated[str, typer.Option("--only", help="all, static or md.")]


def print_json(content) -> None:
    """Machine-readable output."""
    typer.echo(json.dumps(content, indent=1))
