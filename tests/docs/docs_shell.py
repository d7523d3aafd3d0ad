"""Blocks run as they stand: command lines by bash, Python as a script, with `compcalc` and `python` of the tests."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from docs_blocks import Block

LONGEST_S = 900.0
"""After which a block is taken for one that hangs, s."""

# A command that fails ends the block and leaves its own line; bash hears of one behind `&` only where it is waited for.
_SCRIPT = """
set -E -e -o pipefail
trap 'printf "%s" "$BASH_COMMAND" > {failed}' ERR
{text}
for job in $(jobs -p); do wait "$job"; done
"""


class BlockError(AssertionError):
    """A block did not end as the page says."""


@dataclass(frozen=True)
class Shell:
    """Where blocks are run.

    Attributes:
        folder: in which the blocks of a page run.
        own: folder for files of the tests.
        environment: what the processes find beside that of this one.
    """

    folder: Path
    own: Path
    environment: Mapping[str, str]

    def __post_init__(self):
        for name, module in (("compcalc", " -m compcalc"), ("python", "")):
            program = self.own / name
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{module} "$@"\n')
            program.chmod(0o755)

    def run(self, block: Block) -> str:
        """Run a block; returns what it printed.

        Raises:
            BlockError: a command failed, or the last one did not end with the exit code that the page says.
        """
        if block.language == "python":
            script = self.folder / f"block_{block.line}.py"
            script.write_text(block.text)
            return self._run(f"python {script.name}", block)
        return self._run(block.text, block)

    def _run(self, text: str, block: Block) -> str:
        failed, said = self.own / "failed", self.own / "said"
        failed.write_text("")
        with said.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", _SCRIPT.format(failed=shlex.quote(str(failed)), text=text)],
                cwd=self.folder,
                env={**os.environ, **self.environment, "PATH": f"{self.own}{os.pathsep}{os.environ['PATH']}"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait(LONGEST_S)
            except subprocess.TimeoutExpired:
                code = f"none within {LONGEST_S:g} s"
            finally:
                _end(process)
        printed = said.read_text(errors="replace")
        command = failed.read_text()
        if code != block.code:
            raise BlockError(f"{block}: {command or text} ended with {code}, not {block.code}:\n{printed}")
        if code and shlex.split(command) != block.commands[-1]:
            raise BlockError(f"{block}: it was not the last command that ended with {code}, but {command}:\n{printed}")
        return printed


def lines_not_printed(shown: Block, printed: str) -> list[str]:
    """Lines of a text block, up to the first `...`, that are not in what was printed, whatever the numbers are."""
    shown_lines = shown.text.partition("\n...")[0].splitlines()
    return [line for line in shown_lines if _without_numbers(line) not in _without_numbers(printed)]


def _without_numbers(text: str) -> str:
    return " ".join(re.sub(r"\d+(\.\d+)?", "0", text).split())


def _end(process: subprocess.Popen) -> None:
    """End what is left of a block's processes."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
