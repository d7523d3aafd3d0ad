"""One row a molecule and split, joined from the static and the MD half of metrics.json."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from compcalc.records import OutcomeKind
from compcalc.report.wording import OUTCOME_WORDS, number, outcome_kind, outcome_words

SPLITS = ("id", "ood")
USUAL_PROTOCOLS = ("nve", "nvt")
DRIFT = "drift_mev_per_atom_per_ps"
SPREAD = "energy_spread_mev_per_atom"
FORCE = "force_mae_mev_per_angstrom"


@dataclass(frozen=True)
class Row:
    """Everything measured of one molecule in one split.

    Attributes:
        molecule: name.
        smiles: empty where only a geometry is known.
        split: `id`, `ood`, or empty for a molecule that only MD has seen.
        n_atoms: None where unknown.
        static: the molecule's static metrics; empty where none were computed.
        runs: its MD runs, of all protocols.
    """

    molecule: str
    smiles: str
    split: str
    n_atoms: int | None
    static: Mapping[str, Any] = field(default_factory=dict)
    runs: tuple[Mapping[str, Any], ...] = ()

    @property
    def failed(self) -> bool:
        """Whether no frame of the molecule gave a force."""
        return bool(self.static) and bool(self.static.get("n_failed")) and number(self.static.get(FORCE)) is None

    @property
    def reasons(self) -> dict[str, list[int]]:
        """Reason of failed frames -> which frames."""
        frames: dict[str, list[int]] = {}
        for index, reason in (self.static.get("failures") or {}).items():
            frames.setdefault(str(reason), []).extend([int(index)] if str(index).isdecimal() else [])
        return frames

    @property
    def drift(self) -> float | None:
        """Median NVE drift of the replicas, meV/atom/ps."""
        values = [x for run in self.conserving if (x := number(run.get(DRIFT))) is not None]
        return median(values) if values else None

    @property
    def drift_resolved(self) -> bool:
        """Whether the slope of at least one NVE run stands out of its noise."""
        return any(run.get("drift_resolved") for run in self.conserving)

    @property
    def survival(self) -> str:
        """Stable runs / physical runs; empty without runs."""
        count = count_runs(self.runs)
        return f"{count.stable}/{count.physical}" if self.runs else ""

    def runs_of(self, protocol: str) -> list[Mapping[str, Any]]:
        """The runs of one protocol."""
        return [run for run in self.runs if run.get("protocol") == protocol]

    @property
    def conserving(self) -> list[Mapping[str, Any]]:
        """The runs whose total energy should not change, whatever their protocol is called."""
        return [run for run in self.runs if ensemble(run) == "nve"]

    def outcomes(self, protocol: str) -> str:
        """Outcomes of one protocol in a few words; empty without runs."""
        names = [outcome_words(run.get("outcome")) for run in self.runs_of(protocol)]
        if len(set(names)) <= 1:
            return f"{len(names)} {names[0]}" if len(names) > 1 else "".join(names)
        return ", ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(sorted(names, key=_is_ok)))


@dataclass(frozen=True)
class RunCount:
    """How many runs ended in which way: `n` = `stable` + `unstable` + `other` + `heated`."""

    n: int
    stable: int
    unstable: int
    other: int
    heated: int = 0

    @property
    def physical(self) -> int:
        """Runs that say something about the potential's stability."""
        return self.stable + self.unstable


def molecule_rows(metrics: Mapping[str, Any]) -> list[Row]:
    """Rows in the order of the report: ID, then OOD, then molecules that only MD has seen."""
    static, runs = static_entries(metrics), md_runs(metrics)
    by_name: dict[str, list] = {}
    for run in runs:
        by_name.setdefault(str(run.get("molecule")), []).append(run)
    ordered = sorted(static, key=lambda entry: _split_rank(entry.get("split")))
    rows = [_row(str(e.get("molecule")), e, e, by_name.get(str(e.get("molecule")), ())) for e in ordered]
    seen = {row.molecule for row in rows}
    return rows + [_row(name, group[0], {}, group) for name, group in by_name.items() if name not in seen]


def ensemble(run: Mapping[str, Any]) -> str:
    """`nve`, `nvt` or `heat`: what the protocol of a run is, whatever it is called."""
    return str(run.get("ensemble") or run.get("protocol") or "")


