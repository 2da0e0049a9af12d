"""support-intent reads the sample and a user's own file, and puts the slices beside them without touching what is
there."""

import json
from collections import Counter

import pytest

import evenhand_nlp
from evenhand import BadInput
from evenhand_nlp.samples import support_messages
from evenhand_nlp.slices import MARKED, PLAIN
from evenhand_nlp.support import load_data as load

SLICES = ("message_length", "wording", "intent_family")


@pytest.fixture
def recipe():
    """recipe("schema.sensitive=…") -> support-intent with these settings."""
    (found,) = [recipe for recipe in evenhand_nlp.recipes() if recipe.name == "support-intent"]
    return lambda *settings: found.with_settings(settings)


@pytest.fixture
def messages(tmp_path):
    """messages(region=lambda i: …) -> a JSON-lines file of 120 messages with these columns put beside or in place."""

    def write(**columns):
        with (tmp_path / "own.jsonl").open("w") as file:
            for i in range(120):
                row = {
                    "text": f"the transfer number {i} did not arrive" if i % 2 else f"my card {i} was stolen",
                    "category": "failed_transfer" if i % 2 else "stolen_card",
                }
                file.write(json.dumps(row | {name: value(i) for name, value in columns.items()}) + "\n")
        return tmp_path / "own.jsonl"

    return write


def all_rows(splits):
    return [row for part in (splits.train, splits.validation, splits.test) for row in part]


def test_every_row_of_the_sample_is_in_one_split_once(recipe):
    splits = load(recipe(), None)
    assert splits.schema.sensitive == SLICES
    sample = support_messages(seed=0)
    found = Counter((row["text"], row["category"]) for row in all_rows(splits))
    assert found == Counter(zip(sample["text"], sample["category"], strict=True))
    assert {row["wording"] for row in all_rows(splits)} == {MARKED, PLAIN}


def test_the_seed_of_the_recipe_makes_the_sample(recipe):
    one, again, other = (load(recipe(f"seed={seed}"), None) for seed in (1, 1, 2))
    assert all_rows(one) == all_rows(again)
    assert Counter(row["text"] for row in all_rows(one)) != Counter(row["text"] for row in all_rows(other))


def test_sensitive_columns_of_the_data_take_the_slices_place(recipe, messages):
    splits = load(recipe('schema.sensitive=["region"]'), messages(region=lambda i: "ns"[i % 3 == 0]))
    assert splits.schema.sensitive == ("region",)
    assert not {*SLICES} & {*splits.test.column_names}


def test_slices_and_columns_of_the_data_go_together(recipe, messages):
    splits = load(recipe('schema.sensitive=["wording", "region"]'), messages(region=lambda i: "ns"[i % 3 == 0]))
    assert splits.schema.sensitive == ("wording", "region")
    assert set(splits.test["wording"]) == {PLAIN}
    assert "message_length" not in splits.test.column_names


@pytest.mark.parametrize("name", ['it\'s "here"', "back\\slash", "ort & straße", "a,b", "[0]"])
def test_any_name_may_be_sensitive(recipe, messages, name):
    splits = load(
        recipe(f"schema.sensitive={json.dumps([name], ensure_ascii=False)}"), messages(**{name: lambda i: "ns"[i % 2]})
    )
    assert set(splits.test[name]) == {"n", "s"}


def test_a_column_that_is_not_there_is_answered_with_the_closest(recipe, messages):
    with pytest.raises(BadInput, match=r"'regoin' is not in .* Did you mean 'region'\?"):
        load(recipe('schema.sensitive=["regoin"]'), messages(region=lambda i: "n"))


def test_a_slice_column_that_the_data_fill_stays_as_it_is(recipe, messages):
    splits = load(recipe(), messages(wording=lambda i: "judged by hand" if i % 2 else None))
    assert set(splits.test["wording"]) == {"judged by hand", None}


def test_a_slice_column_that_is_empty_throughout_is_computed(recipe, messages):
    assert set(load(recipe(), messages(wording=lambda i: None)).test["wording"]) == {PLAIN}


def test_other_names_for_text_and_label(recipe, messages):
    path = messages()
    path.write_text(path.read_text().replace('"text"', '"said"').replace('"category"', '"wanted"'))
    splits = load(recipe("schema.input=said", "schema.label=wanted"), path)
    assert set(splits.test["intent_family"]) == {"transfer", "card"}


@pytest.mark.parametrize(
    "text",
    [lambda i: None if i % 5 == 0 else f"message {i}", lambda i: "" if i % 5 == 0 else f"message {i}"],
    ids=["missing", "empty"],
)
def test_messages_that_are_no_text_are_short_messages(recipe, messages, text):
    splits = load(recipe(), messages(text=text))
    assert set(splits.test["message_length"]) == {"1-7 words"}


def test_a_column_of_numbers_is_no_column_of_messages(recipe, messages):
    with pytest.raises(BadInput, match="holds numbers"):
        load(recipe(), messages(text=lambda i: i))


def test_test_messages_decide_nothing_about_each_other(recipe, tmp_path):
    """A word that only test messages hold often makes no other one a typo."""
    for part, word in (("train", "card"), ("test", "florin")):
        rows = [
            {"text": f"my {'florim' if i == 0 and part == 'test' else word} {i}", "category": "ab"[i % 2]}
            for i in range(60)
        ]
        (tmp_path / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert set(load(recipe(), tmp_path).test["wording"]) == {PLAIN}
