"""What a run says about a potential, in plain and cautious words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compcalc.report.accuracy import Accuracy, accuracy
from compcalc.report.md_words import HIGH_DRIFT_MEV_PER_ATOM_PER_PS, md_sentences, run_length
from compcalc.report.rows import (
    FORCE,
    SPREAD,
    RunCount,
    check_entries,
    count_runs,
    estimate,
    md_runs,
    median_drift,
    molecule_rows,
    static_entries,
    summary_of,
)
from compcalc.report.wording import clipped, interval, number, plural, shown

UNSTABLE, WRONG, CAUTION = "unstable", "wrong forces", "caution"
NOTHING_SEEN, UNKNOWN = "no instability seen", "not measured"


@dataclass(frozen=True)
class Verdict:
    """The first thing a report says.

    Attributes:
        level: `unstable`, `wrong forces`, `caution`, `no instability seen` or `not measured`.
        question: what everybody wants to know.
        answer: to the question, in a few words.
        headline: one sentence.
        sentences: what stands behind it, most important first.
    """

    level: str
    question: str
    answer: str
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
    count, errors = count_runs(md_runs(metrics)), accuracy(metrics)
    faults = _faults(preflight)
    level = _level(metrics, count, errors, faults)
    sentences = [
        *faults,
        *_check_sentences(metrics),
        *errors.sentences,
        *md_sentences(metrics),
        *_ratio_sentences(metrics),
        *_spread_sentences(metrics),
        *_failed_frame_sentences(metrics),
    ]
    subject = "these" if metrics.get("own_molecules") else "unseen"
    question = f"May I run MD with it on {subject} molecules?"
    answer, headline = _answer(level, count, errors), _headline(level, metrics, count)
    return Verdict(level, question, answer, headline, tuple(sentences))


def _faults(preflight: Mapping | None) -> list[str]:
    """What the examination before the run faulted or warned of."""
    findings = (preflight or {}).get("findings") or ()
    found = [f for verdict in ("fail", "warn") for f in findings if f.get("verdict") == verdict]
    return [f"Examined before the run: {f.get('message')}" for f in found]


def _level(metrics: Mapping, count: RunCount, errors: Accuracy, faults: list[str]) -> str:
    if count.unstable:
        return UNSTABLE
    if errors.wrong:
        return WRONG
    if faults or _failed_checks(metrics):
        return CAUTION
    nothing_works = _failed_frames(metrics) and not _any_force(metrics)
    if count.other or nothing_works or _failed_frames(metrics) or errors.large or _high_drift(metrics):
        return CAUTION
    return NOTHING_SEEN if count.stable else UNKNOWN


def _answer(level: str, count: RunCount, errors: Accuracy) -> str:
    if level == WRONG or (level == UNSTABLE and (errors.wrong or 2 * count.unstable >= count.physical)):
        return "No"
    if level == UNSTABLE:
        return "Not unattended: some runs break"
    if level == CAUTION and count.physical:
        return "With care"
    return "For runs this short, nothing speaks against it" if level == NOTHING_SEEN else "Not known"


def _headline(level: str, metrics: Mapping, count: RunCount) -> str:
    if level == UNSTABLE:
        return f"{count.unstable} of {plural(count.physical, 'physical MD run')} became unstable."
    if level == WRONG:
        stable = f" No instability seen in {plural(count.stable, 'MD run')}." if count.stable else ""
        return f"Its forces are too far from the reference for dynamics that mean something.{stable}"
    if _failed_frames(metrics) and not _any_force(metrics):
        return "The potential gave no usable force on any molecule."
    if level == CAUTION and count.n and not count.physical:
        return "No MD run reached a physical end, so nothing is known about stability."
    if level == CAUTION and not count.n:
        return "Stability was not tested, and the points below need your attention."
    if level == CAUTION and count.physical:
        return "No MD run became unstable, but read the points below before using the potential."
    if level == NOTHING_SEEN:
        return (
            f"No instability seen in {plural(count.stable, 'MD run')}{run_length(metrics)}; longer runs may still fail."
        )
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


def _high_drift(metrics: Mapping) -> bool:
    drift = median_drift(metrics)
    return drift is not None and drift > HIGH_DRIFT_MEV_PER_ATOM_PER_PS


def _force(metrics: Mapping, split: str) -> str:
    return shown(estimate(metrics, split, FORCE).get("value"))


def _percent(metrics: Mapping) -> str:
    return f"{number(summary_of(metrics, 'static').get('level')) or 0.95:.0%}"
