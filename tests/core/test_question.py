"""One question: the same from Python, the command line, a file, a recipe and an audit's own record of it."""

import inspect
import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evenhand
from evenhand import BadInput, Question, Recipe
from evenhand.asking.question import PARTS
from evenhand.auditing.question.plan import asked_again, make_plan
from evenhand.auditing.question.taking import take_asked
from evenhand.auditing.table.source import open_source

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAMES = st.lists(TEXTS, max_size=3)
MAYBE = st.none() | TEXTS
FINITE = st.floats(allow_nan=False, allow_infinity=False)
EDGES = st.lists(FINITE.map(lambda x: x + 0.0), min_size=1, max_size=4, unique=True).map(sorted)
QUESTIONS = st.builds(
    Question,
    sensitive=NAMES,
    label=MAYBE,
    score=MAYBE,
    prediction=MAYBE,
    threshold=st.none() | st.floats(0, 1),
    positive=st.none() | TEXTS | st.integers() | st.booleans() | FINITE,
    favourable=st.none() | TEXTS | st.integers() | st.booleans(),
    cluster=MAYBE,
    task=st.sampled_from([None, "binary", "multiclass", "regression", "selection"]),
    tolerance=st.floats(0, 9) | st.dictionaries(TEXTS, st.floats(0, 9), max_size=3),
    policy=st.sampled_from([None, "us-four-fifths", "nyc-ll144"]),
    metrics=NAMES,
    reference=st.dictionaries(TEXTS, TEXTS | st.integers() | st.booleans() | FINITE, max_size=3),
    intersections=st.integers(1, 3),
    bins=st.dictionaries(TEXTS, st.integers(2, 100) | st.just("each") | EDGES, max_size=3),
    top=st.none() | st.integers(1, 10**6) | st.floats(0, 1, exclude_min=True, exclude_max=True),
    slices=NAMES,
    mitigation=st.sampled_from(["sweep", "fairlearn"]),
    confidence=st.floats(0.5, 1, exclude_min=True, exclude_max=True),
    exact=st.booleans(),
    replicates=st.integers(200, 1_000_000),
    seed=st.integers(0, 2**40),
    title=MAYBE,
)


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
    assert {*keywords} - {"source", "question", "extra", "on_plan"} == {*PARTS}
    defaults = {part: keywords[part].default for part in PARTS}
    assert Question(**defaults) == Question()
    described = inspect.getdoc(evenhand.audit)
    assert not [part for part in keywords if f"\n{part} : " not in described]


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    n = 900
    y = rng.integers(0, 2, n)
    return pl.DataFrame(
        {
            "y": y,
            "s": np.round(np.clip(0.4 * y + 0.6 * rng.random(n), 0, 1), 3),
            "sex": rng.choice(["f", "m"], n),
            "age": rng.integers(18, 80, n),
            "home": np.arange(n) // 3,
            "site": rng.choice(["north", "south"], n),
        }
    )


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


# files


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sensitve = 'sex'", "Did you mean 'sensitive'?"),
        ("zzzz = 1", "A question has sensitive, label"),
        ("confidence = 95", "'confidence' = 95 (audit.toml) is not allowed: the confidence 95 is not a number"),
        ("label = 5", "'label' = 5 (audit.toml)"),
        ("[tolerance]\ntpr = 'x'", "'tolerance.tpr' = 'x'"),
        ("[bins]\nage = 1", "'bins.age' = 1"),
        ("exact = 'yes'", "true or false"),
        ("task = 'binry'", "multiclass"),
        ("label = ", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_what_would_be_right(text, says):
    with pytest.raises(BadInput) as error:
        Question.from_toml(text, "audit.toml")
    assert says in str(error.value)
    assert "audit.toml" in str(error.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"none\.toml cannot be read"):
        Question.from_file(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes("label = 'größe'".encode("latin-1"))
    with pytest.raises(BadInput, match="not UTF-8"):
        Question.from_file(tmp_path / "latin.toml")


def test_a_policy_file_is_found_from_where_the_question_lies(tmp_path, monkeypatch):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    Question(policy="rules/mine.toml").to_file(tmp_path / "rules" / "audit.toml")
    assert 'policy = "mine.toml"' in (tmp_path / "rules" / "audit.toml").read_text()
    monkeypatch.chdir("/")
    found = Question.from_file(tmp_path / "rules" / "audit.toml")
    assert Path(found.policy) == tmp_path / "rules" / "mine.toml"


def test_a_question_that_no_file_can_hold_is_refused(frame):
    from evenhand.auditing.question.policy import load_policy

    with pytest.raises(BadInput, match="no file"):
        Question(policy=load_policy("us-four-fifths")).to_toml()
    with pytest.raises(BadInput, match="UTF-8"):
        Question(label="\ud800").to_toml()


# the command line


EVERY_OPTION = """
    --label y --score s --sensitive sex,age --bins age=30,50 --reference sex=m --tolerance tpr=0.1 --policy mine.toml
    --intersections 2 --slices site --cluster home --confidence 0.9 --replicates 400 --seed 3 --exact --positive 1
    --metrics tpr,auc --threshold 0.4 --title Mine --task binary --mitigation sweep
"""


def test_a_saved_question_gives_the_same_audit_and_options_stand_in_for_its_parts(evenhand, tmp_path, frame):
    frame.write_csv(tmp_path / "p.csv")
    (tmp_path / "mine.toml").write_text(
        'name = "m"\nversion = "1"\ntitle = "t"\nsource = "s"\n[[ratio]]\nleast = 0.8\n'
    )
    (tmp_path / "kept").mkdir()
    first = evenhand(
        "audit", "p.csv", *EVERY_OPTION.split(), "--save-question", "kept/audit.toml", "--json", "--out", "one"
    )
    assert first.returncode in (0, 1), first.stderr
    again = evenhand("audit", "p.csv", "--question", "kept/audit.toml", "--json", "--out", "two")
    assert again.stdout == first.stdout
    assert (tmp_path / "one" / "audit.json").read_bytes() == (tmp_path / "two" / "audit.json").read_bytes()
    assert evenhand("verify", "two").returncode == 0
    other = evenhand(
        "audit",
        "p.csv",
        "--question",
        "kept/audit.toml",
        "--sensitive",
        "sex",
        "--no-exact",
        "--bins",
        "sex=each",
        "--json",
    )
    asked = json.loads(other.stdout)["question"]
    assert (asked["sensitive"], asked["exact"], asked["confidence"]) == (["sex"], False, 0.9)
    (tmp_path / "kept" / "audit.toml").write_text("sensitiv = 'sex'")
    refused = evenhand("audit", "p.csv", "--question", "kept/audit.toml")
    assert refused.returncode == 2
    assert "Did you mean 'sensitive'?" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_every_part_has_an_option_with_its_help(evenhand):
    shown = " ".join(evenhand("audit", "--help", env={"COLUMNS": "400"}).stdout.split())
    for name, part in PARTS.items():
        assert f"--{name}" in shown
        assert part.says.split(":")[0] in shown


# recipes

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
    asked = asked.but(label=None, positive=None, task=None, score=None, prediction=None)
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


def test_a_run_asks_what_an_audit_can_ask(evenhand, install, tmp_path):
    env = install("toy_tables", "toy_tables", Path(__file__).resolve().parents[1] / "plugins")
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
    assert "which is unfavourable" in (tmp_path / "run" / "model-card.md").read_text()
    assert evenhand("verify", tmp_path / "run", env=env).returncode == 0
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
