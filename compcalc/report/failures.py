"""What failed and why: runs that count against the potential, runs that do not, and frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compcalc.records import OutcomeKind
from compcalc.report.rows import Row, count_runs, md_runs
from compcalc.report.wording import OUTCOME_WORDS, index_ranges, number, outcome_kind, outcome_words, plural, shown


@dataclass(frozen=True)
class Failure:
    """One line of the failures section: what, how it ended, the cause."""

    subject: str
    ending: str
    cause: str


def failed_runs(metrics: Mapping[str, Any], physical: bool) -> list[Failure]:
    """Runs that did not complete: those that count against the potential, or the others."""
    chosen = []
    for run in md_runs(metrics):
        count = count_runs([run])
        if count.unstable if physical else count.other:
            chosen.append(Failure(run_name(run), run_ending(run), str(run.get("cause") or "no cause recorded")))
    return chosen


def failed_frames(rows: Sequence[Row]) -> list[Failure]:
    """Failed frames, one line a molecule and reason."""
    lines = []
    for row in rows:
        if not row.static.get("n_failed"):
            continue
        subject = f"{row.molecule} ({row.split.upper()})" if row.split else row.molecule
        of_total = f"of {plural(row.static.get('n_frames') or 0, 'frame')} failed"
        for reason, frames in row.reasons.items():
            lines.append(Failure(subject, f"{len(frames)} {of_total} ({index_ranges(frames)})", reason))
        unexplained = row.static["n_failed"] - sum(map(len, row.reasons.values()))
        if unexplained > 0:
            lines.append(Failure(subject, f"{unexplained} {of_total}", "no reason recorded"))
    return lines


def run_name(run: Mapping) -> str:
    """`alkane/07, NVE, replica 0`."""
    return f"{run.get('molecule')}, {str(run.get('protocol')).upper()}, replica {run.get('replica')}"


def run_ending(run: Mapping) -> str:
    """`bond broken at 0.3 of 1 ps` and the phase where it was not production."""
    if outcome_kind(run.get("outcome")) is OutcomeKind.COMPLETED:
        return OUTCOME_WORDS[OutcomeKind.COMPLETED]
    words, time, asked = outcome_words(run.get("outcome")), number(run.get("time_ps")), number(run.get("asked_ps"))
    if time is None:
        return words
    if run.get("phase") == "equilibration":
        return f"{words} at {shown(time)} ps of the equilibration"
    return f"{words} at {shown(time)} ps" if asked is None else f"{words} at {shown(time)} of {asked:g} ps"
