"""The tabular backbone: mixed columns, what must not change its answers, and that the embedded weights have learned."""

import json

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from evenhand.errors import BadInput
from evenhand.pretrained.tabular.classifier import TabularClassifier
from evenhand.pretrained.tabular.contexts import draw_contexts
from evenhand.pretrained.tabular.hints import KERNELS, describe, normal_scores
from evenhand.pretrained.tabular.scaling import SCALINGS, scale
from evenhand.pretrained.tabular.weights_file import EMBEDDED, load_network

few = settings(max_examples=12, deadline=None)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def quick(**more):
    return TabularClassifier(**{"members": 2, "seed": 0, **more})


def close(one, other):
    np.testing.assert_allclose(one, other, atol=2e-4)


# what must not change an answer


@given(seeds)
@few
def test_the_order_of_context_rows_changes_nothing(people, seed):
    frame, label = people(seed % 50, 60)
    order = np.random.default_rng(seed).permutation(40)
    asked = frame[40:]
    close(
        quick().fit(frame[:40], label[:40]).predict_proba(asked),
        quick().fit(frame[:40][order], label[:40][order]).predict_proba(asked),
    )


@given(seeds)
@few
def test_the_order_of_columns_changes_nothing(people, seed):
    frame, label = people(seed % 50, 60)
    names = list(np.random.default_rng(seed).permutation(frame.columns))
    turned = frame.select(names)
    close(
        quick().fit(frame[:40], label[:40]).predict_proba(frame[40:]),
        quick().fit(turned[:40], label[:40]).predict_proba(turned[40:]),
    )


@given(seeds, st.integers(1, 19))
@few
def test_rows_that_are_asked_for_do_not_see_each_other(people, seed, alone):
    frame, label = people(seed % 50, 60)
    model = quick().fit(frame[:40], label[:40])
    close(model.predict_proba(frame[40:])[:alone], model.predict_proba(frame[40 : 40 + alone]))


def test_the_names_of_categories_change_nothing(people):
    frame, label = people(1, 80)
    renamed = frame.with_columns(pl.col("town").replace({"north": "z", "south": "y", "east": "a", "far": "b"}))
    close(
        quick().fit(frame[:60], label[:60]).predict_proba(frame[60:]),
        quick().fit(renamed[:60], label[:60]).predict_proba(renamed[60:]),
    )


def test_labels_may_have_any_names(people):
    frame, label = people(1, 80)
    words = np.array(["no", "yes"])[label]
    model = quick().fit(frame[:60], words[:60])
    assert list(model.classes_) == ["no", "yes"]
    assert set(model.predict(frame[60:])) <= {"no", "yes"}
    close(model.predict_proba(frame[60:]), quick().fit(frame[:60], label[:60]).predict_proba(frame[60:]))


def test_a_context_row_is_not_told_its_own_label_by_its_hints():
    rng = np.random.default_rng(0)
    values = torch.tensor(rng.standard_normal((1, 40, 3)), dtype=torch.float32)
    label = torch.tensor(rng.integers(0, 2, (1, 30)), dtype=torch.float32)
    other = label.clone()
    other[0, 0] = 1 - other[0, 0]
    categorical = torch.zeros(1, 3, dtype=torch.bool)
    (cells, rows), (cells2, rows2) = (describe(values, values, categorical, y) for y in (label, other))
    effect = slice(5, 7)  # of a cell; the raw blend over penalties differs by the choice of penalty alone
    spread = [y.std(correction=0).item() for y in (label, other)]
    close(cells[0, 0, :, effect] * spread[0], cells2[0, 0, :, effect] * spread[1])
    assert not torch.allclose(cells[0, 35], cells2[0, 35], atol=1e-4)
    assert rows.shape == rows2.shape


