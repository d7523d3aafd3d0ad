"""The summary on the terminal, read back as text."""

import io

import pytest
from report_samples import make_metrics
from rich.console import Console

from compcalc.report.terminal import print_summary


def printed(manifest, metrics, width, report=None) -> str:
    out = io.StringIO()
    print_summary(Console(file=out, width=width, color_system=None), manifest, metrics, report)
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100])
def test_table_fits_and_holds_every_molecule_and_outcome(manifest, failing_metrics, width):
    failing_metrics["static"]["molecules"][0]["molecule"] = "dicarboxylic_acid/09"
    text = printed(manifest, failing_metrics, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    for entry in failing_metrics["static"]["molecules"]:
        assert any(line.startswith(entry["molecule"] + " ") for line in text.splitlines())
    assert all(words in text for words in ("bond broken", "crashed", "ok", "1/2", "2/2", "failed: out of memory"))


def test_id_rows_stand_before_ood_rows(manifest, metrics):
    metrics["static"]["molecules"].reverse()
    lines = printed(manifest, metrics, 100).splitlines()
    splits = [line.split()[1] for line in lines if line.startswith("alkane/")]
    assert splits == ["ID"] * 5 + ["OOD"] * 7


def test_summary_has_both_errors_the_ratio_and_the_path(manifest, metrics):
    text = " ".join(printed(manifest, metrics, 100, report="runs/a/report.html").split())
    assert "1.4 times that on ID molecules (95% CI 1.2–1.7; 42.2 against 28.1 meV/Å)" in text
    assert "14 of 14 physical MD runs of 1 ps completed" in text
    assert "May I run MD with it on unseen molecules? For runs this short, nothing speaks against it." in text
    assert "Report: runs/a/report.html" in text


def test_no_escape_codes_and_no_markup(manifest, metrics):
    metrics["static"]["molecules"][0]["molecule"] = "[red]\x1b[31mname"
    text = printed(manifest, metrics, 100)
    assert "\x1b" not in text
    assert "[red]" in text


def test_unresolved_drift_stands_in_brackets(manifest, metrics):
    run = metrics["md"]["runs"][0]
    run.update(drift_mev_per_atom_per_ps=0.0042, drift_resolved=False)
    assert "(0.0042)" in printed(manifest, metrics, 100)


def test_halves_that_were_not_run(manifest, metrics):
    assert "not run" in printed(manifest, {**metrics, "md": None}, 100)
    assert "alkane/08" in printed(manifest, {**metrics, "static": None}, 100)
    assert "Stability was not tested" in printed({}, {"static": None, "md": None}, 80)


def test_many_failures_are_grouped(manifest):
    metrics = make_metrics(30, 30, md=False)
    for entry in metrics["static"]["molecules"]:
        entry.update(n_failed=50, failures={str(i): "no such file" for i in range(50)}, force_mae_mev_per_angstrom=None)
    assert printed(manifest, metrics, 100).count("failed: no such file") == 1
