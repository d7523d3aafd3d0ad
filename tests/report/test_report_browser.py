"""The report as a person meets it: in a browser, with the keyboard alone, on a phone."""

import pytest
from report_browser import BROWSER, Browser
from report_samples import end_run, make_manifest, make_metrics, make_seen

from compcalc.report.html import write_html

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium")

FOCUS = "document.activeElement"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report with two events, two distributions, failures, and a long name without a place to break."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    metrics = make_metrics()
    runs = metrics["md"]["runs"]
    runs[0]["molecule"] = metrics["static"]["molecules"][5]["molecule"] = "x" * 200
    end_run(runs[0], "bond_broken", "bond C2-C3 broke " + "y" * 200)
    seen = [
        make_seen(runs[0]["molecule"], protocol="nve"),
        make_seen("b"),
        *(make_seen(n, outcome="completed") for n in "cd"),
    ]
    write_html(path, make_manifest(), metrics, seen)
    return path


@pytest.fixture(scope="module")
def browser():
    with Browser() as opened:
        yield opened


def tab_to(browser, condition: str, most: int = 200) -> None:
    """Press Tab until `condition` holds of the element that has the focus, `e`."""
    for _ in range(most):
        browser.press("Tab")
        if browser.ask(f"((e) => Boolean({condition}))({FOCUS})"):
            return
    raise AssertionError(f"Tab never reached {condition}")


def test_nothing_goes_wrong_and_nothing_is_fetched(browser, page):
    browser.console.clear()
    browser.requests.clear()
    browser.open(page)
    assert browser.console == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert browser.ask("document.querySelectorAll('.plot .main-svg').length") >= 2 * 8


@pytest.mark.parametrize("width", [360, pytest.param(820, marks=pytest.mark.slow)])
def test_the_page_is_never_wider_than_the_screen(browser, page, width):
    browser.open(page, width, 800, phone=width < 800)
    assert browser.ask("document.documentElement.scrollWidth") <= width


def test_the_table_sorts_and_filters_by_keyboard(browser, page):
    browser.open(page)
    cells = "document.querySelectorAll('#molecule-table [data-key=force_mae_mev_per_angstrom]')"
    errors = f"[...{cells}].map((cell) => Number(cell.dataset.v))"
    before = browser.ask(errors)
    tab_to(browser, "e.matches('#molecule-table th button') && e.textContent.includes('Force MAE')")
    browser.press("Enter")
    browser.press("Enter")
    assert browser.ask(errors) == sorted(before, reverse=True) != before
    assert browser.ask(f"{FOCUS}.closest('th').getAttribute('aria-sort')") == "descending"
    browser.ask("document.getElementById('filter-text').focus()")
    for key in "/03":
        browser.press(key)
    assert browser.ask("document.getElementById('filter-count').textContent") == "1 of 13 rows"
    visible = "[...document.querySelectorAll('#molecule-table tbody tr')].filter((r) => r.offsetParent).length"
    assert browser.ask(visible) == 1


def test_an_event_is_turned_and_played_by_keyboard(browser, page):
    browser.open(page)
    tab_to(browser, "e.id === 'event-canvas'")
    picture = "document.getElementById('event-canvas').toDataURL()"
    first = browser.ask(picture)
    browser.press("ArrowLeft", 3)
    turned = browser.ask(picture)
    assert turned != first
    status = "document.getElementById('event-status').textContent"
    assert browser.ask(status).startswith("Frame 5 of 5 · 2.0 fs after the event began · C2–C3 ")
    browser.press(",", 3)
    assert browser.ask(status).startswith("Frame 2 of 5 · 1.0 fs before")
    assert "+0.10 eV" in browser.ask(status) and browser.ask(picture) != turned
    browser.press(" ")
    browser.ask("new Promise((done) => setTimeout(done, 900))")
    assert browser.ask(status).startswith("Frame 5 of 5")


