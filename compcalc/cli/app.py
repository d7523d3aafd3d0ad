"""The commands of `compcalc`."""

from typing import Annotated

import typer

from compcalc import __version__
from compcalc.cli import benchmarking, comparing, data, looking, runs, train

app = typer.Typer(
    name="compcalc",
    help="Test any interatomic potential on molecules that it has not seen.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    runs.run,
    runs.plan,
    runs.verify,
    benchmarking.benchmark,
    comparing.compare,
    comparing.schema,
    looking.check,
    looking.tasks,
    looking.calculators,
):
    app.command()(command)
app.add_typer(data.app, name="data")
app.add_typer(train.app, name="train")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"compcalc {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show version.")] = False,
) -> None:
    pass
