"""The process of the command line: its arguments, its signals, its exit code."""

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

import typer

from compcalc.cli.app import app
from compcalc.commands.stopping import Stopper
from compcalc.errors import CompcalcError


def main() -> NoReturn:
    """Entry point of the process."""
    raise SystemExit(call(sys.argv[1:], last=True))


def call(arguments: list[str], last: bool = False) -> int:
    """Carry out a command line; returns its exit code.

    Errors that compcalc raises on purpose are printed without a traceback, with exit code 2. A signal that ends a
    command gives 128 and its number, as from a shell.

    Args:
        arguments: what follows the name of the program.
        last: nothing is to follow but the end of the process, which signals then disturb no more.
    """
    stopper = Stopper(last)
    try:
        with stopper:
            return _call(arguments)
    except BaseException as error:
        code = _stopped(stopper.by) if stopper.by is not None else _failed(error)
        if code is None:
            raise
        return code


def _call(arguments: list[str]) -> int:
    try:
        app(_several_values(arguments))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _stopped(by: signal.Signals) -> int:
    """Whatever was raised: an exception out of a signal may arrive as another one."""
    with suppress(OSError):  # the terminal may be gone
        typer.echo(f"\nstopped by {by.name}; give the same command again to go on.", err=True)
    return 128 + by


def _failed(error: BaseException) -> int | None:
    """Exit code of an error that was foreseen, which is printed."""
    if isinstance(error, CompcalcError):
        typer.echo(f"error: {error}", err=True)
        sys.stdout.flush()
        return 2
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return None


def _several_values(arguments: list[str]) -> list[str]:
    """Repeat `--molecules` before each of the values that follow it, so that a shell's `*.xyz` works."""
    result, repeating = [], False
    for argument in arguments:
        if argument.startswith("-"):
            repeating = argument == "--molecules"
        elif repeating and result[-1] != "--molecules":
            result.append("--molecules")
        result.append(argument)
    return result
