"""Bad input is refused in one sentence: what, where, how to mend."""

import json
import os
import subprocess
import sys

import pytest

from evenhand import BadInput, read_splits, splits_from_rows


def refusal(recipe, source):
    """The sentence that `source` is refused with: one line, no traceback's words."""
    with pytest.raises(BadInput) as caught:
        read_splits(recipe, source)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "Error" not in sentence
    return sentence


@pytest.mark.parametrize("source", ["nowhere.csv", "", "a/b/c", "x" * 400], ids=["file", "empty", "path", "too long"])
def test_what_does_not_exist(recipe, source):
    assert "check the path" in refusal(recipe(), source)


def test_no_source_and_no_sample(recipe):
    assert "brings no sample data" in refusal(recipe(), None)


def test_an_empty_folder(recipe, tmp_path):
    assert "holds no table" in refusal(recipe(), tmp_path)


def test_several_tables_of_which_none_is_train(recipe, rows, write):
    write("data/one.csv", rows())
    assert "several tables (one.csv, two.csv)" in refusal(recipe(), write("data/two.csv", rows()).parent)


def test_a_pipe_is_not_waited_for(recipe, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "neither a file nor a folder" in refusal(recipe(), tmp_path / "pipe.csv")


def test_a_missing_column_names_the_closest(recipe, rows, write):
    sentence = refusal(recipe(input="txt"), write("rows.csv", rows()))
    assert "column 'txt' is not in" in sentence
    assert "Did you mean 'text'?" in sentence
    assert "schema.input" in sentence


def test_a_column_that_only_the_test_lacks(recipe, rows, write):
    write("data/train.csv", rows(sex=lambda i: "fm"[i % 2]))
    sentence = refusal(recipe(sensitive="sex"), write("data/test.csv", rows()).parent)
    assert "column 'sex' is not in" in sentence


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("header.csv", "text,y\n", "has no rows"),
        ("nothing.csv", "", "is empty"),
        ("blank.csv", "text,y\n\n\n", "has no rows"),
        ("binary.csv", bytes(range(256)), "is not text"),
        ("latin.csv", "text,y\nmüde,a\n".encode("latin-1"), "is not UTF-8 text (line 2)"),
        ("wide.csv", "text,y\n".encode("utf-16"), "UTF-16"),
        ("zip.csv", b"PK\x03\x04rest", "zip archive"),
        ("words.parquet", "hello", "is not a Parquet file"),
        ("cut.jsonl", '{"text": "a", "y": 1}\n{"text":\n', "cannot be read as a table"),
        ("lists.jsonl", "[1, 2]\n[3, 4]\n", "cannot be read as a table"),
        ("whole.json", "{}", "one object per line"),
    ],
)
def test_a_file_that_is_no_table(recipe, write, name, content, says):
    assert says in refusal(recipe(), write(name, content))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_parquet_file(recipe, rows, write, share):
    path = write("rows.parquet", rows())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "cut off" in refusal(recipe(), path)


def test_a_parquet_file_with_a_hole(recipe, rows, write):
    path = write("rows.parquet", rows())
    whole = path.read_bytes()
    path.write_bytes(whole[:20] + whole[60:])
    assert "rows.parquet cannot be read as a table" in refusal(recipe(), path)


@pytest.mark.parametrize(("line", "values"), [("only one", 1), ("one,two,three", 3), ('"never closed,a', 1)])
def test_a_row_that_does_not_fit_the_header_is_named(recipe, rows, write, line, values):
    path = write("rows.csv", rows(5))
    path.write_text(path.read_text() + line + "\n")
    assert f"row 7 of {path} does not fit its header (row 1): {values} against 2 values" in refusal(recipe(), path)


PEAK = """
import json, resource, sys
from evenhand import BadInput, Recipe, read_splits
recipe = Recipe.build({"name": "r", "domain": "d", "title": "t", "task": "multiclass", "modality": "text",
                       "schema": {"input": "text", "label": "y"}}, {}, "the test")
import evenhand.data, datasets, polars
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_splits(recipe, sys.argv[1])
except BadInput as error:
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"says": str(error), "megabytes": (after - before) / 1024}))
"""


@pytest.mark.parametrize("header", [b"", b"text,y\n"], ids=["from the start", "after a header"])
def test_a_200_mb_line_is_refused_with_little_memory(tmp_path, header):
    path = tmp_path / "line.csv"
    with path.open("wb") as file:
        file.write(header)
        for _ in range(200):
            file.write(b"a," * (1 << 19))
    found = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, timeout=120, check=True)
    answer = json.loads(found.stdout)
    path.unlink()
    assert "a line of more than 16 MB" in answer["says"]
    assert answer["megabytes"] < 64


def test_no_label_in_the_schema(recipe, rows, write):
    assert "names no label column" in refusal(recipe(label=None), write("rows.csv", rows()))


def test_a_label_that_is_empty_throughout(recipe, rows, write):
    assert "is empty throughout" in refusal(recipe(), write("rows.csv", rows() | {"y": [None] * 40}))


def test_a_sensitive_column_that_is_empty_throughout(recipe, rows, write):
    path = write("rows.csv", rows(sex=lambda i: None))
    assert "sensitive column 'sex'" in refusal(recipe(sensitive="sex"), path)


