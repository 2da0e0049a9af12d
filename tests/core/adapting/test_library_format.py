"""What lp-ft, full and lora leave opens without evenhand, and computes the same there."""

from __future__ import annotations

import functools
import json
import shutil

import numpy as np
import pytest
import torch

from evenhand.adapting import finetune, scores
from evenhand.adapting.models import NetworkModel, _describe, _tensors_of
from evenhand.adapting.store import load_model, save_model
from evenhand.adapting.weights import save_tensors
from evenhand.errors import BadInput
from evenhand.files import digest
from evenhand.pretrained.network import run_batches
from evenhand.values import Adapted, Backbone, BackboneCard

from .conftest import FakeRun, messages, recipe, split
from .test_strategies import pictures

TRAINED = ("lp-ft", "full", "lora")


@pytest.fixture(scope="session")
def trained(bert_folder, tmp_path_factory):
    """A text network trained by a strategy, once: (model, splits, its folder, recipe)."""

    @functools.cache
    def by(strategy):
        job = recipe(strategy=strategy, learning_rate=2e-3, epochs=1)
        splits, place = split(messages, job), tmp_path_factory.mktemp("trained")
        bert = Backbone("tiny-bert", "text", f"local:{bert_folder}", BackboneCard("nothing", "none", 0, 0.0))
        adapted = finetune(job, splits, bert, FakeRun(place / "cache", place / "scratch"))
        save_model(adapted, place / "model")
        return adapted.model, splits, place / "model", job

    return by


@pytest.fixture
def text_run(trained, tmp_path, request):
    model, splits, folder, job = trained(getattr(request, "param", "lp-ft"))
    shutil.copytree(folder, tmp_path / "model")
    return model, splits, tmp_path / "model", job


@pytest.mark.parametrize("text_run", TRAINED, indirect=True)
def test_transformers_opens_a_trained_text_network(text_run):
    from transformers import AutoModel, AutoTokenizer

    model, splits, folder, _ = text_run
    opened, told = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = list(splits.test["text"])
    tokens = tokenizer([*texts, "please " * 40], truncation=True, padding=True, return_tensors="pt")
    assert tokens["input_ids"].shape[1] == 16, "texts are cut where training cut them"
    for text, row in zip(texts, model.encoder.examples(splits.test, splits.schema), strict=True):
        one = tokenizer(text, truncation=True, return_tensors="pt")
        assert one["input_ids"][0].tolist() == row["input_ids"]
        with torch.inference_mode():
            theirs = opened.eval()(**one).last_hidden_state
            ours = model.network.cpu().body.model(**one).last_hidden_state
        assert torch.equal(theirs, ours)
    assert opened.config.id2label == {0: "card", 1: "cash", 2: "transfer"}


def test_sentence_transformers_pools_a_trained_network_as_we_do(text_run):
    sentences = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    model, splits, folder, _ = text_run
    theirs = sentences.SentenceTransformer(str(folder), device="cpu").encode(list(splits.test["text"]))
    rows = model.encoder.examples(splits.test, splits.schema)
    np.testing.assert_allclose(theirs, run_batches(model.network.body, model.encoder, rows, "fp32"), atol=1e-6)


def test_a_trained_network_is_a_backbone_for_the_next_run(text_run, run):
    model, splits, folder, _ = text_run
    again = Backbone("mine", "text", f"local:{folder}", BackboneCard("messages", "none", 0, 0.0))
    next_model = finetune(recipe(), splits, again, run).model
    assert (next_model.encoder.body.pooling, next_model.encoder.width) == ("mean", 32)
    rows = model.encoder.examples(splits.test, splits.schema)
    ours = run_batches(model.network.body, model.encoder, rows, "fp32")
    np.testing.assert_array_equal(run_batches(next_model.encoder.body, next_model.encoder, rows, "fp32"), ours)


def image_run(strategy, net, run, folder, **settings):
    job = recipe("image", "binary", ("image",), strategy=strategy, learning_rate=1e-3, epochs=1, **settings)
    splits = split(pictures, job, (40, 16, 12))
    adapted = finetune(job, splits, net, run)
    save_model(adapted, folder)
    batch = model_batch(adapted.model, splits)
    with torch.inference_mode():
        return adapted.model, splits, job, batch, adapted.model.network.cpu()(pixels=batch)["logits"]


def model_batch(model, splits):
    return model.encoder.collate([dict(row) for row in model.encoder.examples(splits.test, splits.schema)])["pixels"]


@pytest.mark.slow
@pytest.mark.parametrize("strategy", TRAINED)
@pytest.mark.parametrize("architecture", ["resnet10t", "mobilenetv3_small_050"])
def test_timm_opens_a_trained_image_network_with_its_head(strategy, architecture, run, tmp_path):
    import timm

    net = Backbone("net", "image", f"timm:{architecture}", BackboneCard("nothing", "none", 0, 0.0))
    _, _, _, batch, logits = image_run(strategy, net, run, tmp_path / "model")
    overlay = {"file": str(tmp_path / "model" / "model.safetensors"), "num_classes": 2}
    opened = [
        timm.create_model(architecture, pretrained=True, num_classes=2, pretrained_cfg_overlay=overlay),
        timm.create_model(f"local-dir:{tmp_path / 'model'}", pretrained=True),
    ]
    for theirs in opened:
        with torch.inference_mode():
            torch.testing.assert_close(theirs.eval()(batch), logits, rtol=1e-4, atol=1e-5)
    assert opened[1].pretrained_cfg["label_names"] == ["0", "1"]


