"""A broken plugin is named with its reason, and everything else works."""

import sys
import types

import pytest

from evenhand import BadInput, PluginFault, Recipe, hookimpl
from evenhand.extending.discovering import load

RECIPE = 'name = "job"\ndomain = "{0}"\ntitle = "t"\ntask = "binary"\nmodality = "table"\n[schema]\ninput = "x"\nlabel = "y"\nsensitive = "g"\n'


def plugin(**hooks):
    module = types.ModuleType("made_by_a_test")
    for name, function in hooks.items():
        function.__name__ = name
        setattr(module, name, hookimpl(function))
    return module


def good():
    return plugin(recipes=lambda: [Recipe.from_toml(RECIPE.format("good"), "good.toml")])


def raising(error):
    def hook():
        raise error

    return hook


BROKEN = {
    "wrong argument": (plugin(load_data=lambda recipe, sauce: None), "sauce"),
    "unknown hook": (plugin(load_dat=lambda recipe: None), "Did you mean 'load_data'?"),
    "raises": (plugin(recipes=raising(ValueError("no such luck"))), "ValueError: no such luck"),
    "calls sys.exit": (plugin(recipes=raising(SystemExit(3))), "sys.exit(3)"),
    "returns no list": (plugin(recipes=lambda: "job"), "must return a list"),
    "returns other things": (plugin(backbones=lambda: [3]), "must return a list of Backbone"),
    "another domain": (
        plugin(recipes=lambda: [Recipe.from_toml(RECIPE.format("else"), "x")]),
        "not of this plugin's domain",
    ),
    "invalid recipe": (
        plugin(recipes=lambda: [Recipe.from_toml(RECIPE.format("b") + "[split]\ntest=7", "x.toml")]),
        "split.test",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_quarantined_and_the_others_work(case):
    module, says = BROKEN[case]
    plugins = load({"broken": module, "good": good()})
    assert says in plugins.faults["broken"]
    assert "good/job" in plugins.recipes()
    assert "broken" not in dict(plugins.names())


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise RuntimeError('at import')", "at import"),
        ("import sys; sys.exit('bye')", "sys.exit"),
        ("import nothing_like_it", "nothing_like_it"),
    ],
)
def test_a_plugin_that_fails_to_import_is_quarantined(tmp_path, monkeypatch, body, says):
    (tmp_path / "broken_import.py").write_text(body)
    info = tmp_path / "broken_import-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-import\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[evenhand]\nbrokenimport = broken_import\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins = load({"good": good()})
    assert says in plugins.faults["brokenimport"]
    assert "good/job" in plugins.recipes()
    sys.modules.pop("broken_import", None)


def test_an_unknown_recipe_suggests_the_nearest():
    with pytest.raises(BadInput, match="Did you mean 'good/job'"):
        load({"good": good()}).recipe("good/jop")


def test_a_recipe_of_a_quarantined_plugin_says_why_it_is_missing():
    with pytest.raises(BadInput, match="quarantined: it called sys.exit"):
        load({"broken": BROKEN["calls sys.exit"][0]}).recipe("broken/job")


def test_only_the_owner_and_trackers_are_asked():
    told = []
    other = plugin(
        recipes=lambda: [Recipe.from_toml(RECIPE.format("other"), "x")],
        stage_started=lambda stage: told.append("other"),
    )
    tracker = plugin(stage_started=lambda stage: told.append("tracker"))
    plugins = load({"good": good(), "other": other, "tracker": tracker})
    plugins.tell(plugins.recipe("good/job"), "stage_started", run=None, stage="finetune")
    assert told == ["tracker"]


def test_the_owners_exception_becomes_a_sentence_that_names_plugin_and_hook():
    module = good()
    module.load_data = hookimpl(raising(KeyError("age")))
    module.load_data.__name__ = "load_data"
    plugins = load({"good": module})
    with pytest.raises(PluginFault, match="plugin 'good' failed in load_data: KeyError"):
        plugins.first(plugins.recipe("good/job"), "load_data", recipe=None, source=None)


def test_a_tracker_that_raises_is_quarantined_and_the_run_goes_on():
    module = plugin(stage_started=raising(RuntimeError("no server")))
    plugins = load({"good": good(), "tracker": module})
    faults = plugins.tell(plugins.recipe("good/job"), "stage_started", run=None, stage="x")
    assert "no server" in faults[0]
    assert "tracker" in plugins.faults


def test_two_plugins_cannot_bring_the_same_backbone_or_name():
    plugins = load({"good": good(), "nlp": good()})
    assert "already called 'nlp'" in plugins.faults["nlp"] or "not of this plugin's domain" in plugins.faults["nlp"]
