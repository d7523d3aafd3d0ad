"""Both sides of each limit of the errors, and what a report says where one is crossed."""

import numpy as np
import pytest
from report_samples import end_run, make_metrics

from compcalc.metrics.errors import relative_force_mae
from compcalc.records import OutcomeKind
from compcalc.report.accuracy import (
    LARGE_ENERGY_ERROR_MEV,
    LARGE_FORCE_ERROR,
    LARGE_RATIO,
    RELATIVE_ENERGY,
    RELATIVE_FORCE,
    SMALL_FORCE_ERROR,
    TRAJECTORY_RATIO,
    WRONG_FORCES,
    accuracy,
)
from compcalc.report.verdict import CAUTION, NOTHING_SEEN, UNSTABLE, WRONG, verdict

CLEAR, CARE = "For runs this short, nothing speaks against it", "With care"
ABOVE = 1 + 1e-6


def with_errors(ood, known=0.05, *, worst=None, energy_mev=1.0, ratio=1.4, own=False):
    """Metrics of a run without a failure, with these relative force errors and relative energy errors a molecule."""
    metrics = {**make_metrics(), "own_molecules": own}
    summary = metrics["static"]["summary"]
    for split, value in (("ood", ood), ("id", known)):
        summary[split][RELATIVE_FORCE] = {"value": value, "low": value, "high": value}
    summary["ratio"] = {"value": ratio, "low": 0.9 * ratio, "high": 1.1 * ratio}
    for entry in metrics["static"]["molecules"]:
        entry[RELATIVE_FORCE] = ood if entry["split"] == "ood" else known
        entry[RELATIVE_ENERGY] = energy_mev / entry["n_atoms"]
    if worst is not None:
        metrics["static"]["molecules"][-1][RELATIVE_FORCE] = worst
    return metrics


def outcome(metrics):
    found = verdict(metrics)
    return found.level, found.answer


@pytest.mark.parametrize(
    ("force", "expected"),
    [
        (0.05, (NOTHING_SEEN, CLEAR)),
        (LARGE_FORCE_ERROR, (NOTHING_SEEN, CLEAR)),
        (LARGE_FORCE_ERROR * ABOVE, (CAUTION, CARE)),
        (WRONG_FORCES, (CAUTION, CARE)),
        (WRONG_FORCES * ABOVE, (WRONG, "No")),
    ],
)
def test_the_force_error_answers_yes_with_care_or_no(force, expected):
    assert outcome(with_errors(force)) == expected


def test_the_words_say_which_limit_is_crossed():
    (care,) = accuracy(with_errors(0.317)).sentences
    assert care.startswith("Forces are far from the reference on unseen molecules: their error is 31.7% of the size")
    assert "above the limit of 20%" in care and "level of theory" not in care
    (no,) = accuracy(with_errors(0.6, known=0.4)).sentences
    assert "too far" in no and "limit of 50%" in no and "(40% on ID molecules: it may be the level of theory" in no
    assert "too far from the reference" in verdict(with_errors(0.6)).headline
    assert "on these molecules" in accuracy(with_errors(0.6, own=True)).sentences[0]


@pytest.mark.parametrize(
    ("ratio", "force", "level"),
    [
        (LARGE_RATIO, 0.05, NOTHING_SEEN),
        (LARGE_RATIO * ABOVE, 0.05, CAUTION),
        (3.0, SMALL_FORCE_ERROR / 3.0, NOTHING_SEEN),
        (3.0, SMALL_FORCE_ERROR / 3.0 * ABOVE, CAUTION),
        (None, 0.05, NOTHING_SEEN),
    ],
)
def test_a_run_that_completes_where_forces_are_wrong_asks_for_care(ratio, force, level):
    metrics = with_errors(force)
    metrics["md"]["runs"][3][TRAJECTORY_RATIO] = ratio
    assert outcome(metrics)[0] == level


