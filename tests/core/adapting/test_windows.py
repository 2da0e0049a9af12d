"""Long texts are read in overlapping windows, and what is not read is said."""

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from evenhand.adapting import finetune, scores
from evenhand.adapting.store import load_model, save_model
from evenhand.adapting.windows import Cutter, Windowed, cut_off, pooled, speaking
from evenhand.pretrained import load_encoder
from evenhand.values import Splits

from .conftest import WORDS, recipe


@pytest.fixture(scope="module")
def tokenizer(bert_folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(bert_folder)


SENTENCES = st.lists(st.sampled_from([*WORDS, "Straße", "銀行", "🙂", "\t", "\u202e"]), max_size=60)


@given(words=SENTENCES, length=st.integers(2, 12), share=st.floats(0, 0.9))
def test_windows_hold_every_word_in_order_and_overlap_as_asked(words, length, share, tokenizer):
    text = " ".join(words)
    cutter = Cutter(tokenizer, length, min(int(share * length), length - 1), 1_000)
    windows = cutter.windows(text)
    tokens = [tokenizer(part, add_special_tokens=False)["input_ids"] for part in windows]
    assert all(len(part) <= length for part in tokens)
    whole, step = tokenizer(text, add_special_tokens=False)["input_ids"], length - cutter.overlap
    seen = tokens[0][:]
    for number, part in enumerate(tokens[1:], start=1):
        assert part[: cutter.overlap] == whole[number * step : number * step + min(cutter.overlap, len(part))]
        seen = seen[: number * step] + part
    assert seen == whole
    assert not cutter.unread([text], True).lost


def test_no_more_windows_are_read_than_allowed_and_the_rest_is_said(tokenizer):
    cutter = Cutter(tokenizer, 10, 2, 3)
    text = " ".join(["card"] * 100)
    assert len(cutter.windows(text)) == 3
    found = cutter.unread([text, "card"], True)
    assert (found.long, found.lost) == (1, 100 - 26)
    assert "1 of 2 texts (50.0%) are longer than the 26 tokens that are read; 73.3% of all tokens" in found.says(26)


def test_a_megabyte_takes_a_bounded_number_of_windows(tokenizer):
    cutter = Cutter(tokenizer, 10, 2, 5)
    text = "card lost " * 100_000
    assert len(cutter.windows(text)) == 5
    assert cutter.unread([text], True).lost == pytest.approx(200_000, rel=0.05)
    assert len(cutter.windows("x" * 1_000_000)) == 1


def test_scores_of_windows_become_those_of_their_text():
    said, owner = np.array([[0.2, 0.9], [0.6, 0.1], [0.3, 0.4]]), np.array([0, 0, 1])
    assert pooled(said, owner, 2, "max", "multilabel").tolist() == [[0.6, 0.9], [0.3, 0.4]]
    assert pooled(said, owner, 2, "mean", "multilabel") == pytest.approx(np.array([[0.4, 0.5], [0.3, 0.4]]))
    assert pooled(said, owner, 2, "max", "binary", 1) == pytest.approx(np.array([[0.1, 0.9], [0.6, 0.4]]))
    assert pooled(np.array([1.0, 3.0, 5.0]), owner, 2, "max", "regression").tolist() == [2.0, 5.0]


def test_a_label_stays_on_the_windows_that_speak_for_it():
    said, owner = np.array([[0.2], [0.4], [0.1], [0.9], [0.7]]), np.array([0, 0, 0, 1, 1])
    given = np.array([[1], [1], [1], [1], [1]])
    assert speaking(said, owner, given)[:, 0].tolist() == [False, True, False, True, True]
    assert not speaking(said, owner, 0 * given).any()


def contracts(n, seed, long):
    """One word among many decides, and stands where the first window does not reach."""
    rng = np.random.default_rng(seed)
    rows = []
    for index in range(n):
        words = list(rng.choice(WORDS[16:], 40 if long else 6))
        if index % 2:
            words[rng.integers(30, 40) if long else 2] = "stolen"
        rows.append({"text": " ".join(words), "a": index % 2, "b": int("bank" in words[:5])})
    return Dataset.from_list(rows)


def several(**finetune):
    job = recipe(task="multilabel", **finetune)
    return job.with_schema(job.schema.model_copy(update={"label": None, "labels": ("a", "b")}))


def split_of(job, long=True):
    parts = (contracts(n, seed, long) for seed, n in enumerate((80, 40, 40)))
    return Splits(*parts, job.schema, "made here", "0")


@pytest.mark.parametrize("strategy", ["probe", "lp-ft"])
def test_what_stands_beyond_the_limit_decides_and_survives_the_disk(strategy, bert, run, tmp_path):
    job = several(strategy=strategy)
    splits = split_of(job)
    found = finetune(job, splits, bert, run)
    assert isinstance(found.model, Windowed)
    assert found.validation_scores.shape == (40, 2)
    assert any("are read in windows that overlap by" in note for note in found.notes)
    said = scores(found.model, splits.test, job.schema)
    assert roc_auc_score(splits.test["a"], said[:, 0]) > 0.9
    save_model(found, tmp_path / "model")
    again = load_model(tmp_path / "model", job, bert)
    assert np.array_equal(scores(again.model, splits.test, job.schema), said)
    windows, each = again.model.of_windows(splits.test["text"][1])
    assert each[:, 0].max() == pytest.approx(said[1, 0]) or again.model.pool == "mean"
    assert len(windows) > 1


def test_texts_that_are_cut_are_said_with_their_share(bert, run):
    job = several(windows={"use": "never"})
    found = finetune(job, split_of(job), bert, run)
    assert not isinstance(found.model, Windowed)
    assert "160 of 160 texts (100.0%) are longer than the 14 tokens that are read; 65.0% of all" in found.notes[0]
    said = scores(found.model, contracts(200, 5, long=True), job.schema)
    assert roc_auc_score(contracts(200, 5, long=True)["a"], said[:, 0]) < 0.7
    cut, reach = cut_off(found.model, contracts(4, 9, long=True), job.schema)
    assert (cut.long, cut.lost, reach) == (4, 4 * 26, 14)


def test_short_texts_are_read_whole_and_nothing_is_said(bert, run):
    job = several()
    found = finetune(job, split_of(job, long=False), bert, run)
    assert not isinstance(found.model, Windowed)
    assert not any("token" in note for note in found.notes)


def test_windows_never_exceed_what_the_backbone_reads(bert):
    job = recipe(windows={"length": 500})
    encoder = load_encoder(bert, job)
    assert Cutter.of(encoder, job.finetune.windows).length == 14
