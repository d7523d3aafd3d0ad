"""The overview of a directory with several runs: one row a run, each with a link to its own report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from compcalc.report.files import write_text_atomically
from compcalc.report.html import environment
from compcalc.report.rows import FORCE, count_runs, estimate, md_runs
from compcalc.report.verdict import verdict


def write_index(path: str | Path, runs: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """Write the overview.

    Args:
        path: the file; replaced in one step. Each run's report lies beside it, in a folder of the run's name.
        runs: name, content of run.json and content of metrics.json of each.
    """
    rows = [_row(name, manifest, metrics) for name, manifest, metrics in runs]
    write_text_atomically(path, environment().get_template("index.html.j2").render(rows=rows))


def _row(name: str, manifest: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    found = verdict(metrics, manifest.get("preflight"))
    runs = count_runs(md_runs(metrics))
    return {
        "name": name,
        "link": f"{quote(name)}/report.html",
        "potential": (manifest.get("potential") or {}).get("name") or manifest.get("spec"),
        "task": manifest.get("task"),
        "preset": (manifest.get("preset") or {}).get("name"),
        "seed": manifest.get("seed"),
        "level": found.level,
        "answer": found.answer,
        "headline": found.headline,
        "id": estimate(metrics, "id", FORCE).get("value"),
        "ood": estimate(metrics, "ood", FORCE).get("value"),
        "stable": runs.stable,
        "physical": runs.stable + runs.unstable,
        "other": runs.other,
    }
