"""Few labels: pairs are mined by the rules, unlabelled messages are read or refused, and what was chosen is stored."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from evenhand.adapting import finetune, scores
from evenhand.adapting.few.choosing import folds_of
from evenhand.adapting.few.cotraining import surest
from evenhand.adapting.few.labelled import class_names
from evenhand.adapting.few.mining import mined, nearest
from evenhand.adapting.few.neighbours import spread
from evenhand.adapting.few.unlabelled import unlabelled_rows
from evenhand.adapting.store import load_model, save_model
from evenhand.adapting.windows import Windowed
from evenhand.data.loading import read_splits
from evenhand.errors import BadInput
from evenhand.pretrained import load_encoder
from evenhand.pretrained.layers import collate_outputs, depth, outputs_below, upper

from .conftest import FakeRun, messages, recipe, split

QUICK = {"epochs": 2, "learning_rate": 3e-3, "batch_size": 8}
LABELS = st.lists(st.integers(0, 6), min_size=4, max_size=60).filter(
    lambda labels: sum(labels.count(one) > 1 for one in set(labels)) > 1
)


def unlabelled(n: int = 60, seed: int = 9) -> Dataset:
    return messages(n, seed).remove_columns("label")


def few_labels(job, sizes=(24, 9, 30), extra=True):
    """Splits of `sizes` with messages without a label beside."""
    return replace(split(messages, job, sizes), unlabelled=unlabelled() if extra else None)


@pytest.fixture
def masking(tmp_path):
    """masking(backbone) -> the same network with a tokenizer that has a word to mask others by."""

    def make(backbone):
        from transformers import AutoTokenizer

        folder = tmp_path / "masking"
        if not folder.exists():
            shutil.copytree(backbone.source.removeprefix("local:"), folder)
            AutoTokenizer.from_pretrained(folder, mask_token="why").save_pretrained(folder)
        return replace(backbone, source=f"local:{folder}")

    return make


def accuracy(adapted, splits) -> float:
    chosen = scores(adapted.model, splits.test, splits.schema).argmax(1)
    return float(np.mean([adapted.classes[k] == y for k, y in zip(chosen, splits.test["label"], strict=True)]))


@given(LABELS, st.integers(2, 20), st.integers(0, 5))
def test_a_pass_shows_every_row_that_has_a_partner_once_and_none_without_pair_or_rival(labels, size, seed):
    targets = np.array(labels)
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(len(targets), 4))
    batches = mined(targets, features, size, rng)
    seen = np.concatenate(batches)
    partnered = [i for i, one in enumerate(labels) if labels.count(one) > 1]
    assert sorted(seen.tolist()) == partnered
    for batch in batches:
        found, counts = np.unique(targets[batch], return_counts=True)
        assert len(found) > 1
        assert counts.min() > 1


def test_the_classes_of_a_batch_are_the_ones_that_look_alike():
    angles = np.repeat([0.0, 0.1, 2.0, 2.1], 4)
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    targets = np.repeat([0, 1, 2, 3], 4)
    assert nearest(targets, features)[2][:2] == [2, 3]
    for batch in mined(targets, features, 4, np.random.default_rng(0)):
        assert set(targets[batch]) in ({0, 1}, {2, 3})


@given(st.lists(st.integers(0, 5), min_size=1, max_size=50), st.integers(2, 5), st.integers(0, 3))
def test_folds_spread_every_class_and_never_hold_out_its_only_row(labels, folds, seed):
    targets = np.array(labels)
    found = folds_of(targets, folds, seed)
    for one in set(labels):
        mine = found[targets == one]
        if len(mine) == 1:
            assert mine[0] == -1
        else:
            counts = np.bincount(mine, minlength=folds)
            assert counts.max() - counts.min() <= 1
            assert counts.max() < len(mine)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0.01, 1))
def test_the_surest_are_at_least_as_sure_as_the_rest(highest, share):
    chances = np.array(highest)[:, None]
    kept = surest(chances, share)
    left = np.setdiff1d(np.arange(len(highest)), kept)
    assert len(kept) == max(1, round(share * len(highest)))
    assert not len(left) or chances[kept].min() >= chances[left].max()


def test_labels_spread_to_neighbours_and_not_beyond_them():
    rng = np.random.default_rng(0)
    centres = np.eye(6)[:3] * 5
    clouds = [centre + 0.2 * rng.standard_normal((40, 6)) for centre in centres]
    found = spread(centres[:2], np.array([0, 1]), np.concatenate(clouds), 2)
    assert (found[:40].argmax(1) == 0).all()
    assert (found[40:80].argmax(1) == 1).all()
    sums = found.sum(axis=1)
    assert sums[:80] == pytest.approx(np.ones(80))
    assert np.all((np.abs(sums[80:] - 1) < 1e-9) | (sums[80:] == 0))


def test_a_message_that_no_path_reaches_gets_no_label():
    near, far = np.eye(4)[[0] * 20] + np.linspace(0, 0.01, 20)[:, None], np.eye(4)[[3] * 20]
    found = spread(np.eye(4)[:1], np.array([0]), np.concatenate([near, far]), 2)
    assert (found[:20] == [1, 0]).all()
    assert (found[20:] == 0).all()


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        (("card_arrival", "Refund_not_showing_up"), ["card arrival", "Refund not showing up"]),
        (("überweisung-verspätet", "карта"), ["überweisung verspätet", "карта"]),
        ((0, 1, 2), []),
        (("a", "b1", "c2"), []),
    ],
)
def test_names_of_classes_are_texts_where_they_are_words(classes, names):
    assert list(class_names(classes).values()) == names


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"strategy": "contrastive"}, "network"),
        ({"strategy": "contrastive", "frozen_layers": 1}, "network"),
        ({"strategy": "co-trained"}, "mean"),
        ({"strategy": "continued"}, "network"),
        ({"strategy": "continued", "then": "contrastive"}, "network"),
    ],
)
def test_a_strategy_for_few_labels_learns_and_survives_the_disk(settings, kind, bert, run, tmp_path, masking):
    job = recipe(**QUICK, **settings)
    splits = few_labels(job)
    adapted = finetune(job, splits, masking(bert), run)
    assert adapted.strategy == settings["strategy"]
    assert accuracy(adapted, splits) > 0.7
    assert adapted.validation_scores.shape == (9, 3)
    save_model(adapted, tmp_path / "model")
    assert json.loads((tmp_path / "model" / "model.json").read_text())["model"]["kind"] == kind
    again = load_model(tmp_path / "model", job, masking(bert))
    before = scores(adapted.model, splits.test, splits.schema)
    np.testing.assert_array_equal(scores(again.model, splits.test, splits.schema), before)
    np.testing.assert_allclose(before.sum(axis=1), 1)


def test_where_labels_are_few_auto_asks_them_alone_and_says_what_it_found(bert, run):
    job = recipe(**QUICK)
    splits = few_labels(job, extra=False)
    adapted = finetune(job, splits, bert, run)
    assert adapted.strategy in ("probe", "contrastive")
    told = {fields["strategy"]: fields["accuracy"] for event, fields in run.events if event == "cross-validation"}
    assert set(told) == {"probe", "contrastive"}
    assert told[adapted.strategy] == max(told.values()) == adapted.validation["accuracy"]
    assert any("3-fold cross-validation on the 33 labelled rows" in note for note in adapted.notes)


def test_where_labels_are_many_auto_trains_the_network(bert, run):
    job = recipe(**QUICK)
    assert finetune(job, few_labels(job, (150, 21, 30), extra=False), bert, run).strategy == "lp-ft"


@pytest.mark.parametrize(("long", "windowed"), [(1, False), (20, True)])
def test_a_handful_of_long_texts_does_not_keep_auto_from_choosing(long, windowed, bert, run):
    job = recipe(**QUICK)
    splits = few_labels(job, extra=False)
    numbers = iter(range(len(splits.train)))
    longer = splits.train.map(lambda row: {**row, "text": row["text"] + " why" * (600 if next(numbers) < long else 0)})
    adapted = finetune(job, replace(splits, train=longer), bert, run)
    assert isinstance(adapted.model, Windowed) is windowed
    assert any(event == "cross-validation" for event, _ in run.events) is not windowed


@pytest.mark.parametrize("strategy", ["contrastive", "co-trained"])
def test_the_same_seed_gives_the_same_model(strategy, bert, tmp_path):
    job = recipe(**QUICK, strategy=strategy)
    splits = few_labels(job)
    runs = [FakeRun(tmp_path / folder, tmp_path / "scratch") for folder in ("cold", "cold", "other")]
    first, warm, cold = (scores(finetune(job, splits, bert, r).model, splits.test, splits.schema) for r in runs)
    np.testing.assert_array_equal(first, warm)
    np.testing.assert_array_equal(first, cold)


@pytest.mark.parametrize("strategy", ["contrastive", "co-trained"])
def test_neither_test_labels_nor_test_messages_teach_anything(strategy, bert, run):
    """Test messages that also stand among those without a label are left out, and said to be."""
    job = recipe(**QUICK, strategy=strategy)
    splits = few_labels(job)
    mixed = Dataset.from_dict({"text": [*splits.unlabelled["text"], *splits.test["text"]]})
    bare = replace(splits, test=splits.test.remove_columns("label"), unlabelled=mixed)
    shared = set(splits.unlabelled["text"]) & set(splits.test["text"])
    clean = splits.unlabelled.filter(lambda row: row["text"] not in shared)
    one = finetune(job, bare, bert, run)
    other = finetune(job, replace(splits, unlabelled=clean), bert, run)
    assert any("are test messages too, and were left out" in note for note in one.notes)
    told = [scores(adapted.model, splits.test, splits.schema) for adapted in (one, other)]
    np.testing.assert_array_equal(*told)


def test_a_class_with_one_example_makes_no_pair(bert, run):
    job = recipe(**QUICK, strategy="contrastive")
    splits = few_labels(job, extra=False)
    labels = ["card", *["cash" if one == "card" else one for one in splits.train["label"][1:]]]
    train = splits.train.remove_columns("label").add_column("label", labels)
    validation = splits.validation.filter(lambda row: row["label"] != "card")
    with pytest.raises(BadInput, match="class 'card' has a single labelled row.*second row"):
        finetune(job, replace(splits, train=train, validation=validation), bert, run)
    alone = recipe(**QUICK)
    assert finetune(alone, replace(splits, train=train, validation=validation), bert, run).strategy  # auto goes on


@pytest.mark.parametrize("strategy", ["co-trained", "continued"])
def test_a_strategy_without_its_messages_says_how_to_name_them(strategy, bert, run):
    job = recipe(**QUICK, strategy=strategy)
    with pytest.raises(BadInput, match=r"options\.unlabelled=FILE"):
        finetune(job, few_labels(job, extra=False), bert, run)


@pytest.mark.parametrize(
    ("modality", "task", "says"),
    [("image", "multiclass", "is for text"), ("text", "regression", "tells classes apart")],
)
def test_the_strategies_are_for_classes_of_text(modality, task, says, bert, run):
    from evenhand.adapting.few.choosing import _check
    from evenhand.adapting.labels import Labels
    from evenhand.adapting.setting import Setting

    job = recipe(modality, task, strategy="contrastive")
    labels = Labels(task, (), np.zeros(3), np.zeros(0), np.arange(0))
    encoder = type("Other", (), {"modality": modality})()
    with pytest.raises(BadInput, match=says):
        _check(Setting(job, None, run, encoder, labels))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("absent.csv", None, "does not exist; options.unlabelled names"),
        ("empty.txt", "\n \n", "holds no message"),
        ("few.txt", "one\ntwo\n", "has 2 messages without a label"),
        ("other.csv", "words\nmy card\n", "column 'text' is not in"),
        ("numbers.jsonl", '{"text": 1}\n{"text": 2}\n', "holds int64, not text"),
        ("lists.jsonl", '{"text": ["a"]}\n{"text": ["b"]}\n', "not text"),
    ],
)
def test_a_file_of_messages_that_cannot_be_one_is_refused(name, content, says, tmp_path):
    if content is not None:
        (tmp_path / name).write_text(content)
    job = recipe().model_copy(update={"options": {"unlabelled": str(tmp_path / name)}})
    with pytest.raises(BadInput, match=says):
        unlabelled_rows(job, split(messages, job))


def test_a_file_of_messages_is_read_as_a_table_or_by_lines(tmp_path):
    texts = [f"überweisung {n} ist spät" for n in range(20)]
    (tmp_path / "lines.txt").write_text("\n".join([*texts, "", *texts]), "utf-8")
    (tmp_path / "table.csv").write_text("id,text\n" + "\n".join(f"{n},{text}" for n, text in enumerate(texts)), "utf-8")
    for name in ("lines.txt", "table.csv"):
        job = recipe().model_copy(update={"options": {"unlabelled": str(tmp_path / name)}})
        rows, notes = unlabelled_rows(job, split(messages, job))
        assert rows["text"] == texts
        assert notes == ("20 messages without a label were learnt from",)


def test_rows_whose_label_is_empty_are_the_messages_without_a_label(tmp_path):
    rows = [f"my card {n} is lost,{'card' if n % 2 else 'cash'}" for n in range(30)] + [f"why {n}," for n in range(12)]
    (tmp_path / "mixed.csv").write_text("text,label\n" + "\n".join(rows))
    splits = read_splits(recipe(), tmp_path / "mixed.csv")
    assert splits.unlabelled["text"] == [f"why {n}" for n in range(12)]
    assert len(splits.train) + len(splits.validation) + len(splits.test) == 30


@pytest.mark.parametrize("strategy", ["lp-ft", "contrastive"])
def test_frozen_layers_stay_as_they_are_and_the_others_learn(strategy, bert, run):
    job = recipe(**QUICK, strategy=strategy, frozen_layers=1)
    splits = few_labels(job, extra=False)
    before = load_encoder(bert, job).body.model.encoder.layer
    adapted = finetune(job, splits, bert, run)
    after = adapted.model.network.body.model.encoder.layer
    assert accuracy(adapted, splits) > 0.7
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        same = all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
        assert same == (number == 0)


def test_what_frozen_layers_make_of_a_text_goes_on_as_if_they_were_there(bert):
    job = recipe(precision="fp32")
    encoder = load_encoder(bert, job)
    examples = encoder.examples(messages(12, 0), job.schema)
    below = [{"inputs_embeds": found} for found in outputs_below(encoder, examples, 1)]
    with torch.inference_mode():
        whole = encoder.body.eval()(**encoder.collate(examples))
        divided = upper(encoder.body, 1).eval()(**collate_outputs(below))
    torch.testing.assert_close(divided, whole, rtol=0, atol=5e-3)  # the outputs are kept in half precision
    assert depth(encoder.body) == 2
    assert depth(torch.nn.Linear(2, 2)) == 0
