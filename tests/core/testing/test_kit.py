"""The conformance kit lets a good plugin pass, and names the fault of one that is broken on purpose."""

import os
import random
import socket
import sys
import time
import types

import pytest

from evenhand import Adapted, Backbone, BackboneCard, Metric, Recipe, Section, hookimpl, rate_metric, splits_from_rows
from evenhand.testing import (
    CHECKS,
    backbones_have_cards,
    deterministic_under_a_seed,
    hooks_follow_the_contract,
    recipes_are_complete,
    sample_data_loads,
    sample_run_works_offline,
)

RECIPE = """
name = "job"
domain = "made"
title = "Made for a test"
task = "binary"
modality = "table"
schema = { input = "x", label = "y", sensitive = "group" }
"""


def rows(rng, n=120):
    x = [rng.random() for _ in range(n)]
    return {"x": x, "y": [int(value > 0.4) for value in x], "group": [rng.choice("ab") for _ in x]}


def recipes():
    return [Recipe.from_toml(RECIPE, "made.toml")]


def load_data(recipe, source):
    return splits_from_rows(recipe, rows(random.Random(recipe.seed)), "made rows")


def finetune(recipe, splits):
    from sklearn.linear_model import LogisticRegression

    train = splits.train.to_pandas()
    return Adapted(LogisticRegression().fit(train[["x"]], train["y"]), classes=(0, 1), strategy="logistic")


def plugin(**hooks):
    """A good plugin called `made`, with these hooks in place of its own or beside them."""
    module = types.ModuleType("made")
    for name, function in {"recipes": recipes, "load_data": load_data, "finetune": finetune, **hooks}.items():
        setattr(module, name, hookimpl(function))
    return module


def fault(check, module):
    """The sentence that `check` fails with."""
    with pytest.raises(AssertionError) as caught:
        check(module)
    return str(caught.value).splitlines()[0]


def with_recipe(old, new):
    return plugin(recipes=lambda: [Recipe.from_toml(RECIPE.replace(old, new), "made.toml")])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_plugin_passes(check):
    extra = {
        "evaluate": lambda predictions: [Metric("rows", 36.0)],
        "audit_bias": lambda recipe: [
            rate_metric("missed", of="fn", among=("fn", "tp"), better="lower", source="", says="")
        ],
        "report_sections": lambda run: [Section("About", "made for a test")],
        "stage_started": lambda run, stage: None,
    }
    check(plugin(**extra))


def test_a_parameter_that_evenhand_does_not_pass():
    sentence = fault(hooks_follow_the_contract, plugin(load_data=lambda recipe, sauce: None))
    assert "'made'" in sentence
    assert "load_data() has a parameter 'sauce'" in sentence
    assert "it passes recipe, source" in sentence


def test_a_parameter_of_another_type():
    def report_sections(run: "Recipe"):
        return []

    assert "report_sections(run: Recipe) should be annotated Run" in fault(
        hooks_follow_the_contract, plugin(report_sections=report_sections)
    )


def test_a_hook_that_is_none_of_the_contract():
    assert "Did you mean 'load_data'?" in fault(hooks_follow_the_contract, plugin(load_dat=lambda recipe: None))


def test_a_module_without_hooks():
    assert "marks no function with @hookimpl" in fault(hooks_follow_the_contract, types.ModuleType("made"))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("title =", "titel =", "unknown key 'titel' in made.toml. Did you mean 'title'?"),
        ('input = "x"', 'inputs = "x"', "unknown key 'schema.inputs' in made.toml. Did you mean 'input'?"),
        (
            'modality = "table"',
            'modality = "table"\nbackbone = "not-there"',
            "backbone 'not-there', which no plugin brings",
        ),
        ('title = "Made for a test"', 'title = " "', "has no title"),
        ('label = "y", ', "", "names no label column"),
        ('input = "x", ', "", "names no input column"),
        (', sensitive = "group"', "", "names no sensitive column"),
        ('input = "x"', 'input = ["x", "y"]', "y is an input and also the label"),
        ('domain = "made"', 'domain = "other"', "not of this plugin's domain 'made'"),
        ('task = "binary"', 'task = "guess"', "'task' = 'guess'"),
    ],
)
def test_a_recipe_that_is_wrong(old, new, says):
    assert says in fault(recipes_are_complete, with_recipe(old, new))


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ({"pretrained_on": " "}, "what it was pretrained on"),
        ({"licence": ""}, "no licence"),
        ({"parameters": 0}, "no number of parameters"),
        ({"sha256": "abc"}, "need the sha256"),
    ],
)
def test_a_backbone_whose_card_is_not_filled(card, says):
    whole = {"pretrained_on": "the web", "licence": "MIT", "parameters": 1, "size_mb": 1.0, "sha256": "0" * 64} | card
    bring = lambda: [Backbone("b", "text", "embedded:package/model", BackboneCard(**whole))]  # noqa: E731
    assert says in fault(backbones_have_cards, plugin(backbones=bring))


