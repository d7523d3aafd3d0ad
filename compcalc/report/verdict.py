"""What a run says about a potential, in plain and cautious words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compcalc.report.rows import (
    FORCE,
    SPREAD,
    RunCount,
    check_entries,
    count_runs,
    ensemble,
    estimate,
    md_runs,
    median_drift,
    molecule_rows,
    protocol_names,
    static_entries,
    summary_of,
)
from compcalc.report.stability import heating_lines, reference_lines
from compcalc.report.wording import clipped, interval, number, outcome_words, plural, shown

UNSTABLE, CAUTION, NOTHING_SEEN, UNKNOWN = "unstable", "caution", "no instability seen", "not measured"

GFN2_DRIFT_MEV_PER_ATOM_PER_PS = 0.011
"""NVE drift of the reference method itself: GFN2-xTB, `accuracy=0.1`, hexanedioic acid, 0.5 fs."""

HIGH_DRIFT_MEV_PER_ATOM_PER_PS = 1.0
"""Above this the energy of an atom at 300 K (39 meV of kinetic energy) is wrong by a tenth after 4 ps."""

ENERGY_CAUSES = {
    "not_gradient": "the energy changes because the forces are not the gradient of the energy",
    "jumps": "the energy jumps: the potential is not continuous",
    "time_step": "the energy changes because the time step is too large for this molecule",
}
"""What `energy_cause` of an MD run says, in words."""

LARGE_RATIO = 2.0
"""OOD/ID force error above which a run without failures still gets a caution."""


@dataclass(frozen=True)
class Verdict:
    """The first thing a report says.

    Attributes:
        level: `unstable`, `caution`, `no instability seen` or `not measured`.
        headline: one sentence.
        sentences: what stands behind it, most important first.
    """

    level: str
    headline: str
    sentences: tuple[str, ...]


def verdict(metrics: Mapping[str, Any], preflight: Mapping[str, Any] | None = None) -> Verdict:
    """Judge a run.

    No wording promises safety: a short run without a failure is weak evidence, and a run that ended for another reason
    than physics is none.

    Args:
        metrics: content of metrics.json.
        preflight: what the short examination before the run found, as in run.json.
    """
    count = count_runs(md_runs(metrics))
    faults = _faults(preflight)
    level = _level(metrics, count, faults)
    sentences = [
        *faults,
        *_check_sentences(metrics),
        *_ratio_sentences(metrics),
        *_run_sentences(metrics, count),
        *_drift_sentences(metrics),
        *_energy_sentences(metrics),
        *heating_lines(metrics),
        *reference_lines(metrics),
        *_spread_sentences(metrics),
        *_failed_frame_sentences(metrics),
    ]
    return Verdict(level, _headline(level, metrics, count), tuple(sentences))


def _faults(preflight: Mapping | None) -> list[str]:
    """What the examination before the run faulted or warned of."""
    findings = (preflight or {}).get("findings") or ()
    found = [f for verdict in ("fail", "warn") for f in findings if f.get("verdict") == verdict]
    return [f"Examined before the run: {f.get('message')}" for f in found]


def _level(metrics: Mapping, count: RunCount, faults: list[str]) -> str:
    if count.unstable:
        return UNSTABLE
    if faults or _failed_checks(metrics):
        return CAUTION
    nothing_works = _failed_frames(metrics) and not _any_force(metrics)
    if count.other or nothing_works or _failed_frames(metrics) or _large_ratio(metrics) or _high_drift(metrics):
        return CAUTION
    return NOTHING_SEEN if count.stable else UNKNOWN


def _headline(level: str, metrics: Mapping, count: RunCount) -> str:
    if level == UNSTABLE:
        return f"{count.unstable} of {plural(count.physical, 'physical MD run')} became unstable."
    if _failed_frames(metrics) and not _any_force(metrics):
        return "The potential gave no usable force on any molecule."
    if level == CAUTION and count.n and not count.physical:
        return "No MD run reached a physical end, so nothing is known about stability."
    if level == CAUTION and not count.n:
        return "Stability was not tested, and the points below need your attention."
    if level == CAUTION and count.physical:
        return "No MD run became unstable, but read the points below before using the potential."
    if level == NOTHING_SEEN:
        return f"No instability seen in {plural(count.stable, 'MD run')}{_length(metrics)}; longer runs may still fail."
    return f"Stability was not tested: {'only heated runs were made' if count.n else 'no MD was run'}."


def _failed_checks(metrics: Mapping) -> dict[str, list[str]]:
    """Title of a physical check, or that none could be made -> the molecules on which it fails."""
    failed: dict[str, list[str]] = {}
    for entry in check_entries(metrics):
        titles = [f.get("title") for f in entry.get("findings") or () if f.get("verdict") == "fail"]
        for title in titles or ["none could be made"] * bool(entry.get("cause")):
            failed.setdefault(str(title), []).append(str(entry.get("molecule")))
    return failed


def _check_sentences(metrics: Mapping) -> list[str]:
    entries, failed = check_entries(metrics), _failed_checks(metrics)
    if not entries:
        return []
    if not failed:
        return [f"No physical check failed on {plural(len(entries), 'molecule')}."]
    return [f"Physical check fails: {title}, on {clipped(', '.join(names), 100)}." for title, names in failed.items()]


def _ratio_sentences(metrics: Mapping) -> list[str]:
    ratio = summary_of(metrics, "static").get("ratio")
    ratio = ratio if isinstance(ratio, Mapping) else {"value": ratio}
    value, low, high = (number(ratio.get(key)) for key in ("value", "low", "high"))
    if value is None:
        return _one_sided_sentences(metrics)
    errors = f"{_force(metrics, 'ood')} against {_force(metrics, 'id')} meV/Å"
    if low is None or high is None:
        return [
            f"Force error on unseen molecules is {shown(value, 2)} times that on ID molecules ({errors}); no interval."
        ]
    confidence = f"{_percent(metrics)} CI {interval(ratio)}"
    if low <= 1 <= high:
        text = "Force error on unseen molecules is not distinguishable from that on ID molecules"
        return [f"{text} (ratio {shown(value, 2)}, {confidence}; {errors})."]
    text = f"Force error is {'larger' if value > 1 else 'smaller'} on unseen molecules"
    return [f"{text}: {shown(value, 2)} times that on ID molecules ({confidence}; {errors})."]


def _one_sided_sentences(metrics: Mapping) -> list[str]:
    if not static_entries(metrics):
        return ["Errors against the reference were not measured."]
    own = bool(metrics.get("own_molecules"))
    words = {"id": "ID molecules", "ood": "these molecules" if own else "unseen molecules"}
    measured = [split for split in words if number(estimate(metrics, split, FORCE).get("value")) is not None]
    known = [f"Force MAE on {words[split]}: {_force(metrics, split)} meV/Å." for split in measured]
    return (
        known
        if own
        else [*known, "ID and unseen molecules cannot be compared: only one side or neither has a force error."]
    )


def _run_sentences(metrics: Mapping, count: RunCount) -> list[str]:
    if not count.n:
        return ["MD was not run."]
    sentences = []
    if count.physical or not count.heated:
        sentences = [f"{count.stable} of {plural(count.physical, 'physical MD run')}{_length(metrics)} completed."]
    if count.unstable:
        sentences.append(f"Unstable: {_listing(metrics, physical=True)}.")
    if count.other:
        listing = _listing(metrics, physical=False)
        sentences.append(f"Ended for other reasons, counting neither for nor against the potential: {listing}.")
    return sentences


def _drift_sentences(metrics: Mapping) -> list[str]:
    drift = _median_drift(metrics)
    if drift is None:
        return []
    runs = [run for run in md_runs(metrics) if number(run.get("drift_mev_per_atom_per_ps")) is not None]
    unresolved = sum(run.get("drift_resolved") is False for run in runs)
    text = f"Median NVE drift {shown(drift, 2)} meV/atom/ps, {_drift_words(drift)}"
    if unresolved:
        text += f"; not resolved in {unresolved} of {plural(len(runs), 'run')}, where the slope is below its own noise"
    return [f"{text}."]


def _drift_words(drift: float) -> str:
    if drift <= 3 * GFN2_DRIFT_MEV_PER_ATOM_PER_PS:
        return f"like GFN2-xTB itself (about {GFN2_DRIFT_MEV_PER_ATOM_PER_PS})"
    if drift <= HIGH_DRIFT_MEV_PER_ATOM_PER_PS:
        return f"above GFN2-xTB itself (about {GFN2_DRIFT_MEV_PER_ATOM_PER_PS})"
    return f"high (GFN2-xTB itself: about {GFN2_DRIFT_MEV_PER_ATOM_PER_PS}): energy is not conserved in long NVE runs"


def _energy_sentences(metrics: Mapping) -> list[str]:
    """What changes the energy of runs that should keep it, where something was found."""
    runs = [run for run in md_runs(metrics) if ensemble(run) == "nve"]
    causes = [str(run.get("energy_cause")) for run in runs]
    return [
        f"In {causes.count(cause)} of {plural(len(runs), 'NVE run')} {words}."
        for cause, words in ENERGY_CAUSES.items()
        if cause in causes
    ]


def _spread_sentences(metrics: Mapping) -> list[str]:
    values = {split: number(estimate(metrics, split, SPREAD).get("value")) for split in ("id", "ood")}
    if None in values.values():
        return []
    return [
        f"The members of the ensemble disagree by {shown(values['id'], 2)} meV/atom on ID molecules and by "
        f"{shown(values['ood'], 2)} on unseen ones."
    ]


def _failed_frame_sentences(metrics: Mapping) -> list[str]:
    failed, molecules = _failed_frames(metrics), sum(bool(e.get("n_failed")) for e in static_entries(metrics))
    if not failed:
        return []
    total = sum(int(number(entry.get("n_frames")) or 0) for entry in static_entries(metrics))
    where = f"{failed} of {plural(total, 'frame')} failed, in {plural(molecules, 'molecule')}"
    return [f"{where}; the errors above leave them out and may be too favourable."]


def _failed_frames(metrics: Mapping) -> int:
    return sum(int(number(entry.get("n_failed")) or 0) for entry in static_entries(metrics))


def _any_force(metrics: Mapping) -> bool:
    return any(number(row.static.get(FORCE)) is not None for row in molecule_rows(metrics))


def _large_ratio(metrics: Mapping) -> bool:
    ratio = summary_of(metrics, "static").get("ratio")
    value = number(ratio.get("value") if isinstance(ratio, Mapping) else ratio)
    return value is not None and value > LARGE_RATIO


def _high_drift(metrics: Mapping) -> bool:
    drift = _median_drift(metrics)
    return drift is not None and drift > HIGH_DRIFT_MEV_PER_ATOM_PER_PS


def _median_drift(metrics: Mapping) -> float | None:
    return median_drift(metrics)


def _force(metrics: Mapping, split: str) -> str:
    return shown(estimate(metrics, split, FORCE).get("value"))


def _percent(metrics: Mapping) -> str:
    return f"{number(summary_of(metrics, 'static').get('level')) or 0.95:.0%}"


def _length(metrics: Mapping) -> str:
    runs = [run for run in md_runs(metrics) if ensemble(run) != "heat"]
    asked = sorted({x for run in runs if (x := number(run.get("asked_ps"))) is not None})
    if not asked:
        return ""
    return f" of {asked[0]:g} ps" if len(asked) == 1 else f" of {asked[0]:g} to {asked[-1]:g} ps"


def _listing(metrics: Mapping, physical: bool) -> str:
    """`2 bond broken (nve), 1 crashed (nvt)` for runs that did not complete."""
    parts = []
    for protocol in protocol_names(metrics):
        runs = [run for run in md_runs(metrics) if run.get("protocol") == protocol]
        kept = [run for run in runs if (c := count_runs([run])) and (c.unstable if physical else c.other)]
        names = [outcome_words(run.get("outcome")) for run in kept]
        parts += [f"{names.count(name)} {name} ({protocol.upper()})" for name in dict.fromkeys(names)]
    return ", ".join(parts)
