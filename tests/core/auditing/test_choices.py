"""What a user and a plugin may choose, and what follows from it: options, references, metrics of their own."""

import sys

import numpy as np
import polars as pl
import pytest
from tables import ASK, refusal, simulated

from evenhand import BadInput
from evenhand.auditing import GroupMetric, audit


@pytest.mark.parametrize("group", [2, 2.0, "2", np.int64(2), np.float64(2)])
def test_a_reference_may_be_a_number(group):
    frame = simulated(200).with_columns(g=pl.int_range(200) % 3)
    found = audit(frame, **ASK, reference={"g": group})
    assert found.data["attributes"][0]["reference"] == "2"
    assert found.data["question"]["reference"] == {"g": "2"}


@pytest.mark.parametrize(
    ("values", "group", "name"),
    [([True, False], True, "true"), (["a", None], None, "(missing)"), ([0.5, None], float("nan"), "(missing)")],
)
def test_a_reference_may_be_a_truth_value_or_missing(values, group, name):
    frame = simulated(200).with_columns(g=pl.Series([values[i % 2] for i in range(200)]))
    assert audit(frame, **ASK, reference={"g": group}).data["attributes"][0]["reference"] == name


def test_a_class_of_several_is_audited_against_the_rest():
    frame = simulated(600).with_columns(y=pl.Series(["a", "b", "c"] * 200), p=pl.Series(["a", "b", "c", "b"] * 150))
    found = audit(frame, label="y", prediction="p", sensitive="g", positive="b").data
    alone = frame.with_columns(y=(pl.col("y") == "b").cast(pl.Int8), p=(pl.col("p") == "b").cast(pl.Int8))
    assert found["question"]["task"] == "binary"
    assert found["attributes"] == audit(alone, label="y", prediction="p", sensitive="g").data["attributes"]
    never = frame.with_columns(y=pl.when(pl.int_range(600) < 20).then(pl.lit("rare")).otherwise("y"))
    assert audit(never, label="y", prediction="p", sensitive="g", positive="rare").data["overall"]["tpr"]["value"] == 0
    with pytest.raises(BadInput, match="Did you mean 'rare'"):
        audit(never, label="y", prediction="p", sensitive="g", positive="rar")


@pytest.mark.filterwarnings("error")
def test_errors_that_are_all_the_same_have_an_interval_and_two_groups():
    frame = pl.DataFrame({"t": [i / 7 for i in range(300)], "g": ["a", "b", "c"] * 100}).with_columns(
        p=pl.col("t") + 0.3
    )
    found = audit(frame, label="t", prediction="p", sensitive="g", tolerance={"mae": 0.1}).data
    assert found["verdict"] == "within"
    (largest,) = [gap for gap in found["attributes"][0]["gaps"] if gap["metric"] == "mae" and gap["kind"] == "largest"]
    assert largest["group"] != largest["versus"]
    assert all(g["metrics"]["bias"]["lower"] is not None for g in found["attributes"][0]["groups"])


def test_groups_stand_in_the_order_that_a_reader_expects():
    wanted = ["-3", "2", "10", "1-7 words", "8-12 words", "13-24 words", "a", "a2", "a10", "b", "(missing)"]
    frame = simulated(220).with_columns(g=pl.Series([None if w == "(missing)" else w for w in wanted[::-1]] * 20))
    assert [group["name"] for group in audit(frame, **ASK).data["attributes"][0]["groups"]] == wanted


def test_numbers_may_be_numpys():
    frame = simulated(200)
    ask = {
        "confidence": np.float32(0.5) + np.float32(0.4),
        "intersections": np.int64(1),
        "replicates": np.int32(500),
        "seed": np.uint8(7),
    }
    found = audit(frame, **ASK, tolerance={"tpr": np.float32(0.25)}, **ask)
    assert found.data["question"]["seed"] == 7
    assert found.data["question"]["tolerances"] == {"tpr": 0.25}
    assert found.to_json()


INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        *(({"tolerance": {"tpr": bad}}, "--tolerance") for bad in (True, INF, NAN, "0.1", None, [0.1], -1, 10**400)),
        *(({"tolerance": bad}, "--tolerance") for bad in (True, INF, NAN, "0.1", [0.1])),
        *(({"confidence": bad}, "--confidence") for bad in ("0.95", True, NAN, INF, None, 95)),
        *(({"threshold": bad}, "--threshold") for bad in ("0.5", True, NAN, INF, -0.1, [0.5])),
        *(({"intersections": bad}, "--intersections") for bad in (True, 1.5, "2", None, 0, 4)),
        *(({"replicates": bad}, "replicates") for bad in ("x", 1.5, True, None, 10, 10**9)),
        *(({"seed": bad}, "--seed") for bad in (-1, "x", 1.5, True, None)),
        *(({"metrics": bad}, "there is no metric") for bad in ([1], [["tpr"]], "tprr", ["tpr", None])),
        ({"tolerance": {1: 0.1}}, "there is no metric '1'"),
        ({"reference": "a"}, "--reference"),
        ({"reference": {"g": ["a"]}}, "--reference"),
        ({"reference": {1: "a"}}, "--reference"),
        ({"sensitive": None}, "--sensitive"),
        ({"extra": [len]}, "GroupMetric"),
    ],
)
def test_options_of_the_wrong_kind_are_refused_in_a_sentence(ask, says):
    assert says in refusal(simulated(60), **ask)


