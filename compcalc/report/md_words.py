"""What the dynamics of a run say about a potential, in sentences."""

from collections.abc import Mapping
from typing import Any

from compcalc.report.rows import RunCount, count_runs, ensemble, md_runs, median_drift, protocol_names, summary_of
from compcalc.report.stability import heating_lines, reference_lines
from compcalc.report.wording import number, outcome_words, plural, shown

GFN2_DRIFT_MEV_PER_ATOM_PER_PS = 0.011
"""NVE drift of the reference method itself: GFN2-xTB, `accuracy=0.1`, hexanedioic acid, 0.5 fs."""

HIGH_DRIFT_MEV_PER_ATOM_PER_PS = 1.0
"""Above this the energy of an atom at 300 K (39 meV of kinetic energy) is wrong by a tenth after 4 ps."""

ENERGY_CAUSES = {
    "not_gradient": "the energy changes because the forces are not the gradient of the energy",
    "jumps": "the energy jumps: the potential is not continuous",
    "time_step": "the energy changes because the time step is too large for this molecule",
    "noise": "the energy changes because the forces scatter at random",
}
"""What `energy_cause` of an MD run says, in words."""


def md_sentences(metrics: Mapping[str, Any]) -> list[str]:
    """How many runs held and how the others ended, survival, drift, what changes the energy, and heated runs."""
    count = count_runs(md_runs(metrics))
    return [
        *_run_sentences(metrics, count),
        *_survival_sentences(metrics),
        *_drift_sentences(metrics),
        *_energy_sentences(metrics),
        *_start_sentences(metrics),
        *heating_lines(metrics),
        *reference_lines(metrics),
    ]


def run_length(metrics: Mapping[str, Any]) -> str:
    """` of 1 ps`, ` of 1 to 10 ps`: the length of production that was asked for; empty where it is not known."""
    runs = [run for run in md_runs(metrics) if ensemble(run) != "heat"]
    asked = sorted({x for run in runs if (x := number(run.get("asked_ps"))) is not None})
    if not asked:
        return ""
    return f" of {asked[0]:g} ps" if len(asked) == 1 else f" of {asked[0]:g} to {asked[-1]:g} ps"


def _run_sentences(metrics: Mapping, count: RunCount) -> list[str]:
    if not count.n:
        return ["MD was not run."]
    sentences = []
    if not count.physical and not count.heated:
        sentences = [f"Not one of {plural(count.n, 'MD run')} reached a physical end."]
    elif count.physical:
        sentences = [f"{count.stable} of {plural(count.physical, 'physical MD run')}{run_length(metrics)} completed."]
    if count.unstable:
        sentences.append(f"Unstable: {_listing(metrics, physical=True)}.")
    if count.other:
        listing = _listing(metrics, physical=False)
        sentences.append(f"Ended for other reasons, counting neither for nor against the potential: {listing}.")
    return sentences


def _survival_sentences(metrics: Mapping) -> list[str]:
    """Share of runs that held to the end, by Kaplan-Meier, with the interval that resamples molecules where known."""
    parts = []
    for protocol in protocol_names(metrics):
        curve = (summary_of(metrics, "md").get(protocol) or {}).get("survival") or {}
        share, low, high = (_last(curve, names) for names in (("survival",), *_LIMITS))
        if share is not None and low is not None and high is not None:
            parts.append(f"{protocol.upper()} {share:.0%} ({low:.0%}–{high:.0%})")
    return [f"Share of such runs that would hold to the end, with 95% CI: {', '.join(parts)}."] if parts else []


_LIMITS = (("clustered_low", "low"), ("clustered_high", "high"))


def _last(curve: Mapping, names: tuple[str, ...]) -> float | None:
    """Last value of the first of the curves `names` that there is."""
    values = next((curve[name] for name in names if curve.get(name)), [None])
    return number(values[-1])


def _drift_sentences(metrics: Mapping) -> list[str]:
    drift = median_drift(metrics)
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


def _start_sentences(metrics: Mapping) -> list[str]:
    """NVE runs that were not at the temperature that was asked for, though they kept their energy."""
    sentences = []
    for protocol in protocol_names(metrics):
        found = (summary_of(metrics, "md").get(protocol) or {}).get("start_temperature") or {}
        if found.get("verdict") in _STARTS:
            share = f"{shown(number(found['ratio']), 2)} ± {shown(number(found['standard_error']), 1)}"
            runs = plural(int(found["n_runs"]), f"{protocol.upper()} run")
            sentences.append(
                f"{runs} had {share} times the temperature that was asked for, and kept their energy: "
                f"{_STARTS[found['verdict']]}."
            )
    return sentences


_STARTS = {
    "cold": "they started cold, from geometries nearer to a minimum than at equilibrium; equilibrate for longer",
    "hot": "they started hot, from geometries that are strained in this potential; equilibrate for longer",
}


def _listing(metrics: Mapping, physical: bool) -> str:
    """`2 bond broken (nve), 1 crashed (nvt)` for runs that did not complete."""
    parts = []
    for protocol in protocol_names(metrics):
        runs = [run for run in md_runs(metrics) if run.get("protocol") == protocol]
        kept = [run for run in runs if (c := count_runs([run])) and (c.unstable if physical else c.other)]
        names = [outcome_words(run.get("outcome")) for run in kept]
        parts += [f"{names.count(name)} {name} ({protocol.upper()})" for name in dict.fromkeys(names)]
    return ", ".join(parts)
