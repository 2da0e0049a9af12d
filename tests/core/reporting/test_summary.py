"""An audit in short: the worst first, nothing hidden, no name of the data mark-up."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evenhand
from evenhand.reporting import markdown_summary, summary


def audited(names=("a", "b"), tolerance=0.05):
    rows = 400
    decided = [int(i // 2 % 4 < 1 + 2 * (i % 2)) for i in range(rows)]
    frame = pl.DataFrame({"d": decided, "g": [names[i % 2] for i in range(rows)]})
    return evenhand.audit(frame, prediction="d", sensitive="g", tolerance={"selection_rate": tolerance}).data


def test_the_object_is_short_and_says_which_audit_it_is_of():
    audit = audited()
    short = summary(audit)
    assert (short["verdict"], short["verdicts"]["exceeded"], short["rows"]) == ("exceeded", 1, 400)
    assert short["plan_sha256"] == audit["plan_sha256"]
    assert short["says"] == [f"g: {audit['verdicts'][0]['says']}"]
    assert len(json.dumps(short)) < 1500


def test_the_worst_verdicts_are_said_and_the_others_counted():
    audit = audited()
    (only,) = audit["verdicts"]
    many = [{**only, "verdict": word, "attribute": f"{word}{i}"} for i in range(8) for word in ("within", "exceeded")]
    short = summary({**audit, "verdicts": many})
    assert [line.split(":")[0] for line in short["says"]] == [*(f"exceeded{i}" for i in range(8)), "within0", "within1"]
    assert short["verdicts"] == {"exceeded": 8, "not enough evidence": 0, "within": 8}
    assert "The other 6 verdicts" in markdown_summary({**audit, "verdicts": many})


@pytest.mark.parametrize("tolerance", [0.05, 0.49, 0.9])
def test_the_page_says_the_verdict_first(tolerance):
    audit = audited(tolerance=tolerance)
    page = markdown_summary(audit)
    assert page.startswith("## Audit of the table\n\n**")
    assert f"| {audit['verdict']} | g: selection\\_rate |" in page


@settings(max_examples=15)
@given(st.text(min_size=1, max_size=20).filter(lambda name: name.strip() and name != "b"))
def test_no_name_is_mark_up(name):
    names = (f"<script>{name}", "b|`*")
    page = markdown_summary(audited(names=names))
    assert "<script>" not in page
    (row,) = [line for line in page.split("\n") if line.startswith("| exceeded")]
    assert row.replace("\\|", "").count("|") == 4
