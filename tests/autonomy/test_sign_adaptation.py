"""Adapting to real pictures: what is named, what is learnt from, and what must not be touched."""

import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

import evenhand_autonomy
from evenhand import BadInput, splits_from_rows
from evenhand_autonomy import weights
from evenhand_autonomy.learning import Average, logits_of, shuffled, tensor, varied
from evenhand_autonomy.network import DrivingNetwork
from evenhand_autonomy.signs import settings
from evenhand_autonomy.signs.adaptation import (
    UNKNOWN,
    Pace,
    Real,
    Simulated,
    adapted,
    named,
    with_statistics,
)
from evenhand_autonomy.signs.model import SignModel
from evenhand_autonomy.signs.pictures import png
from evenhand_autonomy.simulator.banks import render
from evenhand_autonomy.simulator.classes import CLASSES


@pytest.fixture(scope="module")
def bank():
    return render(0, range(86))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return DrivingNetwork(CLASSES).eval()


def real(bank, signs=None, known=None):
    rows = len(bank.truths)
    return Real(
        tensor(bank.pictures),
        np.arange(rows) if signs is None else signs,
        torch.full((rows,), UNKNOWN) if known is None else known,
    )


def test_logits_do_not_depend_on_how_many_pictures_are_asked_at_once(network, bank):
    pictures = tensor(bank.pictures)
    every = logits_of(network, pictures)
    assert torch.equal(logits_of(network, pictures[:5]), every[:5])
    assert logits_of(network, pictures[:0]).shape == (0, CLASSES)


def test_a_picture_at_half_the_light_looks_nearly_the_same_to_the_network(network, bank):
    pictures = tensor(bank.pictures).float()
    seen, dimmer = network.contrast(pictures), network.contrast(pictures * 0.5)
    bright = pictures.std((1, 2, 3)) > 30
    assert (seen - dimmer).abs().mean((1, 2, 3))[bright].max() < 0.35
    assert (seen - dimmer).abs().mean((1, 2, 3))[bright].median() < 0.15


def test_statistics_change_with_the_pictures_and_weights_do_not(network, bank):
    before = deepcopy(network.state_dict())
    after = with_statistics(network, tensor(bank.pictures)).state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all("running" in name or "num_batches" in name for name in changed)


def test_photographs_of_one_sign_are_named_alike(network, bank):
    signs = np.arange(86) // 2
    found = named(network, real(bank, signs), 1.0).reshape(43, 2)
    assert torch.equal(found[:, 0], found[:, 1])
    assert (found >= 0).all()


def test_the_surest_share_of_each_class_is_named(network, bank):
    best = logits_of(network, tensor(bank.pictures)).argmax(1)
    half = named(network, real(bank), 0.5)
    for number in best.unique():
        mine = best == number
        assert int((half[mine] == number).sum()) == max(1, round(0.5 * int(mine.sum())))
        assert set(half[mine].tolist()) <= {int(number), UNKNOWN}


