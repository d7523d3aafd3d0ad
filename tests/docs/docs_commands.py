"""Whether a command line of the documentation could be given as it stands, found out without running it."""

import configparser
import re

import typer
from docs_blocks import ROOT

from compcalc.calculators import get_scheme, parse_spec
from compcalc.cli.app import app
from compcalc.cli.entry import _several_values
from compcalc.cli.subjects import task_names
from compcalc.dynamics.protocols import PRESETS
from compcalc.tasks import get_task

OTHERS = {"dask", "grep", "source"}
"""Programs that pages mention beside compcalc, Python and make."""


def check_command(words: list[str]) -> None:
    """Raise if the command line has an option, argument, spec, task, target, extra or file that does not exist."""
    program = words[0].rpartition("/")[2]
    if program == "compcalc":
        _check_values(parsed(words[1:]))
    elif program == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(), f"no target {words[1]}"
    elif program == "pip":
        assert words[1] == "install"
        unknown = _extras(" ".join(words)) - _declared_extras()
        assert not unknown, f"no extras {unknown}"
    elif program == "python":
        for word in words:
            assert not word.endswith(".py") or (ROOT / word).is_file(), f"no file {word}"
    else:
        assert program in OTHERS, f"unknown program {program}"


def parsed(words: list[str]):
    """What click makes of the arguments of `compcalc`: the context of the innermost command."""
    command, context, rest = typer.main.get_command(app), None, _several_values(words)
    name = "compcalc"
    while True:
        context = command.make_context(name, list(rest), parent=context)
        if not hasattr(command, "resolve_command"):
            return context
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])


def all_options() -> set[str]:
    """Every option of every command."""
    return _options(typer.main.get_command(app))


def _options(command) -> set[str]:
    options = {option for parameter in command.params for option in parameter.opts}
    if not hasattr(command, "resolve_command"):
        return options
    inner = (command.get_command(None, name) for name in command.list_commands(None))
    return options.union(*map(_options, inner))


def _check_values(context) -> None:
    values = context.params
    specs = values.get("potential") or []
    for spec in [specs] if isinstance(specs, str) else specs:
        get_scheme(parse_spec(spec).scheme)
    tasks = values.get("task") or []
    for task, variant in task_names([tasks] if isinstance(tasks, str) else tasks, values.get("variant") or "base"):
        get_task(task, variant)
    preset = values.get("preset") or "quick"
    assert preset in PRESETS or preset.endswith(".yaml"), f"no preset {preset}"
    assert values.get("only") in (None, "all", "static", "md") or context.info_name == "check"


def _extras(text: str) -> set[str]:
    """Of compcalc itself, in `compcalc[dask]` or `.[dev,bench]`."""
    found = re.findall(r"(?:compcalc|\.)\[([\w,-]+)\]", text)
    return {extra for group in found for extra in group.split(",")}


def _declared_extras() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return set(config["options.extras_require"])
