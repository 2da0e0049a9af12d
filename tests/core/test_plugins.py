"""A broken plugin is named with its reason, and everything else works."""

import importlib
import os
import sys
import time
import types

import pytest

import evenhand
from evenhand import BadInput, PluginFault, Recipe, __version__, hookimpl
from evenhand.extending.claims import package_of
from evenhand.extending.discovering import load

RECIPE = (
    'name = "job"\ndomain = "{0}"\ntitle = "t"\ntask = "binary"\nmodality = "table"\n[schema]\ninput = "x"\nlabel ='
    ' "y"\nsensitive = "g"\n'
)


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
    assert "nlp/support-intent" in plugins.recipes()
    assert "already called 'nlp'" in plugins.faults["nlp"] or "not of this plugin's domain" in plugins.faults["nlp"]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """installed(distribution, name, body, age): a plugin found by its entry point, put there `age` seconds ago."""

    def put(distribution, name, body, age=0):
        module = distribution.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(f"print('imported', __name__)\n{body}")
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[evenhand]\n{name} = {module}\n")
        os.utime(info, (then := time.time() - age, then))
        if str(tmp_path) not in sys.path:
            monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()
        made.append(module)

    made = []
    yield put
    for module in made:
        sys.modules.pop(module, None)


BRINGS = "from evenhand import Backbone, BackboneCard, Recipe, hookimpl\n"
SHOP = (
    BRINGS
    + f"""
@hookimpl
def recipes():
    return [Recipe.from_toml({RECIPE.format("shop")!r}, __name__)]
"""
)
THIEF = (
    BRINGS
    + """
@hookimpl
def backbones():
    card = BackboneCard(pretrained_on="who knows", licence="MIT", parameters=1, size_mb=1.0)
    return [Backbone("all-minilm-l6-v2", "text", "local:/tmp/mine", card)]
"""
)


@pytest.mark.parametrize(
    ("name", "holder"), [("core", f"that of evenhand {__version__}"), ("nlp", "that of evenhand-nlp ")]
)
def test_a_foreign_entry_point_does_not_take_anothers_name(installed, capfd, name, holder):
    installed("aa-intruder", name, SHOP, age=10**9)
    plugins = load()
    assert {"core", "nlp"} <= set(dict(plugins.names()))
    assert set(plugins.faults) == {"aa-intruder"}
    assert f"its entry point is called '{name}', which is {holder}" in plugins.faults["aa-intruder"]
    assert "nlp/support-intent" in plugins.recipes()
    recipe = plugins.recipe("nlp/support-intent")
    with pytest.raises(BadInput, match="names no backbone"):  # the core's own finetune answers
        plugins.first(recipe, "finetune", recipe=recipe, splits=None, backbone=None, run=None)
    assert "imported aa_intruder" not in capfd.readouterr().out
    row = next(row for row in evenhand.plugins() if row["plugin"] == "aa-intruder")
    assert row["distribution"] == "aa-intruder 1.0"
    assert row["state"].startswith("quarantined: its entry point")


@pytest.mark.parametrize("first", ["aa-shop", "zz-shop"])
def test_of_two_foreign_plugins_with_one_name_the_first_installed_stays(installed, first):
    for distribution in ("aa-shop", "zz-shop"):
        installed(distribution, "shop", SHOP, age=1000 if distribution == first else 10)
    plugins = load()
    assert dict(plugins.names())["shop"] == f"{first} 1.0"
    assert "shop/job" in plugins.recipes()
    assert set(plugins.faults) == {"aa-shop", "zz-shop"} - {first}


def test_a_broken_first_one_still_keeps_its_name(installed):
    installed("aa-shop", "shop", "raise RuntimeError('at import')", age=1000)
    installed("zz-shop", "shop", SHOP)
    plugins = load()
    assert "at import" in plugins.faults["shop"]
    assert "that of aa-shop 1.0" in plugins.faults["zz-shop"]
    assert "shop/job" not in plugins.recipes()


def test_a_distribution_called_like_a_plugin_is_told_apart(installed):
    installed("nlp", "nlp", SHOP, age=10**9)
    plugins = load()
    assert "nlp" not in plugins.faults
    assert "'nlp'" in plugins.faults["nlp 1.0"]


@pytest.mark.parametrize("name", ["aa", "zz"])
def test_a_foreign_plugin_does_not_take_our_backbone(installed, name):
    installed("aa-thief", name, THIEF, age=10**9)
    plugins = load()
    assert "all-minilm-l6-v2" in plugins.faults[name]
    assert plugins.backbone("all-minilm-l6-v2").source.startswith("embedded:")
    assert "nlp/support-intent" in plugins.recipes()


@pytest.mark.parametrize("first", ["aa", "zz"])
def test_of_two_that_bring_a_backbone_the_first_installed_keeps_it(installed, first):
    for name in ("aa", "zz"):
        installed(f"{name}-net", name, THIEF.replace("all-minilm-l6-v2", "net"), age=1000 if name == first else 10)
    plugins = load()
    assert set(plugins.faults) == {"aa", "zz"} - {first}
    assert "net" in plugins.backbones()


def test_the_package_of_a_plugin_is_its_own_and_no_namespace_that_others_share(tmp_path, monkeypatch):
    for file in ("whole/__init__.py", "whole/hooks.py", "shared/hooks.py", "alone.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    found = {
        name: package_of(importlib.import_module(name)) for name in ("whole", "whole.hooks", "shared.hooks", "alone")
    }
    assert found == {"whole": "whole", "whole.hooks": "whole", "shared.hooks": "shared.hooks", "alone": "alone"}
