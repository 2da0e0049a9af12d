"""`evenhand pretrain autonomy/sim`: what makes the shipped driving backbone, here in two steps."""

import json
from pathlib import Path

import pytest
import torch

import evenhand_autonomy
from evenhand import BadInput, pretrain
from evenhand.files import digest
from evenhand_autonomy.network import DrivingNetwork
from evenhand_autonomy.signs.settings import starting_network
from evenhand_autonomy.simulator.classes import CLASSES, NAMES
from evenhand_autonomy.weights import WEIGHTS, read, shipped

TINY = ("options.pictures=86", "pretrain.steps=2", "pretrain.batch_size=43", "pretrain.threads=1")


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sim")
    return folder, pretrain("autonomy/sim", settings=list(TINY), out=folder / "first")


def test_the_folder_holds_a_network_of_the_43_classes_and_its_card(pretrained):
    folder, _ = pretrained
    made = folder / "first" / "backbone"
    assert isinstance(read(made / WEIGHTS, CLASSES), DrivingNetwork)
    card = json.loads((made / "card.json").read_text())
    assert "86 simulated photographs" in card["pretrained_on"]
    assert card["licence"] == "Apache-2.0"
    assert card["sha256"] == digest(made / WEIGHTS)
    assert "no photograph of a real road" in card["known_bias"]
    assert json.loads((made / "config.json").read_text())["classes"] == list(NAMES)


@pytest.mark.slow
def test_the_same_command_makes_the_same_weights_and_another_seed_others(pretrained, tmp_path):
    _, first = pretrained
    again = pretrain("autonomy/sim", settings=list(TINY), out=tmp_path / "again")
    other = pretrain("autonomy/sim", settings=[*TINY, "seed=1"], out=tmp_path / "other")
    assert again.card.sha256 == first.card.sha256 != other.card.sha256


def test_the_shipped_weights_are_those_of_the_card_and_stay_small():
    (backbone,) = evenhand_autonomy.backbones()
    file = Path(evenhand_autonomy.__file__).parent / "weights" / WEIGHTS
    assert digest(file) == backbone.card.sha256
    assert file.stat().st_size < 4e6
    assert sum(weight.numel() for weight in shipped(CLASSES).parameters()) == backbone.card.parameters


@pytest.mark.parametrize("said", ['"many"', "12", "true"])
def test_too_few_pictures_are_refused(said, tmp_path):
    with pytest.raises(BadInput, match=r"options\.pictures"):
        pretrain("autonomy/sim", settings=[f"options.pictures={said}"], out=tmp_path / "out")


def test_it_takes_no_data(tmp_path):
    with pytest.raises(BadInput, match="leave --data out"):
        pretrain("autonomy/sim", data=tmp_path, out=tmp_path / "out")


def test_what_was_pretrained_here_is_what_the_recipe_starts_from(pretrained):
    folder, backbone = pretrained
    made = read(folder / "first" / "backbone" / WEIGHTS, CLASSES).state_dict()
    started = starting_network(backbone).state_dict()
    assert all(torch.equal(value, made[name]) for name, value in started.items())
