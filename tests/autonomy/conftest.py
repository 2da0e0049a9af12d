"""The recipes of the domain by name, and one small run of those that learn, for every test that reads it."""

import os

import pytest

import evenhand
import evenhand_autonomy


@pytest.fixture(scope="session")
def recipe_of():
    """recipe_of(name): the recipe as it ships."""
    found = {recipe.name: recipe for recipe in evenhand_autonomy.recipes()}
    return lambda name: found[name]


@pytest.fixture(scope="session")
def small_obstacle_run(tmp_path_factory):
    """(the folder of a finished `evenhand run autonomy/obstacle` on few scenes and after few steps, what it read)."""
    from evenhand_autonomy.obstacles import samples
    from evenhand_autonomy.obstacles.data import load

    folder = tmp_path_factory.mktemp("obstacle")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "SIZES", {"train": 24, "validation": 12, "test": 30})
        patch.setattr(samples, "HELD_OUT", dict.fromkeys(samples.HELD_OUT, 8))
        patch.setitem(os.environ, "EVENHAND_CACHE", str(folder / "cache"))
        samples.obstacle_scenes.cache_clear()
        settings = ["options.steps=4", "audit.operating_point={}", "audit.threshold=0.12", "finetune.threads=1"]
        evenhand.run("autonomy/obstacle", settings=settings, out=folder / "run")
        read = load(next(one for one in evenhand_autonomy.recipes() if one.name == "obstacle"), None)
    samples.obstacle_scenes.cache_clear()
    return folder / "run", read
