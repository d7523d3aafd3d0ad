"""Commands that fit potentials."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from compcalc.cli.options import DataOption, SeedOption, VariantOption

app = typer.Typer(help="Train a potential on a task's training molecules.", no_args_is_help=True)


@app.command("mace")
def train_mace_command(
    task: Annotated[str, typer.Option("--task", help="Task; `compcalc tasks` lists them.")],
    out: Annotated[Path, typer.Option("--out", help="Directory for the model and its card.")],
    variant: VariantOption = "base",
    seed: SeedOption = 0,
    data: DataOption = None,
    channels: Annotated[int, typer.Option(min=1)] = 32,
    max_l: Annotated[int, typer.Option("--max-L", min=0, help="Highest degree of the messages.")] = 0,
    max_ell: Annotated[int, typer.Option(min=1, help="Highest degree of the spherical harmonics.")] = 2,
    correlation: Annotated[int, typer.Option(min=1)] = 2,
    layers: Annotated[int, typer.Option(min=1)] = 2,
    r_max: Annotated[float, typer.Option(help="Cut-off of one layer, angstrom.")] = 3.5,
    epochs: Annotated[int, typer.Option(min=1)] = 60,
    batch_size: Annotated[int, typer.Option(min=1)] = 5,
    learning_rate: Annotated[float, typer.Option(help="At the start; falls to 1%.")] = 0.01,
    energy_weight: Annotated[float, typer.Option(help="Of the loss.")] = 1000.0,
    forces_weight: Annotated[float, typer.Option(help="Of the loss.")] = 100.0,
    device: Annotated[str, typer.Option()] = "cpu",
) -> None:
    """Fit a small MACE with mace-torch; goes on from its last checkpoint when given again."""
    from compcalc.commands.train import train_with_progress
    from compcalc.training.mace import MACESettings

    settings = MACESettings(
        channels=channels,
        max_L=max_l,
        max_ell=max_ell,
        correlation=correlation,
        layers=layers,
        r_max=r_max,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        energy_weight=energy_weight,
        forces_weight=forces_weight,
        device=device,
    )
    command = shlex.join(["compcalc", *sys.argv[1:]])
    train_with_progress(task, variant, data, out, settings, seed, command, Console())
