"""Texts as they come: empty, a megabyte long, with control characters, in mixed scripts; labels nearly alike."""

import json
import re

import polars as pl
import pytest

import evenhand
from evenhand.errors import BadInput

TOPICS = {"card": "my card was stolen", "fee": "why this fee charge", "refund": "where is my refund"}


def rows(n=90, **changes):
    topics = list(TOPICS)
    table = {
        "text": [f"{TOPICS[topics[i % 3]]} {i}" for i in range(n)],
        "topic": [topics[i % 3] for i in range(n)],
        "app": ["new", "old"] * (n // 2),
    }
    for column, values in changes.items():
        table[column] = [*values, *table[column][len(values) :]] if len(values) < n else values
    return pl.DataFrame(table, strict=False)


@pytest.fixture
def walk(label_plugins, tmp_path):
    def run(frame, *settings, name="rows.parquet"):
        file = tmp_path / name
        frame.write_csv(file) if name.endswith("csv") else frame.write_parquet(file)
        out = tmp_path / "run"
        return evenhand.run("toy_labels/messages", file, settings, out, plugins=label_plugins)

    return run


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_texts_of_every_kind_are_read_and_none_breaks_the_page(form, walk):
    odd = [
        "",
        " ",
        "\t\r\n" if form == "parquet" else "\t",
        "null \x00 bell \x07 escape \x1b[31m" if form == "parquet" else "bell \x07",
        "\u202eright to left\u2066",
        "銀行カード 카드 карта بطاقة कार्ड 🙂 my card",
        "<script>alert(1)</script> {{ 7 * 7 }} ${x}",
        "fee " * 250_000 if form == "parquet" else "fee " * 2_000,  # a megabyte
        "x" * 1_000_000 if form == "parquet" else "x" * 20_000,
    ]
    found = walk(rows(text=odd), name=f"rows.{form}")
    page = found.report.read_text()
    assert "<script>alert(1)" not in page
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", page)
    assert found.evaluation[0].name == "accuracy"
    assert "windows of a text are read" in " ".join(notes_of(found))


def test_a_missing_text_is_an_empty_one(walk):
    assert walk(rows(text=[None] * 5)).evaluation[0].n > 0


def notes_of(found):
    stages = json.loads((found.path / "manifest.json").read_text())["stages"]
    return [*json.loads((found.path / "data.json").read_text())["notes"], *stages["finetune"]["notes"]]


def test_labels_that_differ_in_spaces_or_capitals_are_said_on_the_page(walk):
    found = walk(rows(topic=["Refund", "refund ", "fee"] * 6))
    says = "labels of 'topic' that differ in spaces or capitals alone are taken as different classes"
    assert any(says in note and "'Refund' and 'refund'" in note for note in notes_of(found))
    assert says in found.report.read_text().replace("&#39;", "'")


def test_a_class_with_one_example_is_said(walk):
    found = walk(rows(topic=["lonely"]))
    assert any("1 class has a single row (lonely)" in note for note in notes_of(found))


def test_ten_thousand_classes_are_refused(walk):
    frame = rows(10_000, topic=[f"class {i}" for i in range(10_000)])
    with pytest.raises(BadInput, match="has 10,000 different values, and at most 1,000 classes can be learnt"):
        walk(frame)


@pytest.mark.parametrize(
    ("values", "form", "says"),
    [
        ([1.5] * 90, "parquet", "the input column 'text' of .* holds numbers, such as 1.5; name the column of texts"),
        ([12] * 90, "csv", "the input column 'text' of .* holds numbers, such as 12; name the column of texts"),
        ([["my", "card"]] * 90, "parquet", "holds lists or structures, such as .*; join the words of each row"),
    ],
)
def test_a_text_column_of_numbers_or_lists_is_refused_in_a_sentence(values, form, says, walk):
    with pytest.raises(BadInput, match=says):
        walk(rows(text=values), name=f"rows.{form}")


def test_a_number_beside_a_text_is_read_as_it_is_written(walk):
    frame = rows().with_columns(amount=pl.Series([i / 2 for i in range(90)]))
    assert walk(frame, 'schema.input=["text", "amount"]').evaluation[0].n > 0


def test_new_texts_may_be_of_every_kind_and_lists_are_refused(walk, label_plugins):
    scorer = evenhand.load(walk(rows()).path, plugins=label_plugins)
    odd = pl.DataFrame({"text": ["", None, "\x00\u202e", "card " * 250_000]})
    with pytest.warns(UserWarning, match=r"1 of 4 texts \(25.0%\) are longer than the 14 tokens that are read"):
        assert scorer.predict_proba(odd).shape == (4, 3)
    with pytest.raises(BadInput, match="holds lists or structures, and the model reads texts"):
        scorer.predict(pl.DataFrame({"text": [["my", "card"]]}))
