"""A notebook's cell: a few lines as text, a short fragment of HTML that changes nothing around it."""

import re
from html.parser import HTMLParser

import polars as pl
import pytest

import evenhand

ALLOWED = {"div", "b", "span", "table", "tbody", "tr", "td", "code"}


class Tags(HTMLParser):
    """What a fragment is made of."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.depth = set(), set(), 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.depth += 1

    def handle_endtag(self, tag):
        self.depth -= 1


def check_fragment(text):
    assert len(text.encode()) < 6_144
    found = Tags(text)
    assert found.tags <= ALLOWED
    assert found.attributes == {"style"}
    assert found.depth == 0
    assert "url(" not in text


def test_the_repr_says_what_was_asked_and_each_verdict(loans, asked):
    audit = evenhand.audit(loans, **asked, tolerance={"tpr": 0.05})
    first, *verdicts = repr(audit).splitlines()
    assert first.startswith("Audit of the table: s against y by sex and site, 600 rows: exceeded (1 exceeded")
    assert verdicts[0].startswith("  exceeded: tpr by sex, ")
    assert "tolerance 5 points" in verdicts[0]
    assert len(verdicts) == 2


def test_a_repr_of_many_verdicts_stays_short(hostile):
    frame, question = hostile
    audit = evenhand.audit(frame, **question, tolerance=0.1)
    text = repr(audit)
    assert len(text.splitlines()) == 6
    assert text.endswith("… and 11 more: .verdicts()")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text) < 1_500


def test_the_fragment_has_the_verdict_its_sentence_and_the_gaps(loans, asked):
    audit = evenhand.audit(loans, **asked, tolerance={"tpr": 0.05})
    text = audit._repr_html_()
    check_fragment(text)
    assert text.count(">exceeded<") == 1
    says = next(v["says"] for v in audit.data["verdicts"] if v["verdict"] == "exceeded")
    assert says in text
    assert text.index("exceeded (1") < text.index("tpr by sex") < text.index("tpr by site")


def test_the_fragment_of_hostile_names_is_as_small_and_as_harmless(hostile):
    frame, question = hostile
    for tolerance in (None, {"tpr": 0.1}):
        text = evenhand.audit(frame, **question, tolerance=tolerance)._repr_html_()
        check_fragment(text)
        assert "&lt;script&gt;" in text
        assert not re.search("[\x00-\x08\x1b\u202e]", text)
        assert "… and " in text


def test_without_a_tolerance_the_largest_gaps_stand_there_and_no_verdict(loans, asked):
    text = evenhand.audit(loans, **asked)._repr_html_()
    check_fragment(text)
    assert "nothing was judged: no tolerance was given" in text
    assert text.count("<tr ") == 4
    assert not re.search("exceeded|within|enough", text)


def test_a_policys_ratio_is_called_one(loans):
    audit = evenhand.audit(loans, label="y", score="s", sensitive="sex", policy="us-four-fifths")
    for text in (repr(audit), audit._repr_html_()):
        assert re.search(r"ratio 0\.\d{3}", text)
        assert "at least 0.8" in text
    assert "selected means y = 1" in audit._repr_html_()


def test_several_labels_show_themselves_too(loans):
    frame = loans.with_columns(late=(pl.col("s") > 0.4).cast(int))
    frame = frame.with_columns(d_y=(pl.col("s") > 0.5).cast(int), d_late=pl.col("y"))
    audit = evenhand.audit(frame, labels=["y", "late"], prediction="d_{}", sensitive="sex", tolerance={"tpr": 0.1})
    assert "d_{} against y and late by sex" in repr(audit)
    check_fragment(audit._repr_html_())


@pytest.mark.parametrize("rows", [2, 3])
def test_hardly_any_rows_are_shown_without_a_number(rows):
    frame = pl.DataFrame({"d": [1] * rows, "g": ["a"] * rows})
    audit = evenhand.audit(frame, prediction="d", sensitive="g", tolerance=0.1)
    assert "no number" in repr(audit)
    check_fragment(audit._repr_html_())
