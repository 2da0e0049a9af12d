"""evenhand.pretrain leaves a backbone folder of each kind, which a recipe opens; wrong input is one sentence."""

from __future__ import annotations

import hashlib
import json
import types

import numpy as np
import pytest
from PIL import Image

import evenhand
from evenhand import Backbone, BackboneCard, BadInput, Lesson, PluginFault, Recipe, hookimpl
from evenhand.extending.discovering import load
from evenhand.files import digest
from evenhand.pretrained import load_encoder
from evenhand.pretraining import loop

NET = "timm:test_resnet"


def encoder_of(backbone, modality):
    values = {"name": "r", "domain": "d", "title": "R", "task": "binary", "modality": modality}
    values |= {"finetune": {"image_size": 32, "max_length": 16, "threads": 1}}
    return load_encoder(backbone, Recipe.build(values, {}, "test"))


def card_of(folder):
    return json.loads((folder / "backbone" / "card.json").read_text())


@pytest.mark.parametrize(
    ("source", "kind", "said"),
    [
        ("pictures", "auto", "12 images in 2 classes, supervised"),
        ("pictures", "self-supervised", "12 images, without labels"),
        ("loose", "auto", "12 images, without labels"),
        (None, "auto", "4 formulas (both), 3 rendered pictures of each"),
    ],
)
def test_an_image_network_learns_and_is_opened_by_its_folder(request, tmp_path, source, kind, said, settings):
    data = request.getfixturevalue(source) if source else None
    asked = settings(kind=kind, classes=4, examples=3)
    made = evenhand.pretrain(NET, data, asked, out=tmp_path / "out")
    weights = tmp_path / "out" / "backbone" / "model.safetensors"
    card = card_of(tmp_path / "out")
    assert card["pretrained_on"].startswith(said)
    assert card["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert card["command"].startswith(f"evenhand pretrain {NET}")
    assert made.modality == "image"
    assert made.card.parameters == 372_688  # what timm counts for it
    learnt = encoder_of(load().backbone(f"local:{tmp_path / 'out'}"), "image")
    fresh = encoder_of(load().backbone(NET), "image")
    assert learnt.width == fresh.width
    assert learnt.identity != fresh.identity, "training changed nothing"
    assert not list((tmp_path / "out").glob("checkpoint*"))


def test_masked_tokens_leave_an_encoder_with_its_tokenizer(tmp_path, bert, messages, settings):
    made = evenhand.pretrain(f"local:{bert}", messages, settings(learning_rate=0.01), out=tmp_path / "out")
    before, after = encoder_of(load().backbone(f"local:{bert}"), "text"), encoder_of(made, "text")
    assert made.modality == "text"
    assert after.width == before.width
    assert after.identity != before.identity
    assert after.tokenizer.get_vocab() == before.tokenizer.get_vocab()
    losses = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in losses if entry["event"] == "pretraining"] == [1, 2, 3, 4]
    assert "started from weights under Apache-2.0" in card_of(tmp_path / "out")["licence"]


def test_the_same_command_gives_the_same_bytes_and_another_seed_others(tmp_path, pictures, settings):
    first, second, other = (
        evenhand.pretrain(NET, pictures, [*settings(), f"seed={seed}"], out=tmp_path / name).card.sha256
        for name, seed in (("first", 1), ("second", 1), ("other", 2))
    )
    assert first == second != other


class Stopped(Exception):
    """Stands in for whatever ends a process."""


@pytest.mark.parametrize("kind", ["supervised", "self-supervised", "masked"])
def test_what_was_stopped_goes_on_to_the_same_bytes(request, tmp_path, monkeypatch, kind, settings):
    net = f"local:{request.getfixturevalue('bert')}" if kind == "masked" else NET
    data = request.getfixturevalue("messages" if kind == "masked" else "pictures")
    asked = settings(kind=kind, steps=7, checkpoint_every=3)
    calm = evenhand.pretrain(net, data, asked, out=tmp_path / "calm")
    real, steps = loop.rate_at, []

    def stopping(step, plan):
        if step == 5 and 5 not in steps:  # the checkpoint is of step 3: two steps are done again
            steps.append(step)
            raise Stopped
        steps.append(step)
        return real(step, plan)

    monkeypatch.setattr(loop, "rate_at", stopping)
    with pytest.raises(Stopped):
        evenhand.pretrain(net, data, asked, out=tmp_path / "stopped")
    assert (tmp_path / "stopped" / "checkpoint.safetensors").is_file()
    assert not (tmp_path / "stopped" / "backbone").exists()
    resumed = evenhand.pretrain(net, data, asked, out=tmp_path / "stopped")
    assert steps[steps.index(5) + 1 :] == [3, 4, 5, 6], "it did not go on from the checkpoint"
    assert resumed.card.sha256 == calm.card.sha256
    assert digest(tmp_path / "stopped" / "backbone") == digest(tmp_path / "calm" / "backbone")
    assert not list((tmp_path / "stopped").glob("checkpoint*"))


