"""A backbone folder whose weights are cut, of another network, or not the promised ones: one sentence each."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from evenhand.errors import BadInput
from evenhand.pretrained import load_encoder
from evenhand.values import Backbone, BackboneCard

from .conftest import recipe


def refused(folder, modality, sha256=""):
    net = Backbone("net", modality, f"local:{folder}", BackboneCard("nothing", "none", 0, 0.0, sha256))
    with pytest.raises(BadInput) as caught:
        load_encoder(net, recipe(modality))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(params=["text", "image"])
def folder(request, bert_folder, timm_folder, tmp_path):
    """(a folder of its own to spoil, its modality)."""
    shutil.copytree({"text": bert_folder, "image": timm_folder}[request.param], tmp_path / "mine")
    return tmp_path / "mine", request.param


def weights_of(folder, change):
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, {"format": "pt"})


@pytest.mark.parametrize("kept", [0, 5, -100])
def test_cut_weights(folder, kept):
    path, modality = folder
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    said = refused(path, modality)
    assert said.startswith(f"backbone 'net': {file} is cut off or damaged (Error while deserializing header: ")
    assert said.endswith("); put the whole file there")


def test_weights_that_are_not_the_cards(folder):
    path, modality = folder
    file = path / "model.safetensors"
    card = hashlib.sha256(b"other").hexdigest()
    assert refused(path, modality, card) == (
        f"the weights of backbone 'net' are not the ones its card names: {file} has sha256 "
        f"{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}…, the card says {card[:12]}…; install them again or "
        "correct the card"
    )


@pytest.mark.parametrize(
    ("change", "number", "first"),
    [
        (
            lambda found: {name: value for name, value in found.items() if "layer.1." not in name},
            16,
            "encoder.layer.1.attention.output.LayerNorm.bias",
        ),
        (lambda found: {"conv1.weight": torch.zeros(3)}, 37, "embeddings.LayerNorm.bias"),
        (
            lambda found: found | {"embeddings.LayerNorm.weight": torch.zeros(5)},
            1,
            "embeddings.LayerNorm.weight",
        ),
    ],
    ids=["a layer less", "of an image network", "of another width"],
)
def test_text_weights_of_another_architecture(bert_folder, tmp_path, change, number, first):
    path = tmp_path / "mine"
    shutil.copytree(bert_folder, path)
    weights_of(path, change)
    assert refused(path, "text") == (
        f"backbone 'net': the weights in {path / 'model.safetensors'} are of another architecture than its config.json,"
        f" which wants {number} tensors that are not there, such as {first}; put weights and config.json of one network"
        " there"
    )


def test_a_text_network_without_a_pooler_is_whole(bert_folder, tmp_path):
    path = tmp_path / "mine"
    shutil.copytree(bert_folder, path)
    weights_of(path, lambda found: {name: value for name, value in found.items() if not name.startswith("pooler")})
    net = Backbone("net", "text", f"local:{path}", BackboneCard("nothing", "none", 0, 0.0))
    assert load_encoder(net, recipe("text")).width == 32


def test_image_weights_of_another_architecture(timm_folder):
    (timm_folder / "config.json").write_text(json.dumps({"architecture": "resnet18"}))
    said = refused(timm_folder, "image")
    assert said.startswith(
        f"backbone 'net': the weights in {timm_folder / 'model.safetensors'} do not fit its architecture: "
    )
