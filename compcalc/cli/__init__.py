"""The command line: thin, each command one function that hands over to the package."""

from compcalc.cli.app import app
from compcalc.cli.entry import call, main

__all__ = ["app", "call", "main"]
