"""A page about many groups: what matters first, small groups gathered, and no table that nobody reads on paper."""

import re

import numpy as np
import polars as pl
import pytest

import evenhand
from evenhand.reporting import render_audit
from evenhand.reporting.ranking import deciding_gaps, ranked, shown_gaps
from evenhand.reporting.terminal import told


@pytest.fixture(scope="module")
def forty():
    """40 groups of about 60 rows, of which group 7 finds fewer, and three of 8 rows."""
    rng = np.random.default_rng(0)
    group = np.concatenate([np.repeat(np.arange(37), 90), np.repeat([37, 38, 39], 8), np.repeat([7], 500)])
    label = rng.integers(0, 2, len(group))
    score = np.clip(0.4 * label * (group != 7) + 0.6 * rng.random(len(group)), 0, 1)
    frame = pl.DataFrame({"g": [f"region {g}" for g in group], "y": label, "s": score})
    return evenhand.audit(frame, label="y", score="s", sensitive="g", tolerance={"tpr": 0.1}, replicates=400).data


def test_the_groups_that_most_certainly_differ_come_first_and_small_ones_are_gathered(forty):
    order = ranked(forty["attributes"][0], forty["question"]["tolerances"])
    assert order.large[0]["name"] == "region 7"
    assert {group["name"] for group in order.small} == {"region 37", "region 38", "region 39"}
    assert len(order.large) + len(order.small) == 40
    page = render_audit(forty)
    assert "3 small groups, with fewer than 30 rows each: 24 rows together" in page
    assert "25 more groups" in page


def test_a_page_of_many_groups_shows_the_gaps_that_decide(forty):
    attribute = forty["attributes"][0]
    shown = deciding_gaps(attribute)
    assert any(gap["kind"] == "largest" and gap["verdict"] for gap in shown)
    assert all(gap["verdict"] for gap in shown)
    assert len(shown) < 20 < len(attribute["gaps"])
    assert f"of {len(attribute['gaps']):,}; audit.json has them all" in render_audit(forty)


def test_a_terminal_shows_the_verdict_first_and_fits_its_width(forty):
    lines = "\n".join(part.text for part in told(forty, width=80)).splitlines()
    assert lines[1].startswith("Verdict: exceeded")
    tables = [line for line in lines if line.startswith(("region", "g ", "---"))]
    assert max(map(len, tables)) <= 80
    assert any("more groups, 3 of them with fewer than 30 rows" in line for line in lines)


def test_curves_have_ticks_and_what_chance_leaves_open(forty):
    curves = re.findall(r'<svg[^>]*aria-label="(?:ROC curve|Calibration) by group".*?</svg>', render_audit(forty), re.S)
    assert len(curves) == 2
    for curve in curves:
        assert ">20%</text>" in curve
        assert 'class="bar' in curve


@pytest.fixture(scope="module")
def crowd():
    """49 groups by three columns and where two of them meet."""
    rng = np.random.default_rng(1)
    rows = 4_000
    columns = {name: rng.choice([f"{name}{i}" for i in range(n)], rows) for name, n in (("a", 2), ("b", 5), ("c", 4))}
    label = rng.integers(0, 2, rows)
    score = np.clip(0.4 * label * (columns["c"] != "c0") + 0.6 * rng.random(rows), 0, 1)
    frame = pl.DataFrame({**columns, "y": label, "s": score})
    asked = {"sensitive": ["a", "b", "c"], "intersections": 2, "tolerance": {"tpr": 0.05, "fpr": 0.05}}
    return evenhand.audit(frame, label="y", score="s", **asked, replicates=400).data


def test_an_audit_of_49_groups_prints_on_eight_pages(crowd, tmp_path, in_a_browser):
    assert sum(len(attribute["groups"]) for attribute in crowd["attributes"]) == 49
    (tmp_path / "report.html").write_text(render_audit(crowd))
    page = in_a_browser(tmp_path / "report.html")
    page.pdf(path=tmp_path / "report.pdf", format="A4", prefer_css_page_size=True)
    pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", (tmp_path / "report.pdf").read_bytes()))
    assert 2 <= pages <= 8


def test_paper_holds_the_gaps_that_decide_and_a_screen_all(crowd):
    attribute = crowd["attributes"][0]
    shown = shown_gaps(attribute)
    assert [gap for gap, _ in shown] == attribute["gaps"]
    assert [gap for gap, on_paper in shown if on_paper] == [
        g for g in attribute["gaps"] if g in deciding_gaps(attribute)
    ]
    assert 0 < sum(on_paper for _, on_paper in shown) < len(shown)
