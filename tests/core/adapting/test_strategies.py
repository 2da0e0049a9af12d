"""Every strategy learns, is deterministic, reports its baselines, and comes back from disk as it was."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from datasets import Dataset
from PIL import Image

from evenhand.adapting import finetune, scores
from evenhand.adapting.baselines import fit_baselines
from evenhand.adapting.labels import read_labels
from evenhand.adapting.store import load_model, save_model
from evenhand.errors import BadInput, PluginFault
from evenhand.pretrained import processor
from evenhand.values import Adapted, Backbone, BackboneCard

from .conftest import FakeRun, messages, recipe, split

STRATEGIES = ("probe", "lp-ft", "full", "lora")


def accuracy(adapted: Adapted, model, rows, schema) -> float:
    chosen = scores(model, rows, schema).argmax(1)
    return float(np.mean([adapted.classes[k] == y for k, y in zip(chosen, rows["label"], strict=True)]))


@pytest.mark.parametrize(("strategy", "precision"), [*((name, "auto") for name in STRATEGIES), ("full", "bf16")])
def test_a_strategy_learns_and_survives_the_disk(strategy, precision, bert, run, tmp_path):
    job = recipe(strategy=strategy, epochs=6, learning_rate=2e-3, label_smoothing=0.05, precision=precision)
    splits = split(messages, job)
    adapted = finetune(job, splits, bert, run)
    assert adapted.classes == ("card", "cash", "transfer")
    assert adapted.strategy == strategy
    assert set(adapted.baselines) == {"majority", "tfidf_logistic"}
    assert adapted.validation["accuracy"] > 0.7
    assert accuracy(adapted, adapted.model, splits.test, splits.schema) > 0.7
    before = scores(adapted.model, splits.test, splits.schema)
    np.testing.assert_allclose(before.sum(axis=1), 1)
    save_model(adapted, tmp_path / "model")
    again = load_model(tmp_path / "model", job, bert)
    assert (again.classes, again.strategy, again.notes) == (adapted.classes, strategy, adapted.notes)
    np.testing.assert_array_equal(scores(again.model, splits.test, splits.schema), before)
    for name, baseline in adapted.baselines.items():
        told = scores(again.baselines[name], splits.test, splits.schema)
        np.testing.assert_array_equal(told, scores(baseline, splits.test, splits.schema))


@pytest.mark.parametrize("strategy", ["probe", "lp-ft"])
def test_the_same_seed_gives_the_same_model_whatever_was_cached(strategy, bert, tmp_path):
    job = recipe(strategy=strategy, learning_rate=1e-3)
    splits = split(messages, job)
    runs = [FakeRun(tmp_path / folder, tmp_path / "scratch") for folder in ("cold", "cold", "other")]
    first, warm, cold = (scores(finetune(job, splits, bert, r).model, splits.test, splits.schema) for r in runs)
    np.testing.assert_array_equal(first, warm)
    np.testing.assert_array_equal(first, cold)


def test_selection_never_sees_test_labels(bert, run):
    job = recipe()
    splits = split(messages, job)
    unlabelled = splits.test.remove_columns("label")
    adapted = finetune(
        job, type(splits)(splits.train, splits.validation, unlabelled, job.schema, "here", "0"), bert, run
    )
    same = finetune(job, splits, bert, run)
    np.testing.assert_array_equal(
        scores(adapted.model, unlabelled, job.schema), scores(same.model, splits.test, job.schema)
    )


@pytest.mark.parametrize("strategy", ["probe", "lp-ft"])
def test_regression_beats_the_mean(strategy, bert, run, tmp_path):
    job = recipe(task="regression", strategy=strategy, learning_rate=1e-3, epochs=4)
    value = {"card": -2.0, "cash": 0.0, "transfer": 2.0}
    splits = split(lambda n, s: messages(n, s, lambda t, rng: value[t] + float(rng.normal(0, 0.1))), job)
    adapted = finetune(job, splits, bert, run)
    told, truth = scores(adapted.model, splits.test, splits.schema), np.array(splits.test["label"])
    assert adapted.classes == ()
    assert told.shape == truth.shape
    assert np.sqrt(np.mean((told - truth) ** 2)) < 0.7 * truth.std()
    save_model(adapted, tmp_path / "model")
    again = load_model(tmp_path / "model", job, bert)
    np.testing.assert_array_equal(scores(again.model, splits.test, splits.schema), told)


def test_a_single_class_cannot_be_learnt(bert, run):
    job = recipe()
    with pytest.raises(BadInput, match="single value 'card'"):
        finetune(job, split(lambda n, s: messages(n, s, lambda t, rng: "card"), job), bert, run)


def test_a_missing_label_is_named_by_its_row(bert, run):
    job = recipe()

    def blank(n, s):
        return messages(n, s).map(lambda row, i: {"label": None if i == 4 else row["label"]}, with_indices=True)

    with pytest.raises(BadInput, match="row 4"):
        finetune(job, split(blank, job), bert, run)


def test_a_validation_class_that_training_never_saw_is_said(bert, run):
    job = recipe()
    splits = split(messages, job)
    seen = splits.train.filter(lambda row: row["label"] != "cash")
    adapted = finetune(job, type(splits)(seen, splits.validation, splits.test, job.schema, "here", "0"), bert, run)
    assert adapted.classes == ("card", "transfer")
    assert "7 validation rows" in adapted.notes[0]


def test_progress_and_losses_are_told(bert, run):
    job = recipe(strategy="lp-ft")
    finetune(job, split(messages, job), bert, run)
    trained = [(done, total) for done, total, what in run.steps if what == "training"]
    assert trained[-1] == (16, 16)  # 60 rows, batches of 8, 2 epochs
    assert any(event == "training" and "loss" in fields for event, fields in run.events)


def test_validation_rows_are_learnt_from_anew_in_one_more_pass_or_not_at_all(bert, run):
    told = {}
    for refit in ("whole", "onward", "never"):
        job = recipe(strategy="lp-ft", refit=refit, learning_rate=1e-3)
        splits = split(messages, job)
        run.steps.clear()
        adapted = finetune(job, splits, bert, run)
        passes = {what: total for _, total, what in run.steps if "training" in what or "pass" in what}
        told[refit] = passes, scores(adapted.model, splits.test, splits.schema), adapted.validation
    steps = {refit: passes for refit, (passes, _, _) in told.items()}
    assert steps["whole"] == {"training": 16, "training on all": 22}  # 60 and 81 rows, batches of 8, 2 epochs
    assert steps["onward"] == {"training": 16, "one pass over all": 11}
    assert steps["never"] == {"training": 16}
    assert told["onward"][2] == told["never"][2] == told["whole"][2]  # measured before
    assert np.abs(told["onward"][1] - told["never"][1]).max() > 1e-4
    assert np.abs(told["onward"][1] - told["whole"][1]).max() > 1e-4


def pictures(n: int, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    rows = []
    for index in range(n):
        shade = 60 if index % 2 else 180
        pixels = rng.normal(shade, 25, (40, 36, 3)).clip(0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "png")
        rows.append({"image": {"bytes": buffer.getvalue(), "path": None}, "label": index % 2})
    return Dataset.from_list(rows)


@pytest.mark.parametrize(("strategy", "source"), [("probe", "folder"), ("lp-ft", "timm"), ("lora", "timm")])
def test_images_from_random_weights_and_from_a_folder(strategy, source, run, timm_folder, tmp_path):
    where = f"local:{timm_folder}" if source == "folder" else "timm:resnet10t"
    job = recipe("image", "binary", ("image",), strategy=strategy, learning_rate=1e-4, epochs=1)
    splits = split(pictures, job, (40, 16, 20))
    net = Backbone("net", "image", where, BackboneCard("nothing", "none", 0, 0.0))
    adapted = finetune(job, splits, net, run)
    assert set(adapted.baselines) == {"majority", "mean_colours"}
    assert accuracy(adapted, adapted.baselines["mean_colours"], splits.test, splits.schema) == 1.0
    assert accuracy(adapted, adapted.model, splits.test, splits.schema) > 0.8
    save_model(adapted, tmp_path / "model")
    again = load_model(tmp_path / "model", job, net)
    np.testing.assert_allclose(
        scores(again.model, splits.test, splits.schema), scores(adapted.model, splits.test, splits.schema), atol=1e-6
    )


def mixed(n: int, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        income, job = float(rng.normal()), str(rng.choice(["clerk", "cook", "pilot"]))
        risky = income + (job == "pilot") * 2 > 0.5
        rows.append(
            {
                "income": None if rng.random() < 0.1 else income,
                "job": None if rng.random() < 0.1 else job,
                "label": bool(risky),
            }
        )
    return Dataset.from_list(rows)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_trees_take_categories_and_missing_values_and_survive_the_disk(task, tmp_path):
    job = recipe("table", task, ("income", "job"))
    splits = split(mixed, job, (300, 60, 100))
    baselines = fit_baselines(job, splits, read_labels(job, splits))
    trees = baselines["boosted_trees"]
    told = scores(trees, splits.test, splits.schema)
    risk = told if task == "regression" else told[:, 1]
    assert np.mean((risk > 0.5) == np.array(splits.test["label"])) > 0.8
    save_model(Adapted(trees, (), "plugin", baselines), tmp_path / "model")
    again = load_model(tmp_path / "model", job, None)
    np.testing.assert_array_equal(scores(again.model, splits.test, splits.schema), told)


def test_a_plain_estimator_of_a_plugin_is_stored_and_scores_the_input_columns(tmp_path):
    from sklearn.ensemble import HistGradientBoostingClassifier

    job = recipe("table", "binary", ("income",))
    splits = split(mixed, job)
    model = HistGradientBoostingClassifier().fit(
        splits.train.select_columns(["income"]).to_pandas(), splits.train["label"]
    )
    save_model(Adapted(model, (np.False_, np.True_), "trees"), tmp_path / "model")
    again = load_model(tmp_path / "model", job, None)
    assert again.classes == (False, True)
    np.testing.assert_array_equal(
        scores(again.model, splits.test, splits.schema), scores(model, splits.test, splits.schema)
    )


class Homemade:
    def scores(self, rows):
        return np.zeros((len(rows), 2))


def test_a_model_that_only_pickle_could_store_is_refused(tmp_path):
    with pytest.raises(PluginFault, match="Homemade"):
        save_model(Adapted(Homemade(), (0, 1), "own"), tmp_path / "model")


def test_a_pickle_in_place_of_the_stored_model_is_not_opened(tmp_path, bert):
    from sklearn.dummy import DummyClassifier

    save_model(Adapted(DummyClassifier().fit([[0], [1]], [0, 1]), (0, 1), "own"), tmp_path / "model")
    (tmp_path / "model" / "model" / "estimator.skops").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(BadInput, match="no skops file"):
        load_model(tmp_path / "model", recipe(), bert)


def test_a_stored_model_is_not_put_on_another_backbone(bert, run, tmp_path):
    job = recipe()
    save_model(finetune(job, split(messages, job), bert, run), tmp_path / "model")
    with pytest.raises(BadInput, match="other weights or settings"):
        load_model(tmp_path / "model", recipe(max_length=9), bert)


def test_a_cut_off_weight_file_is_bad_input(bert, run, tmp_path):
    job = recipe()
    save_model(finetune(job, split(messages, job), bert, run), tmp_path / "model")
    file = tmp_path / "model" / "model" / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(BadInput, match="damaged"):
        load_model(tmp_path / "model", job, bert)


def test_validation_chooses_the_layer_whose_features_serve_best(run, tmp_path):
    job = recipe("image", "binary", ("image",), layers="auto")
    splits = split(pictures, job, (40, 16, 20))
    card = BackboneCard("nothing", "none", 0, 0.0)
    net = Backbone("net", "image", "timm:resnet10t", card, {"layers": ("layer2", "layer4", "head")})
    adapted = finetune(job, splits, net, run)
    (said,) = [note for note in adapted.notes if "validation chose the layer" in note]
    measured = {part.split()[0]: float(part.split()[1]) for part in said.split(": ")[1].rstrip(")").split(", ")}
    assert set(measured) == {"layer2", "layer4", "head"}
    assert f"the layer {adapted.model.encoder.variant} " in said
    assert measured[adapted.model.encoder.variant] == max(measured.values())
    save_model(adapted, tmp_path / "model")
    again = load_model(tmp_path / "model", job, net)
    np.testing.assert_allclose(
        scores(again.model, splits.test, splits.schema), scores(adapted.model, splits.test, splits.schema), atol=1e-6
    )


@pytest.mark.parametrize(
    ("layers", "says"), [("auto", "offers no layers to choose from"), ("layer9", "has no layer 'layer9'")]
)
def test_layers_that_are_not_there_are_refused(layers, says, run):
    job = recipe("image", "binary", ("image",), layers=layers)
    net = Backbone("net", "image", "timm:resnet10t", BackboneCard("nothing", "none", 0, 0.0))
    with pytest.raises(BadInput, match=says):
        finetune(job, split(pictures, job, (40, 16, 20)), net, run)


@pytest.mark.parametrize("strategy", ["probe", "full"])
def test_a_model_made_where_bf16_is_quick_is_read_where_it_is_not(strategy, bert, run, tmp_path, monkeypatch):
    job = recipe(strategy=strategy)
    splits = split(messages, job)
    monkeypatch.setattr(processor, "processor_flags", lambda: frozenset({"avx512_bf16"}))
    adapted = finetune(job, splits, bert, run)
    save_model(adapted, tmp_path / "model")
    before = scores(adapted.model, splits.test, splits.schema)
    monkeypatch.setattr(processor, "processor_flags", frozenset)
    again = load_model(tmp_path / "model", job, bert)
    np.testing.assert_array_equal(scores(again.model, splits.test, splits.schema), before)


def test_layers_are_not_chosen_where_no_probe_tells_them_apart(run):
    job = recipe("image", "binary", ("image",), layers="auto", strategy="full")
    net = Backbone("net", "image", "timm:resnet10t", BackboneCard("nothing", "none", 0, 0.0), {"layers": ("head",)})
    with pytest.raises(BadInput, match="chooses by probes alone"):
        finetune(job, split(pictures, job, (40, 16, 20)), net, run)