def test_leave_one_out_hints_are_those_of_refitting():
    """Expected numbers: kernel ridge regression refitted without the row, at one penalty."""
    from evenhand.pretrained.tabular import hints

    rng = np.random.default_rng(2)
    n, penalty = 25, 4.0
    x = rng.standard_normal((n, 4))
    y = rng.integers(0, 2, n).astype(float)
    kernel = x @ x.T
    base = hints.Base(torch.tensor(y)[None], n)
    centre = np.eye(n) - 1 / n
    scale_ = np.trace(centre @ kernel @ centre) / n
    before, hints.PENALTIES = hints.PENALTIES, (penalty, penalty, penalty, penalty, penalty)
    try:
        found = hints.regress(torch.tensor(kernel)[None], base)[0, :, 0].numpy() * base.spread.item()
    finally:
        hints.PENALTIES = before
    for i in range(n):
        rest = np.delete(np.arange(n), i)
        full = np.block(
            [
                [kernel[np.ix_(rest, rest)] / scale_ + penalty * np.eye(n - 1), np.ones((n - 1, 1))],
                [np.ones((1, n - 1)), np.zeros((1, 1))],
            ]
        )
        solved = np.linalg.solve(full, np.append(y[rest], 0))
        predicted = kernel[i, rest] / scale_ @ solved[:-1] + solved[-1]
        assert found[i] == pytest.approx(predicted - y[rest].mean(), abs=1e-6)


# dirt


@given(
    st.lists(
        st.tuples(st.none() | st.floats(), st.none() | st.text(max_size=3), st.booleans()), min_size=8, max_size=30
    ),
    seeds,
)
@settings(max_examples=30, deadline=None)
def test_any_dirt_gives_probabilities(rows, seed):
    frame = pl.DataFrame(rows, schema={"n": pl.Float64, "c": pl.String, "b": pl.Boolean}, orient="row")
    label = np.random.default_rng(seed).permutation(np.arange(len(rows)) % 2)
    varied = frame.with_columns(pl.Series("fixed", np.arange(len(rows))))
    chance = quick(members=1).fit(varied, label).predict_proba(varied)
    assert np.isfinite(chance).all()
    np.testing.assert_allclose(chance.sum(1), 1)


# scaling


@pytest.mark.parametrize("how", SCALINGS)
def test_scaled_values_do_not_depend_on_units(how):
    rng = np.random.default_rng(0)
    values = torch.tensor(rng.lognormal(0, 1, (2, 60, 3)), dtype=torch.float32)
    values[0, 3, 1] = torch.nan
    one, other = scale(values, 50, how), scale(values * 1_000 + 7, 50, how)
    assert one[0, 3, 1] == 0
    torch.testing.assert_close(one, other, atol=2e-3, rtol=1e-3)


@given(seeds)
@few
def test_normal_scores_are_ranks(seed):
    values = torch.tensor(np.random.default_rng(seed).integers(0, 9, (1, 40, 1)), dtype=torch.float32)
    scores = normal_scores(values, 30)[0, :, 0]
    for a, b in zip(values[0, :, 0], scores, strict=True):
        assert (scores[values[0, :, 0] < a] <= b).all()
    assert abs(scores[:30].mean()) < 0.3


# contexts


@given(st.integers(1, 300), st.integers(0, 300), seeds)
@few
def test_contexts_hold_every_row_once_and_share_the_classes(no, yes, seed):
    positive = np.random.default_rng(seed).permutation(np.arange(no + yes) < yes)
    contexts = draw_contexts(positive, 100, 100, seed)
    assert sorted(np.concatenate(contexts)) == list(range(no + yes))
    assert max(map(len, contexts)) <= 100
    assert np.ptp([positive[c].sum() for c in contexts]) <= 1


def test_many_rows_are_answered_from_several_contexts(people):
    frame, label = people(3, 500)
    model = quick(most_rows=100, most_contexts=3).fit(frame[:400], label[:400])
    chance = model.predict_proba(frame[400:])
    assert roc_auc_score(label[400:], chance[:, 1]) > 0.75
    close(chance, model.predict_proba(frame[400:]))


# the whole


@pytest.mark.parametrize(("rows", "short"), [(60, 0.08), (300, 0.03)])
def test_the_embedded_weights_predict_about_as_well_as_a_regression_told_the_truth(people, rows, short):
    """The reference is fitted to the three columns that matter, in the form in which they do."""
    gaps = []
    for seed in range(3):
        frame, label = people(seed, rows + 400)
        truth = frame.select(
            pl.col("income").log().fill_null(10), (pl.col("town") == "north").fill_null(False), "member"
        ).to_numpy()
        reference = LogisticRegression().fit(truth[:rows], label[:rows]).predict_proba(truth[rows:])[:, 1]
        chance = TabularClassifier().fit(frame[:rows], label[:rows]).predict_proba(frame[rows:])[:, 1]
        gaps.append(roc_auc_score(label[rows:], chance) - roc_auc_score(label[rows:], reference))
        assert roc_auc_score(label[rows:], chance) > 0.7
    assert np.mean(gaps) > -short