def test_a_given_label_names_the_other_photographs_of_its_sign(network, bank):
    known = torch.full((86,), UNKNOWN)
    known[10] = 40
    found = named(network, real(bank, np.arange(86) // 2, known), 0.5)
    assert found[10] == found[11] == 40


def test_where_all_labels_are_given_none_is_made_up(network, bank):
    known = torch.from_numpy(bank.labels)
    assert torch.equal(named(network, real(bank, known=known), 0.5), known)


def test_simulated_pictures_leave_no_trace_in_the_running_statistics(network, bank):
    """Adapting with other simulated pictures of the same content of labels changes weights, never means over them."""
    pictures = tensor(bank.pictures)
    seen = []
    for simulated in (pictures, 255 - pictures):
        torch.manual_seed(0)
        start = deepcopy(network)
        found = adapted(
            start,
            Simulated(simulated, torch.from_numpy(bank.labels)),
            real(bank, known=torch.from_numpy(bank.labels)),
            Pace(1, 0, 1e-12, 16, 16),
        )
        seen.append(found.body[1].running_mean)
    assert torch.allclose(seen[0], seen[1], atol=1e-5)


def test_adapting_learns_and_is_the_same_again(bank):
    def once():
        torch.manual_seed(0)
        start = DrivingNetwork(CLASSES)
        labels = torch.from_numpy(bank.labels)
        return adapted(
            start, Simulated(tensor(bank.pictures), labels), real(bank, known=labels), Pace(30, 0, 3e-3, 32, 0)
        )

    first, second = once(), once()
    mine = logits_of(first, tensor(bank.pictures))
    assert torch.equal(mine, logits_of(second, tensor(bank.pictures)))
    assert float((mine.argmax(1) == torch.from_numpy(bank.labels)).double().mean()) > 0.2  # chance is 0.023


def test_every_row_comes_once_per_pass():
    batches = shuffled(10, 5, torch.Generator().manual_seed(0))
    assert sorted([*next(batches).tolist(), *next(batches).tolist()]) == list(range(10))


def test_varied_pictures_stay_pictures_and_differ(bank):
    draw = torch.Generator().manual_seed(0)
    pictures = tensor(bank.pictures)
    seen = varied(pictures, draw)
    assert seen.shape == pictures.shape
    assert float(seen.min()) >= 0
    assert float(seen.max()) <= 255
    assert (seen - pictures.float()).abs().mean() > 2


def test_the_average_of_an_unchanging_network_is_that_network(network):
    average = Average(network)
    for _ in range(3):
        average.update(network)
    for name, value in average.network.state_dict().items():
        assert torch.allclose(value, network.state_dict()[name])


@pytest.mark.parametrize(
    ("said", "asked"),
    [(5, (5,)), ("all", ("all",)), (0, (0,)), ([20, 1, "all", 5], (1, 5, 20, "all")), (["all", "all"], ("all",))],
)
def test_labels_per_class_are_asked_as_one_value_or_several(said, asked):
    recipe = traffic_sign().model_copy(update={"options": {"labels_per_class": said}})
    assert settings.asked_labels(recipe) == asked


@pytest.mark.parametrize("said", [-1, 1.5, "some", True, [], [1, "few"]])
def test_other_words_for_labels_per_class_are_refused(said):
    recipe = traffic_sign().model_copy(update={"options": {"labels_per_class": said}})
    with pytest.raises(BadInput, match=r"options\.labels_per_class"):
        settings.asked_labels(recipe)


@pytest.mark.parametrize("name", ["passes", "simulated", "labelled_passes", "least_steps"])
def test_an_option_that_is_no_number_is_refused(bank, name):
    recipe = traffic_sign().with_settings([f'options.{name}="many"'])
    with pytest.raises(BadInput, match=rf"options\.{name}"):
        settings.adapt(recipe, splits_of(bank), evenhand_autonomy.backbones()[0], Quiet())


@pytest.mark.parametrize("source", ["timm:mobilenetv2_035", "embedded:rapidocr/models"])
def test_a_network_that_is_not_the_driving_network_is_refused(source, bank):
    backbone = replace(evenhand_autonomy.backbones()[0], source=source)
    with pytest.raises(BadInput, match="set backbone to autonomy/sim"):
        settings.adapt(quick(), splits_of(bank), backbone, Quiet())


def test_weights_that_are_not_the_cards_are_refused(network, bank, tmp_path):
    weights.write(network, tmp_path / weights.WEIGHTS)
    backbone = replace(evenhand_autonomy.backbones()[0], source=f"local:{tmp_path}")
    with pytest.raises(BadInput, match="its card says"):
        settings.adapt(quick(), splits_of(bank), backbone, Quiet())


def test_few_labels_are_of_as_many_signs_as_there_are(bank):
    fitting = settings.Fitting(quick(), splits_of(bank, rows=86 * 4), DrivingNetwork(CLASSES), Quiet())
    known = fitting.few(2)
    given = torch.nonzero(known >= 0).flatten()
    assert torch.equal(known[given], fitting.truth[given])
    counts = np.bincount(known[given])
    assert counts.max() == 2
    for number in range(CLASSES):
        mine = given[known[given] == number]
        assert len(set(fitting.signs[mine].tolist())) == min(
            len(mine), len(set(fitting.signs[fitting.truth.numpy() == number].tolist()))
        )


def test_no_setting_looks_at_a_test_row(bank, monkeypatch):
    class Forbidden:
        def __getattr__(self, name):
            raise AssertionError("the test rows were looked at")

    monkeypatch.setattr(settings, "shipped", lambda *_: DrivingNetwork(CLASSES).eval())
    splits = replace(splits_of(bank), test=Forbidden())
    found = settings.adapt(quick(), splits, evenhand_autonomy.backbones()[0], Quiet())
    assert found.strategy == "1 real label per class"
    assert list(found.baselines) == [settings.SIMULATION, settings.UNLABELLED]


def test_the_model_without_labels_does_not_depend_on_them(bank):
    """The labels of the training rows, exchanged at random, leave simulation only and no real label as they were."""
    answers = []
    for exchanged in (False, True):
        torch.manual_seed(0)
        fitting = settings.Fitting(quick(), splits_of(bank), DrivingNetwork(CLASSES).eval(), Quiet())
        if exchanged:
            fitting.truth = fitting.truth.flip(0)
        answers.append(logits_of(fitting.unlabelled(), tensor(bank.pictures)))
    assert torch.equal(*answers)


def test_a_stored_model_gives_the_same_scores(network, bank, tmp_path):
    model = SignModel(network, "image", b"\xff\xd8\xff pictures")
    model.save(tmp_path)
    again = SignModel.load(tmp_path)
    rows = splits_of(bank).test
    assert np.array_equal(model.scores(rows), again.scores(rows))
    assert again.seen == model.seen
    assert not [file for file in tmp_path.iterdir() if file.suffix not in (".safetensors", ".json", ".jpg")]


def test_weights_of_another_network_are_refused(network, tmp_path):
    SignModel(network, "image").save(tmp_path)
    (tmp_path / "sign-model.json").write_text(json.dumps({"column": "image", "classes": 7}))
    with pytest.raises(BadInput, match="no driving network of 7 classes"):
        SignModel.load(tmp_path)


class Quiet:
    """What a run offers to those who fit, without a run."""

    def log(self, *_, **__):
        pass

    def progress(self, *_):
        pass


def traffic_sign():
    (found,) = [recipe for recipe in evenhand_autonomy.recipes() if recipe.name == "traffic-sign"]
    return found


def quick():
    return traffic_sign().with_settings(
        [f"options.{name}" for name in ("labels_per_class=1", "passes=0", "least_steps=2", "simulated=43")]
    )


def splits_of(bank, rows=172):
    """The bank's photographs as a data set: tracks of two, a third of them test."""
    order = [i % len(bank.truths) for i in range(rows)]
    labels = bank.labels[order]
    split = ["test" if i // CLASSES % 3 == 2 else "train" for i in range(rows)]
    table = {
        "image": [{"bytes": png(bank.pictures[i]), "path": None} for i in order],
        "class_id": labels.tolist(),
        "sign": [f"{split[i]} {i % CLASSES} {i // CLASSES // 2}" for i in range(rows)],
        "split": split,
    }
    recipe = traffic_sign()
    schema = recipe.schema.model_copy(update={"sensitive": (), "split": "split", "group_id": "sign"})
    return splits_from_rows(recipe.model_copy(update={"schema_": schema}), table, "a bank")
