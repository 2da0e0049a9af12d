"""The check of a plugin's `pretrain` hook: what is learnt from is a function of its number, and has a card."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from evenhand.errors import BadInput
from evenhand.pretraining.settings import recipe_for
from evenhand.recorded.run_folder import Run
from evenhand.running.pretraining import PRETRAIN
from evenhand.running.walking import writes
from evenhand.testing.checks import Plugin, isolated, opened
from evenhand.values import Backbone, Lesson


def lessons_repeat_themselves(plugin: Plugin) -> None:
    """Every Lesson that needs no data says what it is, and draws the same example for the same number."""
    _, name, module = opened(plugin)
    if not hasattr(getattr(module, "pretrain", None), "evenhand_impl"):
        return
    for backbone in module.backbones() if hasattr(module, "backbones") else []:
        recipe = recipe_for(backbone, backbone.name, name, ())
        where = f"pretrain of '{backbone.name}'"
        with isolated(recipe) as folder, Run(folder, recipe, "kit", walk="pretrain", stages=writes(PRETRAIN)) as run:
            lesson = _answer(module, backbone, run)
            if lesson is None:
                continue
            assert isinstance(lesson, Lesson), f"{where} returned {type(lesson).__name__}, not Lesson"
            assert lesson.pretrained_on.strip(), f"{where}: its Lesson does not say what is learnt from"
            assert lesson.licence.strip(), f"{where}: its Lesson names no licence"
            assert lesson.make or lesson.draw, f"{where}: its Lesson has neither draw nor make"
            _check_draws(lesson, where)


def _answer(module: Any, backbone: Backbone, run: Run) -> Any:
    """What the plugin alone says; None also where it asks for data."""
    offered = {"backbone": backbone, "data": None, "run": run}
    wanted = inspect.signature(module.pretrain).parameters
    try:
        return module.pretrain(**{key: value for key, value in offered.items() if key in wanted})
    except BadInput:
        return None


def _check_draws(lesson: Lesson, where: str) -> None:
    if lesson.draw is None or lesson.make:
        return
    assert lesson.size > 0, f"{where}: its Lesson has no examples (size)"
    for number in dict.fromkeys((0, lesson.size // 2, lesson.size - 1)):
        (first, label), (second, again) = lesson.draw(number), lesson.draw(number)
        same = first == second if isinstance(first, str) else np.array_equal(np.asarray(first), np.asarray(second))
        equal = same and label == again
        assert equal, f"{where}: draw({number}) gives another example the second time"
        known = label is None if not lesson.classes else label in range(len(lesson.classes))
        assert known, f"{where}: draw({number}) gives class {label!r}, which is no place in its classes"
