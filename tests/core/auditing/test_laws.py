"""Laws that hold for every audit: of equality, of order, of weights, of the engine that holds the rows."""

import json

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import counted, gaps, group_of, simulated, value

from evenhand.auditing import audit
from evenhand.auditing.counting import aggregation as counts
from evenhand.auditing.metrics.built_in import BINARY

ASK = {"label": "y", "score": "s", "sensitive": "g"}


def frames():
    frame = simulated(300, 3, 4, age=["young", "old", None] * 100)
    return {
        "polars": frame,
        "lazy": frame.lazy(),
        "pandas": frame.to_pandas(),
        "arrow": frame.to_arrow(),
        "duckdb": duckdb.from_arrow(frame.to_arrow()),
    }


@pytest.mark.parametrize("kind", ["lazy", "pandas", "arrow", "duckdb"])
@pytest.mark.parametrize("weight", [None, "w"])
def test_every_engine_gives_the_same_bytes(kind, weight):
    ask = {**ASK, "sensitive": ["g", "age"], "intersections": 2, "tolerance": 0.1, "weight": weight}
    found = frames()
    assert audit(found[kind], **ask).to_json() == audit(found["polars"], **ask).to_json()


@pytest.mark.parametrize("kind", ["pandas", "duckdb"])
def test_binned_scores_are_the_same_in_every_engine(kind, monkeypatch):
    monkeypatch.setattr("evenhand.auditing.counting.aggregation.EXACT_ROWS", 100)
    found = frames()
    assert audit(found[kind], **ASK).to_json() == audit(found["polars"], **ASK).to_json()


@pytest.mark.parametrize("binned", [False, True])
@pytest.mark.parametrize("weight", [None, "w"])
def test_every_metric_is_the_same_in_every_engine(binned, weight, monkeypatch):
    if binned:
        monkeypatch.setattr("evenhand.auditing.counting.aggregation.EXACT_ROWS", 100)
    names = [
        name for name in BINARY if name != "log_loss" or not binned
    ]  # engines differ in the last digit of a logarithm
    ask = {**ASK, "metrics": names, "replicates": 200, "weight": weight}
    found = frames()
    assert audit(found["duckdb"], **ask).to_json() == audit(found["pandas"], **ask).to_json()


@pytest.mark.parametrize("name", ["preds.csv", "preds.parquet", "preds.jsonl"])
def test_a_file_gives_the_numbers_of_its_frame(tmp_path, name):
    frame, path = simulated(200), tmp_path / name
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[name.split(".")[1]](path)
    from_file, from_frame = audit(path, **ASK), audit(frame, **ASK)
    assert from_file.data["attributes"] == from_frame.data["attributes"]
    assert from_file.data["data"]["source"] == name
    assert len(from_file.data["data"]["sha256"]) == 64


@settings(max_examples=4, deadline=None)
@given(st.permutations(list(range(40))), st.booleans())
def test_the_order_of_rows_does_not_matter(order, clustered):
    frame = simulated(40, 3, 2, patient=[i // 3 for i in range(40)])
    ask = {**ASK, "cluster": "patient" if clustered else None, "replicates": 200, "weight": "w"}
    assert audit(frame[order], **ask).to_json() == audit(frame, **ask).to_json()


def test_a_seed_decides_everything():
    once, again = (audit(simulated(), **ASK, seed=3, tolerance=0.1).to_json() for _ in range(2))
    assert once == again


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 1000))
def test_whole_weights_are_repeated_rows(seed):
    frame = simulated(60, 2, seed)
    repeated = frame.select(pl.all().repeat_by("w").explode())
    names = [name for name in BINARY if name != "calibration_error"]  # its noise is that of rows, not of weights
    ask = {**ASK, "metrics": names, "replicates": 200}
    heavy, long = audit(frame, **ask, weight="w"), audit(repeated, **ask)
    for group in ("a", "b"):
        for metric, entry in group_of(long, group)["metrics"].items():
            assert value(heavy, group, metric) == pytest.approx(
                entry["value"], abs=1e-9 if "slope" in metric else 1e-12
            )


def test_unequal_weights_are_worth_fewer_rows():
    frame = simulated(400, 2, 1)
    plain, heavy = audit(frame, **ASK), audit(frame, **ASK, weight="w")
    for group in ("a", "b"):
        one, other = (group_of(a, group)["metrics"]["tpr"] for a in (plain, heavy))
        assert other["upper"] - other["lower"] > one["upper"] - one["lower"]