def test_chances_are_about_as_often_right_as_they_say(people):
    frame, label = people(7, 1_000)
    chance = TabularClassifier().fit(frame[:300], label[:300]).predict_proba(frame[300:])[:, 1]
    assert abs(chance.mean() - label[300:].mean()) < 0.06
    order = np.argsort(chance)
    for part in np.array_split(order, 4):
        assert abs(chance[part].mean() - label[300:][part].mean()) < 0.12


def test_effects_that_no_line_shows_are_found():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, 5))
    label = (np.abs(x[:, 0]) + 0.3 * rng.standard_normal(600) > 0.7).astype(int)
    chance = TabularClassifier().fit(x[:200], label[:200]).predict_proba(x[200:])[:, 1]
    assert roc_auc_score(label[200:], chance) > 0.85


def test_several_classes_are_told_apart():
    rng = np.random.default_rng(1)
    label = rng.integers(0, 4, 300)
    x = rng.standard_normal((300, 3)) + np.array([[0, 0, 0], [3, 0, 0], [0, 3, 0], [0, 0, 3]])[label]
    model = quick().fit(x[:200], label[:200])
    chance = model.predict_proba(x[200:])
    assert chance.shape == (100, 4)
    np.testing.assert_allclose(chance.sum(1), 1)
    assert (model.predict(x[200:]) == label[200:]).mean() > 0.8


def test_one_class_is_certain(people):
    frame, _ = people(0, 20)
    model = quick().fit(frame, np.full(20, 7))
    assert model.predict_proba(frame).tolist() == [[1.0]] * 20
    assert model.predict(frame).tolist() == [7] * 20


def test_features_are_one_vector_per_row(people):
    frame, label = people(0, 80)
    features = quick().fit(frame[:60], label[:60]).features(frame[60:])
    assert features.shape == (20, load_network()[0].shape.row)
    assert np.isfinite(features).all()


def test_a_classifier_is_saved_and_loaded_to_the_byte(people, tmp_path):
    frame, label = people(2, 60)
    words = np.array(["no", "yes"])[label]
    model = quick(most_rows=500).fit(frame[:40], words[:40])
    model.save(tmp_path / "a")
    again = TabularClassifier.load(tmp_path / "a")
    again.save(tmp_path / "b")
    for name in ("classifier.json", "context.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert {p.name for p in (tmp_path / "a").iterdir()} == {"classifier.json", "context.safetensors"}
    np.testing.assert_array_equal(model.predict_proba(frame[40:]), again.predict_proba(frame[40:]))
    assert list(again.classes_) == ["no", "yes"]


def test_a_classifier_saved_with_other_weights_is_refused(people, tmp_path):
    frame, label = people(2, 30)
    quick().fit(frame, label).save(tmp_path)
    told = json.loads((tmp_path / "classifier.json").read_text())
    (tmp_path / "classifier.json").write_text(json.dumps({**told, "weights_sha256": "0" * 64}))
    with pytest.raises(BadInput, match="saved with weights"):
        TabularClassifier.load(tmp_path)


def test_asking_before_fitting_and_labels_that_do_not_fit_are_refused(people):
    frame, label = people(0, 20)
    with pytest.raises(BadInput, match="call fit"):
        quick().predict_proba(frame)
    with pytest.raises(BadInput, match="20 rows have 19 labels"):
        quick().fit(frame, label[:-1])
    with pytest.raises(BadInput, match="label is missing"):
        quick().fit(frame, [None, *label[1:]])


def test_no_rows_get_no_answer(people):
    frame, label = people(0, 20)
    assert quick().fit(frame, label).predict_proba(frame[:0]).shape == (0, 2)


def test_the_embedded_weights_are_small_and_as_their_card_says():
    file = EMBEDDED / "model.safetensors"
    assert file.stat().st_size <= 8 * 2**20
    network, digest = load_network()
    assert digest in (EMBEDDED / "README.md").read_text()
    assert not network.training
    assert len(KERNELS) == 4


def test_weights_that_are_not_what_their_config_says_are_refused(tmp_path):
    for name in ("model.safetensors", "config.json"):
        (tmp_path / name).write_bytes((EMBEDDED / name).read_bytes())
    with (tmp_path / "model.safetensors").open("ab") as file:
        file.write(b" ")
    with pytest.raises(BadInput, match="config.json says"):
        load_network(tmp_path)
    with pytest.raises(BadInput, match="is missing"):
        load_network(tmp_path / "nowhere")