def protocol_names(metrics: Mapping[str, Any]) -> list[str]:
    """Names of the protocols that were run, the usual ones first; the usual ones where nothing was run."""
    found = dict.fromkeys(str(run.get("protocol")) for run in md_runs(metrics))
    usual = [name for name in USUAL_PROTOCOLS if name in found or not found]
    return usual + [name for name in found if name not in usual]


def static_entries(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Static metrics of every molecule; empty where the static half was not run."""
    return (metrics.get("static") or {}).get("molecules") or []


def md_runs(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every MD run; empty where MD was not run."""
    return (metrics.get("md") or {}).get("runs") or []


def reference_runs(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every MD run with the reference method; empty where it was not run."""
    return ((metrics.get("md") or {}).get("reference") or {}).get("runs") or []


def split_word(metrics: Mapping[str, Any], split: str) -> str:
    """`ID`, `OOD`, or `own` for molecules of the user's own, of which nobody knows what a model has seen."""
    return "own" if metrics.get("own_molecules") and split else split.upper()


def check_entries(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What was found on each molecule whose potential energy surface was checked; empty where none was."""
    return (metrics.get("checks") or {}).get("molecules") or []


def summary_of(metrics: Mapping[str, Any], half: str) -> Mapping[str, Any]:
    """Summary of the `static` or the `md` half; empty where that half was not run."""
    return (metrics.get(half) or {}).get("summary") or {}


def estimate(metrics: Mapping[str, Any], split: str, key: str) -> Mapping[str, Any]:
    """Summary value of a static metric with its interval: {"value", "low", "high"}; empty where there is none."""
    found = (summary_of(metrics, "static").get(split) or {}).get(key)
    return found if isinstance(found, Mapping) else {"value": found} if number(found) is not None else {}


def median_drift(metrics: Mapping[str, Any]) -> float | None:
    """Median |drift| of all runs whose total energy should not change, meV/atom/ps."""
    usual = number((summary_of(metrics, "md").get("nve") or {}).get(f"median_{DRIFT}"))
    values = [x for run in md_runs(metrics) if ensemble(run) == "nve" and (x := number(run.get(DRIFT))) is not None]
    return usual if usual is not None else median(values) if values else None


def count_runs(runs: Iterable[Mapping[str, Any]], heated: bool = False) -> RunCount:
    """Count outcomes; an outcome that compcalc does not know is `other`, never stable.

    Args:
        runs: of any protocols.
        heated: whether runs on a ramp of temperature count like others. They are made to break: otherwise those with a
            physical outcome are counted apart, neither for nor against the potential.
    """
    runs = list(runs)
    kinds = [outcome_kind(run.get("outcome")) for run in runs]
    apart = [
        not heated and ensemble(run) == "heat" and kind is not None and kind.physical
        for run, kind in zip(runs, kinds, strict=True)
    ]
    kinds = [kind for kind, left_out in zip(kinds, apart, strict=True) if not left_out]
    stable = sum(kind is OutcomeKind.COMPLETED for kind in kinds)
    unstable = sum(kind is not None and kind.unstable for kind in kinds)
    return RunCount(len(runs), stable, unstable, len(kinds) - stable - unstable, sum(apart))


def group_means(metrics: Mapping[str, Any], split: str, key: str) -> dict[str, float]:
    """Mean over the molecules of a split of a metric that is kept by group, such as by element, in natural order."""
    values: dict[str, list[float]] = {}
    for entry in static_entries(metrics):
        if entry.get("split") == split:
            for group, value in (entry.get(key) or {}).items():
                if (x := number(value)) is not None:
                    values.setdefault(str(group), []).append(x)
    return {group: fmean(values[group]) for group in sorted(values, key=natural_key)}


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key in which `alkane+10` follows `alkane+9`."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


def _row(name: str, source: Mapping, static: Mapping, runs: Iterable[Mapping]) -> Row:
    split = source.get("split") or ""
    return Row(name, str(source.get("smiles") or ""), split, source.get("n_atoms"), static, tuple(runs))


def _is_ok(words: str) -> bool:
    return words == OUTCOME_WORDS[OutcomeKind.COMPLETED]


def _split_rank(split: object) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)
