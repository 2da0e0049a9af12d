"""A gap as a scorer of scikit-learn: minus the largest gap, in cross-validation and searches, by column or metadata."""

import math
import pickle

import numpy as np
import polars as pl
import pytest

import evenhand
from evenhand import BadInput, gap_scorer

pytest.importorskip("sklearn", reason="scorers are scikit-learn's, which is not installed")

from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate


class ByScore(ClassifierMixin, BaseEstimator):
    """Says what column `s` says, moved for men by `favour`."""

    def __init__(self, favour=0.0):
        self.favour = favour

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        moved = np.clip(np.asarray(X["s"]) + self.favour * (np.asarray(X["sex"]) == "m"), 0, 1)
        return np.column_stack([1 - moved, moved])

    def predict(self, X):
        return self.classes_[(self.predict_proba(X)[:, 1] >= 0.5).astype(int)]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(1)
    n = 400
    y = rng.integers(0, 2, n)
    score = np.clip(0.3 * y + 0.7 * rng.random(n), 0, 1)
    frame = pl.DataFrame({"s": score, "sex": rng.choice(["f", "m"], n), "w": rng.random(n) + 0.5})
    return frame, y


def rate_gap(X, y, decided):
    """The gap of the true positive rate, by arithmetic."""
    rates = [decided[(np.asarray(X["sex"]) == sex) & (y == 1)].mean() for sex in ("f", "m")]
    return abs(rates[0] - rates[1])


@pytest.mark.parametrize("library", ["polars", "pandas", "pyarrow"])
def test_the_score_is_minus_the_gap(rows, library):
    frame, y = rows
    model = ByScore(0.2).fit(frame, y)
    X = {"polars": frame.clone, "pandas": frame.to_pandas, "pyarrow": frame.to_arrow}[library]()
    expected = -rate_gap(frame, y, model.predict(frame))
    assert gap_scorer("tpr", sensitive_features="sex")(model, X, y) == pytest.approx(expected)
    assert gap_scorer("tpr", sensitive_features=1)(model, X, y) == pytest.approx(expected)


def test_a_threshold_decides_from_probabilities(rows):
    frame, y = rows
    model = ByScore(0.2).fit(frame, y)
    decided = model.predict_proba(frame)[:, 1] >= 0.7
    found = gap_scorer("tpr", sensitive_features="sex", threshold=0.7)(model, frame, y)
    assert found == pytest.approx(-rate_gap(frame, y, decided))


def test_scores_and_weights_are_read_where_the_metric_needs_them(rows):
    frame, y = rows
    model = ByScore(0.2).fit(frame, y)
    asked = {"metrics": "auc", "sensitive": "sex", "label": "y", "score": "p", "weight": "w"}
    table = frame.with_columns(y=pl.Series(y), p=pl.Series(model.predict_proba(frame)[:, 1]))
    gaps = evenhand.audit(table, **asked).data["attributes"][0]["gaps"]
    expected = -next(gap["value"] for gap in gaps if gap["kind"] == "largest")
    found = gap_scorer("auc", sensitive_features="sex", sample_weight="w")(model, frame, y)
    assert found == pytest.approx(expected)
    assert found != pytest.approx(gap_scorer("auc", sensitive_features="sex")(model, frame, y))


def test_the_positive_class_is_the_second_as_in_scikit_learn_or_the_named_one(rows):
    frame, y = rows
    words = np.where(y == 1, "late", "in time")  # sorted: "in time", "late"
    model = ByScore(0.2).fit(frame, words)
    decided = model.predict(frame) == "late"
    assert gap_scorer("tpr", sensitive_features="sex")(model, frame, words) == pytest.approx(
        -rate_gap(frame, y, decided)
    )
    other = gap_scorer("tpr", sensitive_features="sex", positive="in time")(model, frame, words)
    assert other == pytest.approx(-rate_gap(frame, 1 - y, ~decided))


def test_of_several_attributes_the_largest_gap_counts(rows):
    frame, y = rows
    model = ByScore(0.2).fit(frame, y)
    both = gap_scorer("tpr", sensitive_features=["sex", "half"])
    frame = frame.with_columns(half=pl.Series(np.arange(len(y)) % 2))
    alone = [gap_scorer("tpr", sensitive_features=one)(model, frame, y) for one in ("sex", "half")]
    assert both(model, frame, y) == pytest.approx(min(alone))


def test_a_search_that_chooses_by_the_gap_takes_the_even_model(rows):
    frame, y = rows
    search = GridSearchCV(
        ByScore(),
        {"favour": [0.0, 0.25, 0.5]},
        scoring={"gap": gap_scorer("selection_rate", sensitive_features="sex"), "accuracy": "accuracy"},
        refit="gap",
        cv=2,
    ).fit(frame.to_pandas(), y)
    assert search.best_params_ == {"favour": 0.0}
    assert search.cv_results_["mean_test_gap"].argmin() == 2
    assert (search.cv_results_["mean_test_gap"] <= 0).all()


