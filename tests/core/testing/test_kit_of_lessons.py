"""The kit's check of a plugin's lessons: a good one passes, and each fault is named."""

import itertools
import types

import numpy as np
import pytest

from evenhand import Backbone, BackboneCard, BadInput, Lesson, hookimpl
from evenhand.testing import CHECKS, lessons_repeat_themselves


def plugin(pretrain):
    """A domain whose one network is taught by `pretrain`."""
    module = types.ModuleType("made")
    card = BackboneCard("nothing: random weights", "Apache-2.0", 1, 0.0)
    hooks = {"backbones": lambda: [Backbone("made/net", "image", "timm:test_resnet", card)], "pretrain": pretrain}
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


def lesson(draw, **changed):
    about = {"pretrained_on": "drawn squares", "licence": "CC0-1.0", "classes": ("black", "white")}
    return plugin(lambda: Lesson(draw, 10, **{**about, **changed}))


def squares(number):
    return np.full((8, 8, 3), 255 * (number % 2), np.uint8), number % 2


def asks_for_data(data):
    raise BadInput("name your data")


@pytest.mark.parametrize(
    "module",
    [
        lesson(squares),
        plugin(lambda backbone: None),
        plugin(asks_for_data),
        lesson(lambda number: (f"message {number}", None), classes=()),
        lesson(None, make=lambda folder: None),
    ],
)
def test_a_good_lesson_passes(module):
    assert lessons_repeat_themselves in CHECKS
    lessons_repeat_themselves(module)


COUNT = itertools.count()


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (lesson(lambda number: squares(next(COUNT))), "another example the second time"),
        (lesson(lambda number: (squares(number)[0], 2)), "class 2, which is no place in its classes"),
        (lesson(squares, licence=" "), "names no licence"),
        (lesson(squares, pretrained_on=""), "does not say what is learnt from"),
        (lesson(None), "neither draw nor make"),
        (plugin(lambda: "text"), "returned str, not Lesson"),
    ],
)
def test_a_faulty_lesson_is_named(module, says):
    with pytest.raises(AssertionError, match=says):
        lessons_repeat_themselves(module)
