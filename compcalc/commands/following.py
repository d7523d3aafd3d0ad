"""The progress of runs: bars on a terminal, and a line now and then where there is none."""

import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.progress import Progress as Bars
from rich.text import Text

from compcalc.checks import Examination, Verdict
from compcalc.commands.progress import NARROW
from compcalc.execution import Unit
from compcalc.pipeline import Progress
from compcalc.pipeline.calibration import DYNAMICS
from compcalc.pipeline.pace import Pace
from compcalc.report.wording import MISSING, duration, printable, shown

STAGES = {
    "reference": "labels of the reference",
    "checks": "physical checks",
    "static": "energies and forces",
    "md": "molecular dynamics",
    "reference_md": "dynamics of the reference",
    "truth": "truth along trajectories",
}

LINE_EVERY_S = 30.0
"""Where there is no terminal, a line shows that the run is alive, this often."""


class Shown:
    """The progress of runs on a console.

    Args:
        console: for bars or lines.
        bars: of `run_bars`.
        warnings: for what a user should know; the same console as a rule.
        clock: gives the time, s.
        names: what a potential is called, by its spec; one without is called by that.
    """

    def __init__(
        self,
        console: Console,
        bars: Bars,
        warnings: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
        names: Mapping[str, str] | None = None,
    ):
        self._console, self._bars, self._warnings, self._clock = console, bars, warnings or console, clock
        self._names = names or {}
        self._reports = None
        self._loading = bars.add_task("loading", total=1, units="", pace="")
        self._tasks: dict[str, int] = {}
        self._paces: dict[str, Pace] = {}
        self._last_line = clock()

    def progress(self) -> Progress:
        """What the run tells."""
        return Progress(
            self._begin, self._advance, self._under_way, self._notice, self._examined, self._writing, self._potential
        )

    def _begin(self, stage: str, units: Sequence[Unit]) -> None:
        self._bars.update(self._loading, completed=1)
        if stage in self._tasks:
            self._bars.remove_task(self._tasks.pop(stage))
        self._paces[stage] = Pace(units, self._clock)
        if not units:
            return
        self._tasks[stage] = self._bars.add_task(STAGES[stage], total=1.0, units="", pace="")
        if not self._console.is_terminal:
            self._console.print(f"{STAGES[stage]}: {len(units)} work units")

    def _advance(self, stage: str, unit: Unit) -> None:
        self._paces[stage].done(unit.id)
        self._show(stage)

    def _under_way(self, fractions: Mapping[str, float]) -> None:
        for stage in self._tasks:
            self._paces[stage].under_way(fractions)
            self._show(stage)
        if not self._console.is_terminal and self._clock() - self._last_line >= LINE_EVERY_S:
            self._last_line = self._clock()
            for stage in self._tasks:
                if self._paces[stage].n_under_way:
                    _say(self._console, line(stage, self._paces[stage]))

    def _potential(self, spec: str, place: int, total: int) -> None:
        if total > 1:
            text = Text(printable(f"[{place}/{total}] {self._names.get(spec, spec)}"))
            self._console.print(text, style="bold", highlight=False, soft_wrap=True)

    def _writing(self, done: int, total: int) -> None:
        if not done:
            self._reports = self._bars.add_task("reports", total=total, units="", pace="")
            if not self._console.is_terminal and total > 1:
                self._console.print(f"reports: {total}")
        self._bars.update(self._reports, completed=done, units=f"{done} of {total}")

    def _show(self, stage: str) -> None:
        pace = self._paces[stage]
        units = f"{pace.n_done} of {pace.n_units} units"
        words = pace_words(stage, pace, short=self._console.width < NARROW)
        self._bars.update(self._tasks[stage], completed=pace.share, units=units, pace=words)

    def _notice(self, text: str) -> None:
        _say(self._warnings, f"note: {text}", "yellow")

    def _examined(self, found: Examination) -> None:
        for verdict in (Verdict.FAIL, Verdict.WARN):
            for finding in found.with_verdict(verdict):
                _say(self._warnings, f"warning: {finding.title}: {finding.message}", "yellow")


def line(stage: str, pace: Pace) -> str:
    """`molecular dynamics: 34 of 120 units, 12 min left, 1690 steps/s, 10 ns/day a molecule`."""
    words = pace_words(stage, pace)
    return f"{STAGES[stage]}: {pace.n_done} of {pace.n_units} units{', ' if words else ''}{words}"


def pace_words(stage: str, pace: Pace, short: bool = False) -> str:
    """Time left and speed over all workers; empty before anything is known, and in the end.

    Args:
        stage: one of `STAGES`.
        pace: of its units.
        short: leave out what a molecule makes in a day.
    """
    left, speed, ns = pace.seconds_left, pace.evaluations_per_s, pace.ns_per_day
    if left is None or pace.n_done == pace.n_units:
        return ""
    parts = [
        f"{duration(left)} left" if left >= 1 else "about to end",
        f"{shown(speed)} {'steps' if stage in DYNAMICS else 'evaluations'}/s" if speed else "",
        f"{shown(ns, 2)} ns/day a molecule" if ns and not short else "",
    ]
    return ", ".join(part for part in parts if part and part != MISSING)


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text)), style=style, highlight=False)
