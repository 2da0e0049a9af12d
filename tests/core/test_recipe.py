"""A recipe says where each value came from, and refuses what it does not know by naming what it does."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand import BadInput, Recipe

TOML = """
name = "small"
domain = "toy"
title = "A small job"
task = "binary"
modality = "table"
[schema]
input = "x"
label = "y"
[audit]
tolerance = { tpr = 0.1 }
"""


def small():
    return Recipe.from_toml(TOML, "small.toml")


def test_a_value_is_shown_with_its_origin():
    recipe = small().with_settings(["finetune.epochs=3"])
    assert recipe.origin("finetune.epochs") == "--set"
    assert recipe.origin("schema.label") == "small.toml"
    assert recipe.origin("finetune.batch_size") == "default"


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("finetune.epoch=3", "Did you mean 'finetune.epochs'?"),
        ("finetun.epochs=3", "Did you mean 'finetune'?"),
        ("finetune.epochs=0", "greater than or equal to 1"),
        ("finetune.epochs=many", "'many'"),
        ("finetune.strategy=prob", "'probe'"),
        ("finetune=3", "is a table"),
        ("epochs", "has no '='"),
        ("name.deeper=1", "no such key"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_would_be_right(setting, says):
    with pytest.raises(BadInput, match="(?s).*") as error:
        small().with_settings([setting])
    assert says in str(error.value)


def test_tolerances_and_options_are_open_tables():
    recipe = small().with_settings(["audit.tolerance.fpr=0.2", "options.anything='x'"])
    assert recipe.audit.tolerance == {"tpr": 0.1, "fpr": 0.2}
    assert recipe.options == {"anything": "x"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("title = ", "titel = "), "Did you mean 'title'?"),
        (("[schema]", "[schema]\nlabl = 'y'"), "Did you mean 'label'?"),
        (('task = "binary"', ""), "does not set 'task'"),
        (('"binary"', '"binar"'), "'binary'"),
        (("[audit]", "[audit"), "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(change, says):
    with pytest.raises(BadInput) as error:
        Recipe.from_toml(TOML.replace(*change), "wrong.toml")
    assert says in str(error.value)
    assert "wrong.toml" in str(error.value)


# TOML cannot hold surrogates; control characters besides tab and newline must be escaped.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(
    title=texts.filter(str.strip),
    about=texts,
    tolerance=st.dictionaries(texts.filter(bool), st.floats(0, 1), max_size=4),
    seed=st.integers(0, 2**40),
)
def test_a_recipe_written_as_toml_reads_back_the_same(title, about, tolerance, seed):
    values = tomllib.loads(TOML) | {"title": title, "about": about, "seed": seed, "audit": {"tolerance": tolerance}}
    recipe = Recipe.build(values, {}, "test")
    assert Recipe.from_toml(recipe.to_toml(), "again").model_dump() == recipe.model_dump()
