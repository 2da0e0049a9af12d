"""Calibration metrics: no error where there is none at any group size, the truth where there is one, and known
references."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from tables import group_of, simulated, value

from evenhand.auditing import audit, cost_metric
from evenhand.auditing.counting.curves import Curves
from evenhand.auditing.metrics.built_in import BINARY
from evenhand.auditing.metrics.costs_and_benefit import net_benefit_metric

LEVELS = (np.arange(200) + 0.5) / 200
ASK = {"label": "y", "score": "s", "sensitive": "g", "replicates": 200}


@pytest.fixture
def rng():
    return np.random.default_rng(20261124)


def curves(group, label, level, cluster=None):
    n = np.ones(len(group))
    return Curves(LEVELS, int(group.max()) + 1, group, level, label, n, n, n, cluster, False)


def drawn(rng, runs, size, chance=lambda s: s, repeat=1):
    """`runs` groups of `size` rows whose scores are spread evenly; P(positive | score) = chance(score)."""
    level = rng.integers(0, 200, (runs, size // repeat))
    label = (rng.random(level.shape) < chance(LEVELS[level])).astype(int)
    level, label = (np.repeat(a, repeat, axis=1).ravel() for a in (level, label))
    cluster = np.arange(runs * size) // repeat if repeat > 1 else None
    return curves(np.repeat(np.arange(runs), size), label, level, cluster)


def plain_error(found):
    """The usual plug-in of ten bins, whose expected value falls with the size of a group."""
    gap = [
        np.bincount(np.minimum((LEVELS[found.level] * 10).astype(int), 9) + 10 * found.group, v, 10 * found.size)
        for v in (LEVELS[found.level] - found.label, found.n)
    ]
    gap = [g.reshape(-1, 10) for g in gap]
    return (np.abs(gap[0]) / gap[1].sum(axis=1, keepdims=True)).sum(axis=1)


def test_a_calibrated_group_expects_no_error_whatever_its_size(rng):
    small, large = drawn(rng, 2000, 100), drawn(rng, 100, 5000)
    assert plain_error(small).mean() > 4 * plain_error(large).mean() > 0.02  # the fault that must not be ours
    read = BINARY["calibration_error"].curve
    assert read(small).value.mean() == pytest.approx(0, abs=4e-4)
    assert read(large).value.mean() == pytest.approx(0, abs=1e-4)


def test_the_calibration_error_is_unbiased_where_there_is_one(rng):
    found = BINARY["calibration_error"].curve(drawn(rng, 1000, 200, lambda s: np.clip(s - 0.1, 0, 1)))
    truth = np.mean(np.minimum(LEVELS, 0.1) ** 2)  # .1 off, less below .1
    assert found.value.mean() == pytest.approx(truth, abs=6e-4)


@pytest.mark.parametrize("repeat", [1, 5])
@pytest.mark.parametrize("off", [0.0, 0.1])
@pytest.mark.parametrize("size", [100, 1000])
def test_limits_of_the_calibration_error_hold(rng, size, off, repeat):
    found = BINARY["calibration_error"].curve(drawn(rng, 400, size, lambda s: np.clip(s - off, 0, 1), repeat))
    lower, upper = found.limits(np.full(400, 1.96))
    truth = np.mean(np.minimum(LEVELS, off) ** 2)
    assert np.mean((lower <= truth) & (truth <= upper)) >= 0.93


def test_the_calibration_gap_is_the_mean_of_score_minus_label():
    frame = simulated(300, 2, 3)
    found = audit(frame, **ASK, metrics=["calibration_gap"])
    for name in ("a", "b"):
        part = frame.filter(pl.col("g") == name)
        assert value(found, name, "calibration_gap") == pytest.approx((part["s"] - part["y"]).mean(), abs=1e-12)


def test_nobody_positive_does_not_prove_the_scores_too_high():
    frame = pl.DataFrame({"y": [0] * 40 + [0, 1], "s": [0.02] * 40 + [0.4, 0.6], "g": ["a"] * 40 + ["b"] * 2})
    entry = group_of(audit(frame, **ASK, metrics=["calibration_gap", "brier"]), "a")["metrics"]
    assert entry["calibration_gap"]["lower"] < 0 < entry["calibration_gap"]["value"]
    assert entry["brier"]["upper"] > 0.05


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_the_slope_is_that_of_a_logistic_regression(seed, weighted):
    frame = simulated(120, 2, seed)
    found = audit(frame, **ASK, metrics=["calibration_slope"], weight="w" if weighted else None)
    for name in ("a", "b"):
        y, s, w = (frame.filter(pl.col("g") == name)[c].to_numpy() for c in ("y", "s", "w"))
        s = np.clip(s, 1e-6, 1 - 1e-6)
        z = np.log(s / (1 - s))[:, None]
        fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(z, y, sample_weight=w if weighted else None)
        assert value(found, name, "calibration_slope") == pytest.approx(fit.coef_[0, 0], abs=1e-4)


@pytest.mark.parametrize("truth", [0.5, 1.0, 1.5])
def test_the_slope_finds_scores_that_are_too_sure_or_too_timid(rng, truth):
    chance = lambda s: 1 / (1 + np.exp(-truth * np.log(s / (1 - s))))  # noqa: E731
    assert BINARY["calibration_slope"].curve(drawn(rng, 20, 5000, chance)).value.mean() == pytest.approx(
        truth, abs=0.03
    )


@pytest.mark.parametrize(
    ("labels", "scores"), [([1] * 20, [0.5, 0.6] * 10), ([0, 1] * 10, [0.2, 0.8] * 10), ([0, 1] * 10, [0.5] * 20)]
)
def test_a_slope_that_does_not_exist_is_undefined(labels, scores):
    frame = pl.DataFrame({"y": [*labels, 0, 1, 0, 1], "s": [*scores, 0.3, 0.7, 0.6, 0.4], "g": ["a"] * 20 + ["b"] * 4})
    entry = group_of(audit(frame, **ASK, metrics=["calibration_slope"]), "a")["metrics"]["calibration_slope"]
    assert entry["value"] is None
    assert entry["why"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([(1, 1), (1, 5), (3, 0)]), st.sampled_from([0.2, 0.5, 0.8]))
def test_costs_and_benefit_by_hand(seed, cost, t):
    frame = simulated(60, 2, seed)
    metrics = [cost_metric(fp=cost[0], fn=cost[1], name="cost"), net_benefit_metric(t, "benefit")]
    found = audit(frame, **ASK, metrics=["tpr"], extra=metrics, threshold=t)
    for name in ("a", "b"):
        y, s = (frame.filter(pl.col("g") == name)[c].to_numpy() for c in ("y", "s"))
        d = s >= t
        fp, fn, tp = (np.mean(x) for x in (d & (y == 0), ~d & (y == 1), d & (y == 1)))
        assert value(found, name, "cost") == pytest.approx(cost[0] * fp + cost[1] * fn, abs=1e-12)
        assert value(found, name, "benefit") == pytest.approx(tp - fp * t / (1 - t), abs=1e-12)
        entry = group_of(found, name)["metrics"]["cost"]
        assert entry["lower"] <= entry["value"] <= entry["upper"]


@pytest.mark.parametrize("cost", [{"fp": -1}, {"fn": float("nan")}, {"fp": 0, "fn": 0}])
def test_a_cost_that_is_none_is_refused(cost):
    with pytest.raises(ValueError, match="cost_metric 'expected_cost'"):
        cost_metric(**cost)


def test_every_metric_says_what_it_is():
    for metric in BINARY.values():
        assert metric.formula
        assert metric.says
        assert metric.unit
        assert metric.source or metric.name == "mean_score"
        assert not metric.curve or metric.lacking
