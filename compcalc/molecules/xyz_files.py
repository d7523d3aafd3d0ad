"""Frames of an xyz or extended xyz file, one by one, so that a damaged frame costs no other."""

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from compcalc.errors import MoleculeError

_EXTENDED = re.compile(r"\b(Properties|Lattice|pbc|\w*energy|\w*charge)\s*=", re.IGNORECASE)
"""A comment line with one of these keys is extended xyz; any other is free text."""


def xyz_frames(path: Path) -> Iterator[object]:
    """The frames of the file in order: an ASE Atoms each, or a MoleculeError where one cannot be read.

    A line counts as whole only if a newline ends it: a number cut short is still a number. So a last frame without that
    newline is an error, as is one that the file ends inside.

    Raises:
        OSError: the file cannot be opened.
    """
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    *lines, rest = text.split("\n")
    whole = len(lines)
    lines += [rest] if rest.strip() else []
    start = 0
    while (start := _next_filled(lines, start)) < len(lines):
        count = lines[start].strip()
        if not (count.isdecimal() and len(count) < 10):
            reason = (
                f"line {start + 1} should be a number of atoms, got {count[:40]!r}; the rest of the file is not read"
            )
            yield MoleculeError(str(path), reason)
            return
        end = start + 2 + int(count)
        if end > whole:
            yield _cut_frame(path, have=whole - start - 2, need=int(count), unterminated=end <= len(lines))
        else:
            yield _frame(path, lines[start:end], start)
        start = end


def _next_filled(lines: list[str], start: int) -> int:
    """Index of the first line at or after `start` that is not blank."""
    while start < len(lines) and not lines[start].strip():
        start += 1
    return start


def _cut_frame(path: Path, have: int, need: int, unterminated: bool) -> MoleculeError:
    if unterminated:
        reason = "cut: the file does not end with a newline after its last number, so that number may be short"
        return MoleculeError(str(path), reason, "If the file is whole, end its last line with a newline.")
    reason = f"cut: the file ends after {max(0, have)} whole atom lines of {need}"
    return MoleculeError(str(path), reason, "Copy the file again.")


def _frame(path: Path, lines: list[str], start: int):
    """Atoms of the frame in `lines`, or the error; `start` is the index of its first line in the file."""
    if not _EXTENDED.search(lines[1]):
        return _plain_frame(path, lines[2:], start + 3)
    from ase.io import read

    try:
        return read(StringIO("\n".join(lines) + "\n"), format="extxyz")
    except Exception as error:
        return MoleculeError(str(path), f"not readable as extended xyz ({type(error).__name__}: {error})")


def _plain_frame(path: Path, rows: list[str], first_line: int):
    from ase import Atoms
    from ase.data import atomic_numbers

    numbers, positions = [], []
    for at, row in enumerate(rows, start=first_line):
        symbol, *fields = row.split()[:4] or [""]
        try:
            numbers.append(int(symbol) if symbol.isdecimal() else atomic_numbers[symbol.capitalize()])
            x, y, z = fields
            positions.append([float(x), float(y), float(z)])
        except (KeyError, ValueError):
            return MoleculeError(str(path), f"line {at} is not an element and three numbers: {row.strip()[:60]!r}")
    return Atoms(numbers=numbers, positions=positions or None)
