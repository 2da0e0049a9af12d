"""recipe.md and policy.md say what the models say, key by key."""

import re

import generate
import pytest
from pydantic import BaseModel, Field

from evenhand import Recipe
from evenhand.auditing.question.policy import Policy, load_policy


@pytest.mark.parametrize("name", generate.pages())
def test_a_page_is_what_would_be_written_now(name):
    now = (generate.HERE / name).read_text("utf-8")
    assert now == generate.pages()[name], f"run python docs/generate.py, which writes docs/{name}"


def test_every_key_of_a_recipe_has_its_row():
    page = generate.pages()["recipe.md"]
    for key in Recipe.model_json_schema(by_alias=True)["properties"]:
        assert f"\n| `{key}` | " in page
    assert "| `epochs` | whole number ≥ 1 | `5` | Passes over the training rows. |" in page
    assert "| `name` | text | **needed** |" in page


def test_a_key_without_a_description_is_refused():
    class Silent(BaseModel):
        told: int = Field(1, description="One.")
        untold: int = 2

    with pytest.raises(SystemExit, match=r"Silent\.untold has no description"):
        generate._table(Silent)


def example(name):
    return re.search(r"```toml\n(.*?)```", generate.pages()[name], re.S)[1]


def test_the_recipe_on_the_page_is_one():
    recipe = Recipe.from_toml(example("recipe.md"), "recipe.md")
    assert recipe.full_name == "hello/tickets"
    assert recipe.audit.tolerance == {"tpr": 0.1}


def test_the_policy_on_the_page_is_one(tmp_path):
    (tmp_path / "mine.toml").write_text(example("policy.md"))
    assert load_policy(tmp_path / "mine.toml").ratio[0].least == 0.8


def test_every_key_of_a_policy_has_its_row():
    page = generate.pages()["policy.md"]
    assert not [key for key in Policy.model_fields if f"\n| `{key}` | " not in page]
