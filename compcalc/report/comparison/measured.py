"""A run as a comparison sees it. Symbols: T frames."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compcalc.report.rows import md_runs, static_entries

Key = tuple[str, str]
"""Split and molecule."""


@dataclass(frozen=True)
class Measured:
    """One run of one potential.

    Attributes:
        label: what it is called beside the others.
        folder: where its outputs lie, as the user gave it.
        manifest: content of run.json.
        metrics: content of metrics.json.
        force_mae: split and molecule -> force MAE of each frame, meV/angstrom, (T,), NaN where the frame failed; empty
            where no errors were measured.
        row: what the row of this run and of those pooled with it is called; empty: what they say themselves.
    """

    label: str
    folder: str
    manifest: Mapping[str, Any]
    metrics: Mapping[str, Any]
    force_mae: Mapping[Key, np.ndarray] = field(default_factory=dict)
    row: str = ""

    @property
    def subject(self) -> str:
        """`task/variant`, or the molecules of the user's own."""
        if self.manifest.get("task"):
            return str(self.manifest["task"])
        names = list(self.manifest.get("molecules") or ())
        return f"own molecules {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"

    @property
    def has_md(self) -> bool:
        """Whether dynamics were run."""
        return bool(md_runs(self.metrics))

    @property
    def ms_per_frame(self) -> float | None:
        """Wall time of one evaluation of energy and forces, mean over the molecules, ms."""
        return mean_of_known(entry.get("ms_per_frame") for entry in static_entries(self.metrics))

    @property
    def ms_per_step(self) -> float | None:
        """Wall time of one MD step, mean over the runs, ms."""
        return mean_of_known(run.get("ms_per_step") for run in md_runs(self.metrics))


def by_subject(runs: Iterable[Measured]) -> list[list[Measured]]:
    """Runs on the same task, or on own molecules of the same names, together; in the order in which they come."""
    groups: dict[tuple, list[Measured]] = {}
    for run in runs:
        task = run.manifest.get("task")
        groups.setdefault((task, *(() if task else run.manifest.get("molecules") or ())), []).append(run)
    return list(groups.values())


def labels_of(specs_and_folders: Sequence[tuple[str, str]]) -> list[str]:
    """The spec of each run: without the folders of its file where that is enough, with the run's own where it is not.

    Args:
        specs_and_folders: of the runs of one subject.
    """
    specs = [spec for spec, _ in specs_and_folders]
    short = [_without_folders(spec) for spec in specs]
    return [
        brief if short.count(brief) == 1 else spec if specs.count(spec) == 1 else f"{brief} ({folder})"
        for brief, (spec, folder) in zip(short, specs_and_folders, strict=True)
    ]


def _without_folders(spec: str) -> str:
    """`additive:model.json` of `additive:/far/away/model.json`; options are kept."""
    scheme, colon, rest = spec.partition(":")
    path, mark, options = rest.partition("?")
    return f"{scheme}{colon}{path.rpartition('/')[2] or path}{mark}{options}"


def mean_of_known(values: Iterable[float | None]) -> float | None:
    """Mean of those that are not None; None where there are none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
