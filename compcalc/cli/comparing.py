"""Commands that read finished runs: side by side, and what their files hold."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from compcalc.cli.options import JsonOption, print_json


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories, or folders of single runs.")],
    html: Annotated[Path | None, typer.Option("--html", help="Also write a page with figures; replaces FILE.")] = None,
    pool_seeds: Annotated[
        bool,
        typer.Option(
            "--pool-seeds",
            help="One row for models that differ in the seed of their training alone, and for runs of one potential "
            "that differ in --seed; differences are judged against the noise of seeds, too.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Rank finished runs: errors on known and unseen molecules, stability, speed; differences within noise are ties.

    Runs on different tasks get a table each. Runs on one task that were not measured alike are refused, with what
    differs and exit code 2.
    """
    from compcalc.commands.compare import compare, print_boards

    boards = compare(runs, pool_seeds)
    if html is not None:
        from compcalc.report.comparison.page import write_page

        write_page(html, boards)
    if as_json:
        from compcalc.report.comparison.plain import plain_boards

        print_json(plain_boards(boards))
    else:
        print_boards(boards, Console(), html)


def schema(
    name: Annotated[str, typer.Argument(help="metrics or run: of metrics.json, of run.json.")] = "metrics",
) -> None:
    """Print the JSON schema of metrics.json or run.json: every key with its type, unit and description."""
    from compcalc.schemas import schema_text

    typer.echo(schema_text(name), nl=False)