def test_a_finished_pretraining_is_not_computed_again(tmp_path, pictures, monkeypatch, settings):
    evenhand.pretrain(NET, pictures, settings(), out=tmp_path / "out")
    monkeypatch.setattr(loop, "learn", lambda *_: pytest.fail("it was trained again"))
    assert evenhand.pretrain(NET, pictures, settings(), out=tmp_path / "out").source.endswith("out/backbone")


def test_a_folder_of_another_pretraining_is_refused(tmp_path, pictures, settings):
    evenhand.pretrain(NET, pictures, settings(), out=tmp_path / "out")
    with pytest.raises(BadInput, match="holds a run of another recipe, setting or data"):
        evenhand.pretrain(NET, pictures, settings(steps=5), out=tmp_path / "out")


def test_new_weights_in_a_local_folder_are_another_run(tmp_path, bert):
    from evenhand.recorded.provenance import identity

    values = {"name": "r", "domain": "d", "title": "R", "task": "binary", "modality": "text"}
    recipe = Recipe.build({**values, "backbone": f"local:{bert}"}, {}, "test")
    before = identity(recipe, None, [])
    card = (bert / "card.json").read_text()
    try:
        (bert / "card.json").write_text(card.replace('"sha256": "', '"sha256": "0'))
        assert identity(recipe, None, []) != before
    finally:
        (bert / "card.json").write_text(card)
    assert identity(recipe, None, []) == before


def plugin(**hooks):
    """A domain `sim` with a network of its own and a simulation to teach it by."""
    module = types.ModuleType("sim")
    card = BackboneCard("nothing: random weights", "Apache-2.0", 1, 0.0)
    own = {"backbones": lambda: [Backbone("sim/dots", "image", NET, card)], **hooks}
    for name, function in own.items():
        setattr(module, name, hookimpl(function))
    return load({"sim": module})


def dots(number):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, : 16 * (1 + number % 2)] = 255
    return pixels, number % 2


def test_a_plugins_simulation_is_learnt_from(tmp_path, settings):
    asked = {}

    def pretrain(backbone, data, run):
        if backbone.name != "sim/dots":
            return None
        asked.update(data=data, night=run.recipe.options.get("night"), steps=run.recipe.pretrain.steps)
        return Lesson(dots, 20, "20 drawn dots", "CC0-1.0", "none", ("half", "whole"), start="timm:test_vit")

    made = evenhand.pretrain(
        "sim/dots",
        settings=[*settings(image_size=160), "options.night=0.5"],
        out=tmp_path,
        plugins=plugin(pretrain=pretrain),
    )
    assert asked == {"data": None, "night": 0.5, "steps": 4}
    assert made.card.licence == "CC0-1.0"
    assert made.name == "dots"
    assert json.loads((tmp_path / "backbone" / "config.json").read_text())["architecture"] == "test_vit"
    assert json.loads((tmp_path / "data.json").read_text())["classes"] == ["half", "whole"]


def test_where_the_plugin_says_nothing_the_core_teaches(tmp_path, settings):
    plugins = plugin(pretrain=lambda backbone: None)
    made = evenhand.pretrain("sim/dots", settings=settings(classes=2, examples=5), out=tmp_path, plugins=plugins)
    assert "2 formulas" in made.card.pretrained_on


def test_a_plugins_own_training_is_checked_and_gets_a_card(tmp_path):
    def make(folder):
        from safetensors.numpy import save_file

        save_file({"w": np.zeros((3, 4), np.float32)}, folder / "model.safetensors")
        (folder / "config.json").write_text('{"architecture": "mine"}')

    plugins = plugin(pretrain=lambda: Lesson(None, 0, "itself", "CC0-1.0", make=make))
    made = evenhand.pretrain("sim/dots", out=tmp_path / "good", plugins=plugins)
    assert (made.card.parameters, made.card.pretrained_on.split(";")[0]) == (12, "itself")
    plugins = plugin(pretrain=lambda: Lesson(None, 0, "itself", "CC0-1.0", make=lambda folder: None))
    with pytest.raises(PluginFault, match=r"wrote no model\.safetensors"):
        evenhand.pretrain("sim/dots", out=tmp_path / "bad", plugins=plugins)
    assert not (tmp_path / "bad" / "backbone").exists()


@pytest.mark.parametrize(
    ("answer", "says"), [("text", "returned str, not Lesson"), (Lesson(None, 0, "", ""), "has no examples")]
)
def test_a_lesson_that_is_none_is_the_plugins_fault(tmp_path, answer, says):
    with pytest.raises(PluginFault, match=says):
        evenhand.pretrain("sim/dots", out=tmp_path / "out", plugins=plugin(pretrain=lambda: answer))
    assert not (tmp_path / "out").exists()