def test_one_metric_may_be_named_alone():
    alone, listed = (audit(simulated(), **ASK, metrics=names) for names in ("tpr", ["tpr"]))
    assert alone.to_json() == listed.to_json()
    assert [m["name"] for m in alone.data["metrics"]] == ["tpr"]


@pytest.mark.parametrize(
    ("ask", "judged"),
    [
        ({}, ["selection_rate", "tpr", "fpr"]),
        ({"label": None}, ["selection_rate"]),
        ({"metrics": "tpr"}, ["tpr"]),
        ({"label": "k", "prediction": "p"}, ["accuracy"]),
    ],
)
def test_one_tolerance_judges_what_a_task_is_usually_judged_by(ask, judged):
    frame = simulated(300).with_columns(k=pl.int_range(300) % 4, p=pl.int_range(300) % 3)
    found = audit(frame, **{**ASK, **ask}, tolerance=0.1)
    assert found.data["question"]["tolerances"] == dict.fromkeys(judged, 0.1)


def test_one_tolerance_for_a_regression_asks_which_metric():
    frame = simulated(300).with_columns(y=pl.col("s") * 7, p=pl.col("s"))
    assert "--tolerance mae=0.1" in refusal(frame, task="regression", prediction="p", score=None, tolerance=0.1)


def test_a_threshold_beside_decisions_is_said_to_decide_nothing():
    frame = simulated(300).with_columns(d=(pl.col("s") > 0.6).cast(pl.Int64))
    given, without = (audit(frame, **ASK, prediction="d", threshold=t) for t in (0.2, None))
    assert given.data["overall"] == without.data["overall"]
    assert any("'d'" in note and "0.2" in note for note in given.data["notes"])
    assert not any("threshold" in note for note in without.data["notes"])


# references of intersections


def two_columns():
    """Sex and race, where 'female × black' is the largest group."""
    sizes = {("male", "white"): 40, ("male", "black"): 50, ("female", "white"): 60, ("female", "black"): 150}
    frame = simulated(sum(sizes.values()))
    pairs = [pair for pair, n in sizes.items() for _ in range(n)]
    return frame.with_columns(sex=pl.Series([a for a, _ in pairs]), race=pl.Series([b for _, b in pairs]))


@pytest.mark.parametrize(
    ("named", "reference", "rule"),
    [
        ({"sex": "male", "race": "white"}, "male × white", "named by the user"),
        ({"sex": "male"}, "male × black", "the group with the most rows where sex is male"),
        ({"race": "white"}, "female × white", "the group with the most rows where race is white"),
        ({}, "female × black", "the group with the most rows"),
    ],
)
def test_the_references_of_columns_hold_for_their_intersection(named, reference, rule):
    found = audit(two_columns(), **{**ASK, "sensitive": ["sex", "race"]}, intersections=2, reference=named)
    part = found.data["attributes"][2]
    assert (part["reference"], part["reference_rule"]) == (reference, rule)
    gaps = {gap["versus"] for gap in part["gaps"] if gap["kind"] == "difference"}
    assert gaps == {reference}


def test_references_that_nobody_has_together_leave_the_largest_group():
    frame = two_columns().filter(~((pl.col("sex") == "male") & (pl.col("race") == "white")))
    ask = {**ASK, "sensitive": ["sex", "race"]}
    found = audit(frame, **ask, intersections=2, reference={"sex": "male", "race": "white"})
    assert found.data["attributes"][2]["reference"] == "female × black"


# metrics of plugins


def halting(counts):
    sys.exit(3)


def meddling(counts):
    counts.tp[...] = 0
    return counts.tp


def of_one_group_only(counts):
    if counts.tp.shape[-1] > 1:
        raise RuntimeError("only\none group")
    return counts.tp / (counts.tp + counts.fn)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda counts: 1 / 0, "metric odd raised ZeroDivisionError: division by zero"),
        (lambda counts: counts.nothing, "AttributeError"),
        (halting, "SystemExit"),
        (meddling, "read-only"),
        (of_one_group_only, "only one group"),
        (lambda counts: 0.5, "shape ()"),
        (lambda counts: np.zeros(99), "shape (99,)"),
        (lambda counts: None, "not numbers"),
        (lambda counts: counts.tp.astype(str), "not numbers"),
        (lambda counts: counts.tp * 1j, "not numbers"),
        (lambda counts: counts.tp * 0 + 1.7, "1.7, not a share"),
    ],
)
def test_a_plugins_metric_that_fails_is_undefined_and_everything_else_is_audited(function, says):
    odd = GroupMetric("odd", function, "?", "higher")
    found = audit(simulated(), **ASK, extra=[odd], tolerance={"tpr": 0.1})
    about = next(m for m in found.data["metrics"] if m["name"] == "odd")
    assert not about["defined"]
    assert says in about["why"]
    assert "\n" not in about["why"]
    plain = audit(simulated(), **ASK, tolerance={"tpr": 0.1})
    assert found.data["attributes"] == plain.data["attributes"]
    assert found.data["verdicts"] == plain.data["verdicts"]


def test_a_plugins_metric_that_fails_and_is_judged_is_never_within():
    odd = GroupMetric("odd", lambda counts: 1 / 0, "?", "higher")
    found = audit(simulated(), **ASK, extra=[odd], tolerance={"odd": 0.1})
    assert found.verdict == "not enough evidence"


def test_a_metric_that_names_a_quantity_that_is_not_there_is_undefined():
    odd = GroupMetric("odd", lambda counts: counts.sums["height"], "?", mean_of="height", bounded=False)
    assert not audit(simulated(), **ASK, extra=[odd]).data["metrics"][-1]["defined"]
