"""What a sentence says of a gap: percentages with the counts behind them, and the pair of groups that proves most."""

import polars as pl
import pytest
from tables import ASK, counted, simulated

from evenhand import BadInput
from evenhand.auditing import audit


def told(frame, **ask):
    return audit(frame, **{"label": "y", "prediction": "d", "sensitive": "g", **ask}).data


def test_a_sentence_has_percentages_with_the_counts_behind_them():
    frame = counted(a=(80, 10, 20, 90), b=(60, 30, 40, 70))
    [verdict] = told(frame, tolerance={"tpr": 0.05})["verdicts"]
    assert "80.0% (80 of 100) for a" in verdict["says"]
    assert "60.0% (60 of 100) for b: 20.0 points apart" in verdict["says"]
    assert "the tolerance of 5 points" in verdict["says"]


def test_weighted_shares_are_of_rows_that_nobody_counts():
    frame = counted(a=(80, 10, 20, 90), b=(60, 30, 40, 70)).with_columns(w=1 + pl.int_range(pl.len()) % 3 / 7)
    [verdict] = told(frame, tolerance={"tpr": 0.05}, weight="w")["verdicts"]
    assert "(100 rows) for a" in verdict["says"]
    assert " of 100" not in verdict["says"]


@pytest.mark.parametrize("value", ["yes", "1", "true", "40-49", "under 30"])
def test_a_value_that_says_nothing_by_itself_is_told_with_its_column(value):
    frame = counted(a=(80, 10, 20, 90), b=(60, 30, 40, 70)).with_columns(pl.col("g").replace({"a": value, "b": "red"}))
    [verdict] = told(frame, tolerance={"tpr": 0.05})["verdicts"]
    assert f"80.0% (80 of 100) where g is {value} and 60.0% (60 of 100) for red" in verdict["says"]


def test_groups_are_called_as_one_says():
    frame = counted(yes=(80, 10, 20, 90), no=(60, 30, 40, 70)).rename({"g": "a.b"})
    ask = {"sensitive": "a.b", "tolerance": {"tpr": 0.05}, "reference": {"a.b": "yes"}}
    found = told(frame, **ask, names={"a.b.yes": "African American"})
    assert "(80 of 100) for African American" in found["verdicts"][0]["says"]
    assert found["attributes"][0]["reference"] == "African American"
    assert found["question"]["names"] == {"a.b.yes": "African American"}
    same = told(frame, **ask)
    assert [g["metrics"] for g in found["attributes"][0]["groups"]] == [
        g["metrics"] for g in same["attributes"][0]["groups"]
    ]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"g.c": "x"}, "no group 'c'"),
        ({"h.a": "x"}, "'h.a' names no group"),
        ({"g.a": "b"}, "two groups would be called 'b'"),
        ({"g.a": "x", "g.b": "x"}, "can be called 'x'"),
        ({"g.a": "(missing)"}, "can be called '(missing)'"),
    ],
)
def test_names_that_cannot_be_are_refused(names, says):
    with pytest.raises(BadInput, match=r"--names") as refused:
        told(counted(a=(8, 1, 2, 9), b=(6, 3, 4, 7)), names=names)
    assert says in str(refused.value)


def test_a_sentence_is_about_the_pair_that_proves_it_and_not_about_a_few_rows():
    """a and b are surely apart; c has ten rows and lies furthest."""
    frame = counted(a=(800, 10, 200, 90), b=(500, 30, 500, 70), c=(10, 0, 0, 1))
    [verdict] = told(frame, tolerance={"tpr": 0.05})["verdicts"]
    assert verdict["verdict"] == "exceeded"
    assert (verdict["told"]["group"], verdict["told"]["versus"]) == ("a", "b")
    assert (verdict["group"], verdict["versus"]) == ("c", "b")
    assert verdict["value"] == pytest.approx(0.5)  # the largest gap is what it was
    assert verdict["told"]["value"] == pytest.approx(0.3)
    assert 0.05 < verdict["told"]["lower"] < 0.3 < verdict["told"]["upper"]
    assert "Further apart, but of few rows: 100.0% (10 of 10) for c" in verdict["says"]


def test_where_nothing_is_proven_the_pair_has_enough_rows():
    frame = counted(a=(60, 5, 40, 9), b=(55, 5, 45, 9), c=(10, 0, 0, 1), d=(7, 1, 12, 1))
    [verdict] = told(frame, tolerance={"tpr": 0.5})["verdicts"]
    assert verdict["verdict"] == "not enough evidence"
    assert {verdict["told"]["group"], verdict["told"]["versus"]} == {"a", "b"}
    assert "two groups could be up to" in verdict["says"]


def test_of_an_auc_there_is_no_ratio():
    found = audit(simulated(400), **ASK).data["attributes"][0]["gaps"]
    assert {gap["metric"] for gap in found if gap["kind"] == "ratio"}
    assert not [gap for gap in found if gap["kind"] == "ratio" and gap["metric"] in ("auc", "brier")]


def test_numbers_of_32_bits_are_groups_with_the_digits_they_have():
    frame = counted(a=(8, 1, 2, 9), b=(6, 3, 4, 7)).with_columns(
        g=pl.when(pl.col("g") == "a").then(1.8).otherwise(2.4).cast(pl.Float32)
    )
    assert [group["name"] for group in told(frame)["attributes"][0]["groups"]] == ["1.8", "2.4"]
    assert [g["name"] for g in told(frame.to_pandas())["attributes"][0]["groups"]] == ["1.8", "2.4"]
