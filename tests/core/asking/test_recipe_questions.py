"""The [audit] table of a recipe is a question, so that a run asks what an audit can ask."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from questions import QUESTIONS

from evenhand import BadInput, Question, Recipe

RECIPE = """
name = "small"
domain = "toy"
title = "A small job"
task = "binary"
modality = "table"
schema = { input = "x", label = "y", sensitive = ["sex"] }
"""


def recipe(text):
    return Recipe.from_toml(RECIPE + "[audit]\n" + text, "small.toml")


@given(asked=QUESTIONS)
def test_the_audit_table_of_a_recipe_is_a_question(asked):
    asked = asked.but(label=None, positive=None, positive_prediction=None, task=None, score=None, prediction=None)
    values = {"name": "n", "domain": "d", "title": "t", "task": "binary", "modality": "table", "audit": asked.table()}
    built = Recipe.build(values, {}, "test")
    assert built.audit == asked
    assert Recipe.from_toml(built.to_toml(), "again").audit == asked
    assert built.with_settings([]).audit == asked


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("confidnce = 0.9", "unknown key 'audit.confidnce' in small.toml. Did you mean 'confidence'?"),
        ("confidence = 9", "'audit.confidence' = 9 (small.toml) is not allowed: the confidence 9 is not a number"),
        ("tolerance = { tpr = 'x' }", "'audit.tolerance.tpr' = 'x' (small.toml)"),
        ("label = 'y'", "set schema.label"),
        ("score = 's'", "the scores of its own model"),
    ],
)
def test_a_wrong_audit_table_is_refused_with_key_origin_and_mend(text, says):
    with pytest.raises(BadInput) as error:
        recipe(text)
    assert says in str(error.value)


def test_settings_reach_every_part_and_say_where_they_are_from():
    asked = recipe("").with_settings(
        [
            "audit.policy=us-four-fifths",
            "audit.bins.age=[30, 50]",
            "audit.reference.sex=f",
            "audit.top=0.1",
            "audit.slices=['site']",
        ]
    )
    assert asked.audit == Question(
        policy="us-four-fifths", bins={"age": [30, 50]}, reference={"sex": "f"}, top=0.1, slices=["site"]
    )
    assert asked.origin("audit.top") == "--set"
    assert recipe("").with_settings(["audit.tolerance=0.1"]).audit.tolerance == 0.1
    for setting, says in (
        ("audit.polcy=x", "Did you mean 'audit.policy'?"),
        ("audit.seed=-1", "'audit.seed' = -1 (--set) is not allowed"),
        ("audit.label=y", "set schema.label"),
        ("audit.bins=4", "is a table"),
    ):
        with pytest.raises(BadInput) as error:
            recipe("").with_settings([setting])
        assert says in str(error.value)


def test_a_number_is_a_number_only_where_it_is_finite():
    for bad in (math.nan, math.inf, 10**400, True, "1"):
        with pytest.raises(BadInput, match="--tolerance"):
            Question(tolerance=bad)


@pytest.mark.slow
def test_a_run_asks_what_an_audit_can_ask(evenhand, install, tmp_path):
    env = install("toy_tables", "toy_tables", Path(__file__).resolve().parents[2] / "plugins")
    asked = [
        "audit.policy=us-four-fifths",
        "audit.slices=['job']",
        "audit.sensitive=['sex','income']",
        "audit.bins.income=[30.0,50.0]",
        "audit.reference.sex=f",
        "audit.confidence=0.9",
        "audit.exact=true",
        "audit.top=0.3",
        "audit.intersections=2",
        "audit.favourable=0",
    ]
    settings = [word for setting in asked for word in ("--set", setting)]
    done = evenhand("run", "toy_tables/loan", "--out", tmp_path / "run", *settings, env=env)
    assert done.returncode in (0, 1), done.stderr
    audit = json.loads((tmp_path / "run" / "audit.json").read_text())
    found = audit["question"]
    assert found["policy"]["name"] == "us-four-fifths"
    assert found["slices"] == ["sex", "income", "job"]
    assert found["bins"]["income"]["edges"] == [30, 50]
    assert (found["reference"], found["confidence"], found["exact"], found["top"]) == ({"sex": "f"}, 0.9, True, 0.3)
    assert [part["name"] for part in audit["attributes"]] == ["sex", "income", "sex × income"]
    assert found["cluster"] == "customer"
    assert found["favourable"]["decision"] == "negative"
    assert "which is unfavourable" in (tmp_path / "run" / "README.md").read_text()
    assert evenhand("verify", tmp_path / "run", env=env).returncode == 0
    told = evenhand(*done.args[3:], "--json", "--summary", "--fail-on", "nothing", env=env)  # all is done: told again
    short = json.loads(told.stdout)
    assert (told.returncode, told.stderr, short["report"]) == (0, "", str(tmp_path / "run" / "report.html"))
    assert (tmp_path / "run" / "summary.md").read_text().startswith("## ")
    assert (tmp_path / "run" / "junit.xml").read_text().count("<testcase") == len(audit["verdicts"])
    for setting, says in (
        ("audit.slices=['jb']", "Did you mean 'job'?"),
        ("audit.policy=us-four-fifth", "Did you mean 'us-four-fifths'?"),
        ("audit.reference.sx=f", "Did you mean 'sex'?"),
        ("audit.favourable=2", "it is one of '0', '1'"),
    ):
        refused = evenhand("run", "toy_tables/loan", "--out", tmp_path / "no", "--set", setting, env=env)
        assert refused.returncode == 2
        assert says in refused.stderr
        assert not (tmp_path / "no" / "model").exists()  # said before anything is trained