@pytest.mark.slow
def test_fingers_turn_and_pinch_the_view(browser, page):
    browser.open(page, 390, 800, phone=True)
    browser.ask("document.getElementById('event-canvas').scrollIntoView({ block: 'center', behavior: 'instant' })")
    box = browser.ask("(({ x, y }) => [x, y])(document.getElementById('event-canvas').getBoundingClientRect())")
    x, y = box[0] + 150, box[1] + 120
    before, scroll = browser.ask("scene.turn"), browser.ask("scrollY")
    browser.touch(((x, y), (x + 100, y + 40)))
    turned = browser.ask("scene.turn")
    assert turned != before and browser.ask("scene.zoom") == 1 and browser.ask("scrollY") == scroll
    browser.touch(((x - 20, y), (x - 80, y)), ((x + 20, y), (x + 80, y)))
    assert browser.ask("scene.zoom") == pytest.approx(4, rel=0.3) and browser.ask("scene.turn") == turned


@pytest.mark.slow
def test_a_failure_leads_to_its_event(browser, page):
    browser.open(page)
    browser.ask("document.getElementById('event-select').value = '0'")
    tab_to(browser, "e.dataset.event")
    browser.press("Enter")
    assert browser.ask("document.getElementById('event-select').value") == "1"
    assert browser.ask(f"{FOCUS}.id") == "event-canvas"


@pytest.mark.slow
def test_whatever_has_the_focus_shows_it(browser, page):
    browser.open(page)
    for _ in range(30):
        browser.press("Tab")
        style = browser.ask(f"getComputedStyle({FOCUS}).outlineStyle + getComputedStyle({FOCUS}).outlineWidth")
        assert style == "solid3px", browser.ask(f"{FOCUS}.outerHTML")


@pytest.mark.slow
def test_numbers_of_a_plot_are_there_for_keyboard_and_files(browser, page):
    browser.open(page)
    tab_to(browser, "e.matches('details.numbers > summary')")
    browser.press("Enter")
    browser.ask("new Promise((done) => setTimeout(done, 100))")
    assert browser.ask(f"{FOCUS}.parentElement.querySelectorAll('tbody tr').length") == 2 + 12
    text = browser.ask("csv([['molecule', 'x'], ['=cmd()', -1.5], ['a,\"b\"', null]])")
    assert text == '\ufeffmolecule,x\r\n\'=cmd(),-1.5\r\n"a,""b""",\r\n'


@pytest.mark.slow
def test_a_molecule_of_the_distances_is_chosen(browser, page):
    browser.open(page)
    shown = "document.querySelectorAll('#figure-distances .scatterlayer .trace').length"
    visible = "document.getElementById('figure-distances').data.map((t) => t.visible)"
    assert browser.ask(visible) == [True, True, False, False]
    browser.ask("document.getElementById('choice-distances').focus()")
    browser.press("ArrowDown")
    assert browser.ask(visible) == [False, False, True, True]
    assert browser.ask(shown) == 2
    first, *_, last = browser.ask("linesOf(figures['distances'])")
    assert first[1:] == ["reference", 0.05, 0] and last[1] == "potential"


@pytest.mark.slow
def test_dark_pages_have_light_plots_and_paper_has_none(browser, page):
    colour = "document.getElementById('figure-force').data.find((t) => t.name === 'ID').marker.color"
    browser.open(page)
    assert browser.ask(colour) == "#0072B2"
    browser.open(page, dark=True)
    assert browser.ask(colour) == "#56B4E9"
    assert browser.ask("dispatchEvent(new Event('beforeprint')), " + colour) == "#0072B2"
    assert browser.ask("dispatchEvent(new Event('afterprint')), " + colour) == "#56B4E9"


@pytest.mark.slow
def test_headers_on_paper_are_words_and_sort_again_afterwards(browser, page):
    browser.open(page)
    buttons = "document.querySelectorAll('.sortable thead button').length"
    words = "document.querySelector('#molecule-table thead').textContent"
    before, on_page = browser.ask(buttons), browser.ask(words)
    assert before > 10
    assert browser.ask("dispatchEvent(new Event('beforeprint')), " + buttons) == 0
    assert browser.ask(words) == on_page
    assert browser.ask("dispatchEvent(new Event('afterprint')), " + buttons) == before
    browser.ask("document.querySelector('#molecule-table thead button').click()")
    assert browser.ask("document.querySelector('#molecule-table th').getAttribute('aria-sort')") == "ascending"
