"""Every kind of source becomes the same three splits."""

import json
import os
import subprocess
import sys

import pytest

from evenhand import BadInput, read_splits, splits_from_rows


def every_text(splits):
    return sorted([*splits.train["text"], *splits.validation["text"], *splits.test["text"]])


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.parquet", "rows.jsonl"])
def test_one_file_becomes_three_splits_with_every_row_in_one(recipe, rows, write, name):
    table = rows()
    splits = read_splits(recipe(), write(name, table))
    assert every_text(splits) == sorted(table["text"])
    assert min(len(splits.train), len(splits.validation), len(splits.test)) > 0


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.jsonl"])
def test_a_folder_of_one_table_is_read_as_that_table(recipe, rows, write, name):
    table = rows()
    assert every_text(read_splits(recipe(), write(f"data/{name}", table).parent)) == sorted(table["text"])


def test_an_official_test_split_is_kept(recipe, rows, write):
    write("data/train.csv", rows(prefix="train"))
    write("data/test.csv", rows(12, prefix="test"))
    splits = read_splits(recipe(), write("data/README.md", "about").parent)
    assert list(splits.test["text"]) == rows(12, prefix="test")["text"]


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev"])
def test_an_official_validation_split_is_kept(recipe, rows, write, name):
    write("data/train.csv", rows(prefix="train"))
    write("data/test.csv", rows(12, prefix="test"))
    splits = read_splits(recipe(), write(f"data/{name}.csv", rows(10, prefix="held")).parent)
    assert list(splits.validation["text"]) == rows(10, prefix="held")["text"]
    assert len(splits.train) == 40


def test_without_an_official_test_it_is_taken_from_train(recipe, rows, write):
    splits = read_splits(recipe(), write("data/train.csv", rows()).parent)
    assert len(splits.test) == 8  # split.test = 0.2 of 40


def test_shards_of_a_split_are_read_in_order(recipe, rows, write):
    write("data/train-0.parquet", rows(20, prefix="first"))
    write("data/train-1.parquet", rows(20, prefix="second"))
    splits = read_splits(recipe(), write("data/test.parquet", rows(10, prefix="test")).parent)
    assert every_text(splits) == sorted(
        f"{p} {i}" for p, n in (("first", 20), ("second", 20), ("test", 10)) for i in range(n)
    )


def test_shards_with_different_columns_are_refused(recipe, rows, write):
    write("data/train-0.csv", rows(20))
    with pytest.raises(BadInput, match=r"train-1.csv and .*train-0.csv differ in their columns \('extra'"):
        read_splits(recipe(), write("data/train-1.csv", rows(20, extra=str)).parent)


def test_a_column_that_looks_like_numbers_in_one_file_only_has_one_type(recipe, rows, write):
    write("data/train.csv", rows(grade=lambda i: i))
    splits = read_splits(recipe(sensitive="grade"), write("data/test.csv", rows(10, grade=lambda i: f"x{i}")).parent)
    assert splits.train.features["grade"] == splits.test.features["grade"]
    assert set(splits.test["grade"]) == {f"x{i}" for i in range(10)}


def test_a_split_column_divides_the_rows(recipe, rows, write):
    names = ("train", "train", "train", "Test", "val")
    table = rows(50, part=lambda i: names[i % 5])
    splits = read_splits(make(recipe), write("rows.csv", table))
    assert list(splits.test["text"]) == [f"row {i}" for i in range(50) if i % 5 == 3]
    assert list(splits.validation["text"]) == [f"row {i}" for i in range(50) if i % 5 == 4]


def make(recipe):
    """A recipe whose schema has a split column (`split` is the fixture's own word for the rule)."""
    return recipe().with_settings(["schema.split=part"])


def test_rows_of_no_split_are_left_out_and_counted(recipe, rows, write):
    table = rows(60, part=lambda i: "train" if i < 40 else "test" if i < 55 else "unused")
    splits = read_splits(make(recipe), write("rows.csv", table))
    assert len(every_text(splits)) == 55
    assert any("5 of 60 rows" in note and "unused" in note for note in splits.notes)


def test_a_split_column_without_a_test_is_refused(recipe, rows, write):
    with pytest.raises(BadInput, match="should say train and test; it says: fit"):
        read_splits(make(recipe), write("rows.csv", rows(part=lambda i: "fit")))


def test_numbers_of_a_csv_are_numbers_where_the_model_reads_a_table(recipe, rows, write):
    table = rows(age=lambda i: i, income=lambda i: i / 2 if i % 3 else None, job=lambda i: f"j{i % 3}")
    splits = read_splits(recipe(modality="table", input=["age", "income", "job"]), write("rows.csv", table))
    assert [splits.train.features[name].dtype for name in ("age", "income", "job")] == [
        "int64",
        "float64",
        "large_string",
    ]


def test_texts_that_look_like_numbers_stay_texts(recipe, rows, write):
    table = rows() | {"text": [f"00{i}" for i in range(40)]}
    assert every_text(read_splits(recipe(), write("rows.csv", table))) == sorted(table["text"])


def test_ids_with_leading_zeros_stay_apart(recipe, rows, write):
    table = rows(20, key=lambda i: "7" if i == 0 else "07" if i == 1 else f"1{i}")
    assert len(read_splits(recipe(id="key"), write("rows.csv", table)).train) > 0


