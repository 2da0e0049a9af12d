"""Selection at k: who is selected is who sorting would select, in every engine, and ties go together."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import value
from test_engines import ENGINES, EVERY_ENGINE, first_difference, spark, spark_frame  # noqa: F401

from evenhand.auditing import audit
from evenhand.errors import BadInput


def applicants(rows=600, seed=0):
    """Scores of applicants to several jobs: probabilities, and the same order in raw points."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, rows)
    raw = np.round(rng.normal(label, 1.0), 2)
    return pl.DataFrame(
        {
            "row": np.arange(rows),
            "y": label,
            "raw": raw,
            "s": np.round(1 / (1 + np.exp(-raw)), 6),
            "g": rng.choice(["a", "b"], rows, p=[0.7, 0.3]),
            "job": rng.integers(0, 40, rows),
        }
    )


def selected(scores, k):
    """Plain Python: the k highest, without those who tie with one left out."""
    falling = sorted(scores, reverse=True)
    if k >= len(falling):
        return [True] * len(scores)
    return [score > falling[k] for score in scores]


def rates(found):
    """Selection rate of every group."""
    return {g["name"]: g["metrics"]["selection_rate"]["value"] for g in found.data["attributes"][0]["groups"]}


def by_hand(frame, flags):
    """The same from a list of who is selected."""
    flagged = frame.with_columns(d=pl.Series(flags).cast(pl.Float64))
    return dict(flagged.group_by("g").agg(pl.col("d").mean()).iter_rows())


@pytest.mark.parametrize("top", [1, 60, 599, 0.1, 0.29])
@pytest.mark.parametrize("score", ["s", "raw"])
def test_the_top_of_all_are_those_that_sorting_gives(top, score):
    frame = applicants()
    k = top if isinstance(top, int) else round(top * 600)
    found = audit(frame, label="y", score=score, sensitive="g", top=top)
    assert rates(found) == pytest.approx(by_hand(frame, selected(frame[score].to_list(), k)))


@pytest.mark.parametrize("top", [1, 3, 0.2])
def test_the_top_within_lists_are_those_that_sorting_each_gives(top):
    frame = applicants().sort("job")
    flags = []
    for job in frame["job"].unique().sort():
        scores = frame.filter(pl.col("job") == job)["raw"].to_list()
        k = top if isinstance(top, int) else max(1, int(top * len(scores) + 1e-9))
        flags += selected(scores, k)
    found = audit(frame, label="y", score="raw", sensitive="g", top=top, within="job")
    assert rates(found) == pytest.approx(by_hand(frame, flags))
    assert found.data["question"]["within"] == "job"


scores = st.lists(st.integers(-3, 12).map(float), min_size=4, max_size=60)


@settings(deadline=None, max_examples=60)
@given(scores, st.integers(1, 20))
def test_selection_at_k_is_sorting_whatever_ties(values, k):
    frame = pl.DataFrame({"y": [i % 2 for i in range(len(values))], "s": values, "g": ["a"] * len(values)})
    flags = selected(values, k)
    if k >= len(values) or not any(flags):
        with pytest.raises(BadInput):
            audit(frame, label="y", score="s", sensitive="g", top=k)
        return
    found = audit(frame, label="y", score="s", sensitive="g", top=k, replicates=200, metrics="selection_rate")
    assert value(found, "a", "selection_rate") == pytest.approx(np.mean(flags))
    assert sum(flags) <= k


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 6).map(float)), min_size=4, max_size=60), st.integers(1, 6)
)
def test_selection_at_k_within_lists_is_sorting_each_list(pairs, k):
    lists = {job: [i for i, (j, _) in enumerate(pairs) if j == job] for job, _ in pairs}
    flags = [False] * len(pairs)
    for rows in lists.values():
        for row, flag in zip(rows, selected([pairs[i][1] for i in rows], k), strict=True):
            flags[row] = flag
    frame = pl.DataFrame({"job": [j for j, _ in pairs], "s": [s for _, s in pairs], "g": ["a"] * len(pairs)})
    ask = {"score": "s", "sensitive": "g", "top": k, "within": "job", "replicates": 200, "metrics": "selection_rate"}
    if all(flags) or not any(flags):
        with pytest.raises(BadInput):
            audit(frame, **ask)
        return
    assert value(audit(frame, **ask), "a", "selection_rate") == pytest.approx(np.mean(flags))


def test_the_top_is_the_audit_with_the_cut_as_threshold():
    frame = applicants()
    top = audit(frame, label="y", score="s", sensitive="g", top=100)
    again = audit(frame, label="y", score="s", sensitive="g", threshold=top.data["question"]["cut"])
    for part in ("overall", "attributes", "histograms", "mitigation"):
        assert top.data[part] == again.data[part]


