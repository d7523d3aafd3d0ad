"""Commands that fit models: one an architecture, made when it is asked for, its options from the settings."""

import inspect
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from compcalc.cli.options import DataOption, SeedOption, VariantOption

TaskOption = Annotated[str, typer.Option("--task", help="Task; `compcalc tasks` lists them.")]
OutOption = Annotated[Path, typer.Option("--out", help="Directory for the models' folders, one a seed.")]
SeedsOption = Annotated[str | None, typer.Option("--seeds", help="Several seeds, such as 0,1,2.")]
BudgetOption = Annotated[
    float | None, typer.Option("--budget", min=0.01, help="Wall time that each fit may take, minutes.")
]
FramesOption = Annotated[
    int | None,
    typer.Option("--frames", min=2, help="Frames of each training molecule, validation included; default: all."),
]
_PLACE = inspect.Parameter.KEYWORD_ONLY

COMMON = {
    "task": (TaskOption, inspect.Parameter.empty),
    "out": (OutOption, inspect.Parameter.empty),
    "variant": (VariantOption, "base"),
    "seed": (SeedOption, 0),
    "seeds": (SeedsOption, None),
    "data": (DataOption, None),
    "budget": (BudgetOption, None),
    "frames": (FramesOption, None),
}
"""Options of every architecture: parameter -> annotation and default."""


class ArchitectureGroup(TyperGroup):
    """The architectures as commands; nothing is imported for those that nobody asks for."""

    def list_commands(self, ctx) -> list[str]:
        """Their names."""
        from compcalc.training.catalogue import ARCHITECTURES

        return ARCHITECTURES.names()

    def get_command(self, ctx, cmd_name: str):
        """The command of one of them, with the options of an architecture inside that the arguments name.

        Raises:
            UnknownNameError: there is none.
        """
        return _command(cmd_name, getattr(self, "_words", []))

    def resolve_command(self, ctx, args: list[str]):
        """Keep the arguments in mind for `get_command`."""
        self._words = list(args)
        return super().resolve_command(ctx, args)


app = typer.Typer(help="Train a model on a task's training molecules.", no_args_is_help=True, cls=ArchitectureGroup)


@app.callback()
def _options() -> None:
    pass


def _command(name: str, words: list[str]):
    from compcalc.training.catalogue import get_architecture
    from compcalc.training.options import options_of

    architecture = get_architecture(name)
    parameters = dict(COMMON)
    for option in options_of(name, words):
        annotation = option.type | None if option.default is None else option.type
        parameters[option.name] = (Annotated[annotation, typer.Option(option.flag, help=option.help)], option.default)
    one = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    one.command(name, help=f"Train {architecture.summary}. Given again, it goes on where it was cut off.")(
        _function(name, parameters)
    )
    return typer.main.get_command(one)


def _function(name: str, parameters: dict[str, tuple[Any, Any]]):
    """A function with these parameters, which trains."""

    def command(**values) -> None:
        from compcalc.cli.subjects import seed_numbers
        from compcalc.commands.train import train_seeds
        from compcalc.training.options import make_settings

        common = {key: values.pop(key) for key in COMMON}
        train_seeds(
            name,
            make_settings(name, values),
            common["task"],
            common["variant"],
            common["data"],
            common["out"],
            [common["seed"]] if common["seeds"] is None else seed_numbers("--seeds", common["seeds"]),
            shlex.join(["compcalc", *sys.argv[1:]]),
            Console(),
            minutes=common["budget"],
            frames=common["frames"],
        )

    command.__signature__ = inspect.Signature(
        [
            inspect.Parameter(key, _PLACE, annotation=kind, default=default)
            for key, (kind, default) in parameters.items()
        ]
    )
    command.__annotations__ = {key: kind for key, (kind, _) in parameters.items()}
    return command
