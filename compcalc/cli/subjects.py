"""What a command line names to be tested, and where a run of it lies by default."""

from pathlib import Path
from typing import Any


def in_interpreter(potential: str, python: Path | None) -> str:
    """The spec with the option `python`, as if it had been written there."""
    if python is None:
        return potential
    from compcalc.calculators import parse_spec

    return parse_spec(potential).with_options({"python": python}).text


def given(argument: str, values: list[str] | None, remedy: str) -> list[str]:
    """The values of an argument that may be repeated, each once."""
    if not values:
        from compcalc.errors import InputError

        raise InputError(argument, "nothing", "at least one", remedy)
    return list(dict.fromkeys(values))


def tested_on(
    task: list[str] | None, variant: str, molecules: list[str] | None, reference: str | None
) -> list[dict[str, Any]]:
    """What potentials are to be tested on, as arguments of `RunSettings`."""
    if molecules and not task:
        return [{"task": None, "molecules": tuple(molecules), "reference": reference}]
    names = given("--task", task, "`compcalc tasks` lists them; --molecules takes molecules of your own.")
    more = {"molecules": tuple(molecules or ()), "reference": reference}
    return [{"task": name, "variant": kind, **more} for name, kind in task_names(names, variant)]


def task_names(names: list[str], variant: str) -> list[tuple[str, str]]:
    """Task and variant of each name; `all` stands for every task with its variants."""
    from compcalc.tasks import all_tasks

    found = []
    for name in names:
        task, slash, own = name.partition("/")
        if name == "all":
            found += [(task.task, task.variant) for task in all_tasks()]
        else:
            found.append((task, own if slash else variant))
    return list(dict.fromkeys(found))


def seed_numbers(argument: str, text: str) -> list[int]:
    """The seeds that a text such as `0,1,2` names, each once.

    Raises:
        InputError: something else.
    """
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        from compcalc.errors import InputError

        raise InputError(argument, text, "whole numbers from 0, separated by commas, such as 0,1,2")
    return list(dict.fromkeys(int(part) for part in parts))


def default_directory(all_settings) -> Path:
    first = all_settings[0]
    specs = list(dict.fromkeys(settings.spec for settings in all_settings))
    tasks = list(dict.fromkeys(_subject_words(settings) for settings in all_settings))
    words = "-".join(
        [
            *(specs if len(specs) < 3 else [f"{len(specs)}-potentials"]),
            *(tasks if len(tasks) < 3 else [f"{len(tasks)}-tasks"]),
            first.preset,
        ]
    )
    if first.only != "all":
        words += f"-{first.only}"
    if first.seed:
        words += f"-seed{first.seed}"
    stem = "".join(c if c.isalnum() or c in "._" else "-" for c in words).strip("-.")
    return Path("runs") / stem[-120:]


def _subject_words(settings) -> str:
    if settings.task is not None:
        return f"{settings.task}-{settings.variant}"
    named = [Path(name).name for name in settings.molecules]
    return "-".join(["own", *named[:2], *(["more"] if len(named) > 2 else [])])
