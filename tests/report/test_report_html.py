"""The HTML report: numbers, escaping, missing values, self-containedness."""

import json
import re

import pytest
from report_samples import end_run, make_metrics

from compcalc.report.html import render_html, write_html
from compcalc.report.wording import shown

EMPTY = {"schema_version": 1, "static": None, "md": None}
SCRIPT = "<script>alert('x')</script>"


def without_plotly(page: str) -> str:
    """The page less the library, which holds addresses that it never loads."""
    scripts = re.findall(r"<script>.*?</script>", page, flags=re.DOTALL)
    return page.replace(max(scripts, key=len), "")


def cells(page: str, molecule: str) -> dict[str, tuple[str, str]]:
    """Number cells of a row of the molecule table: key -> (full value, shown text)."""
    row = re.search(rf'<tr data-molecule="{re.escape(molecule)}".*?</tr>', page, flags=re.DOTALL)
    found = re.findall(r'<td class="n" data-key="(\w+)" data-v="([^"]*)">([^<]*)', row.group(0))
    return {key: (value, text.strip()) for key, value, text in found}


def figures(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="figures">(.*?)</script>', page).group(1))


def test_numbers_of_the_table_are_those_of_the_metrics(manifest, metrics):
    page = render_html(manifest, metrics)
    for entry in metrics["static"]["molecules"]:
        row = cells(page, entry["molecule"])
        for key in ("force_mae_mev_per_angstrom", "energy_mae_mev_per_atom", "relative_energy_mae_mev_per_atom"):
            assert float(row[key][0]) == entry[key]
            assert row[key][1] == shown(entry[key])
    for run in metrics["md"]["runs"]:
        if run["protocol"] == "nve":
            drift = cells(page, run["molecule"])["drift_mev_per_atom_per_ps"][0]
            assert float(drift) == run["drift_mev_per_atom_per_ps"]


def test_numbers_of_the_figures_are_those_of_the_metrics(manifest, metrics):
    traces = figures(render_html(manifest, metrics))["force"]["data"]
    by_name = {trace["name"]: trace["x"] for trace in traces if "name" in trace}
    for split, name in (("id", "ID"), ("ood", "OOD (unseen)")):
        wanted = [m["force_mae_mev_per_angstrom"] for m in metrics["static"]["molecules"] if m["split"] == split]
        assert by_name[name] == wanted


def test_id_and_ood_differ_in_colour_and_in_shape(manifest, metrics):
    for key in ("force", "energy", "element", "environment"):
        markers = [t["marker"] for t in figures(render_html(manifest, metrics))[key]["data"] if "marker" in t]
        assert len({m["color"] for m in markers}) == len({m["symbol"] for m in markers}) == 2


def test_figures_are_valid_plotly(manifest, metrics, failing_metrics):
    graph_objects = pytest.importorskip("plotly.graph_objects")
    for case in (metrics, failing_metrics):
        for figure in figures(render_html(manifest, case)).values():
            graph_objects.Figure(figure)


@pytest.mark.parametrize("place", ["molecule", "smiles", "cause", "failures", "potential", "command", "element"])
def test_foreign_text_is_escaped(manifest, metrics, place):
    entry, run = metrics["static"]["molecules"][0], metrics["md"]["runs"][0]
    if place in ("molecule", "smiles"):
        entry[place] = SCRIPT
    elif place == "cause":
        end_run(run, "calculator_error", SCRIPT)
    elif place == "failures":
        entry.update(n_failed=1, failures={"0": SCRIPT})
    elif place == "potential":
        manifest["potential"]["name"] = SCRIPT
    elif place == "command":
        manifest["command"] = SCRIPT
    else:
        entry["force_mae_by_element"] = {SCRIPT: 1.0}
    page = render_html(manifest, metrics)
    assert "<script>alert" not in page
    assert "alert(" in without_plotly(page)


def test_smiles_extension_cannot_smuggle_text_into_the_picture(manifest, metrics):
    metrics["static"]["molecules"][0]["smiles"] = f"CC |${SCRIPT};$|"
    assert "<script>alert" not in render_html(manifest, metrics)


def test_page_loads_nothing_from_the_network(manifest, metrics):
    page = without_plotly(render_html(manifest, metrics))
    assert not re.search(r"""(?:src|href|action|data)\s*=\s*["']?\s*(?:https?:)?//""", page)
    assert not re.search(r"url\(|@import|<link|<iframe", page)
    assert "default-src 'none'" in page


def test_page_is_small_written_whole_and_leaves_no_temporary_file(tmp_path, manifest):
    path = tmp_path / "run" / "report.html"
    write_html(path, manifest, make_metrics(30, 30))
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    assert 1e6 < path.stat().st_size < 10e6
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_halves_that_were_not_run_say_so(manifest, metrics):
    static_only = render_html(manifest, {**metrics, "md": None})
    assert "MD: not run." in static_only
    assert "survival" not in figures(static_only)
    md_only = render_html(manifest, {**metrics, "static": None})
    assert "Static checks: not run." in md_only
    assert "force" not in figures(md_only)
    nothing = render_html({}, EMPTY)
    assert "No molecule was run." in nothing
    assert figures(nothing) == {}


def test_every_number_may_be_missing(manifest, metrics):
    for record in metrics["static"]["molecules"] + metrics["md"]["runs"]:
        for key, value in record.items():
            if isinstance(value, float):
                record[key] = None
    metrics["static"]["summary"] = {"id": {}, "ood": {}, "ratio": None, "level": None}
    metrics["md"]["summary"] = {"nve": None, "nvt": {"survival": None, "median_drift_mev_per_atom_per_ps": None}}
    page = render_html(manifest, metrics)
    assert cells(page, "alkane/02")["force_mae_mev_per_angstrom"] == ("", "–")
    assert not re.search(r">\s*(None|nan|null|Undefined)\b(?!\.)", without_plotly(page))


def test_all_failed_shows_every_reason(manifest, metrics):
    for entry in metrics["static"]["molecules"]:
        entry.update(n_failed=50, failures={str(i): f"reason of {entry['molecule']}" for i in range(50)})
        entry.update(force_mae_mev_per_angstrom=None, energy_mae_mev_per_atom=None)
    for i, run in enumerate(metrics["md"]["runs"]):
        end_run(run, "exploded", f"cause number {i}.")
    page = render_html(manifest, metrics)
    assert all(f"reason of {entry['molecule']}" in page for entry in metrics["static"]["molecules"])
    assert all(page.count(f"cause number {i}.") >= 2 for i in range(len(metrics["md"]["runs"])))
    assert "50 of 50 frames failed (0–49)" in page


def test_physical_and_other_endings_are_counted_apart(manifest, failing_metrics):
    page = render_html(manifest, failing_metrics)
    assert "Unstable runs, which count against the potential: 1<" in page
    assert "Runs that ended for other reasons, which do not count for or against it: 1<" in page
    assert "Blocks of failed frames, left out of the errors: 3<" in page


@pytest.mark.parametrize(("n_id", "n_ood"), [(1, 0), (0, 1), (1, 1)])
def test_one_molecule_and_one_sided_runs(manifest, n_id, n_ood):
    metrics = make_metrics(n_id, n_ood)
    assert "alkane/02" in render_html(manifest, metrics)


def test_picture_or_placeholder(manifest, metrics):
    for entry, smiles in zip(metrics["static"]["molecules"], ["CCO", "", "not a smiles"], strict=False):
        entry["smiles"] = smiles
    metrics["static"]["molecules"] = metrics["static"]["molecules"][:3]
    metrics["md"] = None
    page = without_plotly(render_html(manifest, metrics))
    assert page.count("<svg") == 1
    assert page.count("no structure") == 2


def test_provenance_is_complete(manifest, metrics):
    page = render_html(manifest, metrics)
    shown_texts = (manifest["command"], manifest["potential"]["sha256"], "2.8.0", "A Fine CPU", "GFN2-xTB", "langevin")
    assert all(text in page for text in shown_texts)
    assert "reconstructed from public descriptions of arXiv:2605.08988" in page
