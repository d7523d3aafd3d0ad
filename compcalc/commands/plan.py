"""`compcalc plan`: what runs will cost, before they are begun."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from compcalc.commands.progress import progress_bar
from compcalc.pipeline import RunSettings
from compcalc.pipeline.planning import Planned, PotentialPlan, Range, plan
from compcalc.report.wording import MISSING, duration, duration_range, plural, printable, shown, size

HEADERS = ("task", "units", "to compute", "core time", "wall time", "one worker", "disk")
SILENT_S = 2.0
"""Where there is no terminal, what takes longer than this says what it is doing."""

NARROW = 90
"""Console width below which the columns stand one blank apart instead of two."""


def plan_runs(
    all_settings: Sequence[RunSettings],
    out: Path | None,
    seconds: float,
    as_json: bool = False,
    console: Console | None = None,
) -> None:
    """Calibrate each potential and print what its runs will cost.

    Args:
        all_settings: what would be done.
        out: run directory; what it holds is left out. None for a new one.
        seconds: time to spend on each potential, beside the starting of its workers, s.
        as_json: print JSON instead of tables.
        console: where to print.

    Raises:
        CompcalcError: the input or a potential cannot be used.
    """
    console = console or Console()
    notices = Console(stderr=True)
    # Output is for the result alone: progress goes to the other stream.
    begun = time.monotonic()
    with progress_bar(notices) as bar:
        task = bar.add_task("starting", total=None)

        def on_step(what: str, done: int, of: int) -> None:
            bar.update(task, completed=done, total=of, description=f"{printable(what):40.40}")
            if not notices.is_terminal and done < of and time.monotonic() - begun > SILENT_S:
                _say(notices, f"measuring {what}, {done + 1} of {of}")

        plans = plan(
            all_settings,
            out,
            seconds=seconds,
            on_step=on_step,
            notice=lambda text: _say(notices, f"note: {text}"),
        )
    if as_json:
        console.file.write(json.dumps([as_row(found) for found in plans], indent=1) + "\n")
        return
    for k, found in enumerate(plans):
        if k:
            console.print()
        print_plan(found, console)


def print_plan(found: PotentialPlan, console: Console) -> None:
    """Print one row a task, and what the numbers rest on."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.padding = (0, 1 if console.width < NARROW else 2, 0, 0)
    for k, header in enumerate(HEADERS):
        table.add_column(header, justify="right" if k else "left", no_wrap=k > 0, overflow="fold")
    rows = found.runs if len(found.runs) == 1 else [*found.runs, found.total]
    for row in rows:
        table.add_row(*map(Text, _cells(row)))
    _say(console, found.potential, "bold")
    console.print(table)
    for sentence in _sentences(found):
        _say(console, sentence)


def as_row(found: PotentialPlan) -> dict[str, Any]:
    """The plan for programs; numbers are in the units that the names of `Planned` say."""
    calibration = found.calibration
    return {
        "potential": found.potential,
        "workers": calibration.workers,
        "loading_s": calibration.loading_s,
        "start_up_s": calibration.start_up_s,
        "memory_mib": found.memory_mib,
        "runs": [asdict(run) for run in found.runs],
        "total": asdict(found.total),
        "calibration": {
            "seconds": calibration.seconds,
            "measured": [
                {
                    "kind": kind,
                    "atoms": atoms,
                    "start_s": max(took.seconds for took in measured.starts[atoms]),
                    "seconds": [took.seconds for took in pieces],
                    "cpu_seconds": [took.cpu_seconds for took in pieces],
                }
                for kind, measured in calibration.kinds.items()
                for atoms, pieces in sorted(measured.pieces.items())
            ],
        },
    }


def _cells(row: Planned) -> tuple[str, ...]:
    units = str(row.units) if not row.units_there else f"{row.units - row.units_there} of {row.units}"
    return (
        printable(row.task),
        units,
        _lines(
            row.frames and f"{row.frames} frames",
            row.steps and f"{row.steps} steps",
            row.reference_steps and f"{row.reference_steps} of reference",
        ),
        _range(row.cpu_seconds),
        _range(row.wall_seconds),
        _lines(
            row.frames_per_s and f"{shown(row.frames_per_s)} frames/s",
            row.steps_per_s and f"{shown(row.steps_per_s)} steps/s",
            row.ns_per_day and f"= {shown(row.ns_per_day, 2)} ns/day",
        ),
        size(row.result_bytes + row.export_bytes),
    )


def _lines(*parts: str | float | None) -> str:
    return "\n".join(part for part in parts if isinstance(part, str)) or MISSING


def _range(found: Range) -> str:
    return f"{duration(found.value)}\n{duration_range(found.low, found.high)}"


def _sentences(found: PotentialPlan) -> list[str]:
    calibration = found.calibration
    workers = plural(calibration.workers, "worker")
    if not calibration.kinds:
        return ["Everything is there: nothing would be computed."]
    sizes = {kind: ", ".join(map(str, sorted(m.pieces))) for kind, m in calibration.kinds.items()}
    measured = "; ".join(
        f"{'frames' if kind == 'static' else kind.upper()} of {atoms} atoms" for kind, atoms in sizes.items()
    )
    return [
        f"At most {size(found.memory_mib * 2**20)} of memory a worker. Wall time counts {workers}, "
        f"{duration(calibration.loading_s)} to load and examine the potential and "
        f"{duration(calibration.start_up_s)} until another worker is up; the report takes seconds more, and 5 MiB. "
        "Core time is the processor time of all threads.",
        f"Measured for {duration(calibration.seconds)}, on {workers} at once: {measured}. Between and beyond these "
        "sizes times follow the power law of the nearest two; where there is one, they are in proportion to the atoms.",
        "The second line of a time is its range, from the fastest and the slowest pieces that were measured, at least "
        "10% either way. It rests on the machine being as busy as it was now, and on molecules that hold to the end: a "
        "run that breaks is shorter.",
    ]


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text)), style=style, highlight=False)
