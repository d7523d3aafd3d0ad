"""What the verdict says, and what it must never say."""

import pytest
from report_samples import end_run, make_metrics

from compcalc.records import OutcomeKind
from compcalc.report.energy import energy_metric
from compcalc.report.verdict import CAUTION, NOTHING_SEEN, UNKNOWN, UNSTABLE, verdict
from compcalc.report.wording import index_ranges, shown


def everything(found) -> str:
    return " ".join([found.level, found.answer, found.headline, *found.sentences])


def test_clean_run(metrics):
    found = verdict(metrics)
    assert found.level == NOTHING_SEEN
    assert "14 of 14 physical MD runs of 1 ps completed." in found.sentences
    assert any("1.4 times" in s and "95% CI 1.2–1.7" in s for s in found.sentences)
    assert "like GFN2-xTB itself" in everything(found)
    assert "may still fail" in found.headline


@pytest.mark.parametrize("kind", list(OutcomeKind))
def test_each_ending_has_its_level(metrics, kind):
    end_run(metrics["md"]["runs"][0], kind, "a cause")
    expected = UNSTABLE if kind.unstable else NOTHING_SEEN if kind is OutcomeKind.COMPLETED else CAUTION
    assert verdict(metrics).level == expected


def test_the_question_is_answered_in_a_few_words(metrics):
    assert verdict(metrics).question == "May I run MD with it on unseen molecules?"
    assert verdict({**metrics, "own_molecules": True}).question.endswith("on these molecules?")
    assert verdict(metrics).answer == "For runs this short, nothing speaks against it"
    assert verdict({**metrics, "md": None}).answer == "Not known"
    end_run(metrics["md"]["runs"][0], OutcomeKind.CRASHED, "")
    assert verdict(metrics).answer == "With care"
    for run, answer in zip(metrics["md"]["runs"][1:8], ["Not unattended: some runs break"] * 6 + ["No"], strict=True):
        end_run(run, OutcomeKind.EXPLODED, "")
        assert verdict(metrics).answer == answer


def test_survival_has_the_limits_that_resample_molecules(metrics):
    metrics["md"]["summary"]["nve"]["survival"].update(clustered_low=[1, 0.5, 0.41], clustered_high=[1, 1, 0.99])
    assert any("NVE 86% (41%–99%), NVT 86% (55%–97%)" in sentence for sentence in verdict(metrics).sentences)


def test_what_was_faulted_before_the_run_comes_first(metrics):
    findings = [
        {"verdict": "pass", "message": "all is well"},
        {"verdict": "warn", "message": "it is a bit noisy"},
        {"verdict": "fail", "message": "forces in hartree?"},
    ]
    found = verdict(metrics, {"findings": findings})
    assert found.level == CAUTION
    assert found.sentences[0].endswith("forces in hartree?") and found.sentences[1].endswith("a bit noisy")
    assert "all is well" not in everything(found)
    assert verdict({"static": None, "md": None}, {"findings": findings}).level == CAUTION
    end_run(metrics["md"]["runs"][0], OutcomeKind.BOND_BROKEN, "a cause")
    assert verdict(metrics, {"findings": findings}).level == UNSTABLE


def test_an_outcome_nobody_knows_is_not_stable(metrics):
    end_run(metrics["md"]["runs"][0], "abducted", "")
    found = verdict(metrics)
    assert found.level == CAUTION
    assert "13 of 13 physical" in everything(found)


def test_no_physical_run_is_no_evidence(metrics):
    for run in metrics["md"]["runs"]:
        end_run(run, "calculator_error", "missing file")
    found = verdict(metrics)
    assert found.level == CAUTION
    assert "nothing is known about stability" in found.headline


def test_never_promises_safety(metrics, failing_metrics):
    cases = [
        metrics,
        failing_metrics,
        make_metrics(md=False),
        {"static": None, "md": None},
        {**metrics, "static": None},
    ]
    for case in cases:
        assert "safe" not in everything(verdict(case)).lower()


def test_nothing_run():
    found = verdict({"static": None, "md": None})
    assert found.level == UNKNOWN
    assert "not tested" in found.headline


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        ({"value": 1.05, "low": 0.9, "high": 1.2}, "not distinguishable"),
        ({"value": 0.7, "low": 0.6, "high": 0.8}, "smaller on unseen"),
        ({"value": 1.5, "low": None, "high": None}, "no interval"),
        ({"value": None, "low": None, "high": None}, "cannot be compared"),
        (None, "cannot be compared"),
    ],
)
def test_ratio_wording(metrics, ratio, words):
    metrics["static"]["summary"]["ratio"] = ratio
    assert words in everything(verdict(metrics))


def test_large_ratio_and_high_drift_are_cautions(metrics):
    metrics["static"]["summary"]["ratio"] = {"value": 5.0, "low": 4.0, "high": 6.0}
    assert verdict(metrics).level == CAUTION
    metrics = make_metrics()
    metrics["md"]["summary"]["nve"]["median_drift_mev_per_atom_per_ps"] = 12.0
    assert verdict(metrics).level == CAUTION


def test_failed_frames_are_named(failing_metrics):
    assert "53 of 600 frames failed, in 2 molecules" in everything(verdict(failing_metrics))


def test_no_force_at_all(metrics):
    for entry in metrics["static"]["molecules"]:
        entry.update(n_failed=50, force_mae_mev_per_angstrom=None)
    metrics["md"] = None
    assert "no usable force" in verdict(metrics).headline


def test_energy_offset_on_id_molecules_switches_the_metric(metrics):
    assert energy_metric(metrics)[0].key == "energy_mae_mev_per_atom"
    for entry in metrics["static"]["molecules"]:
        entry["energy_mae_mev_per_atom"] = 5000.0 if entry["split"] == "ood" else entry["energy_mae_mev_per_atom"]
    assert energy_metric(metrics)[0].key == "energy_mae_mev_per_atom"
    for entry in metrics["static"]["molecules"]:
        entry["energy_mae_mev_per_atom"] = 5000.0
    chosen, why = energy_metric(metrics)
    assert chosen.key == "shifted_energy_mae_mev_per_atom"
    assert "offset" in why


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0.0, "0"),
        (23.456, "23.5"),
        (0.999999, "1.00"),
        (1511.2, "1511"),
        (0.000012, "1.20e-05"),
        (8, "8"),
    ],
)
def test_numbers_in_three_digits(value, text):
    assert shown(value) == text


def test_index_ranges():
    assert index_ranges([7, 3, 5, 6]) == "3, 5–7"
