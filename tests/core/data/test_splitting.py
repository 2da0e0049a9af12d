"""How rows are divided, and the law that no group is ever on two sides."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from evenhand import BadInput, read_splits, splits_from_rows


def sides(splits, column):
    return [set(part[column]) for part in (splits.train, splits.validation, splits.test)]


def assert_apart(splits, column):
    train, validation, test = sides(splits, column)
    assert not train & validation
    assert not train & test
    assert not validation & test


QUICK = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
RULES = [None, "group_id", "site", "time", "random"]
ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 60)),  # group
        st.sampled_from("abc"),  # label
        st.sampled_from(["north", "south", "east"]),
        st.integers(0, 30),  # time
    ),
    min_size=10,
    max_size=80,
)


def table(rows):
    return {
        "text": [f"row {i}" for i in range(len(rows))],
        **{name: [row[i] for row in rows] for i, name in enumerate(("who", "y", "place", "when"))},
    }


@QUICK
@given(rows=ROWS, by=st.sampled_from(RULES), seed=st.integers(0, 3))
@example(rows=[(i // 2, "ab"[i % 2], "north", i) for i in range(40)], by="random", seed=0)
def test_no_group_is_on_two_sides_by_any_rule(recipe, rows, by, seed):
    rule = recipe(group_id="who", site="place", time="when", split={"by": by}, seed=seed)
    try:
        splits = splits_from_rows(rule, table(rows), "rows")
    except BadInput:  # such as a single group: refused, not split
        assume(False)
    assert_apart(splits, "who")


@QUICK
@given(rows=ROWS, parts=st.lists(st.sampled_from(["train", "train", "validation", "test"]), min_size=80, max_size=80))
def test_no_group_is_on_two_sides_of_an_official_split_that_broke_groups(recipe, rows, parts):
    rule = recipe(group_id="who").with_settings(["schema.split=part"])
    try:
        splits = splits_from_rows(rule, {**table(rows), "part": parts[: len(rows)]}, "rows")
    except BadInput:
        assume(False)
    assert_apart(splits, "who")


@QUICK
@given(rows=ROWS, by=st.sampled_from([None, "random"]))
def test_every_row_is_in_exactly_one_split(recipe, rows, by):
    try:
        splits = splits_from_rows(recipe(split={"by": by}), table(rows), "rows")
    except BadInput:
        assume(False)
    texts = [text for part in (splits.train, splits.validation, splits.test) for text in part["text"]]
    assert sorted(texts) == sorted(table(rows)["text"])


def test_groups_that_an_official_split_broke_leave_train_and_the_test_stays_whole(recipe, rows, write):
    write("data/train.csv", rows(who=lambda i: f"g{i // 2}"))
    path = write("data/test.csv", rows(10, prefix="test", who=lambda i: f"g{i}")).parent
    splits = read_splits(recipe(group_id="who"), path)
    assert len(splits.test) == 10
    assert len(splits.train) + len(splits.validation) == 20
    assert any("left out, as their 'who' is also in the test split: 20 of 40 rows" in note for note in splits.notes)


def test_a_test_that_does_not_tell_its_groups_makes_each_row_its_own(recipe, rows, write):
    write("data/train.csv", rows(who=lambda i: i // 4))
    splits = read_splits(recipe(group_id="who"), write("data/test.csv", rows(10, prefix="test")).parent)
    assert len(set(splits.test["who"])) == len(splits.test) == 10
    assert any("no 'who': 10 of 50 rows" in note for note in splits.notes)


def test_groups_are_kept_whole_without_being_asked(recipe, rows, write):
    splits = read_splits(recipe(group_id="who"), write("rows.csv", rows(200, who=lambda i: i // 5)))
    assert_apart(splits, "who")
    assert len(splits.test) == 40


def test_whole_groups_keep_every_class_in_train_where_they_can(recipe, rows, write):
    # of 12 groups a single pair holds class b
    table = rows(120, who=lambda i: i // 10) | {"y": ["b" if i < 20 else "a" for i in range(120)]}
    for seed in range(10):
        splits = read_splits(recipe(group_id="who", seed=seed), write("rows.csv", table))
        assert set(splits.train["y"]) == {"a", "b"}


def test_the_latest_rows_are_the_test(recipe, rows, write):
    days = [f"2020-{1 + i % 12:02d}-{1 + i // 12:02d}" for i in range(50)]
    splits = read_splits(recipe(time="when"), write("rows.csv", rows(50, when=lambda i: days[i])))
    assert sorted(splits.test["when"]) == sorted(days)[-10:]


def test_times_are_ordered_as_moments_and_not_as_text(recipe, rows, write):
    # 23:30 at +09:00 is 14:30 in Greenwich, so before 15:00
    early = [f"2020-01-01T23:{i:02d}:00+09:00" for i in range(40)]
    late = [f"2020-01-01T15:{i:02d}:00+00:00" for i in range(10)]
    splits = read_splits(recipe(time="when"), write("rows.csv", rows(50, when=lambda i: [*late, *early][i])))
    assert sorted(splits.test["when"]) == late


@pytest.mark.parametrize("kind", ["date", "datetime", "number"])
def test_times_of_a_parquet_file_are_ordered(recipe, rows, write, kind):
    from datetime import datetime, timedelta

    def when(i):
        moment = datetime(2020, 1, 1) + timedelta(days=(i * 7) % 50)
        return {"date": moment.date(), "datetime": moment, "number": (i * 7) % 50}[kind]

    table = rows(50, when=when)
    splits = read_splits(recipe(time="when"), write("rows.parquet", table))
    assert sorted(splits.test["when"]) == sorted(table["when"])[-10:]


def test_named_sites_are_the_test_and_no_other_row(recipe, rows, write):
    path = write("rows.csv", rows(60, place=lambda i: ["north", "south", "east"][i % 3]))
    splits = read_splits(recipe(site="place", split={"by": "site", "test_sites": ["south"]}), path)
    assert sides(splits, "place")[2] == {"south"}
    assert len(splits.test) == 20


def test_a_patient_seen_at_two_sites_is_left_out_of_train(recipe, rows, write):
    table = rows(60, place=lambda i: "north" if i < 20 else "south", who=lambda i: i % 40)
    path = write("rows.csv", table)
    splits = read_splits(recipe(site="place", group_id="who", split={"by": "site", "test_sites": ["north"]}), path)
    assert sides(splits, "place") == [{"south"}, {"south"}, {"north"}]
    assert any("'who' is also in the test split: 20 of 40 rows" in note for note in splits.notes)


def test_without_named_sites_some_whole_sites_are_the_test(recipe, rows, write):
    path = write("rows.csv", rows(100, place=lambda i: f"site {i % 10}"))
    splits = read_splits(recipe(site="place", split={"by": "site"}), path)
    train, validation, test = sides(splits, "place")
    assert len(test) == 2
    assert not test & (train | validation)


def test_numbers_name_sites_too(recipe, rows, write):
    path = write("rows.csv", rows(60, place=lambda i: i % 3))
    splits = read_splits(recipe(site="place", split={"by": "site", "test_sites": ["2"]}), path)
    assert sides(splits, "place")[2] == {2}


def test_classes_have_the_same_shares_in_every_split(recipe, rows, write):
    table = rows(1000) | {"y": ["rare" if i % 10 == 0 else "common" for i in range(1000)]}
    splits = read_splits(recipe(), write("rows.csv", table))
    for part in (splits.train, splits.validation, splits.test):
        assert Counter(part["y"])["rare"] / len(part) == pytest.approx(0.1, abs=0.01)


def test_a_class_of_one_row_stays_in_train_and_is_named(recipe, rows, write):
    table = rows() | {"y": ["only", *("ab"[i % 2] for i in range(39))]}
    for seed in range(5):
        splits = read_splits(recipe(seed=seed), write("rows.csv", table))
        assert "only" in set(splits.train["y"])
        assert any("1 class has a single row (only)" in note for note in splits.notes)


def test_a_class_that_only_the_test_has_is_named(recipe, rows, write):
    write("data/train.csv", rows())
    path = write("data/test.csv", rows(10) | {"y": ["new", *"ab" * 4, "a"]}).parent
    assert any("no training row has: new" in note for note in read_splits(recipe(), path).notes)


def test_regression_rows_are_divided_at_random(recipe, rows, write):
    table = rows(100) | {"y": [i / 7 for i in range(100)]}
    splits = read_splits(recipe("regression"), write("rows.csv", table))
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (68, 12, 20)


@pytest.mark.parametrize("rule", [{}, {"group_id": "who"}])
def test_the_seed_decides_the_rows(recipe, rows, write, rule):
    path = write("rows.csv", rows(200, who=lambda i: i // 2))
    first, again, other = (read_splits(recipe(seed=seed, **rule), path) for seed in (0, 0, 1))
    assert list(first.test["text"]) == list(again.test["text"])
    assert list(first.test["text"]) != list(other.test["text"])


def test_validation_does_not_depend_on_test_rows(recipe, rows, write):
    write("data/train.csv", rows())
    first = read_splits(recipe(), write("data/test.csv", rows(10, prefix="one")).parent)
    second = read_splits(recipe(), write("data/test.csv", rows(25, prefix="two")).parent)
    assert list(first.validation["text"]) == list(second.validation["text"])


@pytest.mark.parametrize(("test", "validation", "expected"), [(0.5, 0.5, (25, 25, 50)), (0.1, 0.1, (81, 9, 10))])
def test_shares_are_of_all_rows_and_of_those_that_are_not_test(recipe, rows, write, test, validation, expected):
    rule = {"test": test, "validation": validation}
    splits = read_splits(recipe(split=rule), write("rows.csv", rows(100)))
    assert (len(splits.train), len(splits.validation), len(splits.test)) == expected