def test_weights_all_equal_change_nothing_but_the_weight():
    frame = simulated(300, 2, 1).with_columns(w=pl.lit(2.5))
    plain, heavy = (audit(frame, **ASK, weight=weight, metrics=list(BINARY)) for weight in (None, "w"))
    for group in ("a", "b"):
        for metric in BINARY:
            one, other = (group_of(a, group)["metrics"][metric] for a in (plain, heavy))
            for end in ("value", "lower", "upper"):
                assert other[end] == pytest.approx(one[end], abs=1e-9)


def test_equal_groups_have_no_gap():
    found = audit(counted(a=(20, 5, 10, 30), b=(20, 5, 10, 30)), label="y", prediction="d", sensitive="g")
    for gap in found.data["attributes"][0]["gaps"]:
        assert gap["value"] == (1 if gap["kind"] == "ratio" else 0)
        if gap["kind"] != "ratio":
            assert gap["lower"] <= 0 <= gap["upper"]
            assert gap["p_value"] == pytest.approx(1)


def test_one_group_has_nothing_to_be_compared_with():
    found = audit(counted(a=(20, 5, 10, 30)), label="y", prediction="d", sensitive="g", tolerance={"tpr": 0.1})
    assert found.data["attributes"][0]["gaps"] == []
    assert found.verdict == "not enough evidence"


def test_renaming_the_groups_changes_no_number():
    first = counted(a=(20, 5, 10, 30), b=(10, 9, 20, 35))
    second = first.with_columns(pl.col("g").replace({"a": "m", "b": "n"}))
    one, other = (audit(f, label="y", prediction="d", sensitive="g", tolerance=0.1) for f in (first, second))
    for a, b in zip(one.data["attributes"][0]["gaps"], other.data["attributes"][0]["gaps"], strict=True):
        assert [a[k] for k in ("value", "lower", "upper")] == [b[k] for k in ("value", "lower", "upper")]


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        ([0, 1], None),
        ([0.0, 1.0], None),
        ([False, True], None),
        (["0", "1"], None),
        (["no", "yes"], None),
        (["No", "Yes"], None),
        (["false", "true"], None),
        (["bad", "good"], "good"),
        ([2, 7], 7),
        ([2, 7], "7"),
    ],
)
def test_labels_mean_the_same_in_any_dress(labels, positive, tmp_path):
    plain = simulated(120)
    dressed = plain.with_columns(pl.Series("y", [labels[v] for v in plain["y"]]))
    dressed.write_csv(tmp_path / "p.csv")
    expected = audit(plain, **ASK).data["attributes"]
    for source in (dressed, dressed.to_pandas(), tmp_path / "p.csv"):
        assert audit(source, **ASK, positive=positive).data["attributes"] == expected


def test_decisions_by_score_and_by_column_are_the_same():
    frame = simulated().with_columns(d=(pl.col("s") >= 0.5).cast(pl.Int8))
    ask = {"label": "y", "sensitive": "g", "metrics": ["tpr", "f1", "selection_rate"]}
    by_score, by_column = audit(frame, score="s", **ask), audit(frame, prediction="d", **ask)
    assert by_score.data["attributes"] == by_column.data["attributes"]


def test_intersections_are_made_of_the_same_cells():
    frame = simulated(300, 2, 0, age=["young", "old", "old"] * 100)
    found = audit(frame, **{**ASK, "sensitive": ["g", "age"]}, intersections=2)
    names = [a["name"] for a in found.data["attributes"]]
    assert names == ["g", "age", "g × age"]
    cells = [
        {c: sum(g["cells"].get(c, 0) for g in a["groups"]) for c in ("tp", "fp", "fn", "tn")}
        for a in found.data["attributes"]
    ]
    assert cells[0] == cells[1] == cells[2]
    direct = audit(frame.with_columns(x=pl.col("g") + pl.col("age")), **{**ASK, "sensitive": "x"})
    for group in found.data["attributes"][2]["groups"]:
        assert value(direct, "".join(group["values"]), "auc") == group["metrics"]["auc"]["value"]


