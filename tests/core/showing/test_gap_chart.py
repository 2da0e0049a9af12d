"""The picture of the gaps: every interval, its verdict and the tolerance; and one sentence where Altair is missing."""

import sys

import pytest

import evenhand
from evenhand import BadInput


def test_without_altair_one_sentence_says_what_to_install(loans, asked, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(BadInput, match=r"pip install 'evenhand\[plot\]'"):
        evenhand.audit(loans, **asked).plot()


def drawn(audit):
    """(title, marks, tolerances) of each panel, from the chart's own specification."""
    pytest.importorskip("altair", reason="the extra evenhand[plot] is not installed")
    for panel in audit.plot().to_dict()["vconcat"]:
        values = [layer["data"]["values"] for layer in panel["layer"] if "values" in layer.get("data", {})]
        values += [panel["data"]["values"]] if "data" in panel else []
        marks = next(rows for rows in values if "attribute" in rows[0])
        yield panel["title"]["text"], marks, [rows[0]["tolerance"] for rows in values if [*rows[0]] == ["tolerance"]]


def test_every_verdict_is_drawn_in_points_beside_its_tolerance(loans, asked):
    audit = evenhand.audit(loans, **asked, tolerance={"tpr": 0.05, "auc": 0.1})
    panels = {title: (marks, tolerances) for title, marks, tolerances in drawn(audit)}
    of_tpr = "true positive rate: largest gap, in points, tolerance 5 points"
    assert [*panels] == [of_tpr, "AUC: largest gap, tolerance 0.1"]
    (marks, tolerances), (_, of_auc) = panels.values()
    assert (tolerances, of_auc) == ([5], [0.1])
    for mark in marks:
        row = next(v for v in audit.data["verdicts"] if (v["attribute"], v["metric"]) == (mark["attribute"], "tpr"))
        assert [mark[key] for key in ("value", "lower", "upper")] == pytest.approx(
            [100 * row[key] for key in ("value", "lower", "upper")]
        )
        assert mark["verdict"] == row["verdict"]


def test_where_nothing_was_judged_every_metrics_largest_gap_is_drawn(loans, asked):
    found = [*drawn(evenhand.audit(loans, **asked))]
    assert [title.split(":")[0] for title, _, _ in found] == ["true positive rate", "AUC"]
    assert {mark["verdict"] for _, marks, _ in found for mark in marks} == {"not judged"}
    assert not [tolerances for _, _, tolerances in found if tolerances]


def test_a_ratio_has_a_panel_of_its_own_and_no_points(loans):
    audit = evenhand.audit(loans, label="y", score="s", sensitive="sex", policy="us-four-fifths")
    ((title, marks, tolerances),) = drawn(audit)
    assert title == "selection rate: ratio of the lowest group to the highest, at least 0.800"
    assert tolerances == [0.8]
    assert marks[0]["value"] == audit.data["verdicts"][0]["value"] <= 1


def test_where_there_is_no_gap_it_is_said(loans):
    pytest.importorskip("altair", reason="the extra evenhand[plot] is not installed")
    with pytest.raises(BadInput, match="no gap to draw"):
        evenhand.audit(loans.filter(loans["sex"] == "f"), label="y", score="s", sensitive="sex").plot()
