"""One question: the same from Python, the command line, a file, a recipe and an audit's own record of it."""

import inspect
import json

import numpy as np
import pytest
from hypothesis import given
from questions import QUESTIONS

import evenhand
from evenhand import BadInput, Question
from evenhand.asking.question import PARTS
from evenhand.auditing.question.plan import asked_again, make_plan
from evenhand.auditing.question.taking import take_asked
from evenhand.auditing.table.source import open_source


@given(asked=QUESTIONS)
def test_a_question_written_as_toml_or_json_reads_back_the_same(asked):
    assert Question.from_toml(asked.to_toml(), "again") == asked
    assert Question.build(json.loads(json.dumps(asked.table()))) == asked


@given(asked=QUESTIONS)
def test_a_question_made_of_its_own_parts_is_itself(asked):
    assert Question(**{part: getattr(asked, part) for part in PARTS}) == asked


def test_what_numpy_and_pandas_give_becomes_plain():
    asked = Question(
        sensitive=np.array(["a", "b", "a"]),
        positive=np.int64(1),
        tolerance={"tpr": np.float32(0.25)},
        reference={"a": np.int8(2), "b": float("nan"), "c": None},
        bins={"a": np.array([1.0, 2.0])},
        top=np.int64(5),
        exact=np.bool_(True),
    )
    assert json.loads(json.dumps(asked.table())) == {
        **Question().table(),
        "sensitive": ["a", "b"],
        "positive": 1,
        "tolerance": {"tpr": 0.25},
        "reference": {"a": 2, "b": "", "c": ""},
        "bins": {"a": [1.0, 2.0]},
        "top": 5,
        "exact": True,
    }


def test_the_keywords_of_audit_are_the_parts_of_a_question_with_the_same_defaults():
    keywords = inspect.signature(evenhand.audit).parameters
    arrays = {"y_true", "y_pred", "y_score", "sensitive_features", "sample_weight"}
    assert {*keywords} - {"source", "question", "extra", "on_plan"} - arrays == {*PARTS}
    defaults = {part: keywords[part].default for part in PARTS}
    assert Question(**defaults) == Question()
    described = inspect.getdoc(evenhand.audit)
    assert not [part for part in keywords if f"\n{part} : " not in described]


def test_a_whole_question_or_its_parts_and_not_both(frame):
    asked = Question(label="y", score="s", sensitive="sex")
    whole, parts = evenhand.audit(frame, question=asked), evenhand.audit(frame, label="y", score="s", sensitive="sex")
    assert whole.to_json() == parts.to_json()
    with pytest.raises(BadInput, match=r"question\.but"):
        evenhand.audit(frame, question=asked, confidence=0.9)


@pytest.mark.parametrize(
    "parts",
    [
        {"label": "y", "score": "s", "sensitive": ["sex", "age"], "bins": {"age": [30, 50]}, "exact": True},
        {"label": "y", "score": "s", "sensitive": "age", "bins": {"age": "each"}, "threshold": 0.3},
        {"label": "y", "score": "s", "sensitive": "sex", "top": 0.2, "within": "home", "cluster": "home"},
        {"label": "s", "prediction": "age", "sensitive": "sex", "task": "regression"},
        {"score": "s", "sensitive": ["sex", "age"]},
    ],
    ids=["bins", "each", "top", "numbers", "selection"],
)
def test_the_question_of_an_audit_finds_its_rows_and_classes_again(frame, parts):
    recorded = json.loads(evenhand.audit(frame, **parts).to_json())["question"]
    again = asked_again(recorded)
    rows, binnings, top = take_asked(open_source(frame), again)
    found = json.loads(json.dumps(make_plan(rows, again, bins=binnings, top=top).question))
    decided = ("task", "positive", "threshold", "sensitive", "cut", "top", "within", "cluster", "exact")
    assert {key: found[key] for key in decided} == {key: recorded[key] for key in decided}
    assert {c: b["edges"] for c, b in found["bins"].items()} == {c: b["edges"] for c, b in recorded["bins"].items()}