def test_the_tabular_network_is_made_by_the_same_command(tmp_path, settings):
    card = BackboneCard("synthetic tables", "Apache-2.0", 1, 0.0)
    plugins = plugin(backbones=lambda: [Backbone("prior-of-tables", "table", "embedded:none/none", card)])
    made = evenhand.pretrain("prior-of-tables", settings=settings(steps=1), out=tmp_path, plugins=plugins)
    assert made.modality == "table"
    assert "no person's record" in made.card.pretrained_on
    assert not list(tmp_path.glob("checkpoint*"))


@pytest.mark.parametrize(
    ("net", "source", "changed", "says"),
    [
        (NET, "one", {}, "has 1 image to learn from"),
        (NET, "empty", {}, "holds no images"),
        (NET, None, {"kind": "supervised"}, "name them with --data"),
        (NET, "loose", {"kind": "supervised"}, "needs classes"),
        (NET, "loose", {"kind": "formula"}, "leave --data out"),
        (NET, "loose", {"kind": "masked"}, "is not for image"),
        (NET, "pictures", {"steps": 0}, "pretrain.steps"),
        (NET, "pictures", {"stepz": 1}, "Did you mean 'pretrain.steps'"),
        ("timm:test_resnett", "pictures", {}, "Did you mean 'test_resnet'"),
        ("efficientnet-lite", None, {}, "Did you mean 'efficientnet-lite0'"),
        ("local:nowhere", None, {}, "there is no folder"),
        (NET, "broken", {}, "cannot be read"),
    ],
)
def test_what_cannot_be_learnt_from_is_one_sentence(request, tmp_path, loose, net, source, changed, says, settings):
    if source in ("one", "empty", "broken"):
        data = tmp_path / source
        data.mkdir()
        for place in range({"one": 1, "empty": 0, "broken": 12}[source]):
            content = next(loose.glob("*.png")).read_bytes() if source == "one" else b"no picture"
            (data / f"{place}.png").write_bytes(content)
    else:
        data = request.getfixturevalue(source) if source else None
    with pytest.raises(BadInput, match=says) as error:
        evenhand.pretrain(net, data, settings(**changed), out=tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out" / "backbone").exists()


def test_a_loss_that_is_no_number_says_how_to_mend_it(tmp_path, pictures, settings):
    with pytest.raises(BadInput, match=r"no finite number at step .*pretrain\.learning_rate"):
        evenhand.pretrain(NET, pictures, settings(learning_rate=1e30, warmup=0.0), out=tmp_path)


def test_only_the_training_split_is_seen(tmp_path, pictures, settings):
    for part, folder in (("train", "red"), ("train", "blue"), ("test", "red")):
        for file in (pictures / folder).glob("*.png"):
            place = tmp_path / "data" / part / folder / file.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
    evenhand.pretrain(NET, tmp_path / "data", settings(steps=1), out=tmp_path / "out")
    told = json.loads((tmp_path / "out" / "data.json").read_text())
    assert (told["examples"], told["notes"]) == (12, ["only the training split was seen"])


def test_a_recipe_takes_the_folder_and_refuses_it_when_its_weights_change(tmp_path, settings):
    import toy_images

    evenhand.pretrain(NET, settings=settings(classes=2, examples=5), out=tmp_path / "out")
    plugins, asked = load({"toy_images": toy_images}), [f"backbone=local:{tmp_path / 'out'}"]
    result = evenhand.run("toy_images/spots", settings=asked, out=tmp_path / "run", plugins=plugins)
    assert result.path.joinpath("report.html").is_file()
    weights = tmp_path / "out" / "backbone" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(BadInput, match="not the ones its card names"):
        evenhand.run("toy_images/spots", settings=asked, out=tmp_path / "again", plugins=plugins)


def test_a_network_of_a_quarantined_plugin_is_said_to_be_that(tmp_path):
    def backbones():
        raise RuntimeError("no licence here")

    with pytest.raises(BadInput, match="'sim/dots' is not available: plugin 'sim' is quarantined: RuntimeError"):
        evenhand.pretrain("sim/dots", out=tmp_path, plugins=plugin(backbones=backbones))


def test_one_picture_alone_teaches_nothing(tmp_path, settings):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (40, 40), "red").save(tmp_path / "pictures" / "one.png")
    with pytest.raises(BadInput, match="has 1 image to learn from; at least 10 are needed"):
        evenhand.pretrain(NET, tmp_path / "pictures", settings=settings(kind="self-supervised"), out=tmp_path / "out")
    assert not (tmp_path / "out" / "backbone").exists()
