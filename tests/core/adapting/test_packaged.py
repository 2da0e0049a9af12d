"""Networks for tables that their own packages bring: told the rows, stored with them, refused in a sentence without."""

import sys
import types

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from evenhand import BadInput
from evenhand.adapting.tables.members import InContext, Part
from evenhand.adapting.tables.model import weights_of
from evenhand.extending.discovering import load
from evenhand.pretrained.tabular.packaged import MOST_ROWS, PackagedClassifier


class StandIn(LogisticRegression):
    """Takes what TabICL's classifier takes here; counts what it was told."""

    def __init__(self, random_state=None):
        super().__init__(random_state=random_state)

    def fit(self, x, y):
        self.told = len(y)
        return super().fit(np.nan_to_num(x), y)

    def predict_proba(self, x):
        return super().predict_proba(np.nan_to_num(x))


class StandInPfn(StandIn):
    def __init__(self, random_state=None, categorical_features_indices=()):
        super().__init__(random_state)
        self.categorical_features_indices = categorical_features_indices


@pytest.fixture
def packages(monkeypatch):
    for name, attribute, made in (("tabicl", "TabICLClassifier", StandIn), ("tabpfn", "TabPFNClassifier", StandInPfn)):
        module = types.ModuleType(name)
        setattr(module, attribute, made)
        module.__spec__ = types.SimpleNamespace(name=name)
        monkeypatch.setitem(sys.modules, name, module)


def rows(count=60):
    rng = np.random.default_rng(0)
    x = rng.normal(size=count)
    frame = pl.DataFrame({"x": x, "kind": rng.choice(["a", "b"], count)})
    return frame, (x + 0.5 * rng.normal(size=count) > 0).astype(int)


@pytest.mark.parametrize("name", ["tabicl", "tabpfn"])
def test_a_package_is_told_the_rows_and_its_model_is_stored_with_them(packages, tmp_path, name):
    frame, targets = rows()
    network = weights_of(load().backbone(f"package:{name}"))
    member = InContext.fit(Part(frame, np.empty((60, 0)), targets), 3, network)
    said = member.scores(frame, np.empty((60, 0)))
    assert ((said[:, 1] > 0.5) == targets).mean() > 0.7
    member.save(tmp_path / "in-context")
    again = InContext.load(tmp_path / "in-context", network)
    np.testing.assert_array_equal(again.scores(frame, np.empty((60, 0))), said)


def test_tabpfn_is_told_which_columns_are_categories(packages):
    frame, targets = rows()
    made = PackagedClassifier.fit(weights_of(load().backbone("package:tabpfn")), frame, targets, 0)
    assert list(made.fitted.categorical_features_indices) == [1]


def test_a_large_table_is_a_context_of_limited_size(packages):
    frame, targets = rows(MOST_ROWS + 50)
    made = PackagedClassifier.fit(weights_of(load().backbone("package:tabicl")), frame, targets, 0)
    assert made.fitted.told == MOST_ROWS


def test_a_model_of_one_package_is_not_read_with_another(packages, tmp_path):
    frame, targets = rows()
    PackagedClassifier.fit(weights_of(load().backbone("package:tabicl")), frame, targets, 0).save(tmp_path / "model")
    with pytest.raises(BadInput, match="made with tabicl, not with tabpfn"):
        PackagedClassifier.load(tmp_path / "model", weights_of(load().backbone("package:tabpfn")))


def test_a_package_that_is_not_there_says_how_to_get_it():
    if "tabicl" in sys.modules:
        pytest.skip("tabicl is installed")
    frame, targets = rows()
    with pytest.raises(BadInput, match=r"pip install 'evenhand\[tabicl\]'"):
        PackagedClassifier.fit(weights_of(load().backbone("package:tabicl")), frame, targets, 0)


def test_weights_that_cannot_be_fetched_are_one_sentence(packages, monkeypatch):
    def offline(self, x, y):
        raise OSError("no route")

    monkeypatch.setattr(StandIn, "fit", offline)
    frame, targets = rows()
    with pytest.raises(BadInput, match="could not be told the rows .OSError: no route.*go online once"):
        PackagedClassifier.fit(weights_of(load().backbone("package:tabicl")), frame, targets, 0)


def test_a_package_that_is_not_known_is_refused():
    with pytest.raises(BadInput, match="those that come as packages are tabicl, tabpfn"):
        load().backbone("package:tabnet")
