"""Every shared metric agrees with fairlearn and scikit-learn to 1e-12; what has no denominator is undefined."""

import fairlearn.metrics as fl
import numpy as np
import polars as pl
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import counted, gaps, group_of, simulated, value

from evenhand.auditing import audit, rate_metric
from evenhand.auditing.counting import aggregation as counts
from evenhand.auditing.counting.aggregation import count
from evenhand.auditing.metrics.ranking import auc_bounds, threshold_at
from evenhand.auditing.table.checks import take_roles
from evenhand.auditing.table.rows import Roles
from evenhand.auditing.table.source import open_source
from evenhand.statistics.arrays import ratio

REFERENCE = {
    "selection_rate": fl.selection_rate,
    "tpr": fl.true_positive_rate,
    "fpr": fl.false_positive_rate,
    "tnr": fl.true_negative_rate,
    "fnr": fl.false_negative_rate,
    "ppv": sk.precision_score,
    "npv": lambda y, d, sample_weight=None: sk.precision_score(y, d, pos_label=0, sample_weight=sample_weight),
    "base_rate": lambda y, d, sample_weight=None: np.average(y, weights=sample_weight),
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "f1": sk.f1_score,
}


@st.composite
def tables(draw):
    """Rows in which every group has both labels and both decisions, so that the references are defined too."""
    size = draw(st.integers(1, 2))
    full = [(g, y, d, 1) for g in "ab"[:size] for y in (0, 1) for d in (0, 1)]
    row = st.tuples(st.sampled_from("ab"[:size]), st.integers(0, 1), st.integers(0, 1), st.integers(1, 5))
    return full + draw(st.lists(row, max_size=60))


@settings(max_examples=12, deadline=None)
@given(tables(), st.booleans())
def test_rates_agree_with_fairlearn_and_scikit_learn(rows, weighted):
    g, y, d, w = (np.array(column) for column in zip(*rows, strict=True))
    found = audit(
        pl.DataFrame({"g": g, "y": y, "d": d, "w": w}),
        label="y",
        prediction="d",
        sensitive="g",
        weight="w" if weighted else None,
        metrics=list(REFERENCE),
        replicates=200,
    )
    params = {name: {"sample_weight": w} for name in REFERENCE} if weighted else None
    frame = fl.MetricFrame(metrics=REFERENCE, y_true=y, y_pred=d, sensitive_features=g, sample_params=params)
    for name in REFERENCE:
        assert found.data["overall"][name]["value"] == pytest.approx(frame.overall[name], abs=1e-12)
        for group in np.unique(g):
            assert value(found, str(group), name) == pytest.approx(frame.by_group[name][group], abs=1e-12)
        if len(np.unique(g)) > 1:
            assert gaps(found, name, "largest")[0]["value"] == pytest.approx(frame.difference()[name], abs=1e-12)


SCORED = {
    "auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "brier": sk.brier_score_loss,
    "log_loss": sk.log_loss,
}
NUMERIC = {"mae": sk.mean_absolute_error, "rmse": sk.root_mean_squared_error}


@st.composite
def scored(draw):
    """Rows with scores, many of them tied; every group has both labels."""
    score = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0.001, 0.999))
    row = st.tuples(st.sampled_from("ab"), st.integers(0, 1), score, st.floats(0.1, 5))
    return [(g, y, draw(score), 1.0) for g in "ab" for y in (0, 1)] + draw(st.lists(row, max_size=60))


