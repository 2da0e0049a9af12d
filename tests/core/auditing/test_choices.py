"""What a user and a plugin may choose, and what follows from it: options, references, metrics of their own."""

import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import counted, simulated

from evenhand import BadInput
from evenhand.auditing import GroupMetric, audit

ASK = {"label": "y", "score": "s", "sensitive": "g"}


def refusal(source, **ask):
    """The sentence that an audit is refused with."""
    with pytest.raises(BadInput) as error:
        audit(source, **{**ASK, **ask})
    text = str(error.value)
    assert "\n" not in text
    return text


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


# histograms


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 100).map(lambda k: k / 100), st.floats(0, 1)), min_size=2, max_size=40))
def test_the_bins_from_an_edge_on_hold_the_rows_that_its_threshold_selects(scores):
    frame = pl.DataFrame({"y": [i % 2 for i in range(len(scores))], "s": scores, "g": ["a"] * len(scores)})
    check_bins(frame, audit(frame, **ASK, replicates=200))


def test_the_bins_of_many_rows_hold_what_each_edge_selects():
    frame = simulated(51_000)
    check_bins(frame, audit(frame, **ASK, replicates=200))


def check_bins(frame, found):
    """Sum of the bins from edge k on = rows with score >= edge k, for every k."""
    edges, groups = found.data["histograms"]["edges"], found.data["histograms"]["attributes"]["g"]
    for y, side in ((1, "positive"), (0, "negative")):
        for name, bins in groups.items():
            scores = frame.filter((pl.col("y") == y) & (pl.col("g") == name))["s"].to_numpy()
            above = [int((scores >= edge).sum()) for edge in edges[:-1]]
            assert np.cumsum(bins[side][::-1])[::-1].tolist() == above


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


@pytest.mark.parametrize("threshold", [0.3, 0.31234, 0.5])
@pytest.mark.parametrize("rows", [900, 60_000])
def test_the_slider_holds_the_audited_cells_at_the_audited_threshold(rows, threshold):
    frame = simulated(rows)
    found = audit(frame, **ASK, threshold=threshold).data
    edges, bins = found["histograms"]["edges"], found["histograms"]["attributes"]["g"]
    cut = edges.index(threshold)
    for group in found["attributes"][0]["groups"]:
        assert sum(bins[group["name"]]["positive"][cut:]) == group["cells"]["tp"]
        assert sum(bins[group["name"]]["negative"][cut:]) == group["cells"]["fp"]
    assert found["histograms"]["effective"] is None


def test_the_slider_knows_what_weights_and_clusters_take_from_the_evidence():
    frame = simulated(800)
    tenfold = pl.concat([frame.with_columns(c=pl.int_range(800))] * 10)
    worth = audit(tenfold, **ASK, cluster="c").data["histograms"]["effective"]["g"]["a"]
    assert all(value == pytest.approx(0.1, rel=0.05) for value in worth.values())
    heavy = audit(frame.with_columns(w=pl.lit(4.0)), **ASK, weight="w").data["histograms"]["effective"]["g"]["a"]
    assert all(value == pytest.approx(0.25, rel=1e-6) for value in heavy.values())
