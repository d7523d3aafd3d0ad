"""`compcalc run`: a run with its progress shown, and a summary at the end."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from compcalc.checks import Examination, Verdict
from compcalc.commands.progress import progress_bar
from compcalc.execution import Unit
from compcalc.pipeline import Progress, RunSettings, run
from compcalc.records import OutcomeKind
from compcalc.report.terminal import print_summary
from compcalc.report.wording import printable

STAGES = {"static": "energies and forces", "md": "molecular dynamics"}


def run_with_progress(settings: RunSettings, out: Path, command: str, console: Console | None = None) -> int:
    """Do the run; returns the exit code: 0 complete, 3 complete with non-physical failures.

    Raises:
        CompcalcError: the input cannot be used.
    """
    console = console or Console()
    with progress_bar(console) as bar:
        bars = {"loading": bar.add_task("loading potential and data", total=1)}

        def begin(stage: str, n: int) -> None:
            bar.update(bars["loading"], completed=1)
            if n:
                bars[stage] = bar.add_task(STAGES[stage], total=n)
                if not console.is_terminal:
                    console.print(f"{STAGES[stage]}: {n} work units")

        def advance(stage: str, unit: Unit) -> None:
            bar.advance(bars[stage])

        def examined(found: Examination) -> None:
            for verdict in (Verdict.FAIL, Verdict.WARN):
                for finding in found.with_verdict(verdict):
                    console.print(
                        Text(printable(f"warning: {finding.title}: {finding.message}")), style="yellow", highlight=False
                    )

        done = run(settings, out, command=command, progress=Progress(begin, advance, examined))
    print_summary(console, done["manifest"], done["metrics"], out / "report.html")
    return 3 if _has_other_failures(done["metrics"]) else 0


def _has_other_failures(metrics: dict) -> bool:
    rows = (metrics["static"] or {}).get("molecules", [])
    runs = (metrics["md"] or {}).get("runs", [])
    return any(row["n_failed"] for row in rows) or any(not OutcomeKind(r["outcome"]).physical for r in runs)