def drawn(rng):
    return lambda recipe, source: splits_from_rows(recipe, rows(rng), "made rows")


@pytest.mark.parametrize("rng", [random.Random(), random.Random(3)], ids=["no seed", "goes on where it was"])
def test_sample_data_that_differ_the_second_time(rng):
    sentence = fault(sample_data_loads, plugin(load_data=drawn(rng)))
    assert "made/job" in sentence
    assert "load_data gives other rows the second time" in sentence
    assert "recipe.seed" in sentence


def test_two_runs_on_different_sample_data_blame_load_data():
    sentence = fault(deterministic_under_a_seed, plugin(load_data=drawn(random.Random())))
    assert "the test split differs between two runs with seed 0" in sentence
    assert "load_data" in sentence


def test_a_model_that_differs_the_second_time_blames_finetune():
    rng = random.Random()

    def finetune(recipe, splits):
        from sklearn.linear_model import LogisticRegression

        drawn = splits.train.to_pandas().sample(60, replace=True, random_state=rng.randrange(1 << 30))
        return Adapted(LogisticRegression().fit(drawn[["x"]], drawn["y"]), classes=(0, 1), strategy="bagged")

    sentence = fault(deterministic_under_a_seed, plugin(finetune=finetune))
    assert "predictions.parquet differs between two runs with seed 0" in sentence
    assert "finetune" in sentence


def test_a_metric_that_differs_the_second_time_blames_evaluate():
    sentence = fault(deterministic_under_a_seed, plugin(evaluate=lambda: [Metric("clock", time.time())]))
    assert "evaluation.json differs" in sentence
    assert "evaluate" in sentence


REACHES = {
    "a host by name": lambda: socket.create_connection(("data.example.org", 443), timeout=0.1),
    "a host by number": lambda: socket.create_connection(("192.0.2.1", 443), timeout=0.1),
    "without an exception": lambda: socket.socket().connect_ex(("192.0.2.1", 443)),
    "a datagram": lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 53)),
    "a name alone": lambda: socket.gethostbyname("data.example.org"),
    "a server on this machine": lambda: socket.create_connection(("127.0.0.1", 9), timeout=0.1),
}


@pytest.mark.parametrize("swallowed", [False, True], ids=["raised", "swallowed"])
@pytest.mark.parametrize("reach", REACHES)
def test_sample_data_from_the_network(reach, swallowed):
    def load(recipe, source):
        try:
            REACHES[reach]()
        except OSError:
            if not swallowed:
                raise
        return load_data(recipe, source)

    sentence = fault(sample_data_loads, plugin(load_data=load))
    assert "made/job" in sentence
    assert "reached for the network" in sentence
    assert "192.0.2.1" in sentence or "data.example.org" in sentence or "127.0.0.1" in sentence


def test_a_run_that_reaches_for_the_network_after_its_data():
    def audit_bias(recipe):
        REACHES["without an exception"]()

    assert "reached for the network" in fault(sample_run_works_offline, plugin(audit_bias=audit_bias))


def test_the_network_is_back_after_a_check():
    kept = dict(vars(socket.socket)), socket.getaddrinfo, dict(os.environ)
    fault(sample_data_loads, plugin(load_data=lambda recipe, source: REACHES["a host by name"]()))
    assert kept == (dict(vars(socket.socket)), socket.getaddrinfo, dict(os.environ))


