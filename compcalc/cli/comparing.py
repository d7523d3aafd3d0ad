"""Commands that read finished runs: what their files hold."""

from typing import Annotated

import typer


def schema(
    name: Annotated[str, typer.Argument(help="metrics or run: of metrics.json, of run.json.")] = "metrics",
) -> None:
    """Print the JSON schema of metrics.json or run.json: every key with its type, unit and description."""
    from compcalc.schemas import schema_text

    typer.echo(schema_text(name), nl=False)