@settings(max_examples=25, deadline=None)
@given(scored(), st.booleans())
def test_score_metrics_agree_with_scikit_learn(rows, weighted):
    g, y, s, w = (np.array(column) for column in zip(*rows, strict=True))
    found = audit(
        pl.DataFrame({"g": g, "y": y, "s": s, "w": w}),
        label="y",
        score="s",
        sensitive="g",
        metrics=list(SCORED),
        weight="w" if weighted else None,
        replicates=200,
    )
    params = {name: {"sample_weight": w} for name in SCORED} if weighted else None
    frame = fl.MetricFrame(metrics=SCORED, y_true=y, y_pred=s, sensitive_features=g, sample_params=params)
    for name in SCORED:
        assert found.data["overall"][name]["value"] == pytest.approx(frame.overall[name], abs=1e-12, rel=1e-12)
        for group in "ab":
            assert value(found, group, name) == pytest.approx(frame.by_group[name][group], abs=1e-12, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(scored())
def test_auc_across_groups_agrees_with_scikit_learn(rows):
    g, y, s, _ = (np.array(column) for column in zip(*rows, strict=True))
    found = audit(
        pl.DataFrame({"g": g, "y": y, "s": s}),
        label="y",
        score="s",
        sensitive="g",
        metrics=["bpsn_auc", "bnsp_auc"],
        replicates=200,
    )
    for group in "ab":
        for name, inside in (("bpsn_auc", 0), ("bnsp_auc", 1)):
            rows = (g == group) == (y == inside)
            assert value(found, group, name) == pytest.approx(sk.roc_auc_score(y[rows], s[rows]), abs=1e-12)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0.1, 5)),
        min_size=4,
        max_size=60,
    ),
    st.booleans(),
)
def test_regression_agrees_with_scikit_learn(rows, weighted):
    g, y, p, w = (np.array(column) for column in zip(*rows, strict=True))
    found = audit(
        pl.DataFrame({"y": y, "p": p, "g": g, "w": w}),
        label="y",
        prediction="p",
        sensitive="g",
        task="regression",
        weight="w" if weighted else None,
        replicates=200,
    )
    params = {name: {"sample_weight": w} for name in NUMERIC} if weighted else None
    frame = fl.MetricFrame(metrics=NUMERIC, y_true=y, y_pred=p, sensitive_features=g, sample_params=params)
    for name in NUMERIC:
        assert found.data["overall"][name]["value"] == pytest.approx(frame.overall[name], rel=1e-12, abs=1e-12)
    bias = np.average(p - y, weights=w if weighted else None)
    assert found.data["overall"]["bias"]["value"] == pytest.approx(bias, abs=1e-10)


def test_a_column_of_fractions_is_a_regression():
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"y": rng.normal(50, 10, 90), "p": rng.normal(51, 12, 90), "g": ["a", "b", "b"] * 30})
    assert audit(frame, label="y", prediction="p", sensitive="g").data["question"]["task"] == "regression"


def table_of(frame, **settings):
    """The cells of a frame's rows, with the audit's own counting."""
    rows = take_roles(open_source(frame), Roles(("g",), "y", "s", None, None, None, None))
    return count(rows, "binary", [1], None, 0.5, set(), **settings)


@settings(max_examples=25, deadline=None)
@given(scored(), st.sampled_from([4, 16, 4096]))
def test_binning_bounds_auc_exactly(rows, bins):
    g, y, s, _ = (np.array(column) for column in zip(*rows, strict=True))
    frame = pl.DataFrame({"g": g, "y": y, "s": s})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "EXACT_ROWS", 1)
        patch.setattr(counts, "BINS", bins)
        binned, exact = table_of(frame), table_of(frame, exact=True)
    assert binned.binned
    assert not exact.binned
    for name, code in (("a", 0), ("b", 1)):
        lower, upper = (bound[code] for bound in auc_bounds(binned, binned.groups[:, 0], 2))
        own, bin_ = y[g == name], np.minimum((s[g == name] * bins).astype(int), bins - 1)
        wins = bin_[own == 1][:, None] - bin_[own == 0]  # the best and the worst order inside each bin
        assert lower == pytest.approx((wins > 0).mean(), abs=1e-12)
        assert upper == pytest.approx((wins >= 0).mean(), abs=1e-12)
        truth = sk.roc_auc_score(own, s[g == name])
        assert lower - 1e-12 <= truth <= upper + 1e-12
        assert auc_bounds(exact, exact.groups[:, 0], 2)[0][code] == pytest.approx(truth, abs=1e-12)
        assert auc_bounds(exact, exact.groups[:, 0], 2)[1][code] == pytest.approx(truth, abs=1e-12)


def test_groups_read_in_blocks_are_the_same(monkeypatch):
    """Where all groups do not fit in memory at once, a few at a time give the same numbers."""
    frame = simulated(300, 5, 1)
    ask = {"label": "y", "score": "s", "sensitive": "g", "replicates": 200}
    ask["metrics"] = ["auc", "average_precision", "calibration_error", "calibration_slope"]
    whole = audit(frame, **ask).data["attributes"][0]["groups"]
    monkeypatch.setattr("evenhand.auditing.counting.curves.MOST_CELLS", 500)
    for one, other in zip(audit(frame, **ask).data["attributes"][0]["groups"], whole, strict=True):
        for name, entry in one["metrics"].items():
            for end in ("value", "lower", "upper"):
                assert entry[end] == pytest.approx(other["metrics"][name][end], abs=1e-9)


