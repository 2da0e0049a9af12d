"""None of these: whole classes held out choose the score, a stated share of known rows is decided, and it is stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from datasets import Dataset, concatenate_datasets
from hypothesis import given
from hypothesis import strategies as st

from evenhand.adapting import finetune
from evenhand.adapting.labels import Labels
from evenhand.adapting.scope import KINDS, centres_of, strangeness, tried, unit, with_scope
from evenhand.adapting.store import load_model, save_model
from evenhand.errors import BadInput
from evenhand.predicting.predictions import left_open, predictions_table

from .conftest import recipe, split

TOPICS = {
    "card": "card lost",
    "cash": "cash fee",
    "transfer": "transfer late",
    "refund": "refund money",
    "app": "app pin",
}


def four(n: int, seed: int, topics=("card", "cash", "transfer", "refund")) -> Dataset:
    rng = np.random.default_rng(seed)
    rows = [
        {"text": f"{TOPICS[name]} {rng.choice(['my', 'the', 'is', 'where'])}", "label": name}
        for name in (topics[i % len(topics)] for i in range(n))
    ]
    return Dataset.from_list(rows)


def job(**rule):
    found = recipe(strategy="probe")
    return found.model_copy(update={"abstain": found.abstain.model_copy(update=rule)})


def chances(count):
    row = st.lists(st.floats(0.01, 1), min_size=3, max_size=3).map(lambda row: np.array(row) / sum(row))
    return st.lists(row, min_size=count, max_size=count).map(np.stack)


@given(chances(5), st.sampled_from(KINDS))
def test_a_sure_row_on_its_class_is_least_strange_and_none_is_below_zero(probabilities, kind):
    centres = np.eye(3, dtype=np.float32)
    sure = np.eye(3)[:1]
    found = strangeness(kind, np.concatenate([sure, probabilities]), np.concatenate([sure, probabilities]), centres)
    assert found[0] == pytest.approx(0, abs=1e-9)
    assert (found >= 0).all()
    assert (found[1:] >= found[0] - 1e-9).all()


@given(st.integers(0, 20))
def test_centres_are_mean_directions_in_the_order_of_the_classes(seed):
    rng = np.random.default_rng(seed)
    features, targets = rng.normal(size=(12, 4)), rng.permutation(np.repeat([0, 1, 2], 4))
    found = centres_of(features, targets)
    for one in range(3):
        np.testing.assert_allclose(found[one], unit(features[targets == one].mean(axis=0)), rtol=1e-5)


def test_scores_are_tried_on_classes_that_nobody_taught():
    """Classes on axes of their own: what lies on a held-out axis is far from every centre that was learnt."""
    rng = np.random.default_rng(0)
    targets = np.repeat(np.arange(8), 12)
    features = (np.eye(8)[targets] + rng.normal(0, 0.05, (len(targets), 8))).astype(np.float32)
    labels = Labels("multiclass", tuple(range(8)), targets, targets, np.arange(len(targets)))
    found = tried(features, features, labels, 0)
    assert set(found) == set(KINDS)
    assert found["distance"] > 0.99
    noise = rng.normal(size=features.shape).astype(np.float32)
    assert tried(noise, noise, labels, 0)["distance"] < 0.7
    three = Labels("multiclass", (0, 1, 2), targets % 3, targets % 3, np.arange(len(targets)))
    assert tried(features, features, three, 0) == {}


def test_a_stated_share_is_decided_and_the_rest_is_left_open_also_after_the_disk(bert, run, tmp_path):
    asked = job(keep=0.8)
    splits = split(four, asked, (80, 40, 40))
    strange = four(20, 5, ("app",))
    splits = replace(splits, test=concatenate_datasets([splits.test, strange]))
    adapted = with_scope(asked, splits, finetune(asked, splits, bert, run), bert, run)
    assert adapted.scope.kept >= 0.8
    assert any("says none of these" in note for note in adapted.notes)
    table, facts = predictions_table(asked, splits, adapted)
    assert facts["abstaining"] == ["none_of_these", "abstained"]
    score, left = np.array(table["none_of_these"]), np.array(table["abstained"])
    np.testing.assert_array_equal(left, score > adapted.scope.threshold)
    assert left[40:].mean() > 0.9 > 0.5 > left[:40].mean()
    save_model(adapted, tmp_path / "model")
    again = load_model(tmp_path / "model", asked, bert)
    said = again.model.scores(splits.test)
    np.testing.assert_array_equal(left_open(again, splits.test, splits.schema, said, ())["none_of_these"], score)


def test_a_recipe_that_asks_for_nothing_leaves_nothing_open(bert, run):
    splits = split(four, job(), (40, 20, 20))
    adapted = finetune(job(), splits, bert, run)
    assert with_scope(job(), splits, adapted, bert, run) is adapted
    assert predictions_table(job(), splits, adapted)[1]["abstaining"] == []


def test_two_classes_cannot_be_none_of_these(bert, run):
    asked = job(keep=0.9).model_copy(update={"task": "binary"})
    splits = split(lambda n, s: four(n, s, ("card", "cash")), asked, (40, 20, 20))
    with pytest.raises(BadInput, match=r"abstain\.keep leaves rows open"):
        with_scope(asked, splits, finetune(asked, splits, bert, run), bert, run)
