"""What a report does not show or a run did not measure, so that nothing is missing without a word."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compcalc.report.rows import Row, check_entries, count_runs, ensemble, md_runs, static_entries
from compcalc.report.trajectories import Seen
from compcalc.report.wording import plural


def omissions(
    manifest: Mapping[str, Any], metrics: Mapping[str, Any], rows: Sequence[Row], seen: Seen
) -> list[tuple[str, str]]:
    """(what, why) of everything that was left out.

    Args:
        manifest: content of run.json.
        metrics: content of metrics.json.
        rows: rows of the report.
        seen: what was looked at in the trajectories.
    """
    refused = manifest.get("refused")
    found = [(str(name), str(why)) for name, why in refused.items()] if isinstance(refused, Mapping) else []
    return [*found, *_parts(metrics), *_frames(metrics), *_runs(metrics), *_views(rows, seen)]


def _parts(metrics: Mapping) -> Iterator[tuple[str, str]]:
    if not static_entries(metrics):
        yield "Errors against the reference", "not measured: no static checks, or no reference for these molecules"
    if not md_runs(metrics):
        yield "Molecular dynamics", "not run"
    elif not metrics.get("own_molecules"):
        yield "Molecular dynamics of ID molecules", "not run: dynamics are tested on the unseen molecules alone"
    if not check_entries(metrics):
        yield "Physical checks molecule by molecule", "not made: for a task, one molecule is examined before the run"


def _frames(metrics: Mapping) -> Iterator[tuple[str, str]]:
    failed = sum(int(entry.get("n_failed") or 0) for entry in static_entries(metrics))
    total = sum(int(entry.get("n_frames") or 0) for entry in static_entries(metrics))
    if failed:
        yield f"{failed} of {plural(total, 'frame')}", "failed, and are in no error; the reasons stand under Failures"


def _runs(metrics: Mapping) -> Iterator[tuple[str, str]]:
    runs = md_runs(metrics)
    other = count_runs(runs).other
    if other:
        yield plural(other, "MD run"), "ended for other than physical reasons, and count neither for nor against it"
    nvt = [run for run in runs if ensemble(run) == "nvt"]
    broken = len(nvt) - count_runs(nvt).stable
    if broken:
        yield f"{broken} of {plural(len(nvt), 'NVT run')}", "did not finish, and are in no distribution"


def _views(rows: Sequence[Row], seen: Seen) -> Iterator[tuple[str, str]]:
    hidden = seen.n_events - len(seen.events)
    if hidden > 0:
        yield (
            f"3D views of {plural(hidden, 'event')}",
            "would make this file too large; see trajectories/*.event.extxyz",
        )
    nameless = sum(bool(row.static) and not row.smiles for row in rows)
    if nameless:
        yield plural(nameless, "molecule"), "without a SMILES: not drawn, and not in the figure of chain lengths"