def test_groups_are_passed_as_metadata(rows):
    frame, y = rows
    numbers, sex = frame.select("s", "w").to_numpy(), frame["sex"].to_numpy()
    with config_context(enable_metadata_routing=True):
        found = cross_validate(
            LogisticRegression(),
            numbers,
            y,
            cv=3,
            params={"sensitive_features": sex},
            scoring={"gap": gap_scorer("tpr"), "accuracy": "accuracy"},
            error_score="raise",
        )
        weighted = cross_validate(
            LogisticRegression().set_fit_request(sample_weight=False),
            numbers,
            y,
            cv=3,
            params={"people": sex, "sample_weight": np.where(sex == "m", 1.0, 3.0) * (1 + np.arange(len(y)) % 4)},
            scoring=gap_scorer("tpr").set_score_request(sensitive_features="people", sample_weight=True),
            error_score="raise",
        )
    by_column = cross_validate(
        LogisticRegression(),
        np.column_stack([numbers, sex == "m"]),
        y,
        cv=3,
        scoring=gap_scorer("tpr", sensitive_features=2),
        error_score="raise",
    )
    assert found["test_gap"] == pytest.approx(by_column["test_score"], abs=0.15)  # a model with the column, or without
    assert (found["test_gap"] < 0).all()
    assert (weighted["test_score"] != found["test_gap"]).any()


def test_a_scorer_goes_with_its_search_into_other_processes_and_copies(rows):
    frame, y = rows
    search = GridSearchCV(ByScore(), {"favour": [0.0]}, scoring=gap_scorer("tpr", sensitive_features="sex"))
    copied = clone(search).scoring
    assert repr(copied) == repr(search.scoring) == "gap_scorer('tpr', sensitive_features=['sex'])"
    model = ByScore(0.2).fit(frame, y)
    assert copied(model, frame, y) == search.scoring(model, frame, y)
    assert pickle.dumps(search.scoring)


def test_of_a_regression_the_error_is_compared():
    y = np.array([1.5, 2.5, 3.5, 10.0, 11.0, 12.0] * 3)
    X = np.column_stack([np.zeros(18), np.arange(18) // 3 % 2])
    model = DummyRegressor(strategy="constant", constant=0.0).fit(X, y)
    assert gap_scorer("mae", sensitive_features=1)(model, X, y) == pytest.approx(-(11 - 2.5))


def test_without_two_groups_there_is_no_gap(rows):
    frame, y = rows
    women = (frame["sex"] == "f").to_numpy()
    model = ByScore().fit(frame, y)
    assert math.isnan(gap_scorer("tpr", sensitive_features="sex")(model, frame.filter(women), y[women]))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda m, X, y: gap_scorer("tprr", sensitive_features="sex"), "no metric 'tprr' .* Did you mean 'tpr'"),
        (lambda m, X, y: gap_scorer("tpr", threshold=2), "threshold 2"),
        (lambda m, X, y: gap_scorer("tpr")(m, X, y), r"does not know the groups: .*enable_metadata_routing"),
        (lambda m, X, y: gap_scorer("tpr", sensitive_features="sx")(m, X, y), "column 'sx' is not in X.*'sex'"),
        (lambda m, X, y: gap_scorer("tpr", sensitive_features=9)(m, X, y), "column '9' is not in X"),
        (lambda m, X, y: gap_scorer("tpr", sensitive_features="sex")(m, X.to_numpy(), y), "no column 'sex'"),
        (lambda m, X, y: gap_scorer("tpr", sensitive_features=7)(m, X.to_numpy(), y), "no column 7"),
        (
            lambda m, X, y: gap_scorer("auc", sensitive_features="sex")(DummyRegressor().fit(X, y), X, y),
            "predict_proba",
        ),
        (lambda m, X, y: gap_scorer("auc", sensitive_features="sex", positive=3)(m, X, y), "3 is none of"),
        (
            lambda m, X, y: gap_scorer("tpr", sensitive_features="sex").set_score_request(sensitive_features=True),
            "is a column of X",
        ),
        (lambda m, X, y: gap_scorer("tpr").set_score_request(groups=True), "takes no 'groups'"),
        (lambda m, X, y: gap_scorer("tpr")(m, X, y, groups=y), "'groups' is neither"),
    ],
)
def test_what_cannot_be_scored_is_said(rows, make, says):
    frame, y = rows
    with pytest.raises(BadInput, match=says):
        make(ByScore().fit(frame, y), frame, y)
