"""Mixed columns of the tabular backbone: kinds, missing cells, categories never seen, and every kind of table."""

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest

from evenhand.errors import BadInput
from evenhand.pretrained.tabular.columns import Columns


def test_mixed_columns_become_numbers_codes_and_days():
    frame = pl.DataFrame(
        {
            "n": [1.0, None, float("inf"), 4.0],
            "c": ["a", "a", None, "b"],
            "d": [dt.date(1970, 1, 2), None, dt.date(1970, 2, 1), dt.date(1971, 1, 1)],
            "t": [dt.datetime(1970, 1, 1, 12), dt.datetime(1970, 1, 1, 18), None, None],
            "b": [True, False, True, False],
            "text_dates": ["2020-01-01", "2020-01-02", None, "2020-03-01"],
        }
    )
    columns = Columns.fit(frame)
    matrix = dict(zip([(f.column, f.part) for f in columns.features], columns.matrix(frame).T, strict=True))

    def unscaled(column, part):
        feature = next(f for f in columns.features if (f.column, f.part) == (column, part))
        return matrix[column, part] * feature.width + feature.centre

    assert np.isnan(matrix["n", "value"]).tolist() == [False, True, True, False]
    np.testing.assert_array_equal(matrix["c", "code"], [1, 1, np.nan, 0])  # b was seen once: rare
    np.testing.assert_allclose(unscaled("d", "day"), [1, np.nan, 31, 365])
    np.testing.assert_allclose(unscaled("t", "hour"), [12, 18, np.nan, np.nan])
    assert len(set(matrix["b", "code"])) == 2
    assert ("text_dates", "month") in matrix
    assert columns.categorical.sum() == 2


def test_empty_and_constant_columns_are_left_out_but_not_those_with_holes():
    frame = pl.DataFrame({"empty": [None] * 4, "same": [1] * 4, "word": ["x"] * 4, "holes": [1, None, 1, None]})
    assert [f.column for f in Columns.fit(frame).features] == ["holes"]
    with pytest.raises(BadInput, match="nothing to predict from"):
        Columns.fit(frame.drop("holes"))


def test_a_category_never_seen_is_like_one_seen_once():
    columns = Columns.fit(pl.DataFrame({"c": ["a", "a", "b", "b", "once"]}))
    assert columns.matrix(pl.DataFrame({"c": ["once", "new", "a"]})).ravel().tolist() == [0, 0, 1]


def test_columns_come_back_from_json(people):
    frame, _ = people(0, 50)
    columns = Columns.fit(frame)
    again = Columns.from_dict(json.loads(json.dumps(columns.as_dict())))
    assert again == columns
    np.testing.assert_array_equal(again.matrix(frame), columns.matrix(frame))


def test_every_kind_of_table_is_read_alike(people):
    datasets = pytest.importorskip("datasets")
    frame, _ = people(0, 30)
    expected = Columns.fit(frame).matrix(frame)
    kinds = [frame.lazy(), frame.to_arrow(), frame.to_pandas(), frame.to_dict(as_series=False)]
    kinds.append(datasets.Dataset.from_dict(frame.to_dict(as_series=False)))
    for rows in kinds:
        np.testing.assert_allclose(Columns.fit(rows).matrix(rows), expected, err_msg=str(type(rows)))
    backwards = kinds[-1].select(range(29, -1, -1))
    np.testing.assert_allclose(Columns.fit(frame).matrix(backwards), expected[::-1])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"incom": [1.0]}, "column 'income' is not in"),
        ({"income": ["much"], "town": ["north"], "member": [True], "since": [dt.date(2020, 1, 1)]}, "held a number"),
        ({"income": [1.0], "town": ["north"], "member": [True], "since": [5]}, "held dates"),
    ],
)
def test_rows_of_another_table_are_refused_in_words(people, rows, words):
    frame, _ = people(0, 30)
    with pytest.raises(BadInput, match=words):
        Columns.fit(frame.drop("noise") if len(rows) > 1 else frame).matrix(pl.DataFrame(rows, strict=False))


def test_nested_columns_are_refused():
    with pytest.raises(BadInput, match="holds List"):
        Columns.fit(pl.DataFrame({"x": [[1], [2]]}))
