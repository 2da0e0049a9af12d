"""What a reader is told beside the numbers."""

import polars as pl
import pytest
from tables import ASK, counted, simulated

from evenhand.auditing import audit

# what cannot all hold at once


def different_base_rates(a=200, b=60):
    return counted(a=(a, 40, 40, 320 - a), b=(b, 40, 40, 320 - b))


@pytest.mark.parametrize(
    ("frame", "metrics", "said"),
    [
        (different_base_rates(), ["base_rate", "tpr", "fpr", "ppv"], True),
        (different_base_rates(), ["base_rate", "tpr", "fpr"], False),
        (different_base_rates(), ["base_rate", "ppv", "npv"], False),
        (different_base_rates(100, 100), ["base_rate", "tpr", "fpr", "ppv"], False),
    ],
)
def test_what_cannot_all_be_equal_is_said(frame, metrics, said):
    notes = audit(frame, label="y", prediction="d", sensitive="g", metrics=metrics).data["notes"]
    assert any("Kleinberg" in note and "Chouldechova" in note for note in notes) == said


# rows of unknown group


def test_no_missing_row_leaves_nothing_open():
    assert audit(simulated(), label="y", score="s", sensitive="g").data["attributes"][0]["missing"] is None


def test_a_share_with_no_missing_row_in_its_denominator_keeps_its_gap():
    frame = counted(a=(30, 10, 10, 50), b=(20, 10, 20, 50)).vstack(
        pl.DataFrame(
            {"g": [None] * 5, "y": [0] * 5, "d": [0] * 5}, schema={"g": pl.String, "y": pl.Int64, "d": pl.Int64}
        )
    )
    found = audit(frame, label="y", prediction="d", sensitive="g").data["attributes"][0]["missing"]
    assert found["rows"] == 5
    assert found["share"] == pytest.approx(5 / 205)
    assert found["bounds"]["tpr"]["lower"] == pytest.approx(0.75 - 0.5)
    assert found["bounds"]["tpr"]["upper"] == pytest.approx(0.75 - 0.5)
    assert found["bounds"]["fpr"]["lower"] == 0
    assert found["bounds"]["fpr"]["upper"] == pytest.approx(10 / 60 - 10 / 65)
    assert "auc" not in found["bounds"]


def test_decisions_that_are_not_the_thresholds_are_counted():
    frame = simulated(300).with_columns(p=(pl.col("s") >= 0.5).cast(pl.Int8))
    same = audit(frame, **ASK, prediction="p", threshold=0.5)
    assert not [note for note in same.data["notes"] if "slider" in note]
    moved = frame.with_columns(p=pl.when(pl.int_range(300) < 7).then(1 - pl.col("p")).otherwise(pl.col("p")))
    assert [note for note in audit(moved, **ASK, prediction="p", threshold=0.5).data["notes"] if "in 7 rows" in note]


def test_sentences_carry_long_names_shortened_and_tables_whole():
    name = "n" * 10_000
    frame = simulated(300).with_columns(g=pl.when(pl.int_range(300) % 2 == 0).then(pl.lit(name)).otherwise(pl.lit("b")))
    found = audit(frame, **ASK, tolerance={"tpr": 0.01})
    assert name in [group["name"] for group in found.data["attributes"][0]["groups"]]
    assert max(len(gap["says"]) for gap in found.data["attributes"][0]["gaps"]) < 600


def test_where_two_columns_share_a_value_an_intersection_names_the_columns():
    frame = simulated(400).with_columns(f=pl.Series(["yes", "no"] * 200), h=pl.Series(["no", "no", "yes", "yes"] * 100))
    found = audit(frame, label="y", score="s", sensitive=["f", "h"], intersections=2, reference={"f": "no"}).data
    assert found["attributes"][2]["groups"][0]["name"] == "f: no × h: no"
    assert found["attributes"][2]["reference"].startswith("f: no × ")


def test_that_not_everything_can_be_equal_is_said_where_both_were_asked():
    frame = simulated(4000).with_columns(y=pl.when(pl.col("g") == pl.col("g").first()).then(1).otherwise(pl.col("y")))

    def warned(metrics):
        return bool([n for n in audit(frame, **ASK, metrics=metrics).data["notes"] if "Chouldechova" in n])

    assert warned(["base_rate", "fnr", "tnr", "calibration_slope"])
    assert not warned(["base_rate", "tpr", "fnr", "ppv"])  # one error rate beside the predictive value can be equal


def test_labels_that_one_group_lacks_more_often_are_said():
    frame = simulated(3000, groups=2)
    fewer = pl.when((pl.col("g") == "a") & (pl.int_range(3000) % 3 == 0)).then(None).otherwise(pl.col("y"))
    notes = audit(frame.with_columns(y=fewer), **ASK).data["notes"]
    assert [note for note in notes if "labels are missing in 3" in note and "of the rows of a" in note]
    alike = frame.with_columns(y=pl.when(pl.int_range(3000) % 3 == 0).then(None).otherwise(pl.col("y")))
    assert not [note for note in audit(alike, **ASK).data["notes"] if "of like rows" in note]


def test_the_worst_group_is_named_with_limits_of_the_worst_true_value():
    frame = counted(a=(80, 10, 20, 90), b=(60, 30, 40, 70), c=(1, 0, 0, 1))
    found = audit(frame, label="y", prediction="d", sensitive="g").data["attributes"][0]
    assert (found["worst"]["tpr"]["group"], found["worst"]["fpr"]["group"]) == ("b", "b")
    assert "selection_rate" not in found["worst"]  # neither direction is better
    limits = [group["metrics"]["tpr"] for group in found["groups"]]
    assert found["worst"]["tpr"]["lower"] == min(entry["lower_simultaneous"] for entry in limits)
    assert found["worst"]["tpr"]["upper"] == min(entry["upper_simultaneous"] for entry in limits)
