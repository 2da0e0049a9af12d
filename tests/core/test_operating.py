"""The operating point: the threshold keeps its promise on validation rows, ties and weights included."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import evenhand
from evenhand import BadInput, Question, Recipe
from evenhand.asking.checks import TARGETS
from evenhand.predicting.operating import threshold_for

ROWS = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.booleans(), min_size=n, max_size=n),
        st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.50001, 0.9, 1.0]), min_size=n, max_size=n),  # ties are usual
        st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=n, max_size=n),
    )
)
WANTED = st.floats(0.01, 1)


def measured(target, positive, selected, weight):
    """The figure from its definition, nan where it has no denominator."""
    hit, among = {
        "sensitivity": (selected & positive, positive),
        "specificity": (~selected & ~positive, ~positive),
        "selection_rate": (selected, np.ones(len(weight), dtype=bool)),
        "precision": (selected & positive, selected),
    }[target]
    total = weight[among].sum()
    return weight[hit].sum() / total if total > 0 else np.nan


def holds(target, figure, wanted):
    return figure <= wanted + 1e-9 if target == "selection_rate" else figure >= wanted - 1e-9


@given(rows=ROWS, target=st.sampled_from(TARGETS), wanted=WANTED)
def test_the_threshold_reaches_what_is_asked_and_is_the_last_that_does(rows, target, wanted):
    positive, score, weight = (np.array(part) for part in rows)
    reached = {t: measured(target, positive, score >= t, weight) for t in np.unique(score)}
    good = [t for t, figure in reached.items() if holds(target, figure, wanted)]
    found = threshold_for(target, wanted, positive, score, weight)
    if not good:
        assert found is None
        return
    threshold, figure = found
    assert threshold == (max(good) if target == "sensitivity" else min(good))
    assert figure == pytest.approx(reached[threshold])


@given(rows=ROWS, wanted=WANTED, target=st.sampled_from(TARGETS))
def test_a_weight_of_two_is_two_rows(rows, wanted, target):
    positive, score, _ = (np.array(part) for part in rows)
    twice = threshold_for(target, wanted, positive, score, np.full(len(score), 2.0))
    assert twice == threshold_for(target, wanted, positive, score)
    assert twice == threshold_for(target, wanted, np.tile(positive, 2), np.tile(score, 2))


@given(rows=ROWS, low=WANTED, high=WANTED)
def test_more_sensitivity_asks_for_no_higher_threshold(rows, low, high):
    positive, score, _ = (np.array(part) for part in rows)
    assume(positive.any() and low <= high)
    assert (
        threshold_for("sensitivity", high, positive, score)[0] <= threshold_for("sensitivity", low, positive, score)[0]
    )


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"sensitivty": 0.9}, "Did you mean 'sensitivity'?"),
        ({"sensitivity": 90}, "not a number above 0 and up to 1"),
        ({"sensitivity": 0}, "not a number above 0 and up to 1"),
        ({"sensitivity": 0.9, "precision": 0.5}, "keep one of them"),
        (0.9, "write it as sensitivity=0.9"),
    ],
)
def test_a_wrong_operating_point_is_refused(asked, says):
    with pytest.raises(BadInput, match=says.replace("?", r"\?")):
        Question(operating_point=asked)


def test_a_table_of_predictions_has_no_validation_rows_to_choose_on():
    table = pl.DataFrame({"y": [0, 1] * 20, "p": [0.2, 0.8] * 20, "sex": ["f", "m"] * 20})
    with pytest.raises(BadInput, match="chosen on validation rows, which a table of predictions does not have"):
        evenhand.audit(table, label="y", score="p", sensitive="sex", operating_point={"sensitivity": 0.9})


RECIPE = """
name = "loans"
domain = "toy"
title = "Loans"
task = "binary"
modality = "table"
schema = { input = ["x"], label = "y", positive = "bad", sensitive = ["sex"], weight = "w", group_id = "person" }
"""


class Own:
    """A plugin without recipes whose model is scikit-learn's; it was fitted on train alone."""

    @staticmethod
    @evenhand.hookimpl
    def finetune(recipe, splits):
        from sklearn.linear_model import LogisticRegression

        frame = splits.train.to_pandas()
        model = LogisticRegression().fit(frame[["x"]], frame["y"])
        return evenhand.Adapted(model, tuple(model.classes_), "own", {"same": model})


@pytest.fixture
def loans(tmp_path):
    rng = np.random.default_rng(0)
    n = 600
    bad = rng.random(n) < 0.4
    frame = pl.DataFrame(
        {
            "x": rng.normal(bad, 1.2),
            "y": np.where(bad, "bad", "good"),
            "sex": rng.choice(["f", "m"], n),
            "w": rng.choice([1.0, 4.0], n),
            "person": np.arange(n) // 2,
        }
    )
    frame.write_csv(tmp_path / "loans.csv")
    return tmp_path / "loans.csv"


@pytest.fixture
def run(loans, tmp_path):
    """run("audit.…=…") -> the folder of a run with these settings."""
    from evenhand.extending.discovering import load

    def go(*settings):
        recipe = Recipe.from_toml(RECIPE, "loans.toml").with_settings(settings)
        return evenhand.run(recipe, loans, out=tmp_path / "run", plugins=load({"own": Own})).path

    return go


@pytest.mark.parametrize(("target", "wanted"), [("sensitivity", 0.9), ("specificity", 0.8), ("precision", 0.6)])
def test_a_run_decides_at_its_operating_point_and_tells_what_the_test_shows(run, target, wanted):
    folder = run(f"audit.operating_point={{ {target} = {wanted} }}")
    model = json.loads((folder / "model" / "model.json").read_text())["operating"]
    assert (model["target"], model["wanted"]) == (target, wanted)
    assert model["reached"] >= wanted
    table = pl.read_parquet(folder / "predictions.parquet")
    decided = (table["score"] >= model["threshold"]).to_numpy()
    assert ((table["prediction"] == "bad").to_numpy() == decided).all()
    shown = {(m["model"], m["name"]): m for m in json.loads((folder / "evaluation.json").read_text())}
    positive = (table["y"] == "bad").to_numpy()
    assert shown["adapted", target]["value"] == pytest.approx(
        measured(target, positive, decided, table["w"].to_numpy())
    )
    assert shown["adapted", "accuracy"]["value"] == shown["same", "accuracy"]["value"]  # the same rule for a baseline
    assert json.loads((folder / "audit.json").read_text())["question"]["threshold"] == model["threshold"]
    for name in ("report.html", "README.md"):
        assert f"(there: {model['reached']:.3f})" in (folder / name).read_text()


def test_what_no_threshold_reaches_is_refused_with_the_nearest(run):
    with pytest.raises(
        BadInput, match=r"no threshold reaches the selection_rate of 0.001 .* the nearest on the \d+ validation"
    ):
        run("audit.operating_point={ selection_rate = 0.001 }")


@pytest.mark.parametrize("other", ["audit.threshold=0.4", "audit.top=10"])
def test_two_ways_to_decide_are_refused(run, other):
    with pytest.raises(BadInput, match="keep one of them"):
        run("audit.operating_point={ sensitivity = 0.9 }", other)


def test_no_operating_point_is_an_empty_table(run):
    folder = run("audit.operating_point={}")
    assert json.loads((folder / "audit.json").read_text())["question"]["threshold"] == 0.5
