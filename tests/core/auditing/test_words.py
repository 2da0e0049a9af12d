"""Labels and decisions in different words: what is the same is matched, all else is refused with what to type."""

import shlex

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import counted, refusal

from evenhand.auditing import audit
from evenhand.auditing.question.plan import asked_again
from evenhand.errors import typed

CELLS = {"a": (30, 10, 8, 52), "b": (20, 15, 12, 53)}
ASK = {"label": "y", "prediction": "d", "sensitive": "g"}


def written(label, decision):
    """The same rows, with 1 and 0 in the words given: (yes, no)."""
    rows = counted(**CELLS)
    return rows.with_columns(
        y=pl.Series([label[1 - y] for y in rows["y"]]), d=pl.Series([decision[1 - d] for d in rows["d"]])
    )


def answer(found):
    return found.data["attributes"], found.data["overall"]


@pytest.mark.parametrize("label", [("yes", "no"), ("Yes", "No"), (1, 0), ("1", "0"), (True, False), ("true", "false")])
@pytest.mark.parametrize("decision", [("yes", "no"), (1, 0), (1.0, 0.0), (True, False)])
def test_yes_and_no_are_1_and_0(label, decision):
    found = audit(written(label, decision), **ASK)
    assert answer(found) == answer(audit(counted(**CELLS), **ASK))
    assert asked_again(found.data["question"]).positive_prediction == found.data["question"]["positive_prediction"][0]


def test_the_other_label_can_be_the_positive_one():
    found = audit(written(("no", "yes"), (0, 1)), positive="no", **ASK)
    assert answer(found) == answer(audit(counted(**CELLS), **ASK))


def test_a_file_of_words_is_as_the_table(tmp_path):
    written(("yes", "no"), (1, 0)).write_csv(tmp_path / "p.csv")
    assert answer(audit(tmp_path / "p.csv", **ASK)) == answer(audit(counted(**CELLS), **ASK))


def test_decisions_in_words_of_their_own_are_asked_for_and_then_taken():
    frame = written(("approved", "denied"), (">50K", "<=50K"))
    says = refusal(frame, score=None, positive="approved", **ASK)
    assert "'<=50K', '>50K', and the positive label is 'approved'" in says
    assert "--positive-prediction '<=50K' or --positive-prediction '>50K'" in says
    found = audit(frame, positive="approved", positive_prediction=">50K", **ASK)
    assert answer(found) == answer(audit(counted(**CELLS), **ASK))
    assert found.data["question"]["positive_prediction"] == [">50K"]


def test_1_is_no_word_for_a_label_that_says_neither_yes_nor_no():
    says = refusal(written(("denied", "approved"), (1, 0)), score=None, positive="denied", **ASK)
    assert "--positive-prediction 0 or --positive-prediction 1" in says


def test_decisions_that_are_all_the_negative_label_select_nobody():
    frame = written(("good", "bad"), ("bad", "bad"))
    assert audit(frame, positive="good", **ASK).data["overall"]["selection_rate"]["value"] == 0


def test_a_decision_that_no_row_has_is_refused_with_its_own_option():
    says = refusal(
        written(("good", "bad"), ("pass", "fail")), score=None, positive="good", positive_prediction="x", **ASK
    )
    assert "the positive value 'x' is not in column 'd'" in says
    assert "(--positive-prediction)" in says


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
def test_what_is_suggested_is_one_word_for_a_shell(value):
    assert shlex.split(typed("--positive", value)) == ["--positive", value]


def test_a_label_with_signs_of_the_shell_is_suggested_quoted():
    says = refusal(written(("<=50K", ">50K"), (1, 0)), score=None, **ASK)
    assert "say --positive '<=50K' or --positive '>50K'" in says