def test_the_reference_is_the_largest_group_or_the_one_named():
    frame = counted(small=(5, 5, 5, 5), large=(20, 20, 20, 20), middle=(9, 9, 9, 9))
    ask = {"label": "y", "prediction": "d", "sensitive": "g"}
    assert audit(frame, **ask).data["attributes"][0]["reference"] == "large"
    named = audit(frame, **ask, reference={"g": "small"})
    assert named.data["attributes"][0]["reference"] == "small"
    assert {g["versus"] for g in gaps(named, "tpr", "difference")} == {"small"}


def test_everyone_else_is_the_other_groups_together():
    frame = counted(a=(30, 5, 10, 30), b=(10, 9, 20, 35), c=(7, 3, 3, 9))
    rest = {g["group"]: g["value"] for g in gaps(audit(frame, label="y", prediction="d", sensitive="g"), "tpr", "rest")}
    assert rest["a"] == pytest.approx(30 / 40 - 17 / 40)


def test_the_json_is_canonical_and_holds_no_nan():
    text = audit(counted(a=(0, 0, 0, 9), b=(5, 5, 5, 5)), label="y", prediction="d", sensitive="g").to_json()
    assert "NaN" not in text
    assert "Infinity" not in text
    data = json.loads(text)
    assert json.dumps(data, sort_keys=True, ensure_ascii=False, indent=1) + "\n" == text


def test_the_plans_digest_depends_on_the_question_alone():
    first, second = audit(simulated(seed=1), **ASK), audit(simulated(seed=2), **ASK)
    assert first.data["plan_sha256"] == second.data["plan_sha256"]
    assert audit(simulated(seed=1), **ASK, threshold=0.4).data["plan_sha256"] != first.data["plan_sha256"]


def test_the_histograms_hold_every_labelled_row():
    frame = simulated()
    histograms = audit(frame, **ASK).data["histograms"]
    for group, part in frame.group_by("g"):
        found = histograms["attributes"]["g"][group[0]]
        assert sum(found["positive"]) == part["y"].sum()
        assert sum(found["negative"]) == (1 - part["y"]).sum()
        above = [e >= 0.5 for e in histograms["edges"][:-1]]
        assert np.array(found["positive"])[above].sum() == part.filter((pl.col("s") >= 0.5) & (pl.col("y") == 1)).height


def test_clusters_of_one_row_are_rows():
    frame = simulated(300, 2, 1, patient=list(range(300)))
    plain, apart = (audit(frame, **ASK, cluster=cluster, metrics=list(BINARY)) for cluster in (None, "patient"))
    for group in ("a", "b"):
        for metric in BINARY:
            one, other = (group_of(a, group)["metrics"][metric] for a in (plain, apart))
            assert other["value"] == pytest.approx(one["value"], abs=1e-12)
            assert other["upper"] - other["lower"] == pytest.approx(one["upper"] - one["lower"], rel=0.05)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_large_file_is_counted_part_by_part_to_the_same_bytes(tmp_path, monkeypatch, weighted):
    frame = simulated(60_000).with_columns(w=1 + pl.int_range(60_000) % 5 / 7)
    frame.write_parquet(tmp_path / "p.parquet", row_group_size=7_000)
    ask = {**ASK, "metrics": ["tpr", "auc", "brier", "log_loss"], **({"weight": "w"} if weighted else {})}
    whole = audit(tmp_path / "p.parquet", **ask).to_json()
    monkeypatch.setattr(counts, "AT_ONCE", 11_000)
    assert audit(tmp_path / "p.parquet", **ask).to_json() == whole


def test_clusters_are_who_they_are_whatever_their_names_look_like():
    frame = simulated(600).with_columns(c=pl.int_range(600) % 60)
    ask = {**ASK, "cluster": "c", "metrics": ["tpr", "auc"]}
    wanted = json.loads(audit(frame, **ask).to_json())["attributes"]
    for names in (
        pl.col("c").cast(pl.String),
        pl.format("patient {}", pl.col("c") + 100),
        pl.when(pl.col("c") < 10).then(pl.format("00{}", pl.col("c") + 50)).otherwise(pl.col("c").cast(pl.String)),
        pl.col("c").cast(pl.Float64) / 7,
    ):
        named = json.loads(audit(frame.with_columns(c=names), **ask).to_json())
        assert named["data"]["clusters"] == 60
        for one, other in zip(wanted[0]["groups"], named["attributes"][0]["groups"], strict=True):
            assert one["metrics"]["tpr"]["lower"] == pytest.approx(other["metrics"]["tpr"]["lower"], abs=1e-12)
