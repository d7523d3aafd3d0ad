"""The HTML report: numbers, escaping, missing values, self-containedness."""

import html
import json
import re
from itertools import pairwise

import pytest
from report_samples import end_run, make_metrics, make_seen

from compcalc.report import trajectories
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


def events(page: str) -> list:
    return json.loads(re.search(r'<script type="application/json" id="events">(.*?)</script>', page).group(1))


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
    for key in ("force", "energy", "element"):
        markers = [t["marker"] for t in figures(render_html(manifest, metrics))[key]["data"] if "marker" in t]
        assert len({m["color"] for m in markers}) == len({m["symbol"] for m in markers}) == 2


def test_figures_are_valid_plotly(manifest, metrics, failing_metrics):
    graph_objects = pytest.importorskip("plotly.graph_objects")
    for case in (metrics, failing_metrics):
        for figure in figures(render_html(manifest, case)).values():
            graph_objects.Figure(data=figure["data"], layout=figure["layout"])


@pytest.mark.parametrize(
    "place",
    ["molecule", "smiles", "cause", "failures", "potential", "command", "element", "refused", "preflight", "protocol"],
)
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
    elif place == "refused":
        manifest["refused"] = {SCRIPT: SCRIPT}
    elif place == "preflight":
        manifest["preflight"] = {
            "molecule": SCRIPT,
            "findings": [dict.fromkeys(("title", "verdict", "message"), SCRIPT)],
        }
    elif place == "protocol":
        run["protocol"] = SCRIPT
    else:
        entry["force_mae_by_element"] = {SCRIPT: 1.0}
    page = without_plotly(render_html(manifest, metrics)).lower()
    assert "<script>alert" not in page
    assert "alert(" in page


def test_smiles_extension_cannot_smuggle_text_into_the_picture(manifest, metrics):
    metrics["static"]["molecules"][0]["smiles"] = f"CC |${SCRIPT};$|"
    assert "<script>alert" not in render_html(manifest, metrics)


UNICODE = ["Essigsäure 酢酸", "\u202egnp.exe", "=cmd|' /C calc'!A0", "a" * 300, "'\"&<b>bold</b>", "C\u0308 🧪\n new"]


def test_names_in_unicode_and_in_tags_come_through_whole(manifest, metrics):
    for entry, name in zip(metrics["static"]["molecules"], UNICODE, strict=False):
        entry["molecule"] = name
    seen = [make_seen(name) for name in UNICODE]
    page = render_html(manifest, metrics, seen)
    assert "<b>bold" not in page
    names = [html.unescape(text) for text in re.findall(r'<th scope="row"><bdi>(.*?)</bdi>', page, flags=re.DOTALL)]
    assert set(UNICODE) <= set(names)
    assert {line[1] for line in figures(page)["force"]["lines"]} >= set(UNICODE)
    assert {event["run"].rsplit(",", 2)[0] for event in events(page)} == set(UNICODE)


def test_script_in_the_frames_of_an_event_is_escaped(manifest, metrics):
    page = render_html(manifest, metrics, [make_seen(SCRIPT), make_seen(SCRIPT, outcome="completed")])
    assert "<script>alert" not in page
    assert events(page)[0]["run"].startswith(SCRIPT)


def test_each_failure_with_frames_leads_to_its_view(manifest, failing_metrics):
    broken = failing_metrics["md"]["runs"][0]
    seen = make_seen(broken["molecule"], protocol=broken["protocol"])
    page = render_html(manifest, failing_metrics, [seen])
    assert page.count('data-event="0"') == 1
    item = re.search(r"<li><b><bdi>([^<]*)</bdi></b>.*?data-event", page, flags=re.DOTALL).group(1)
    assert item == f"{broken['molecule']}, NVE, replica 0"
    assert "data-event=" not in render_html(manifest, failing_metrics)


def test_headings_descend_one_by_one_ids_are_unique_and_fields_have_labels(manifest, failing_metrics):
    page = without_plotly(
        render_html(manifest, failing_metrics, [make_seen("alkane/07"), make_seen("a", outcome="completed")])
    )
    page = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    levels = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for tag in re.findall(r"<(?:select|input)[^>]*>", page):
        name = re.search(r'id="([^"]+)"', tag).group(1)
        assert f'<label for="{name}"' in page
    assert all(f'id="{target}"' in page for target in re.findall(r'href="#([^"]+)"', page))


def test_the_data_of_every_figure_can_be_had(manifest, metrics):
    page = render_html(manifest, metrics, [make_seen("a", outcome="completed")])
    assert set(re.findall(r'data-csv-figure="([^"]+)"', page)) == set(figures(page))
    assert set(re.findall(r'id="figure-([^"]+)"', page)) == set(figures(page))
    tables = re.findall(r'data-csv-table="([^"]+)"', page)
    assert {"molecule-table", "md-runs", "summary"} <= set(tables) and all(f'id="{name}"' in page for name in tables)


def test_rows_carry_the_words_of_the_filter(manifest, failing_metrics):
    page = render_html(manifest, failing_metrics)
    states = dict(re.findall(r'<tr data-molecule="([^"]+)".*?data-state="([^"]*)"', page))
    first, second = failing_metrics["md"]["runs"][0]["molecule"], failing_metrics["md"]["runs"][3]["molecule"]
    assert states[first] == "unstable" and states[second] == "other"
    assert "frames" in states["alkane/13"].split() and states["alkane/02"] == ""
    assert states["alkane/09"] == "stable"


def test_what_was_left_out_is_told(manifest, failing_metrics, monkeypatch):
    monkeypatch.setattr(trajectories, "MOST_EVENT_BYTES", 1)
    manifest["refused"] = {"NaCl": "it is charged"}
    page = render_html(manifest, failing_metrics, [make_seen("a"), make_seen("b")])
    part = re.search(r'<section id="left-out">.*?</section>', page, flags=re.DOTALL).group(0)
    for words in ("NaCl", "it is charged", "53 of 600 frames", "1 MD run<", "3D views of 2 events", "ID molecules"):
        assert words in part


def test_page_loads_nothing_from_the_network(manifest, metrics):
    page = without_plotly(render_html(manifest, metrics))
    assert not re.search(r"""(?:src|href|action|data)\s*=\s*["']?\s*(?:https?:)?//""", page)
    assert not re.search(r"url\(|@import|<link|<iframe", page)
    assert "default-src 'none'" in page


def test_page_is_small_written_whole_and_leaves_no_temporary_file(tmp_path, manifest):
    path = tmp_path / "run" / "report.html"
    metrics = make_metrics(46, 46)
    names = [run["molecule"] for run in metrics["md"]["runs"]]
    seen = [
        make_seen(name, outcome=kind, n_atoms=40, event_frames=41)
        for name in names
        for kind in ("completed", "exploded")
    ]
    for run in metrics["md"]["runs"]:
        end_run(run, "exploded", "the force on C3 reached 812 eV/angstrom " * 3)
    write_html(path, manifest, metrics, iter(seen))
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


def test_numbers_that_json_does_not_know_stop_no_script(manifest, metrics):
    def refuse(name):
        raise AssertionError(name)

    for run in metrics["md"]["runs"]:
        run.update(drift_standard_error_mev_per_atom_per_ps=float("nan"), asked_ps=float("inf"))
    metrics["static"]["molecules"][0]["force_mae_mev_per_angstrom"] = float("inf")
    metrics["md"]["summary"]["nve"]["survival"]["low"] = [float("nan")] * 3
    page = render_html(manifest, metrics)
    for name in ("figures", "events"):
        text = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page).group(1)
        json.loads(text, parse_constant=refuse)


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
