"""A backbone as a folder: opened by its card and config; what is missing, cut or foreign is one sentence."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from evenhand.errors import BadInput
from evenhand.extending.discovering import load
from evenhand.pretrained import load_encoder
from evenhand.pretrained.folders import measured, open_backbone, write_card
from evenhand.recipe import Recipe

CARD = {"pretrained_on": "nothing", "licence": "Apache-2.0", "parameters": 1, "size_mb": 0.1, "sha256": "0" * 64}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A random timm network in a folder with card, as `evenhand pretrain` leaves it."""
    import timm
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("made")
    save_file(timm.create_model("test_resnet", num_classes=0).state_dict(), folder / "model.safetensors")
    about = {"architecture": "test_resnet", "pretrained_cfg": {"mean": [0.1] * 3}, "layers": ["layer3", "head"]}
    (folder / "config.json").write_text(json.dumps(about))
    write_card(folder, "mine", measured(folder, "nothing", "Apache-2.0", "none"), "made in a test")
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "net"))


def bert(folder):
    """The description of a text network in place of timm's."""
    from tokenizers import Tokenizer, models
    from transformers import BertConfig, PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "card": 2}, unk_token="[UNK]"))
    (folder / "config.json").unlink()
    BertConfig(
        vocab_size=3, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    ).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)


def encode(backbone):
    values = {"name": "r", "domain": "d", "title": "R", "task": "binary", "modality": backbone.modality}
    return load_encoder(backbone, Recipe.build({**values, "finetune": {"image_size": 32}}, {}, "test"))


def rewrite(file, **changed):
    told = {**json.loads(file.read_text()), **changed}
    file.write_text(json.dumps({key: value for key, value in told.items() if value is not None}))


def test_modality_card_and_layers_are_those_of_the_folder(folder):
    backbone = load().backbone(f"local:{folder}")
    assert (backbone.name, backbone.modality) == ("mine", "image")
    assert backbone.card.parameters == 372_688
    assert backbone.options["layers"] == ("layer3", "head")
    assert encode(backbone).mean == (0.1,) * 3


def test_the_folder_of_a_pretraining_will_do_as_well_as_the_weights_in_it(folder, tmp_path):
    (tmp_path / "run").mkdir()
    folder.rename(tmp_path / "run" / "backbone")
    assert open_backbone(tmp_path / "run").source == f"local:{tmp_path / 'run' / 'backbone'}"


def test_a_recipe_keeps_the_whole_path(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    values = {"name": "r", "domain": "d", "title": "R", "task": "binary", "modality": "image"}
    recipe = Recipe.build(values, {}, "test").with_settings([f"backbone=local:{folder.name}"])
    assert recipe.backbone == f"local:{folder}"


def test_the_kind_of_network_is_read_from_its_config(folder):
    (folder / "config.json").write_text('{"model_type": "bert"}')
    assert open_backbone(folder).modality == "text"
    (folder / "config.json").write_text('{"shape": {"width": 8}}')
    assert open_backbone(folder).modality == "table"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: shutil.rmtree(folder), "there is no folder"),
        (lambda folder: (folder / "card.json").unlink(), r"has no card\.json; it must say what it was pretrained on"),
        (lambda folder: (folder / "card.json").write_text("{"), "cannot be read as JSON"),
        (lambda folder: (folder / "card.json").write_text("[]"), "holds no JSON object"),
        (lambda folder: rewrite(folder / "card.json", licence=None), "does not say 'licence'"),
        (lambda folder: rewrite(folder / "card.json", sha256=None), "has no sha256"),
        (lambda folder: rewrite(folder / "card.json", sha256="abc"), "has no sha256"),
        (lambda folder: (folder / "config.json").unlink(), r"has no config\.json"),
        (lambda folder: (folder / "config.json").write_text("{}"), "describes no network"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"has no model\.safetensors"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "model.pt"),
            r"only pickled weights \(model\.pt",
        ),
        (lambda folder: rewrite(folder / "card.json", sha256="0" * 64), "not the ones its card names"),
        (lambda folder: cut(folder), "not the ones its card names"),
        (lambda folder: (cut(folder), resign(folder)), "is cut off or damaged"),
        (lambda folder: rewrite(folder / "config.json", architecture="test_vit"), "do not fit its architecture"),
        (lambda folder: rewrite(folder / "config.json", architecture="no_such"), "timm has no architecture"),
        (lambda folder: rewrite(folder / "config.json", model_args={"checkpoint_path": "x.pth"}), "numbers, true and"),
        (lambda folder: rewrite(folder / "config.json", model_args={"stem_width": 8}), "do not fit its architecture"),
        (
            lambda folder: rewrite(folder / "config.json", model_args={"speed": 8}),
            r"does not take the options \['speed'",
        ),
        (lambda folder: rewrite(folder / "config.json", layers="head"), "must be a list of names"),
        (bert, "another architecture than its config.json, which wants"),
        (lambda folder: (bert(folder), cut(folder), resign(folder)), "is cut off or damaged"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_sentence(folder, damage, says):
    damage(folder)
    with pytest.raises(BadInput, match=says) as error:
        encode(load().backbone(f"local:{folder}"))
    assert "\n" not in str(error.value)


def cut(folder):
    """Half of the weights' file."""
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def resign(folder):
    """A card that names the weights as they are."""
    content = (folder / "model.safetensors").read_bytes()
    rewrite(folder / "card.json", sha256=hashlib.sha256(content).hexdigest())
