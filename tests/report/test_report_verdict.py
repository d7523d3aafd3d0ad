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
    assert "Not one of 14 MD runs reached a physical end." in found.sentences


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
        (0.00012, "0.000120"),
        (0.000012, "<0.0001"),
        (-6e-14, ">−0.0001"),
        (2.5e6, "2.50e+06"),
        (8, "8"),
    ],
)
def test_numbers_in_three_digits(value, text):
    assert shown(value) == text


def test_index_ranges():
    assert index_ranges([7, 3, 5, 6]) == "3, 5–7"


# Heated runs, and the reference method's own


def heated(metrics, *broke_k, end_k=1500.0, n_whole=0, **found):
    """The runs of `metrics`, and heated ones that broke at these temperatures, or not at all."""
    base = {**metrics["md"]["runs"][0], "protocol": "heat", "ensemble": "heat", "asked_ps": 12.0}
    for replica, kelvin in enumerate((*broke_k, *[None] * n_whole)):
        ended = {"outcome": "bond_broken" if kelvin else "completed", "replica": replica, "cause": "C1-C2"}
        reached = {"breaking_temperature_k": kelvin, "ended_at_temperature_k": kelvin or end_k}
        metrics["md"]["runs"].append({**base, **ended, **reached})
    metrics["md"]["summary"]["heat"] = {"breaking_temperature_k": found}
    return metrics


def test_a_heated_run_that_breaks_does_not_count_against_the_potential(metrics):
    median = {"value": 1100.0, "low": 900.0, "high": None}
    found = verdict(heated(metrics, 900.0, 1100.0, n_whole=1, median=median, mean=1170.0))
    assert found.level == NOTHING_SEEN and "14 of 14 physical MD runs of 1 ps completed." in found.sentences
    (line,) = [s for s in found.sentences if "heated" in s]
    assert "2 of 3 heated runs broke, the first at 900 K; 1 never broke (censored)" in line
    assert "Median breaking temperature 1100 K (95% CI from 900 to beyond the ramp)" in line


def test_heated_runs_that_hold_are_all_censored(metrics):
    (line,) = [s for s in verdict(heated(metrics, n_whole=3)).sentences if "heated" in s]
    assert line == "None of 3 heated runs broke, up to 1500 K (all censored)."


def test_more_than_half_that_hold_have_a_mean_and_no_median(metrics):
    empty = {"value": None, "low": 900.0, "high": None}
    (line,) = [
        s for s in verdict(heated(metrics, 900.0, n_whole=2, median=empty, mean=1300.0)).sentences if "heated" in s
    ]
    assert "More than half survive the ramp; mean 1300 K, a survivor counting as its end." in line


def test_nothing_but_heated_runs_is_no_test_of_stability(metrics):
    heated(metrics, 900.0, n_whole=1)
    metrics["md"]["runs"] = metrics["md"]["runs"][-2:]
    found = verdict(metrics)
    assert found.level == UNKNOWN and "only heated runs" in found.headline
    assert not any("0 of 0" in sentence for sentence in found.sentences)


def test_a_heated_run_that_crashed_is_still_said(metrics):
    heated(metrics, n_whole=1)["md"]["runs"][-1]["outcome"] = "crashed"
    found = verdict(metrics)
    assert found.level == CAUTION and "1 crashed (HEAT)" in everything(found)


def test_the_reference_s_own_runs_are_said_and_judge_nothing(metrics):
    runs = [dict(run) for run in metrics["md"]["runs"][:4]]
    end_run(runs[1], "bond_broken", "C1-C2 broke")
    end_run(runs[3], "crashed", "the process died with signal 11")
    for run in metrics["md"]["runs"][:2]:
        run.update(vibrational_overlap=0.8, band_shift_per_cm={"O-H stretch": -31.6, "C-H stretch": 12.0})
    runs[0]["vibrational_overlap"] = 0.9
    for run in runs[::2]:
        run["drift_mev_per_atom_per_ps"] = 0.005
    before = verdict(metrics).level
    metrics["md"]["reference"] = {"method": "GFN2-xTB", "replicas": 1, "runs": runs, "summary": {}}
    found = verdict(metrics)
    assert found.level == before == NOTHING_SEEN
    (whole,) = [s for s in found.sentences if s.startswith("GFN2-xTB itself")]
    assert "2 of 3 physical MD runs stable" in whole and "0.0050 meV/atom/ps (0.019 with the potential)" in whole
    assert "GFN2-xTB failed on alkane/07, NVT, replica 0 (bond broken" in everything(found)
    assert "signal 11" in everything(found)
    assert "overlap with the reference's by 0.80 (0.90 between two runs of the reference)" in everything(found)
    assert "Shift of the bands, 1/cm: O-H stretch -32, C-H stretch +12." in everything(found)
