"""The overview of several runs: their numbers, links and escaping."""

import re

from report_samples import make_manifest

from compcalc.report.index import write_index
from compcalc.report.wording import shown

EMPTY = {"schema_version": 1, "static": None, "md": None}


def rows_of(path):
    body = re.search(r"<tbody>(.*)</tbody>", path.read_text(), flags=re.DOTALL).group(1)
    return re.findall(r"<tr>(.*?)</tr>", body, flags=re.DOTALL)


def test_each_run_has_its_numbers_and_a_link_to_its_report(manifest, metrics, failing_metrics, tmp_path):
    write_index(tmp_path / "report.html", [("first", manifest, metrics), ("second", manifest, failing_metrics)])
    first, second = rows_of(tmp_path / "report.html")
    summary = metrics["static"]["summary"]
    for split in ("id", "ood"):
        assert f">{shown(summary[split]['force_mae_mev_per_angstrom']['value'])}<" in first
    runs = metrics["md"]["runs"]
    assert '<a href="first/report.html">MACE small</a>' in first and f"{len(runs)}/{len(runs)}" in first
    assert f"{len(runs) - 2}/{len(runs) - 1}" in second and "1 ended otherwise" in second


def test_a_run_without_results_and_names_with_markup(tmp_path):
    manifest = {**make_manifest(), "potential": {"name": "<script>alert('x')</script>"}}
    write_index(tmp_path / "report.html", [("a b<i>&", manifest, EMPTY)])
    (row,) = rows_of(tmp_path / "report.html")
    assert "<script" not in row and "&lt;script&gt;" in row
    assert 'href="a%20b%3Ci%3E%26/report.html"' in row and "not run" in row and "None" not in row