def test_the_words_say_how_many_runs_were_led_astray_and_which_the_most():
    metrics = with_errors(0.05)
    first, second, third, heated, *_ = metrics["md"]["runs"]
    first[TRAJECTORY_RATIO], second[TRAJECTORY_RATIO], third[TRAJECTORY_RATIO] = 2.5, 11.7, 1.3
    heated.update({TRAJECTORY_RATIO: 50.0, "ensemble": "heat"})
    (said,) = accuracy(metrics).sentences
    assert said.startswith("2 of 13 completed MD runs led to where its forces are wrong, and broke no bond:")
    name = f"{second['molecule']}, {second['protocol'].upper()}, replica {second['replica']}"
    assert said.endswith(f"more than 2 times that on given frames of the molecule, up to 12 times ({name}).")
    end_run(second, OutcomeKind.BOND_BROKEN, "a cause")  # counted among those that broke
    assert accuracy(metrics).sentences[0].startswith("1 of 12 completed MD runs")


@pytest.mark.parametrize(("worst", "level"), [(WRONG_FORCES, NOTHING_SEEN), (WRONG_FORCES * ABOVE, CAUTION)])
def test_one_molecule_with_wrong_forces_is_named(worst, level):
    found = verdict(with_errors(0.1, worst=worst))
    assert found.level == level
    assert any("alkane/13" in s and "too far" in s for s in found.sentences) is (level == CAUTION)


@pytest.mark.parametrize(
    ("energy", "expected"),
    [(LARGE_ENERGY_ERROR_MEV * (1 - 1e-6), (NOTHING_SEEN, CLEAR)), (LARGE_ENERGY_ERROR_MEV * ABOVE, (CAUTION, CARE))],
)
def test_relative_energies_are_held_against_kt(energy, expected):
    metrics = with_errors(0.1, energy_mev=energy)
    assert outcome(metrics) == expected
    assert any("above kT at 300 K (26 meV)" in s for s in verdict(metrics).sentences) is (expected[0] == CAUTION)


def test_kt_is_that_of_300_kelvin():
    assert abs(LARGE_ENERGY_ERROR_MEV - 25.852) < 1e-3


@pytest.mark.parametrize(
    ("ratio", "force", "level"),
    [
        (LARGE_RATIO, 0.1, NOTHING_SEEN),
        (LARGE_RATIO * ABOVE, 0.1, CAUTION),
        (50.0, SMALL_FORCE_ERROR, NOTHING_SEEN),
        (50.0, SMALL_FORCE_ERROR * ABOVE, CAUTION),
    ],
)
def test_errors_that_grow_are_a_caution_where_they_matter(ratio, force, level):
    assert verdict(with_errors(force, ratio=ratio)).level == level


def test_runs_that_break_and_forces_that_are_wrong_are_a_no():
    metrics = with_errors(0.3)
    end_run(metrics["md"]["runs"][0], OutcomeKind.BOND_BROKEN, "")
    assert outcome(metrics) == (UNSTABLE, "Not unattended: some runs break")
    metrics = with_errors(0.6)
    end_run(metrics["md"]["runs"][0], OutcomeKind.BOND_BROKEN, "")
    assert outcome(metrics) == (UNSTABLE, "No")


def test_wrong_forces_are_a_no_without_dynamics_and_large_ones_not_an_answer():
    assert outcome({**with_errors(0.6), "md": None}) == (WRONG, "No")
    assert outcome({**with_errors(0.3), "md": None}) == (CAUTION, "Not known")


@pytest.mark.parametrize("metrics", [{"static": None, "md": None}, {**make_metrics(), "static": None}])
def test_without_a_reference_nothing_is_said_of_errors(metrics):
    found = accuracy(metrics)
    assert (found.wrong, found.large, found.sentences) == (False, False, ())
    assert "reference on" not in " ".join(verdict(metrics).sentences)


def test_the_relative_force_error_is_a_shift_in_thermal_amplitudes():
    """What the limits rest on: a constant force that is wrong moves a harmonic mode by r sqrt(2/pi) amplitudes."""
    kt, k, wrong = 0.025852, 30.0, 0.2
    amplitude = np.sqrt(kt / k)
    x = np.random.default_rng(0).normal(0, amplitude, 300_000)
    forces = -k * x.reshape(-1, 1, 3)
    found = relative_force_mae(forces + wrong, forces)
    assert wrong / k / amplitude == pytest.approx(found * np.sqrt(2 / np.pi), rel=1e-2)