def test_raw_scores_rank_as_probabilities_of_the_same_order_do():
    frame = applicants()
    raw = audit(frame, label="y", score="raw", sensitive="g", top=100)
    sure = audit(frame, label="y", score="s", sensitive="g", top=100)
    for metric in ("selection_rate", "tpr", "fpr", "ppv", "auc"):
        assert value(raw, "a", metric) == pytest.approx(value(sure, "a", metric), abs=1e-12)
    assert raw.data["histograms"] is None
    assert [m["defined"] for m in raw.data["metrics"] if m["name"] == "brier"] == [False]
    assert any("only their order is used" in note for note in raw.data["notes"])


def test_ties_at_the_cut_are_said_and_left_out_together():
    frame = pl.DataFrame({"s": [0.9, 0.8, 0.8, 0.8, 0.1, 0.0], "g": ["a", "a", "b", "b", "a", "b"]})
    found = audit(frame, score="s", sensitive="g", top=3)
    assert rates(found) == {"a": pytest.approx(1 / 3), "b": 0.0}
    assert found.data["question"]["cut"] == 0.9
    assert any("3 rows tie" in note for note in found.data["notes"])


def test_lists_in_which_nobody_is_selected_are_said_and_so_is_that_rows_of_a_list_depend():
    frame = pl.DataFrame({"s": [0.9, 0.9, 0.8, 0.3, 0.2], "job": [1, 1, 1, 2, 2], "g": ["a", "b", "a", "b", "a"]})
    notes = audit(frame, score="s", sensitive="g", top=1, within="job").data["notes"]
    assert any("In 1 of these lists nobody is selected" in note for note in notes)
    assert any("--cluster job" in note for note in notes)
    clustered = audit(frame, score="s", sensitive="g", top=1, within="job", cluster="job").data["notes"]
    assert not any("--cluster job" in note for note in clustered)


ASKS = {
    "of all": {"label": "y", "score": "raw", "sensitive": "g", "top": 0.15},
    "within": {"label": "y", "score": "s", "sensitive": "g", "top": 3, "within": "job", "cluster": "job"},
    "share within": {"score": "raw", "sensitive": "g", "top": 0.25, "within": "job"},
}


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("engine", EVERY_ENGINE)
def test_every_engine_selects_the_same(engine, ask):
    frame = applicants()
    held = ENGINES[engine](frame)
    if engine == "dask" and "within" in ask:
        with pytest.raises(BadInput, match="Dask cannot rank within lists"):
            audit(held, **ASKS[ask])
        return
    assert first_difference(audit(held, **ASKS[ask]).to_json(), audit(frame, **ASKS[ask]).to_json()) is None


@pytest.mark.slow
@pytest.mark.parametrize("ask", ASKS)
def test_spark_selects_the_same(spark, ask):  # noqa: F811
    frame = applicants()
    found, wanted = audit(spark_frame(spark, frame), **ASKS[ask]).to_json(), audit(frame, **ASKS[ask]).to_json()
    assert first_difference(found, wanted) is None


def test_a_csv_file_is_ranked_as_the_table_it_holds(tmp_path):
    frame = applicants()
    frame.write_csv(tmp_path / "ranked.csv")
    ask = ASKS["within"]
    assert audit(tmp_path / "ranked.csv", **ask).data["attributes"] == audit(frame, **ask).data["attributes"]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        ({"top": 0}, "neither a number of rows"),
        ({"top": -1}, "neither a number of rows"),
        ({"top": 1.0}, "neither a number of rows"),
        ({"top": 2.5}, "neither a number of rows"),
        ({"top": float("nan")}, "neither a number of rows"),
        ({"top": True}, "neither a number of rows"),
        ({"top": "10"}, "neither a number of rows"),
        ({"top": 600}, "selects everybody"),
        ({"top": 1000}, "selects everybody"),
        ({"top": 100, "within": "job"}, "selects everybody"),
        ({"top": 10, "threshold": 0.5}, "drop --top or --threshold"),
        ({"top": 10, "prediction": "y"}, "drop --top or --prediction"),
        ({"top": 10, "score": None, "prediction": "y"}, "--score"),
        ({"top": 10, "task": "regression"}, "regression audit selects nobody"),
        ({"top": 10, "within": "jobb"}, "Did you mean 'job'?"),
        ({"top": 10, "within": "gone"}, "missing in 300 rows"),
        ({"within": "job"}, "--top 10"),
        ({"top": 10, "score": "same"}, "share the highest score"),
        ({"top": 1, "score": "same", "within": "job"}, "selects nobody"),
        ({"score": "raw"}, "outside [0, 1]"),
    ],
)
def test_what_cannot_be_ranked_is_refused_in_one_sentence(ask, said):
    frame = applicants().with_columns(
        same=pl.lit(0.5), gone=pl.when(pl.col("row") < 300).then(None).otherwise(pl.col("job"))
    )
    with pytest.raises(BadInput) as error:
        audit(frame, **{"label": "y", "score": "s", "sensitive": "g", **ask})
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_binary_audit_is_meant_whatever_the_labels_look_like():
    frame = applicants().with_columns(y=pl.col("row") % 3)
    with pytest.raises(BadInput, match="a binary audit needs two"):
        audit(frame, label="y", score="s", sensitive="g", top=10)
