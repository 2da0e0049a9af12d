"""How detections become rows: COCO's matching, one row per object and a few per picture for false alarms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand import splits_from_rows
from evenhand_autonomy.obstacles.fitting import usual_places
from evenhand_autonomy.obstacles.frames import PLACES, Frame, Object, guessed_distance, table_of
from evenhand_autonomy.obstacles.matching import matched, overlaps
from evenhand_autonomy.obstacles.model import Found, Images
from evenhand_autonomy.obstacles.safety import half_seen_at, half_seen_gap, urgency, weighted_recall
from evenhand_autonomy.obstacles.unforeseen import auroc, strangeness
from evenhand_autonomy.scenes.facts import CATEGORIES

corner = st.integers(0, 30)
box = st.tuples(corner, corner, st.integers(2, 12), st.integers(2, 12)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
boxes = st.lists(st.tuples(box, st.integers(0, 1), st.floats(0.01, 0.99)), max_size=6)


def arrays(told):
    places = np.array([b for b, *_ in told], float).reshape(-1, 4)
    return places, np.array([c for _, c, *_ in told], int), np.array([s for *_, s in told], float)


@given(boxes, boxes, st.floats(0.05, 0.95))
def test_any_threshold_gives_what_matching_at_that_threshold_gives(detections, objects, threshold):
    found, kinds, sure = arrays(detections)
    truth, classes, _ = arrays(objects)
    score, wrong = matched(found, kinds, sure, truth, classes)
    kept = sure >= threshold
    again, wrong_again = matched(found[kept], kinds[kept], sure[kept], truth, classes)
    assert np.array_equal(score >= threshold, again > 0)
    assert (sure[wrong] >= threshold).sum() == len(wrong_again)
    assert (score > 0).sum() + len(wrong) == len(detections)  # each detection has one object, or none


@given(box, box)
def test_overlap_is_what_the_pixels_say(one, other):
    def painted(b):
        paper = np.zeros((64, 64), bool)
        paper[b[1] : b[3], b[0] : b[2]] = True
        return paper

    both, any_of = painted(one) & painted(other), painted(one) | painted(other)
    assert overlaps(np.array([one], float), np.array([other], float))[0, 0] == pytest.approx(both.sum() / any_of.sum())


def test_a_second_detection_of_an_object_and_one_of_another_class_are_false_alarms():
    there = np.array([[10.0, 10, 20, 20]])
    found = np.repeat(there, 3, 0)
    score, wrong = matched(found, np.array([0, 0, 1]), np.array([0.5, 0.9, 0.95]), there, np.array([0]))
    assert score.tolist() == [0.9]
    assert sorted(wrong.tolist()) == [0, 2]


@pytest.fixture(scope="module")
def two_scenes(recipe_of):
    person = Object("a", "pedestrian", (0.1, 0.2, 0.1, 0.3), {"clothing": "dark", "distance_m": 8.0})
    car = Object("b", "vehicle", (0.5, 0.4, 0.2, 0.2))
    frames = [Frame(f"s{k}", {"bytes": bytes([k]), "path": None}, (160, 96), (person, car)) for k in range(20)]
    table = table_of(frames, 96)
    recipe = recipe_of("obstacle")
    bare = recipe.model_copy(update={"schema_": recipe.schema.model_copy(update={"split": None})})
    return splits_from_rows(bare, table, "two things").test, table


def test_each_picture_has_its_objects_and_its_places_for_false_alarms(two_scenes):
    rows, table = two_scenes
    assert len(table["there"]) == 20 * (2 + PLACES)
    assert sum(rows["there"]) * PLACES == 2 * (len(rows) - sum(rows["there"]))
    clothing = dict(zip(rows["category"], rows["clothing"], strict=True))
    assert clothing == {"pedestrian": "dark", "vehicle": "(not applicable)", "(not applicable)": "(not applicable)"}


def test_scores_are_confidences_on_objects_and_on_places_of_false_alarms(two_scenes):
    images = Images(two_scenes[0])
    person = np.array([16.0, 19.2, 32, 48])
    far = np.array([100.0, 0, 110, 10])
    found = Found(np.stack([person, far]), np.array([0, 1]), np.array([0.7, 0.6]), np.zeros(0))
    scores = images.scores([found] * len(images.values))
    assert np.allclose(scores.sum(1), 1)
    for place in range(len(images.values)):
        objects, free = images.truth(place)
        assert scores[objects, 1].tolist() == [0.7, 0.0]
        assert scores[free, 1].tolist() == [0.6] + [0.0] * (PLACES - 1)


def test_distance_is_guessed_by_the_pinhole():
    assert guessed_distance(
        Frame("", {}, (1000, 600), ()), Object("", "pedestrian", (0, 0, 0.1, 0.34))
    ) == pytest.approx(1.7 * 1.2 * 1000 / (0.34 * 600))


def test_urgent_objects_weigh_more():
    ttc = np.array([0.1, 0.5, 1.0, 4.0])
    assert urgency(ttc).tolist() == [2.0, 2.0, 1.0, 0.25]
    value, low, high = weighted_recall(np.array([1.0, 0, 1, 0]), urgency(ttc), ["a", "b", "c", "d"])
    assert value == pytest.approx(3 / 5.25)
    assert low <= value <= high


@given(st.floats(6, 25))
def test_the_distance_at_which_half_are_seen_is_found(metres):
    rng = np.random.default_rng(0)
    distance = np.exp(rng.uniform(np.log(3), np.log(50), 4000))
    chance = 1 / (1 + np.exp(4 * (np.log(distance) - np.log(metres))))
    assert half_seen_at(distance, (rng.random(4000) < chance).astype(float)) == pytest.approx(metres, rel=0.12)


def test_the_gap_between_distances_is_found_with_its_limits():
    rng = np.random.default_rng(1)
    distance = np.exp(rng.uniform(np.log(3), np.log(50), 3000))
    first = rng.random(3000) < 0.5
    chance = 1 / (1 + np.exp(5 * (np.log(distance) - np.log(np.where(first, 18, 9)))))
    found = (rng.random(3000) < chance).astype(float)
    gap, low, high = half_seen_gap(distance, found, np.arange(3000) // 3, first)
    assert low < 9 < high
    assert gap == pytest.approx(9, abs=2)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_distance_has_a_value_where_all_or_none_are_seen(share):
    found = half_seen_at(np.linspace(5, 30, 40), np.full(40, share))
    assert not np.isnan(found)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_auroc_is_the_chance_of_a_higher_score(strange, usual):
    pairs = [(a > b) + 0.5 * (a == b) for a in strange for b in usual]
    assert auroc(np.array(strange, float), np.array(usual, float)) == pytest.approx(np.mean(pairs))


def test_what_lies_apart_is_strange():
    rng = np.random.default_rng(0)
    known = rng.normal(size=(200, 5))
    found = strangeness(np.concatenate([known[:50], known[:50] + 6]), known)
    assert found[50:].min() > found[:50].max()


def test_usual_places_are_where_training_objects_were():
    import torch

    boxes = [(torch.tensor([[10.0, 10, 30, 50]]), torch.tensor([0]))] * 5 + [(torch.zeros(0, 4), torch.zeros(0).long())]
    found = usual_places(boxes)
    assert found.classes.tolist() == [CATEGORIES.index("pedestrian")]
    assert np.allclose(found.boxes, [[10, 10, 30, 50]])
    assert found.sure[0] == pytest.approx(5 / 6)
