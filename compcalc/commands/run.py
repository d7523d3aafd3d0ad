"""`compcalc run`: runs with their progress shown, and a summary at the end."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from compcalc.checks import Examination, Verdict
from compcalc.commands.progress import progress_bar
from compcalc.execution import Lost, Unit
from compcalc.pipeline import Progress, RunSettings, run_all
from compcalc.pipeline.single import Again, compute_again
from compcalc.records import OutcomeKind
from compcalc.report.terminal import print_summary
from compcalc.report.wording import printable

STAGES = {
    "reference": "labels of the reference",
    "checks": "physical checks",
    "static": "energies and forces",
    "md": "molecular dynamics",
}

COMPLETE, WITH_FAILURES = 0, 3
"""Exit codes."""


def run_with_progress(
    all_settings: Sequence[RunSettings], out: Path, command: str, console: Console | None = None
) -> int:
    """Do the runs; returns the exit code: 0 complete, 3 complete with non-physical failures.

    Raises:
        CompcalcError: the input cannot be used.
    """
    console = console or Console()
    with progress_bar(console) as bar:
        done = run_all(all_settings, out, command=command, progress=_Shown(console, bar).progress())
    several = len(done) > 1
    for name, one in done.items():
        if "error" in one:
            _say(console, f"{name}: {one['error']}", "bold")
            continue
        report = (out / name if (out / name / "report.html").is_file() else out) / "report.html"
        if several:
            console.print()
            _say(console, f"{one['manifest']['spec']} on {one['manifest']['task'] or 'own molecules'}", "bold")
        print_summary(console, one["manifest"], one["metrics"], report)
    if several:
        _say(console, f"Overview: {out / 'report.html'}")
    failed = any(
        "error" in one or one["manifest"]["refused"] or _has_other_failures(one["metrics"]) for one in done.values()
    )
    return WITH_FAILURES if failed else COMPLETE


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


class _Shown:
    """The progress of runs on a console."""

    def __init__(self, console: Console, bar):
        self._console, self._bar = console, bar
        self._loading = bar.add_task("loading potential and data", total=1)
        self._bars: dict[str, int] = {}
        self._done: dict[str, int] = {}

    def progress(self) -> Progress:
        return Progress(self._begin, self._advance, self._under_way, self._notice, self._examined)

    def _begin(self, stage: str, n: int) -> None:
        self._bar.update(self._loading, completed=1)
        self._done[stage] = 0
        if stage in self._bars:
            self._bar.remove_task(self._bars.pop(stage))
        if not n:
            return
        self._bars[stage] = self._bar.add_task(STAGES[stage], total=n)
        if not self._console.is_terminal:
            self._console.print(f"{STAGES[stage]}: {n} work units")

    def _advance(self, stage: str, unit: Unit) -> None:
        self._done[stage] += 1
        self._bar.update(self._bars[stage], completed=self._done[stage])

    def _under_way(self, fractions: list[tuple[str, float]]) -> None:
        for stage, bar in self._bars.items():
            part = sum(fraction for other, fraction in fractions if other == stage)
            self._bar.update(bar, completed=self._done[stage] + part)

    def _notice(self, text: str) -> None:
        _say(self._console, f"note: {text}", "yellow")

    def _examined(self, found: Examination) -> None:
        for verdict in (Verdict.FAIL, Verdict.WARN):
            for finding in found.with_verdict(verdict):
                _say(self._console, f"warning: {finding.title}: {finding.message}", "yellow")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text)), style=style, highlight=False)


def _has_other_failures(metrics: dict) -> bool:
    rows = (metrics["static"] or {}).get("molecules", [])
    runs = (metrics["md"] or {}).get("runs", [])
    checks = (metrics["checks"] or {}).get("molecules", [])
    return (
        any(row["n_failed"] for row in rows)
        or any(not OutcomeKind(r["outcome"]).physical for r in runs)
        or any(row["cause"] for row in checks)
    )
