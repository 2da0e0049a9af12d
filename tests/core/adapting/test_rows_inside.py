"""A model that keeps the rows it was trained on is known as such, however deep they lie."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from evenhand.adapting.models import SimpleModel
from evenhand.adapting.rows_inside import holds_rows
from evenhand.adapting.store import save_model
from evenhand.schema import Schema
from evenhand.values import Adapted

ROWS, LABELS = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2


class Remembers:
    holds_rows = True

    def scores(self, rows):
        return np.zeros((len(rows), 2))


@pytest.mark.parametrize(
    "model",
    [
        KNeighborsClassifier(),
        SVC(),
        GaussianProcessClassifier(),
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        VotingClassifier([("a", LogisticRegression()), ("b", make_pipeline(StandardScaler(), SVC()))]),
    ],
    ids=lambda model: type(model).__name__,
)
def test_rows_inside_are_found(model):
    model.fit(ROWS, LABELS)
    assert holds_rows(model)
    assert holds_rows(SimpleModel(model, "table", Schema()))


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        RandomForestClassifier(3),
        HistGradientBoostingClassifier(max_iter=2),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_without_them_is_free_to_go(model):
    model.fit(ROWS, LABELS)
    assert not holds_rows(model)
    assert not holds_rows(SimpleModel(model, "table", Schema()))


def test_a_model_says_of_itself_that_it_keeps_rows():
    assert holds_rows(Remembers())
    assert holds_rows(SimpleModel(Remembers(), "table", Schema()))


def test_it_is_written_beside_the_model(tmp_path):
    import json

    near = KNeighborsClassifier(algorithm="brute").fit(ROWS, LABELS)
    plain = LogisticRegression().fit(ROWS, LABELS)
    save_model(Adapted(plain, (0, 1), "own", {"near": near}), tmp_path / "model")
    about = json.loads((tmp_path / "model" / "model.json").read_text())
    assert about["model"] == {"kind": "estimator"}
    assert about["baselines"]["near"] == {"kind": "estimator", "holds_rows": "KNeighborsClassifier"}
