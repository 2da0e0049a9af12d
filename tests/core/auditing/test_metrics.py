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
from evenhand.auditing.metrics import ratio

REFERENCE = {
    "selection_rate": fl.selection_rate,
    "tpr": fl.true_positive_rate,
    "fpr": fl.false_positive_rate,
    "tnr": fl.true_negative_rate,
    "fnr": fl.false_negative_rate,
    "ppv": sk.precision_score,
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
        pl.DataFrame({"g": g, "y": y, "d": d, "w": w}), label="y", prediction="d", sensitive="g",
        weight="w" if weighted else None, metrics=list(REFERENCE), replicates=200,
    )  # fmt: skip
    params = {name: {"sample_weight": w} for name in REFERENCE} if weighted else None
    frame = fl.MetricFrame(metrics=REFERENCE, y_true=y, y_pred=d, sensitive_features=g, sample_params=params)
    for name in REFERENCE:
        assert found.data["overall"][name]["value"] == pytest.approx(frame.overall[name], abs=1e-12)
        for group in np.unique(g):
            assert value(found, str(group), name) == pytest.approx(frame.by_group[name][group], abs=1e-12)
        if len(np.unique(g)) > 1:
            assert gaps(found, name, "largest")[0]["value"] == pytest.approx(frame.difference()[name], abs=1e-12)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_score_metrics_agree_with_scikit_learn(seed, weighted):
    frame = simulated(80, 2, seed)
    found = audit(frame, label="y", score="s", sensitive="g", metrics=["auc", "brier", "log_loss"],
                  weight="w" if weighted else None, replicates=200)  # fmt: skip
    for group in ("a", "b"):
        part = frame.filter(pl.col("g") == group)
        y, s, w = (part[c].to_numpy() for c in ("y", "s", "w"))
        w = w if weighted else None
        assert value(found, group, "auc") == pytest.approx(sk.roc_auc_score(y, s, sample_weight=w), abs=1e-12)
        assert value(found, group, "brier") == pytest.approx(sk.brier_score_loss(y, s, sample_weight=w), abs=1e-12)
        assert value(found, group, "log_loss") == pytest.approx(sk.log_loss(y, s, sample_weight=w), abs=1e-12)


def test_regression_agrees_with_scikit_learn():
    rng = np.random.default_rng(1)
    y, p = rng.normal(50, 10, 300), rng.normal(51, 12, 300)
    frame = pl.DataFrame({"y": y, "p": p, "g": ["a", "b", "b"] * 100})
    found = audit(frame, label="y", prediction="p", sensitive="g")
    assert found.data["question"]["task"] == "regression"
    everyone = found.data["overall"]
    assert everyone["mae"]["value"] == pytest.approx(sk.mean_absolute_error(y, p), rel=1e-12)
    assert everyone["rmse"]["value"] == pytest.approx(sk.root_mean_squared_error(y, p), rel=1e-12)
    assert everyone["bias"]["value"] == pytest.approx((p - y).mean(), rel=1e-9)


def test_multiclass_accuracy_confidence_and_their_gap():
    frame = pl.DataFrame({
        "y": ["cat", "dog", "bird", "cat"] * 10, "p": ["cat", "dog", "cat", "dog"] * 10,
        "s": [0.9, 0.8, 0.7, 0.6] * 10, "g": ["m", "m", "n", "n"] * 10,
    })  # fmt: skip
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
