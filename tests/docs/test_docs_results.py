"""The tables of the results page are what the records give, and the records are of the shipped data."""

import importlib.util
import json
from pathlib import Path
from statistics import stdev

import pytest

from compcalc.cli import call

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("results_tables", DOCS / "results_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECORDS = sorted((DOCS / "results").glob("*.json"))


def test_every_table_is_what_the_records_give(tables):
    text = (DOCS / "results.md").read_text()
    assert tables.fill(text) == text, "run: python docs/results_tables.py"
    for name in tables.TABLES:
        assert f"<!-- table {name} -->" in text


def test_a_changed_record_changes_the_table(tables, monkeypatch):
    content = json.loads((DOCS / "results/matrix.json").read_text())
    for cell in content["cells"]:
        if cell["test"]:
            cell["test"]["static"]["ood"]["force_mae_mev_per_angstrom"]["value"] *= 1000
    before = tables.matrix_table()
    monkeypatch.setattr(tables, "record", lambda name: content)
    assert tables.matrix_table() != before


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_says_how_it_was_made_and_names_no_place_of_one_machine(path):
    text = path.read_text()
    content = json.loads(text)
    assert content["command"].startswith("compcalc benchmark --")
    assert '"/' not in text and "=/" not in text and " /" not in content["command"]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_test_frames_of_a_record_are_those_that_its_data_set_has(path):
    from compcalc.reference.dataset import DataSet
    from compcalc.tasks import get_task

    content = json.loads(path.read_text())
    if content["sizes"]["data"] is not None:
        pytest.skip("made with a data set of its own, which the page says how to build")
    shipped = DataSet()
    for name, hashes in content["data_sha256"].items():
        task = get_task(*name.split("/"))
        # Dynamics alone begin from frames of the unseen molecules.
        for molecule in task.ood if content["sizes"]["only"] == "md" else (*task.train, *task.ood):
            assert shipped.frames(molecule, "B").attributes["sha256"] == hashes[molecule.name]


@pytest.mark.slow
def test_a_seed_fitted_again_is_within_the_stated_spread(tmp_path):
    """Of the force field that is fitted in seconds; digits may differ with the machine, not more than seeds do."""
    assert call(["train", "additive", "--task", "duplication", "--seeds", "0", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "additive-duplication-base-0/card.json").read_text())["errors"]
    cells = json.loads((DOCS / "results/matrix.json").read_text())["cells"]
    mine = [c for c in cells if (c["model"], c["task"]) == ("additive", "duplication/base")]
    (recorded,) = [c["training"] for c in mine if c["seed"] == 0]
    for side in ("id_test", "ood_test"):
        force = "force_mae_mev_per_angstrom"
        spread = stdev(c["training"]["errors"][side][force] for c in mine)
        assert found[side][force] == pytest.approx(recorded["errors"][side][force], abs=spread)


def test_hashes_on_the_page_are_those_of_the_record():
    cells = json.loads((DOCS / "results/matrix.json").read_text())["cells"]
    page = (DOCS / "results.md").read_text()
    for model in ("additive", "mace?steps=2700"):
        (cell,) = [c for c in cells if (c["model"], c["task"], c["seed"]) == (model, "duplication/base", 0)]
        assert f"`{cell['training']['sha256'][:10]}`" in page
