"""`compcalc run`: runs with their progress shown, and a summary at the end."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from compcalc.commands.following import Shown
from compcalc.commands.progress import run_bars
from compcalc.execution import Lost
from compcalc.pipeline import RunSettings, run_all
from compcalc.pipeline.single import Again, compute_again
from compcalc.records import OutcomeKind
from compcalc.report.terminal import print_summary
from compcalc.report.verdict import verdict
from compcalc.report.wording import printable

COMPLETE, WITH_FAILURES = 0, 3
"""Exit codes."""


def run_with_progress(
    all_settings: Sequence[RunSettings],
    out: Path,
    command: str,
    console: Console | None = None,
    *,
    quiet: bool = False,
    as_json: bool = False,
) -> int:
    """Do the runs; returns the exit code: 0 complete, 3 complete with non-physical failures.

    Args:
        all_settings: what to do.
        out: the run directory.
        command: as the user gave it, for the record.
        console: where to print.
        quiet: print nothing but warnings and errors, on standard error.
        as_json: print one JSON object and nothing else; progress goes to standard error.

    Raises:
        CompcalcError: the input cannot be used.
    """
    console, beside = console or Console(), Console(stderr=True)
    shown = Console(quiet=True) if quiet else beside if as_json else console
    with run_bars(shown) as bars:
        progress = Shown(shown, bars, warnings=beside if quiet or as_json else console).progress()
        done = run_all(all_settings, out, command=command, progress=progress)
    failed = any(
        "error" in one or one["manifest"]["refused"] or _has_other_failures(one["metrics"]) for one in done.values()
    )
    code = WITH_FAILURES if failed else COMPLETE
    if as_json:
        rows = [_row(name, one, out) for name, one in done.items()]
        console.file.write(json.dumps({"exit_code": code, "directory": str(out), "runs": rows}, indent=1) + "\n")
    elif not quiet:
        _print_all(done, out, console)
    return code


def _print_all(done: dict[str, dict], out: Path, console: Console) -> None:
    several = len(done) > 1
    for name, one in done.items():
        if "error" in one:
            _say(console, f"{name}: {one['error']}", "bold")
            continue
        if several:
            console.print()
            _say(console, f"{one['manifest']['spec']} on {one['manifest']['task'] or 'own molecules'}", "bold")
        print_summary(console, one["manifest"], one["metrics"], _outputs(name, out) / "report.html")
    if several:
        _say(console, f"Overview: {out / 'report.html'}")


def _row(name: str, one: dict, out: Path) -> dict[str, Any]:
    """One run for programs."""
    if "error" in one:
        return {"name": name, "error": one["error"]}
    found = verdict(one["metrics"], one["manifest"].get("preflight"))
    return {
        "name": name,
        "potential": one["manifest"]["spec"],
        "task": one["manifest"]["task"],
        "verdict": found.headline,
        "sentences": list(found.sentences),
        "metrics": str(_outputs(name, out) / "metrics.json"),
        "report": str(_outputs(name, out) / "report.html"),
        "cost": one["manifest"].get("cost"),
    }


def _outputs(name: str, out: Path) -> Path:
    return out / name if (out / name / "report.html").is_file() else out


def run_unit(out: Path, unit_id: str, console: Console | None = None) -> int:
    """Compute one unit of a run directory in this process and say how it ended; returns the exit code.

    Raises:
        CompcalcError: there is no such directory or unit, or the potential cannot be built.
    """
    console = console or Console()
    again = compute_again(out, unit_id)
    _say(console, f"{again.unit.id} of {again.run}, computed again in this process; nothing was written")
    if isinstance(again.computed, Lost):
        _say(console, f"{again.computed.kind}: {again.computed.cause}", "bold")
        console.print(again.computed.details, highlight=False, markup=False)
        return WITH_FAILURES
    for name, value in again.computed.meta.items():
        _say(console, f"{name}: {value}")
    _say(console, _comparison(again), "bold")
    return COMPLETE


def _comparison(again: Again) -> str:
    if again.stored is None:
        return "The directory holds no result of it."
    if again.stored.lost:
        return f"The result in the directory stands for a unit that was lost ({again.stored.lost}); it ran well now."
    parts = (f"{k} {'of another shape' if d is None else f'{d:.2g}'}" for k, d in again.differences.items())
    return f"Largest differences from the stored result: {', '.join(parts)}"


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text)), style=style, highlight=False)


def _has_other_failures(metrics: dict) -> bool:
    rows = (metrics["static"] or {}).get("molecules", [])
    md = metrics["md"] or {}
    runs = [*md.get("runs", []), *(md.get("reference") or {}).get("runs", [])]
    checks = (metrics["checks"] or {}).get("molecules", [])
    return (
        any(row["n_failed"] for row in rows)
        or any(not OutcomeKind(r["outcome"]).physical for r in runs)
        or any(row["cause"] for row in checks)
    )
