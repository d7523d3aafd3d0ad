"""What the pages say of the package against the package itself."""

import re

import pytest
from docs_blocks import PAGES, ROOT, name_of
from docs_commands import all_options

from compcalc.calculators import SCHEMES
from compcalc.checks import CHECKS
from compcalc.commands.listing import molecules_in_words
from compcalc.dynamics.protocols import PRESETS
from compcalc.molecules.families import family_molecule, family_table
from compcalc.records import OutcomeKind
from compcalc.tasks import all_tasks

OTHER_OPTIONS = {"--help", "--nthreads", "--memory-limit", "--lifetime"}
LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]+))?\)")


def page(name: str) -> str:
    return (ROOT / name).read_text()


def table_rows(text: str) -> dict[str, list[str]]:
    """First cell, without its code marks -> the other cells, of every table row of a page."""
    rows = (re.split(r"(?<!\\)\|", line.strip("|")) for line in text.splitlines() if line.startswith("|"))
    return {first.strip().strip("`"): [cell.strip() for cell in rest] for first, *rest in rows}


def test_task_table_is_that_of_the_data():
    rows = table_rows(page("docs/tasks.md"))
    tasks = {task.name.removesuffix("/base"): task for task in all_tasks()}
    assert tasks.keys() <= rows.keys()
    for name, task in tasks.items():
        sides = [molecules_in_words(side).rpartition(" (")[0] for side in (task.train, task.ood)]
        assert rows[name][1:] == sides


def test_family_table_is_that_of_the_data():
    rows = table_rows(page("docs/tasks.md"))
    for family in family_table():
        assert rows[family] == [f"{family}/04", family_molecule(family, 4).smiles]


def test_every_check_has_a_row_and_the_count_is_right():
    text = page("docs/checks.md")
    rows = {name.removesuffix(" *").strip("`") for name in table_rows(text)}
    assert set(CHECKS) <= rows
    for name in ("docs/checks.md", "docs/faq.md"):
        assert set(re.findall(r"(\d+)\s(?:such faults|checks)", page(name))) == {str(len(CHECKS))}


def test_presets_and_outcomes_are_those_of_the_package():
    rows = table_rows(page("docs/protocol.md"))
    for name, preset in PRESETS.items():
        nve = preset.protocols[0]
        expected = [f"{nve.production_ps:g} ps", str(preset.replicas), f"{nve.frame_every_fs:g} fs"]
        assert rows[name][:3] == expected
    outcomes = {name for cell in table_rows(page("docs/metrics.md")) for name in re.split(r"`, `", cell)}
    assert {kind.value for kind in OutcomeKind} <= outcomes


def test_every_scheme_is_described():
    text = page("docs/calculators.md")
    assert [name for name in SCHEMES.names() if not re.search(rf"`{name}[:`]", text)] == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_options_in_the_text_exist(path):
    prose = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    named = {word for span in re.findall(r"`([^`]+)`", prose) for word in re.findall(r"(?<!\S)--[a-z][\w-]*", span)}
    assert named - all_options() - OTHER_OPTIONS == set()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_what_is_nested_is_indented_by_four(path):
    prose = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    assert re.findall(r"^ {1,3}(?:[-*|]|\d+\.) .*", prose, flags=re.MULTILINE) == [], "the site reads it otherwise"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_to_files_of_the_repository(path):
    for target, anchor in LINK.findall(path.read_text()):
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}, anchor
