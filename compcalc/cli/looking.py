"""Commands that examine a potential, and that list what there is."""

from typing import Annotated

import typer
from rich.console import Console

from compcalc.cli.options import JsonOption, PythonOption, print_json
from compcalc.cli.subjects import in_interpreter


def check(
    potential: Annotated[str, typer.Argument(help="scheme:argument?key=value, or a MACE file.")],
    molecule: Annotated[
        str | None,
        typer.Option("--molecule", help="SMILES, family name or file to test on; default: one that suits."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Check or topic, may be repeated; default: all.")
    ] = None,
    budget: Annotated[
        float, typer.Option("--budget", min=0, help="Leave out what would end after so many seconds; 0: no limit.")
    ] = 60.0,
    python: PythonOption = None,
    as_json: JsonOption = False,
) -> None:
    """Examine a potential before trusting it: contract, units, signs, symmetry, smoothness, noise, stress, speed.

    Exit code 0: no check failed, though some may warn; 1: at least one failed; 2: the input cannot be used.
    """
    from compcalc.commands.check import check

    spec = in_interpreter(potential, python)
    raise typer.Exit(check(spec, molecule, only=only or None, budget_s=budget or None, as_json=as_json))


def tasks(as_json: JsonOption = False) -> None:
    """List the tasks and the molecules of their splits."""
    from compcalc.tasks import all_tasks

    found = all_tasks()
    if as_json:
        rows = [
            {
                "task": t.task,
                "variant": t.variant,
                "question": t.question,
                "train": [m.name for m in t.train],
                "ood": [m.name for m in t.ood],
            }
            for t in found
        ]
        print_json(rows)
        return
    from compcalc.commands.listing import task_lines

    Console().print("\n".join(task_lines(found)), highlight=False)


def calculators(as_json: JsonOption = False) -> None:
    """List the kinds of potential, whether each is available here, and what to install if not."""
    from compcalc.commands.listing import calculator_rows, calculator_table

    rows = calculator_rows()
    if as_json:
        print_json(rows)
    else:
        Console().print(calculator_table(rows))
