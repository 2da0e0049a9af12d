"""The report in a browser: accessible, on a phone and on paper, and every number follows the slider."""

import pytest
from report_audits import HOSTILE, audit_of

from evenhand.reporting import render_audit


@pytest.fixture
def page(tmp_path, own_metrics, in_a_browser):
    audit = audit_of(
        ["f", "m", *HOSTILE[:-1]], intersections=2, policy="us-four-fifths", extra=list(own_metrics.values())
    )
    (tmp_path / "report.html").write_text(render_audit(audit))
    return in_a_browser(tmp_path / "report.html")


def value_of(cell):
    """The number that a cell shows first: "65.0%" or "1.234"."""
    first = cell.split()[0]
    return float(first.rstrip("%")) / (100 if first.endswith("%") else 1)


@pytest.mark.slow
def test_in_a_browser_it_is_accessible_and_fits_a_phone(page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert page.errors == []


def test_in_a_browser_the_slider_moves_every_number(page):
    cell = page.locator("#slider-tables tbody tr").first.locator("td").first
    before = cell.inner_text()
    page.locator("#threshold").focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert page.locator("#threshold-now").inner_text() == "0.70"
    assert cell.inner_text() != before
    assert value_of(cell.inner_text()) < value_of(before)


def test_in_a_browser_the_slider_starts_at_the_audited_numbers(page):
    """And its stops are the histograms' edges, so nothing on it is a number between two of them."""
    shown = page.locator("#slider-tables tbody tr").first.locator("td").nth(1).inner_text()
    assert page.locator("#threshold-now").inner_text() == "0.50"
    name = page.locator("#slider-tables tbody tr").first.locator("th").inner_text()
    groups = page.locator("table", has=page.locator("caption", has_text="Each group's numbers")).first
    row = groups.locator("tbody tr", has=page.locator("th", has_text=name)).first
    assert shown.split()[0] in row.inner_text()


def test_in_a_browser_the_slider_moves_a_plugins_metrics_too(page, own_metrics):
    table = page.locator("#slider-tables table").first
    titles = table.locator("thead th").all_inner_texts()
    assert titles[-3:] == ["underdiagnosis", "f2", "missing odds"]
    groups = page.locator("table", has=page.locator("caption", has_text="Each group's numbers")).first
    name = table.locator("tbody tr").first.locator("th").inner_text()
    audited = groups.locator("tbody tr", has=page.locator("th", has_text=name)).first.inner_text()
    row = table.locator("tbody tr").first.locator("td")
    before = [row.nth(place).inner_text() for place in range(len(titles) - 1)]
    assert all(text.split()[0] in audited for text in before[-3:])
    page.locator("#threshold").focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    after = [value_of(row.nth(place).inner_text()) for place in range(len(titles) - 1)]
    assert after[-3] == pytest.approx(1 - after[1], abs=0.0011)  # missed is not found
    assert after[-2] < value_of(before[-2])  # F2 falls with what is found
    assert after[-1] == pytest.approx(after[-3] / after[1], rel=0.05)
    assert page.errors == []


def test_on_paper_nothing_stays_folded(page):
    folded = page.locator("details:not([open]) table").first
    assert not folded.is_visible()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.is_visible() or page.locator("details:not([open])").count() == 0


def test_in_a_browser_a_table_sorts_by_keyboard(page):
    heading = page.locator("table.sortable").first.locator("thead th").nth(1)
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
