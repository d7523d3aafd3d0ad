"""Static accuracy beside dynamic stability, in words and columns."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from compcalc.report.failures import run_ending, run_name
from compcalc.report.glossary import Metric
from compcalc.report.rows import count_runs, ensemble, md_runs, median_drift, protocol_names, reference_runs, summary_of
from compcalc.report.wording import clipped, interval, number, plural, shown

COLUMNS = (
    Metric("force_mae_mev_per_angstrom", "force MAE", "meV/Å", "On the reference's own frames of the molecule."),
    Metric(
        "trajectory_force_mae_mev_per_angstrom",
        "force MAE on its own trajectories",
        "meV/Å",
        "Frames of the potential's own MD, labelled by the reference afterwards; mean over runs.",
    ),
    Metric("drift_mev_per_atom_per_ps", "NVE drift", "meV/atom/ps", "Median of the slopes of the total energy."),
    Metric(
        "energy_jumps", "energy jumps", "", "Steps of the total energy that stand out of its fluctuation, all NVE runs."
    ),
    Metric("distance_distribution_mae", "error of h(r)", "", "Of the distribution of distances; 0 equal, 2 disjoint."),
    Metric("survived_share", "survival", "", "Mean time to the first break over the time asked for, 0 to 1."),
    Metric(
        "breaking_temperature_k",
        "ramp reached",
        "K",
        "Temperature of the ramp at the first break, or its end; mean over runs.",
    ),
)
"""Columns of the table of molecules."""

REFERENCE_COLUMNS = (
    Metric("reference_drift_mev_per_atom_per_ps", "drift of reference", "meV/atom/ps", "NVE drift of its own runs."),
    Metric("reference_survived_share", "survival of reference", "", "The same of the reference method's own runs."),
    Metric(
        "reference_breaking_temperature_k", "ramp reached by reference", "K", "The same of the reference's own runs."
    ),
    Metric(
        "vibrational_overlap",
        "spectrum like reference's",
        "",
        "Overlap of the vibrational densities of states of NVE runs: 1 the same, 0 no common line.",
    ),
    Metric(
        "reference_vibrational_overlap",
        "reference like itself",
        "",
        "The same overlap of two runs of the reference method: what chance leaves of 1.",
    ),
)
"""Columns of the reference method's own dynamics; shown where they have values."""

_WORDS = {
    "drift_mev_per_atom_per_ps": "the NVE drift",
    "survived_share": "survival",
    "distance_distribution_mae": "the error of h(r)",
    "breaking_temperature_k": "the breaking temperature",
    "trajectory_force_mae_mev_per_angstrom": "the force MAE on the own trajectories",
}