@pytest.mark.parametrize(
    ("check", "hook", "answer", "says"),
    [
        (recipes_are_complete, "recipes", "job", "recipes() of plugin 'made' must return a list, not str"),
        (recipes_are_complete, "recipes", [{"name": "job"}], "must return a list of Recipe, not dict"),
        (recipes_are_complete, "recipes", [], "brings no recipe"),
        (backbones_have_cards, "backbones", ["resnet"], "must return a list of Backbone, not str"),
        (sample_data_loads, "load_data", {"x": []}, "load_data returned dict, not Splits"),
        (sample_run_works_offline, "load_data", {"x": []}, "load_data of plugin 'made' returned dict, not Splits"),
        (sample_run_works_offline, "finetune", "a model", "finetune of plugin 'made' returned str, not Adapted"),
        (sample_run_works_offline, "evaluate", Metric("m", 1.0), "evaluate must return a list, not Metric"),
        (sample_run_works_offline, "evaluate", ["m"], "evaluate must return a list of Metric, not of str"),
        (sample_run_works_offline, "audit_bias", [Metric("m", 1.0)], "list of GroupMetric or Estimate, not of Metric"),
        (
            sample_run_works_offline,
            "report_sections",
            ["text"],
            "report_sections must return a list of Section, not of str",
        ),
    ],
)
def test_a_hook_that_returns_another_type(check, hook, answer, says):
    assert says in fault(check, plugin(**{hook: lambda: answer}))


@pytest.mark.parametrize(
    "hook", ["load_data", "finetune", "evaluate", "audit_bias", "report_sections", "stage_started"]
)
def test_a_hook_that_raises_on_the_way(hook):
    def broken():
        raise KeyError("age")

    sentence = fault(sample_run_works_offline, plugin(**{hook: broken}))
    assert f"plugin 'made' failed in {hook}: KeyError: 'age'" in sentence


def test_an_owner_that_raises_when_told_keeps_its_other_hooks():
    """Else the core's strategy would train in place of the plugin's own, and nobody would notice."""
    from evenhand.extending.discovering import load

    def told():
        raise KeyError("age")

    plugins = load({"made": plugin(stage_started=told)})
    recipe = plugins.recipe("made/job")
    first, second = (plugins.tell(recipe, "stage_started", run=None, stage="load_data") for _ in range(2))
    assert first == ["plugin 'made' failed in stage_started: KeyError: 'age'"]
    assert second == []
    assert len(plugins.first(recipe, "load_data", recipe=recipe, source=None).train) > 0


def test_a_hook_that_calls_sys_exit():
    assert "it called sys.exit(3)" in fault(sample_data_loads, plugin(load_data=lambda: sys.exit(3)))


def test_a_recipe_without_a_sample():
    sentence = fault(sample_data_loads, plugin(load_data=lambda: None))
    assert "brings no sample data" in sentence


def test_a_group_on_two_sides():
    def load(recipe, source):
        return load_data(recipe, source).with_schema(recipe.schema.model_copy(update={"group_id": "group"}))

    assert "is in both train and" in fault(sample_data_loads, plugin(load_data=load))


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """installed(body): a plugin of that source, found by its entry point under the name `made`."""

    def put(body):
        (tmp_path / "made_by_kit_test.py").write_text(body)
        info = tmp_path / "made_by_kit_test-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-by-kit-test\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[evenhand]\nmade = made_by_kit_test\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    yield put
    sys.modules.pop("made_by_kit_test", None)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise RuntimeError('no GPU here')", "RuntimeError: no GPU here"),
        ("import sys; sys.exit('bye')", "it called sys.exit('bye')"),
        ("import nothing_like_it", "No module named 'nothing_like_it'"),
        ("def recipes(:", "SyntaxError"),
    ],
)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_an_installed_plugin_that_cannot_be_imported(installed, check, body, says):
    installed(body)
    sentence = fault(check, "made")
    assert "plugin 'made' is quarantined" in sentence
    assert says in sentence


def test_a_plugin_that_is_not_installed():
    assert "no plugin 'mad' is installed" in fault(hooks_follow_the_contract, "mad")