@pytest.mark.parametrize(("k", "expected"), [(1, (0.9, 1)), (2, (0.5, 4)), (4, (0.5, 4)), (5, (0.1, 5))])
def test_the_top_rows_are_selected_with_their_ties(k, expected):
    frame = pl.DataFrame({"g": ["a"] * 5, "y": [0, 1, 0, 1, 1], "s": [0.5, 0.1, 0.5, 0.9, 0.5]})
    assert threshold_at(table_of(frame), k) == expected
    with pytest.raises(ValueError, match="fewer than 6"):
        threshold_at(table_of(frame), 6)


def test_multiclass_accuracy_confidence_and_their_gap():
    frame = pl.DataFrame(
        {
            "y": ["cat", "dog", "bird", "cat"] * 10,
            "p": ["cat", "dog", "cat", "dog"] * 10,
            "s": [0.9, 0.8, 0.7, 0.6] * 10,
            "g": ["m", "m", "n", "n"] * 10,
        }
    )
    found = audit(frame, label="y", prediction="p", score="s", sensitive="g")
    assert found.data["question"]["task"] == "multiclass"
    assert value(found, "m", "accuracy") == 1
    assert value(found, "n", "accuracy") == 0
    assert value(found, "n", "mean_confidence") == pytest.approx(0.65)
    assert value(found, "n", "confidence_gap") == pytest.approx(0.65)


def test_without_labels_selection_and_scores_are_audited():
    found = audit(simulated(), score="s", sensitive="g", threshold=0.4)
    assert found.data["question"]["task"] == "selection"
    frame = simulated()
    expected = (frame.filter(pl.col("g") == "a")["s"] >= 0.4).mean()
    assert value(found, "a", "selection_rate") == pytest.approx(expected, abs=1e-12)
    assert gaps(found, "selection_rate", "ratio")


def test_a_group_without_positives_has_no_true_positive_rate():
    """fairlearn gives it 0, and with it an equalised-odds difference of 1, for a model that makes no mistake."""
    rows = counted(a=(50, 0, 0, 50), b=(0, 0, 0, 40))
    g, y, d = (rows[c].to_numpy() for c in ("g", "y", "d"))
    assert fl.equalized_odds_difference(y, d, sensitive_features=g) == 1  # the fault that must not be ours
    found = audit(rows, label="y", prediction="d", sensitive="g", tolerance={"tpr": 0.05})
    entry = group_of(found, "b")["metrics"]["tpr"]
    assert entry["value"] is None
    assert entry["lower"] is None
    assert entry["denominator"] == 0
    assert "no positive labels" in entry["why"]
    assert not gaps(found, "tpr", "largest")
    assert found.verdict == "not enough evidence"


def test_a_plugins_rate_has_an_interval_like_any_other():
    metric = rate_metric("underdiagnosis", of="fn", among=("fn", "tp"), better="lower", says="sick and called healthy")
    found = audit(simulated(), label="y", score="s", sensitive="g", extra=[metric])
    mine, core = (group_of(found, "a")["metrics"][name] for name in ("underdiagnosis", "fnr"))
    assert mine == core
    about = next(m for m in found.data["metrics"] if m["name"] == "underdiagnosis")
    assert about["formula"] == "FN / (FN + TP)"
    assert about["better"] == "lower"


@pytest.mark.parametrize(("of", "among"), [("tq", ("tp", "fn")), ("fp", ("tp", "fn"))])
def test_a_rate_that_is_no_share_is_refused(of, among):
    with pytest.raises(ValueError, match="rate_metric 'x'"):
        rate_metric("x", of=of, among=among, better="lower")


def test_ratio_is_undefined_without_denominator_in_any_shape():
    found = ratio(np.array([[1.0, 0.0], [3.0, 0.0]]), np.array([2.0, 0.0]))
    assert found[:, 0].tolist() == [0.5, 1.5]
    assert np.isnan(found[:, 1]).all()
