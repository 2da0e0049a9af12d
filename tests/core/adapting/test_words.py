"""Words beside a network: they join in where validation rows gain by it, and are stored with it."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset

from evenhand.adapting import finetune, scores
from evenhand.adapting.models import MeanModel, SimpleModel
from evenhand.adapting.store import load_model, save_model

from .conftest import recipe, split

FILLER = ["my", "the", "is", "where", "why", "please", "app", "money", "bank", "account"]


def by_words(n: int, seed: int) -> Dataset:
    """Messages whose class is in a word that the tiny network has no token for; the others say nothing."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, n)
    texts = [" ".join([*rng.choice(FILLER, 6), ("zebra", "quartz", "violin")[k]]) for k in label]
    return Dataset.from_dict({"text": texts, "label": [("one", "two", "three")[k] for k in label]})


@pytest.fixture
def job():
    return recipe(strategy="probe", words="auto")


def test_words_join_a_network_that_does_not_know_them(job, bert, run, tmp_path):
    splits = split(by_words, job, (120, 60, 60))
    adapted = finetune(job, splits, bert, run)
    assert isinstance(adapted.model, MeanModel)
    assert isinstance(adapted.model.members[1], SimpleModel)
    assert any("logistic regression on the words" in note for note in adapted.notes)
    said = scores(adapted.model, splits.test, splits.schema)
    assert said.sum(axis=1) == pytest.approx(np.ones(len(said)))
    right = [adapted.classes[k] == y for k, y in zip(said.argmax(1), splits.test["label"], strict=True)]
    assert np.mean(right) > 0.9
    save_model(adapted, tmp_path / "model")
    again = load_model(tmp_path / "model", job, bert)
    assert np.array_equal(scores(again.model, splits.test, splits.schema), said)


def test_without_being_asked_for_or_without_rows_to_choose_by_they_stay_out(job, bert, run):
    alone = recipe(strategy="probe")
    assert not isinstance(finetune(alone, split(by_words, alone, (120, 60, 60)), bert, run).model, MeanModel)
    few = finetune(job, split(by_words, job, (120, 30, 60)), bert, run)
    assert not isinstance(few.model, MeanModel)
    assert any("fewer than 50 validation rows" in note for note in few.notes)
