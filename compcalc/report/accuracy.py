"""How large the errors against the reference may be for dynamics, and what a run says of that, in sentences.

The frames are those of the reference's own dynamics at 300 K. In a mode of force constant k the force there is about
sqrt(k kT), and an error f of the force moves the mode by f/k: the relative force error r = f / sqrt(k kT) is that shift
over the thermal amplitude, and costs r^2/2 kT of free energy a mode. docs/report.md has the limits with their reasons.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compcalc.report.failures import run_name
from compcalc.report.rows import count_runs, ensemble, estimate, md_runs, molecule_rows, static_entries, summary_of
from compcalc.report.wording import clipped, number, plural, shown
from compcalc.units import KB_EV_PER_K, MEV_PER_EV

RELATIVE_FORCE, RELATIVE_ENERGY = "relative_force_mae", "relative_energy_mae_mev_per_atom"

LARGE_FORCE_ERROR = 0.2
"""Relative force error above which a run gets a caution: r^2/2 kT add up to 1.1 kT over the 54 modes of 20 atoms."""

WRONG_FORCES = 0.5
"""Above it the answer is no: half of the force is wrong, and the modes of 20 atoms add up to 7 kT."""

SMALL_FORCE_ERROR = 0.02
"""Below it a large OOD/ID ratio is no caution: 0.01 kT over the modes of 20 atoms."""

LARGE_ENERGY_ERROR_MEV = MEV_PER_EV * KB_EV_PER_K * 300.0
"""Relative energy error of a molecule, meV, above which a run gets a caution: kT at 300 K, a factor e in weights."""

LARGE_RATIO = 2.0
"""OOD/ID force error above which a run without failures still gets a caution, and the same of a run of dynamics over
the given frames of its molecule."""

TRAJECTORY_RATIO = "trajectory_force_mae_ratio"


@dataclass(frozen=True)
class Accuracy:
    """What the errors on unseen or own molecules say.

    Attributes:
        wrong: whether forces are beyond what dynamics can be trusted with.
        large: whether an error, or its growth from known to unseen molecules or along dynamics, asks for care; true
            where `wrong` is.
        sentences: the limits that are crossed, each in a sentence, the worst first.
    """

    wrong: bool
    large: bool
    sentences: tuple[str, ...]


def accuracy(metrics: Mapping[str, Any]) -> Accuracy:
    """Hold the errors of a run against the limits; without a reference nothing is said.

    Args:
        metrics: content of metrics.json.
    """
    force = number(estimate(metrics, "ood", RELATIVE_FORCE).get("value"))
    wrong = force is not None and force > WRONG_FORCES
    sentences = [*_force_sentences(metrics, force), *_trajectory_sentences(metrics), *_energy_sentences(metrics)]
    return Accuracy(wrong, bool(sentences) or large_ratio(metrics), tuple(sentences))


def large_ratio(metrics: Mapping[str, Any]) -> bool:
    """Whether the force error grows much from known to unseen molecules, and to something that matters."""
    ratio = summary_of(metrics, "static").get("ratio")
    value = number(ratio.get("value") if isinstance(ratio, Mapping) else ratio)
    force = number(estimate(metrics, "ood", RELATIVE_FORCE).get("value"))
    return value is not None and value > LARGE_RATIO and (force is None or force > SMALL_FORCE_ERROR)


def _force_sentences(metrics: Mapping, force: float | None) -> list[str]:
    """The mean over the molecules, or else the molecules that stand out."""
    if force is not None and force > LARGE_FORCE_ERROR:
        limit, words = (WRONG_FORCES, "too far") if force > WRONG_FORCES else (LARGE_FORCE_ERROR, "far")
        return [
            f"Forces are {words} from the reference on {_subject(metrics)}: their error is {shown(100 * force)}% "
            f"of the size of the forces, above the limit of {limit:.0%}{_another_level(metrics)}."
        ]
    worst = [row.molecule for row in molecule_rows(metrics) if (_of(row.static) or 0.0) > WRONG_FORCES]
    if not worst:
        return []
    return [
        f"Forces are too far from the reference on {clipped(', '.join(worst), 100)}: their error is above "
        f"{WRONG_FORCES:.0%} of the size of the forces there."
    ]


def _of(static: Mapping) -> float | None:
    return number(static.get(RELATIVE_FORCE)) if static.get("split") == "ood" else None


def _trajectory_sentences(metrics: Mapping) -> list[str]:
    """Runs that completed where forces are wrong: a molecule that folds breaks no bond, so that no event ends them.

    Heated runs are left out, whose forces grow with the temperature.
    """
    static = {row.molecule: number(row.static.get(RELATIVE_FORCE)) for row in molecule_rows(metrics)}
    completed = [run for run in md_runs(metrics) if ensemble(run) != "heat" and count_runs([run]).stable]
    known = {run_name(run): (number(run.get(TRAJECTORY_RATIO)), static.get(run.get("molecule"))) for run in completed}
    lost = {
        name: ratio
        for name, (ratio, force) in known.items()
        if ratio is not None and ratio > LARGE_RATIO and (force is None or ratio * force > SMALL_FORCE_ERROR)
    }
    if not lost:
        return []
    worst = max(lost, key=lambda name: lost[name])
    return [
        f"{len(lost)} of {plural(len(completed), 'completed MD run')} led to where its forces are wrong, and broke no "
        f"bond: their error there is more than {LARGE_RATIO:g} times that on given frames of the molecule, up to "
        f"{shown(lost[worst], 2)} times ({worst})."
    ]


def _energy_sentences(metrics: Mapping) -> list[str]:
    found = energy_error_mev(metrics)
    if found is None or found <= LARGE_ENERGY_ERROR_MEV:
        return []
    return [
        f"Relative energies of {_subject(metrics)} are off by {shown(found, 2)} meV a molecule, above kT at 300 K "
        f"({shown(LARGE_ENERGY_ERROR_MEV, 2)} meV): do not trust how often conformers occur."
    ]


def energy_error_mev(metrics: Mapping[str, Any]) -> float | None:
    """Relative energy error of a whole molecule, mean over unseen or own molecules, meV; None where there is none."""
    values = [
        error * atoms
        for entry in static_entries(metrics)
        if entry.get("split") == "ood"
        and (error := number(entry.get(RELATIVE_ENERGY))) is not None
        and (atoms := number(entry.get("n_atoms"))) is not None
    ]
    return sum(values) / len(values) if values else None


def _subject(metrics: Mapping) -> str:
    return "these molecules" if metrics.get("own_molecules") else "unseen molecules"


def _another_level(metrics: Mapping) -> str:
    """A large error on known molecules, too, may be the difference of two levels of theory."""
    known = number(estimate(metrics, "id", RELATIVE_FORCE).get("value"))
    if known is None or known <= LARGE_FORCE_ERROR:
        return ""
    return f" ({known:.0%} on ID molecules: it may be the level of theory that differs)"