def test_a_training_label_of_one_class(recipe, rows, write):
    assert "has one class, 'a', to train on" in refusal(recipe(), write("rows.csv", rows() | {"y": ["a"] * 40}))


def test_an_official_training_split_of_one_class(recipe, rows, write):
    write("data/train.csv", rows() | {"y": ["a"] * 40})
    assert "one class, 'a', to train on" in refusal(recipe(), write("data/test.csv", rows()).parent)


def test_a_binary_task_with_three_label_values(recipe, rows, write):
    path = write("rows.csv", rows() | {"y": ["abc"[i % 3] for i in range(40)]})
    assert "has 3 values (a, b, c), but the task is binary" in refusal(recipe("binary"), path)


def test_a_positive_value_that_no_row_has(recipe, rows, write):
    path = write("rows.csv", rows() | {"y": ["yes" if i % 2 else "no" for i in range(40)]})
    assert "schema.positive is 'yess'" in refusal(recipe("binary", positive="yess"), path)


@pytest.mark.parametrize("label", ["high", float("inf")], ids=["text", "infinite"])
def test_a_regression_label_that_is_no_finite_number(recipe, rows, write, label):
    path = write("rows.parquet", rows() | {"y": [label] * 40})
    assert "the task is regression" in refusal(recipe("regression"), path)


@pytest.mark.parametrize("role", ["label", "group_id", "site", "time", "id"])
def test_a_role_whose_values_are_lists(recipe, rows, write, role):
    path = write("rows.jsonl", rows(listed=lambda i: [i]))
    assert f"the {role} column 'listed'" in refusal(recipe(**{role: "listed"}), path)


def test_duplicate_ids(recipe, rows, write):
    path = write("rows.csv", rows(key=lambda i: f"k{i % 39}"))
    assert "the id 'k0' is on 2 rows" in refusal(recipe(id="key"), path)


def test_an_id_in_train_and_test(recipe, rows, write):
    write("data/train.csv", rows(key=lambda i: f"k{i}"))
    path = write("data/test.csv", rows(5, key=lambda i: f"k{i + 39}")).parent
    assert "the id 'k39' is on 2 rows" in refusal(recipe(id="key"), path)


@pytest.mark.parametrize("n", [1, 2, 9])
def test_too_few_rows_to_split(recipe, rows, write, n):
    assert f"has {n} usable rows; at least 10 are needed" in refusal(recipe(), write("rows.csv", rows(n)))


def test_too_few_rows_beside_an_official_test(recipe, rows, write):
    write("data/train.csv", rows(3))
    assert "has 3 usable rows to train on" in refusal(recipe(), write("data/test.csv", rows()).parent)


@pytest.mark.parametrize("bad", ["soon", "31.12.2020"])
@pytest.mark.parametrize("how_many", [1, 40])
def test_a_time_that_cannot_be_read(recipe, rows, write, bad, how_many):
    table = rows(when=lambda i: bad if i < how_many else f"2020-01-{i % 28 + 1:02d}")
    sentence = refusal(recipe(time="when"), write("rows.csv", table))
    assert f"the time '{bad}' in column 'when'" in sentence


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_rows_without_a_time(recipe, rows, write, name):
    path = write(name, rows(when=lambda i: None if i < 2 else float(i)))
    assert "2 rows of" in refusal(recipe(time="when"), path)


def test_a_single_group(recipe, rows, write):
    path = write("rows.csv", rows(who=lambda i: "one"))
    assert "every row belongs to the group 'one'" in refusal(recipe(group_id="who"), path)


def test_a_group_column_that_is_empty_throughout(recipe, rows, write):
    path = write("rows.csv", rows(who=lambda i: None))
    assert "group_id column 'who' is empty throughout" in refusal(recipe(group_id="who"), path)


def test_groups_that_are_all_in_the_test_period(recipe, rows, write):
    path = write("rows.csv", rows(who=lambda i: i % 4, when=lambda i: i))
    assert "split by group instead" in refusal(recipe(group_id="who", time="when", split={"by": "time"}), path)


def test_a_test_site_that_is_not_there(recipe, rows, write):
    path = write("rows.csv", rows(place=lambda i: ["north", "south"][i % 2]))
    sentence = refusal(recipe(site="place", split={"by": "site", "test_sites": ["North"]}), path)
    assert "names 'North'" in sentence
    assert "Did you mean 'north'?" in sentence


def test_test_sites_that_are_all_there_is(recipe, rows, write):
    path = write("rows.csv", rows(place=lambda i: "north"))
    assert "every site" in refusal(recipe(site="place", split={"by": "site", "test_sites": ["north"]}), path)


@pytest.mark.parametrize("by", ["group_id", "site", "time"])
def test_a_split_by_a_role_that_the_schema_does_not_name(recipe, rows, write, by):
    assert f"the schema names no {by} column" in refusal(recipe(split={"by": by}), write("rows.csv", rows()))


def test_rows_in_memory_are_refused_under_their_name(recipe, rows):
    with pytest.raises(BadInput, match="generated messages has 3 usable rows"):
        splits_from_rows(recipe(), rows(3), "generated messages")
