"""Weights are found, checked against their card, and never unpickled."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from evenhand.errors import BadInput
from evenhand.pretrained import load_encoder
from evenhand.pretrained.locate import locate
from evenhand.recipe import Recipe
from evenhand.values import Backbone, BackboneCard


def backbone(source: str, sha256: str = "", modality="text") -> Backbone:
    return Backbone("net", modality, source, BackboneCard("nothing", "none", 0, 0.0, sha256))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def test_weights_that_match_their_card_are_found(folder):
    assert locate(backbone(f"local:{folder}", hashlib.sha256(b"weights").hexdigest())) == folder


def test_tampered_weights_are_refused(folder):
    card = hashlib.sha256(b"weights").hexdigest()
    (folder / "model.safetensors").write_bytes(b"weightz")
    with pytest.raises(BadInput, match="not the ones its card names"):
        locate(backbone(f"local:{folder}", card))


def test_pickled_weights_are_refused_and_named(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(BadInput, match=r"pytorch_model\.bin.*can run any code"):
        locate(backbone(f"local:{tmp_path}"))


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("embedded:no_such_package_here/model", "pip install no-such-package-here"),
        ("embedded:json/model", "there is no folder"),
        ("local:/nowhere/at/all", "there is no folder"),
        ("timm:resnet10t", "use embedded:"),
        ("ftp:somewhere", "use embedded:"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(source, says):
    with pytest.raises(BadInput, match=says) as error:
        locate(backbone(source))
    assert "\n" not in str(error.value)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"no model\.safetensors"):
        locate(backbone(f"local:{tmp_path}"))


def test_the_hub_offline_is_one_sentence(tmp_path):
    code = (
        "from evenhand.pretrained.locate import locate; from evenhand.values import *; from evenhand.errors import"
        " BadInput\ntry: locate(Backbone('net', 'text', 'hub:nobody/nothing', BackboneCard('', '', 0, 0.0)))\nexcept"
        " BadInput as error: print(error)"
    )
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PATH": ""}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert "'nobody/nothing' could not be fetched from the hub (HF_HUB_OFFLINE is set)" in told
    assert told.count("\n") == 1


def recipe(modality: str) -> Recipe:
    values = {"name": "r", "domain": "d", "title": "R", "task": "binary", "modality": modality}
    return Recipe.build(values, {}, "test")


def test_an_image_network_for_a_text_recipe_is_refused():
    with pytest.raises(BadInput, match="reads image, but recipe 'd/r' is about text"):
        load_encoder(backbone("timm:resnet10t", modality="image"), recipe("text"))


def test_an_unknown_architecture_is_answered_with_the_nearest():
    with pytest.raises(BadInput, match="Did you mean 'resnet1"):
        load_encoder(backbone("timm:resnet10tt", modality="image"), recipe("image"))


def test_importing_backbones_and_finetune_is_light():
    code = (
        "import sys, evenhand.pretrained, evenhand.adapting; print({'torch','transformers','timm','sklearn','pandas'} &"
        " set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "set()"