def columns(metrics: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Columns of the table of molecules, with those of the reference method where it was run."""
    rows = ((metrics.get("md") or {}).get("stability") or {}).get("molecules") or ()
    known = (c for c in REFERENCE_COLUMNS if any(number(row.get(c.key)) is not None for row in rows))
    return (*COLUMNS, *known)


def heating_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Where heated runs broke, a sentence or two a protocol; runs that never broke are counted as what they are."""
    lines = []
    for protocol in protocol_names(metrics):
        runs = [run for run in md_runs(metrics) if run.get("protocol") == protocol and ensemble(run) == "heat"]
        runs = [run for run in runs if number(run.get("ended_at_temperature_k")) is not None]
        if runs:
            found = (summary_of(metrics, "md").get(protocol) or {}).get("breaking_temperature_k") or {}
            lines.append(_heating_line(runs, found, (metrics.get("md") or {}).get("reference") or {}))
    return lines


def _heating_line(runs: Sequence[Mapping], found: Mapping, reference: Mapping) -> str:
    broke = sorted(x for run in runs if (x := number(run.get("breaking_temperature_k"))) is not None)
    end_k = shown(max(number(run["ended_at_temperature_k"]) for run in runs))
    if not broke:
        return f"None of {plural(len(runs), 'heated run')} broke, up to {end_k} K (all censored)."
    text = f"{len(broke)} of {plural(len(runs), 'heated run')} broke, the first at {shown(broke[0])} K"
    text += f"; {len(runs) - len(broke)} never broke (censored)." if len(broke) < len(runs) else "."
    median, mean = (found.get("median") or {}), number(found.get("mean"))
    if number(median.get("value")) is not None:
        text += f" Median breaking temperature {shown(median['value'])} K{_ci(median)}."
    elif mean is not None:
        text += f" More than half survive the ramp; mean {shown(mean)} K, a survivor counting as its end."
    difference = found.get("difference") or {}
    if (kelvin := number(difference.get("value"))) is not None:
        side = "below" if kelvin < 0 else "above"
        text += (
            f" On average {shown(abs(kelvin))} K {side} {reference.get('method')} on the same ramp{_ci(difference)}."
        )
    return text


def reference_lines(metrics: Mapping[str, Any]) -> list[str]:
    """What the reference method's own dynamics gave, its failures first; nothing where it was not run."""
    found, runs = (metrics.get("md") or {}).get("reference") or {}, reference_runs(metrics)
    if not runs:
        return []
    count, method = count_runs(runs), found.get("method")
    text = f"{method} itself, on the same starts: {count.stable} of {plural(count.physical, 'physical MD run')} stable"
    drift, mine = median_drift({"md": found}), median_drift(metrics)
    if drift is not None:
        text += f", median NVE drift {shown(drift, 2)} meV/atom/ps ({shown(mine, 2)} with the potential)"
    failed = [run for run in runs if (c := count_runs([run])).unstable or c.other]
    lines = [f"{text}.", *(f"{method} failed on {words}." for words in _endings(failed))]
    heated = [f"{method} on the ramp: {line}" for line in heating_lines({"md": found})]
    return [*lines, *heated, *_spectrum_lines(metrics, found)]


def _endings(runs: Sequence[Mapping]) -> list[str]:
    """`alkane/07, NVE, replica 0 (crashed at 0.1 of 1 ps: signal 11)`, of one sort of ending a line."""
    names: dict[str, list[str]] = {}
    for run in runs:
        words = f"{run_name(run)} ({run_ending(run)}: {clipped(str(run.get('cause') or 'no cause recorded'), 100)})"
        names.setdefault(str(run.get("outcome")), []).append(words)
    return [clipped("; ".join(words), 400) for words in names.values()]


def _spectrum_lines(metrics: Mapping, found: Mapping) -> list[str]:
    runs = [run for run in md_runs(metrics) if number(run.get("vibrational_overlap")) is not None]
    if not runs:
        return []
    overlap, own = (_mean(some, "vibrational_overlap") for some in (runs, found["runs"]))
    text = f"Vibrational spectra of {plural(len(runs), 'NVE run')} overlap with the reference's by {shown(overlap, 2)}"
    text += f" ({shown(own, 2)} between two runs of the reference)" if own is not None else ""
    bands: dict[str, list[float]] = {}
    for run in runs:
        for band, shift in (run.get("band_shift_per_cm") or {}).items():
            bands.setdefault(band, []).append(shift)
    shifts = ", ".join(f"{band} {fmean(values):+.0f}" for band, values in bands.items())
    return [f"{text}." + (f" Shift of the bands, 1/cm: {shifts}." if shifts else "")]


def _mean(runs: Sequence[Mapping], key: str) -> float | None:
    known = [x for run in runs if (x := number(run.get(key))) is not None]
    return fmean(known) if known else None


def _ci(estimate: Mapping) -> str:
    low, high = number(estimate.get("low")), number(estimate.get("high"))
    if low is None:
        return ""
    return f" (95% CI from {shown(low)} to {'beyond the ramp' if high is None else shown(high)})"


def correlation_lines(metrics: Mapping[str, Any]) -> list[str]:
    """One sentence a rank correlation of the static force MAE; none where no force error was measured."""
    table = (metrics.get("md") or {}).get("stability") or {}
    if all(row.get("force_mae_mev_per_angstrom") is None for row in table.get("molecules") or ()):
        return []
    found = table.get("correlations") or {}
    return [f"{_WORDS.get(key, key)}: {_words(value)}" for key, value in found.items()]


def _words(value: Mapping[str, Any] | None) -> str:
    tau = number((value or {}).get("tau"))
    if tau is None:
        return "not defined (fewer than three molecules, or one of the two is the same for all)"
    low, high = number(value.get("low")), number(value.get("high"))
    text = f"{shown(tau, 2)} over {value.get('n')} molecules"
    if low is None or high is None:
        return text
    verdict = "" if low > 0 or high < 0 else ": not distinguishable from none"
    return f"{text} (95% CI {interval(value)}){verdict}"