@pytest.mark.parametrize(
    "pair", [("no", "yes"), (0, 1), (False, True), (0.0, 1.0)], ids=["text", "int", "bool", "float"]
)
@pytest.mark.parametrize("name", ["rows.parquet", "rows.jsonl"])
def test_labels_of_every_kind_keep_their_type(recipe, rows, write, pair, name):
    table = rows() | {"y": [pair[i % 2] for i in range(40)]}
    splits = read_splits(recipe("binary", positive=pair[1]), write(name, table))
    assert {(type(value), value) for value in splits.train["y"]} == {(type(value), value) for value in pair}


def test_a_positive_label_written_as_an_integer_is_found_among_floats(recipe, rows, write):
    path = write("rows.csv", rows() | {"y": [float(i % 2) for i in range(40)]})
    assert len(read_splits(recipe("binary", positive=1), path).test) == 8


def test_quoted_line_breaks_and_a_byte_order_mark_are_read(recipe, write):
    lines = "".join(f'"first\nsecond, {i}",{"ab"[i % 2]}\n' for i in range(30))
    splits = read_splits(recipe(), write("rows.csv", "\ufefftext,y\n" + lines))
    assert "first\nsecond, 7" in every_text(splits)


def test_empty_lines_are_no_rows(recipe, write):
    lines = "".join(f"row {i},{'ab'[i % 2]}\n\n" for i in range(30))
    splits = read_splits(recipe(), write("rows.csv", "text,y\n" + lines))
    assert len(every_text(splits)) == 30
    assert not any("no label" in note for note in splits.notes)


def test_rows_in_memory_are_divided_like_a_file(recipe, rows, write):
    table = rows()
    ours, file = splits_from_rows(recipe(), table, "rows"), read_splits(recipe(), write("rows.parquet", table))
    assert [list(part["text"]) for part in (ours.train, ours.validation, ours.test)] == [
        list(part["text"]) for part in (file.train, file.validation, file.test)
    ]


def test_rows_in_memory_may_name_their_split(recipe, rows):
    table = rows(40, part=lambda i: "test" if i < 10 else "train")
    assert list(splits_from_rows(make(recipe), table, "rows").test["text"]) == table["text"][:10]


def test_a_data_set_in_memory_is_divided_too(recipe, rows):
    from datasets import Dataset

    assert len(every_text(splits_from_rows(recipe(), Dataset.from_dict(rows()), "rows"))) == 40


def test_rows_without_a_label_are_left_out_and_counted(recipe, rows, write):
    table = rows() | {"y": [None if i < 3 else "ab"[i % 2] for i in range(40)]}
    splits = read_splits(recipe(), write("rows.csv", table))
    assert len(every_text(splits)) == 37
    assert any("no label: 3 of 40 rows" in note for note in splits.notes)


@pytest.mark.parametrize("kind", ["text", "table"])
def test_inputs_that_are_in_train_and_test_are_counted(recipe, rows, write, kind):
    train, test = rows(z=lambda i: i), rows(10, prefix="new", z=lambda i: i + 100)
    test["text"][:4], test["z"][:4] = train["text"][:4], train["z"][:4]
    write("data/train.csv", train)
    path = write("data/test.csv", test).parent
    splits = read_splits(
        recipe(modality=kind, input="text" if kind == "text" else ["text", "z"], split={"validation": 0.03}), path
    )
    held = set(splits.validation["text"])
    expected = sum(text not in held for text in train["text"][:4])
    assert any(f"{expected} of 10 test rows" in note for note in splits.notes)


def test_a_source_without_copies_has_no_note_of_them(recipe, rows, write):
    splits = read_splits(recipe(), write("rows.csv", rows()))
    assert not any("same input" in note for note in splits.notes)


def test_a_hub_name_is_refused_at_once_when_offline(recipe):
    with pytest.raises(BadInput, match="owner/name is no file here and HF_HUB_OFFLINE is set"):
        read_splits(recipe(), "owner/name")


@pytest.fixture
def clean_home(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return home


def run_python(code, home, *arguments, **environment):
    """Run `code` in a process with an empty home -> what it printed as JSON."""
    apart = {"HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(home / "cache"), "HF_HOME": str(home / "hf")}
    found = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **apart, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert found.stderr == ""
    return json.loads(found.stdout)


READ = """
import json, sys
from evenhand import Recipe, read_splits
recipe = Recipe.build({"name": "r", "domain": "d", "title": "t", "task": "multiclass", "modality": "text",
                       "schema": {"input": "text", "label": "y"}}, {}, "the test")
splits = read_splits(recipe, sys.argv[1])
heavy = [name for name in ("torch", "transformers", "tensorflow", "jax") if name in sys.modules]
print(json.dumps({"heavy": heavy, "train": list(splits.train["text"]), "fingerprint": splits.fingerprint}))
"""


def test_reading_imports_no_torch_shows_no_bar_and_writes_nothing(rows, write, clean_home):
    write("data/train.csv", rows())
    folder = write("data/test.csv", rows(10, prefix="test")).parent
    found = run_python(READ, clean_home, folder)
    assert found["heavy"] == []
    assert sorted(p.name for p in folder.iterdir()) == ["test.csv", "train.csv"]
    assert list(clean_home.rglob("*")) == []


def test_another_process_divides_the_rows_alike(recipe, rows, write, clean_home):
    path = write("rows.csv", rows(200))
    here, there = read_splits(recipe(), path), run_python(READ, clean_home, path, PYTHONHASHSEED="77")
    assert (list(here.train["text"]), here.fingerprint) == (there["train"], there["fingerprint"])
