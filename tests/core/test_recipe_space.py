"""The table [tune] of a recipe: what may stand there, and what is said of the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import toy_search
from evenhand import BadInput, Recipe
from evenhand.recipe_space import Range, TuneRule, ends

BARE = toy_search.RECIPE.split("[tune]")[0]


def recipe(tune):
    return Recipe.from_toml(f"{BARE}\n[tune]\n{tune}\n", "x.toml")


def test_ranges_and_lists_are_read_with_or_without_quotes_and_written_again():
    found = recipe(
        '"options.shrink" = { low = 1, high = 9 }\nfinetune.epochs = [1, 2]\n[tune.constraints]\ngap = { most = 0.1 }'
    )
    assert found.tune.space == {"options.shrink": Range(low=1, high=9), "finetune.epochs": (1, 2)}
    assert found.tune.constraints.given() == {"gap": 0.1}
    assert Recipe.from_toml(found.to_toml(), "again").tune == found.tune


def test_a_recipe_without_a_search_shows_and_writes_nothing_of_it():
    bare = Recipe.from_toml(BARE, "x.toml")
    assert "[tune" not in bare.to_toml()
    assert not [key for key, _, _ in bare.resolved() if key.startswith("tune")]


def test_settings_change_the_search_too():
    changed = recipe('"finetune.epochs" = [1, 2]').with_settings(
        ["tune.finetune.epochs=[3]", "tune.constraints.energy_wh=2", "tune.objective=accuracy"]
    )
    assert changed.tune.space == {"finetune.epochs": (3,)}
    assert changed.tune.constraints.given() == {"energy_wh": 2}
    assert changed.tune.objective == "accuracy"


@pytest.mark.parametrize(
    ("tune", "says"),
    [
        ('"finetune.epoch" = [1]', "finetune.epoch: no such key. Did you mean 'finetune.epochs'?"),
        ('"options.shrimp" = [1]', "'tune.options.shrimp' .x.toml.: the recipe sets no such option.* 'shrink'"),
        ('"finetune.epochs" = { low = 0, high = 3 }', "'finetune.epochs' = 0 .* greater than or equal to 1"),
        ('"finetune.epochs" = { low = 3, high = 3 }', "'tune.finetune.epochs' = .* low must lie below high"),
        ('"finetune.epochs" = { low = 1, hgh = 3 }', "a range has no 'hgh'. Did you mean 'high'?"),
        ('"finetune.epochs" = { low = 1 }', "a range has low and high"),
        ('"finetune.epochs" = { low = true, high = 3 }', "all of them numbers"),
        ('"finetune.weight_decay" = { low = 0, high = 1, log = true }', "with log, low must be above 0"),
        ('"finetune.epochs" = { low = 1, high = 9, step = 0 }', "step must be above 0"),
        ('"finetune.epochs" = 3', "neither a range"),
        ('"finetune.epochs" = []', "one at least"),
        ('"finetune.epochs" = [2, 2]', "names a choice twice"),
        ('"finetune.strategy" = ["probe", "prob"]', "'finetune.strategy' = 'prob'"),
        ('"seed" = [1, 2]', "'tune.seed' .* cannot be searched"),
        ('"audit.threshold" = [0.1, 0.2]', "cannot be searched"),
        ("constraints = { latency = 3 }", "unknown key 'tune.constraints.latency' .*Did you mean 'latency_p99_ms'"),
        ("constraints = { latency_p99_ms = 0 }", "'tune.constraints.latency_p99_ms' = 0"),
        ("constraints = { epsilon = -1 }", "'tune.constraints.epsilon' = -1"),
        ("constraints = { gap = { mst = 3 } }", "'tune.constraints.gap.mst' .*Did you mean 'most'"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_its_key(tune, says):
    with pytest.raises(BadInput, match=says):
        recipe(tune)


numbers = st.one_of(st.integers(-50, 50), st.floats(-50, 50, allow_nan=False))


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}(\.[a-z]{1,5}){1,2}", fullmatch=True), st.tuples(numbers, numbers)))
def test_whatever_range_is_read_is_read_again_as_it_was(found):
    from evenhand.recipe_space import RESERVED

    written = {k: {"low": a, "high": b} for k, (a, b) in found.items() if a < b and k.split(".")[0] not in RESERVED}
    rule = TuneRule.model_validate(written)
    assert TuneRule.model_validate(rule.model_dump()) == rule
    assert {key: ends(one) for key, one in rule.space.items()} == {k: (v["low"], v["high"]) for k, v in written.items()}