def test_timm_prepares_pictures_as_we_do(run, tmp_path):
    import io

    import timm
    from PIL import Image

    net = Backbone("net", "image", "timm:resnet10t", BackboneCard("nothing", "none", 0, 0.0))
    _, splits, _, batch, _ = image_run("full", net, run, tmp_path / "model")
    opened = timm.create_model(f"local-dir:{tmp_path / 'model'}", pretrained=True)
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(opened))
    picture = Image.open(io.BytesIO(splits.test[0]["image"]["bytes"]))
    torch.testing.assert_close(prepare(picture), batch[0], rtol=0, atol=2e-2)


def test_features_of_middle_layers_leave_a_network_without_a_classifier(run, tmp_path):
    import timm

    net = Backbone("net", "image", "timm:resnet10t", BackboneCard("nothing", "none", 0, 0.0))
    model, splits, job, batch, _ = image_run("full", net, run, tmp_path / "model", layers="layer2")
    opened = timm.create_model(f"local-dir:{tmp_path / 'model'}", pretrained=True).eval()
    with torch.inference_mode():
        assert torch.equal(opened(batch), model.network.body.model.cpu()(batch))
    again = load_model(tmp_path / "model", job, net)
    told = scores(model, splits.test, splits.schema)
    np.testing.assert_array_equal(scores(again.model, splits.test, splits.schema), told)


def test_the_same_network_is_stored_as_the_same_bytes(text_run, run, tmp_path):
    model, *_ = text_run
    save_model(Adapted(model, ("card", "cash", "transfer"), "lp-ft"), tmp_path / "once")
    scores(model, messages(5, 1), model.schema)  # the tokenizer remembers how it was last used
    save_model(Adapted(model, ("card", "cash", "transfer"), "lp-ft"), tmp_path / "twice")
    assert digest(tmp_path / "once") == digest(tmp_path / "twice")
    for file in (tmp_path / "once").rglob("*.json"):
        assert str(tmp_path.parent) not in file.read_text(), f"{file.name} names a path of this machine"


def test_a_network_of_the_format_before_is_still_read_to_the_last_bit(text_run, bert, tmp_path):
    model, splits, _, job = text_run
    old = tmp_path / "old"
    (old / "model").mkdir(parents=True)
    tensors = {name: value.clone() for name, value in model.network.state_dict().items()}
    save_tensors(
        tensors | (_tensors_of(model.partner.head) if model.partner else {}), old / "model/weights.safetensors"
    )
    _describe(old / "model", model.schema, task=model.task, encoder=model.encoder.identity, outputs=3)
    about = json.loads((tmp_path / "model" / "model.json").read_text())
    (old / "model.json").write_text(json.dumps({**about, "version": 2, "baselines": {}}))
    again = load_model(old, job, bert)
    assert isinstance(again.model, NetworkModel)
    told = scores(again.model, splits.test, splits.schema)
    np.testing.assert_array_equal(told, scores(model, splits.test, splits.schema))


def test_a_format_of_the_future_says_which_and_what_to_take(text_run, bert):
    *_, folder, job = text_run
    about = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**about, "version": 9}))
    says = (
        r"holds a model in format 9, and this evenhand \(\d+\.\d+\.\d+\) reads 2 and 3; take the evenhand that wrote it"
    )
    with pytest.raises(BadInput, match=says):
        load_model(folder, job, bert)


@pytest.mark.parametrize("name", ["model.safetensors", "head.safetensors"])
def test_cut_weights_of_a_trained_network_are_bad_input(text_run, bert, name):
    *_, folder, job = text_run
    file = folder / name
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(BadInput, match=rf"{name} is damaged \(.*\); run the recipe again"):
        load_model(folder, job, bert)


def test_stored_weights_of_another_architecture_are_bad_input(text_run, bert, run, tmp_path):
    model, _, folder, job = text_run
    kept = {name: value for name, value in model.network.body.model.state_dict().items() if "layer.1" not in name}
    from safetensors.torch import save_file

    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(BadInput, match=r"do not fit the backbone's architecture: it has no encoder\.layer\.1\."):
        load_model(folder, job, bert)
    net = Backbone("net", "image", "timm:resnet10t", BackboneCard("nothing", "none", 0, 0.0))
    *_, job, _, _ = image_run("full", net, run, tmp_path / "images")
    save_file({"conv1.0.weight": torch.zeros(3)}, tmp_path / "images" / "model.safetensors")
    with pytest.raises(BadInput, match="do not fit the backbone's architecture"):
        load_model(tmp_path / "images", job, net)


def test_a_baseline_that_is_a_network_lies_in_its_own_folder(text_run, bert, tmp_path):
    model, splits, *_, job = text_run
    save_model(Adapted(model, ("card", "cash", "transfer"), "full", {"twin": model}), tmp_path / "both")
    again = load_model(tmp_path / "both", job, bert)
    told = scores(again.baselines["twin"], splits.test, splits.schema)
    np.testing.assert_array_equal(told, scores(model, splits.test, splits.schema))
