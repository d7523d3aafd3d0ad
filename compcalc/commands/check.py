"""`compcalc check`: examine a potential and print what was found."""

import json
import sys
from collections.abc import Collection
from contextlib import redirect_stdout

from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from compcalc.calculators import get_calculator
from compcalc.checks import Examination, Finding, Verdict, examine
from compcalc.commands.progress import progress_bar
from compcalc.errors import MoleculeError
from compcalc.molecules.readers import read_molecules
from compcalc.report.wording import clipped, plural, printable, shown

WORDS = {Verdict.FAIL: "FAIL", Verdict.WARN: "warn", Verdict.PASS: "pass", Verdict.NOT_APPLICABLE: "n/a"}
COUNTED = {
    Verdict.FAIL: "failed",
    Verdict.WARN: "with a warning",
    Verdict.PASS: "passed",
    Verdict.NOT_APPLICABLE: "not applicable",
}
STYLES = {Verdict.FAIL: "bold red", Verdict.WARN: "yellow", Verdict.PASS: "green", Verdict.NOT_APPLICABLE: "dim"}
UNITS = {"eV/angstrom": "eV/Å", "eV/angstrom^3": "eV/Å³"}
NOTHING = 1e-3
"""Share of its limit below which a value is printed as 0."""

NARROW = 76
"""Columns that the table takes without sentences."""


def check(
    potential: str | BaseCalculator,
    molecule: str | Atoms | None = None,
    *,
    only: Collection[str] | None = None,
    budget_s: float | None = 60.0,
    as_json: bool = False,
    console: Console | None = None,
) -> int:
    """Examine a potential; returns the exit code: 0 passed, warnings allowed, 1 a check failed.

    Args:
        potential: `scheme:argument?key=value`, or an ASE calculator.
        molecule: SMILES, family name or file of the molecule to test on, or the atoms; one that suits the potential
            where None.
        only: names of checks or topics; all where None.
        budget_s: checks that would end after so many seconds are left out; None for no limit.
        as_json: print the examination as JSON instead of a table.
        console: where to print.

    Raises:
        CompcalcError: the potential cannot be built, or the molecule or a name in `only` cannot be used.
    """
    console = console or Console()
    atoms = _atoms(molecule) if isinstance(molecule, str) else molecule
    calculator = get_calculator(potential) if isinstance(potential, str) else potential
    found = _examined(calculator, atoms, only, budget_s)
    if as_json:
        console.file.write(json.dumps(found.to_dict(), indent=1) + "\n")
    else:
        print_examination(found, console)
    return 0 if found.ok else 1


def _atoms(source: str) -> Atoms:
    molecules, refusals = read_molecules([source])
    if not molecules:
        refusal = refusals[0]
        raise MoleculeError(source, refusal.reason, refusal.remedy)
    return Atoms(molecules[0].numbers, molecules[0].positions)


def _examined(calculator, atoms, only, budget_s) -> Examination:
    from rdkit import rdBase

    # Output is for the result alone: what a potential prints goes where the progress bar is.
    with progress_bar(Console(stderr=True)) as bar, redirect_stdout(sys.stderr), rdBase.BlockLogs():
        task = bar.add_task("starting", total=None)

        def progress(done: int, total: int, title: str) -> None:
            bar.update(task, completed=done, total=total, description=f"{title:30.30}")

        return examine(calculator, atoms, only=only, budget_s=budget_s, progress=progress)


def print_examination(found: Examination, console: Console) -> None:
    """Print the table, the worst rows first, then a sentence for each failure and warning, and the verdict."""
    dtype = f", {found.dtype}" if found.dtype else ""
    console.print(Text(printable(f"{found.potential} on {found.molecule}{dtype}")), style="bold", highlight=False)
    console.print(_table(found, room=console.width - NARROW))
    for verdict in (Verdict.FAIL, Verdict.WARN):
        for finding in found.with_verdict(verdict):
            _print_sentence(finding, console)
    _print_left_out(found, console)
    counts = ", ".join(f"{len(found.with_verdict(v))} {COUNTED[v]}" for v in WORDS if found.with_verdict(v))
    console.print(
        f"{len(found.findings)} checks: {counts}. {found.evaluations} evaluations in {found.seconds:.1f} s.",
        highlight=False,
    )
    console.print(Text(_conclusion(found)), style=STYLES[found.verdict], highlight=False)


def _table(found: Examination, room: int) -> Table:
    """One row a check that applies; with `room` for 40 columns more, the beginning of its sentence too."""
    wide = room >= 40
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("limit", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    if wide:
        table.add_column("what was seen", no_wrap=True)
    for verdict in (Verdict.FAIL, Verdict.WARN, Verdict.PASS):
        for finding in found.with_verdict(verdict):
            table.add_row(*_cells(finding), *([Text(clipped(finding.message, room))] if wide else []))
    return table


def _cells(finding: Finding) -> list[Text]:
    style = STYLES[finding.verdict]
    value, limit = readable(finding.value, finding.tolerance), readable(finding.tolerance, 0.0)
    unit = UNITS.get(finding.unit, finding.unit) if value else ""
    return [Text(WORDS[finding.verdict], style), Text(finding.title), Text(value), Text(limit), Text(unit)]


def readable(value: float | None, limit: float | None = None) -> str:
    """Two digits without an exponent; 0 for what is nothing beside its limit, and by itself where it has none."""
    if value is None:
        return ""
    if abs(value) >= 1:
        return shown(value, 2)
    if abs(value) < NOTHING * (1.0 if limit is None else limit):
        return "0"
    return f"{float(f'{value:.2g}'):.9f}".rstrip("0") if abs(value) >= 1e-7 else f"{value:.2g}"


def _print_sentence(finding: Finding, console: Console) -> None:
    grid = _grid()
    grid.add_row(Text(WORDS[finding.verdict], STYLES[finding.verdict]), Text(finding.title, "bold"))
    grid.add_row("", Text(printable(finding.message)))
    console.print()
    console.print(grid, highlight=False)


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, min_width=4)
    grid.add_column(overflow="fold")
    return grid


def _print_left_out(found: Examination, console: Console) -> None:
    """One line a reason, with the checks that it left out."""
    reasons: dict[str, list[str]] = {}
    for finding in found.with_verdict(Verdict.NOT_APPLICABLE):
        reasons.setdefault(finding.message, []).append(finding.title)
    grid = _grid()
    for message, titles in reasons.items():
        grid.add_row(WORDS[Verdict.NOT_APPLICABLE], Text(printable(f"{'; '.join(titles)}: {message}")))
    console.print()
    if reasons:
        console.print(grid, style="dim", highlight=False)


def _conclusion(found: Examination) -> str:
    failures, warnings = (len(found.with_verdict(v)) for v in (Verdict.FAIL, Verdict.WARN))
    if failures:
        return f"{found.potential} fails {plural(failures, 'check')}: read why before you trust a simulation with it."
    if warnings:
        return f"{found.potential} is sound, with {plural(warnings, 'thing')} to know."
    if found.with_verdict(Verdict.PASS):
        return f"{found.potential} is sound."
    return "Nothing could be judged."
