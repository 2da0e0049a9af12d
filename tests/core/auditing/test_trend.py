"""Smooth trends: bands cover the truth, the test of no trend is honest, weights and clusters count."""

import numpy as np
import polars as pl
import pytest
from tables import simulated

from evenhand.auditing import audit
from evenhand.statistics.intervals import critical
from evenhand.statistics.smoothing import (
    BinSums,
    _chi_square_tail,
    _derivatives,
    _newton,
    _roughness,
    fit,
    flat_p_value,
    positions,
)

AGES = np.linspace(18, 90, 50)
AT = positions(AGES)
LINE = 1 / (1 + np.exp((55 - AGES) / 20))
BUMP = 0.15 + 0.5 * np.exp(-(((AGES - 50) / 14) ** 2))
FLAT = np.full(50, 0.2)


def drawn(curve, rng, rows=1500, weights=False, clusters=0):
    """Binned sums of rows whose chance of a hit is `curve`; of clusters all rows share one ageband and one mood."""
    if clusters:
        cluster = np.repeat(np.arange(clusters), rows // clusters)
        place = np.clip(rng.integers(0, 50, clusters)[cluster] + rng.integers(-2, 3, len(cluster)), 0, 49)
        mood = rng.random(clusters)[cluster]
        hit = np.where(rng.random(len(cluster)) < 0.3, mood, rng.random(len(cluster))) < curve[place]
        hits, among = np.zeros((clusters, 50)), np.zeros((clusters, 50))
        np.add.at(hits, (cluster, place), hit)
        np.add.at(among, (cluster, place), 1.0)
        return BinSums(hits.sum(axis=0), among.sum(axis=0), hits.T @ hits, hits.T @ among, among.T @ among)
    place = rng.integers(0, 50, rows)
    hit = rng.random(rows) < curve[place]
    w = rng.gamma(1.0, 1.0, rows) if weights else np.ones(rows)
    a, b, c, d = (np.bincount(place, v, 50) for v in (w * hit, w, w * w * hit, w * w))
    return BinSums(a, b, np.diag(c), np.diag(c), np.diag(d))


SETTINGS = [{}, {"weights": True}, {"clusters": 300}]


@pytest.mark.parametrize("how", SETTINGS, ids=["rows", "weights", "clusters"])
@pytest.mark.parametrize("curve", [LINE, BUMP, FLAT], ids=["line", "bump", "flat"])
def test_the_band_covers_a_known_curve(curve, how):
    """Of 95 % nominal; a bend is never covered everywhere alike, so the mean along the curve is held to it."""
    rng = np.random.default_rng(1)
    truth, inside = np.log(curve / (1 - curve)), []
    for _ in range(40):
        found = fit(AT, drawn(curve, rng, **how), share=True)
        error = np.sqrt(np.diag(found.covariance))
        inside.append(np.abs(found.height - truth) <= critical(0.95) * error)
    assert np.mean(inside) > 0.90


@pytest.mark.parametrize("how", SETTINGS, ids=["rows", "weights", "clusters"])
def test_no_trend_is_called_a_trend_as_rarely_as_it_says(how):
    rng = np.random.default_rng(2)
    p = np.array([flat_p_value(AT, drawn(FLAT, rng, **how)) for _ in range(500)])
    assert 0.02 < np.mean(p < 0.05) < 0.08
    assert 0.42 < np.mean(p < 0.5) < 0.58


@pytest.mark.parametrize("curve", [LINE, BUMP], ids=["line", "bump"])
def test_a_trend_is_found(curve):
    rng = np.random.default_rng(3)
    assert max(flat_p_value(AT, drawn(curve, rng)) for _ in range(20)) < 0.001


def test_the_spline_is_the_natural_cubic_smoothing_spline():
    interpolate = pytest.importorskip("scipy.interpolate", reason="SciPy is not installed")
    rng = np.random.default_rng(4)
    values, weight = rng.normal(size=50), rng.gamma(3.0, 1.0, 50)
    sums = BinSums(values * weight, weight, np.eye(50), np.eye(50), np.eye(50))
    for penalty in (1e-6, 1e-3, 1.0):
        ours, _ = _newton(np.zeros(50), sums, penalty * _roughness(AT), False, 1.0)
        reference = interpolate.make_smoothing_spline(AT, values, weight, lam=penalty)(AT)
        np.testing.assert_allclose(ours, reference, atol=1e-6)


def test_the_logistic_fit_is_where_the_penalised_likelihood_is_level():
    sums = drawn(BUMP, np.random.default_rng(5))
    stiff = 1e-3 * _roughness(AT)
    height, _ = _newton(np.zeros(50), sums, stiff, True, 1.0)
    assert np.abs(_derivatives(height, sums, stiff, True, 1.0)[0]).max() < 1e-2


def test_the_tail_of_chi_square_is_right():
    stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")
    for freedom in (1, 2, 3):
        for x in (0.0, 0.3, 4.0, 30.0, 200.0):
            assert _chi_square_tail(x, freedom) == pytest.approx(stats.chi2.sf(x, freedom), rel=1e-9)


def test_weights_matter_by_their_ratios_only():
    sums = drawn(BUMP, np.random.default_rng(6), weights=True)
    heavy = BinSums(
        10 * sums.hits, 10 * sums.among, 100 * sums.hits_hits, 100 * sums.hits_among, 100 * sums.among_among
    )
    one, other = fit(AT, sums, True), fit(AT, heavy, True)
    np.testing.assert_allclose(one.height, other.height, atol=1e-6)
    np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-6)
    assert flat_p_value(AT, sums) == pytest.approx(flat_p_value(AT, heavy))


def people(rows=3000, seed=0):
    """Ages, and labels and scores that follow them."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    label = (rng.random(rows) < 1 / (1 + np.exp((55 - age) / 20))).astype(int)
    score = np.round(0.25 * label + 0.75 * rng.random(rows), 3)
    return pl.DataFrame(
        {"y": label, "s": score, "age": age, "row": np.arange(rows), "sex": rng.choice(["f", "m"], rows)}
    )


def trend_of(frame, attribute=0, **ask):
    """The trend block of one attribute."""
    found = audit(frame, **{"label": "y", "score": "s", "sensitive": "age", "replicates": 400, **ask})
    return found.data["attributes"][attribute]["trend"]


def test_a_journey_from_ages_to_curves():
    trend = trend_of(people())
    assert trend["column"] == "age"
    assert len(trend["points"]) == 64
    assert trend["points"] == sorted(trend["points"])
    curve = trend["metrics"]["base_rate"]
    truth = 1 / (1 + np.exp((55 - np.array(trend["points"])) / 20))
    assert np.abs(np.array(curve["value"]) - truth).max() < 0.08
    assert ((np.array(curve["lower_simultaneous"]) <= truth) & (truth <= np.array(curve["upper_simultaneous"]))).all()
    for inner, outer in (("lower", "lower_simultaneous"), ("value", "lower"), ("upper", "value")):
        assert (np.array(curve[inner]) >= np.array(curve[outer])).all()
    assert curve["p_adjusted"] < 0.001
    assert "moves along age" in curve["says"]
    assert "can be told from chance" in trend["metrics"]["tpr"]["says"]
    assert "auc" not in trend["metrics"]


def test_only_binned_columns_have_trends():
    found = audit(people(500), label="y", score="s", sensitive=["sex", "age"], intersections=2, replicates=200)
    assert [part["trend"] is None for part in found.data["attributes"]] == [True, False, True]


def test_the_coarse_bins_do_not_touch_the_trend():
    frame = people(800)
    assert trend_of(frame, bins={"age": 2}) == trend_of(frame, bins={"age": [30, 50, 65]})


def test_every_row_twice_in_clusters_is_every_row_once():
    frame = people(1500)
    once = trend_of(frame, metrics="selection_rate", cluster="row")["metrics"]["selection_rate"]
    twice = trend_of(pl.concat([frame, frame]), metrics="selection_rate", cluster="row")["metrics"]["selection_rate"]
    alone = trend_of(frame, metrics="selection_rate")["metrics"]["selection_rate"]
    for name in ("value", "lower", "upper"):
        np.testing.assert_allclose(once[name], twice[name], atol=0.002)
        np.testing.assert_allclose(once[name], alone[name], atol=0.002)


def test_means_have_trends_too():
    rng = np.random.default_rng(0)
    age = rng.uniform(20, 80, 2000)
    frame = pl.DataFrame({"age": age, "y": rng.normal(0, 1, 2000), "p": np.sin(age / 10)})
    frame = frame.with_columns(p=pl.col("p") + pl.col("y") + rng.normal(0, 0.3, 2000))
    trend = trend_of(frame, score=None, prediction="p", task="regression")
    curve, points = trend["metrics"]["bias"], np.array(trend["points"])
    assert np.abs(np.array(curve["value"]) - np.sin(points / 10)).max() < 0.15
    inside = (np.array(curve["lower"]) <= np.sin(points / 10)) & (np.sin(points / 10) <= np.array(curve["upper"]))
    assert inside.mean() > 0.8
    assert curve["p_value"] < 1e-6
    assert "rmse" not in trend["metrics"]


def test_a_decision_that_age_alone_makes_keeps_the_curve_finite():
    frame = people().with_columns(s=pl.when(pl.col("age") >= 50).then(0.9).otherwise(0.1))
    curve = trend_of(frame)["metrics"]["selection_rate"]
    assert all(0 <= low <= high <= 1 for low, high in zip(curve["lower"], curve["upper"], strict=True))
    assert curve["value"][0] < 0.05 < 0.95 < curve["value"][-1]


def test_what_too_few_rows_tell_is_left_out_with_the_reason():
    frame = people(300).with_columns(s=pl.when(pl.int_range(300) < 3).then(0.9).otherwise(0.1))
    trend = trend_of(frame)
    assert "selection_rate" not in trend["metrics"]
    assert "fewer than 5 rows" in trend["undrawn"]["selection_rate"]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_rows_are_a_curve_is_finite_or_left_out(seed):
    """Few rows, few clusters, weights of 0, scores that are all alike, labels that are missing or follow from age."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(8, 200))
    age = rng.integers(0, int(rng.integers(5, 200)), rows).astype(float) ** rng.integers(1, 8)
    score = [np.full(rows, 0.7), (age > np.median(age)).astype(float), rng.random(rows)][seed % 3]
    label = np.where(rng.random(rows) < 0.2, None, rng.integers(0, 2, rows) if seed % 2 else (age > np.median(age)) * 1)
    frame = pl.DataFrame(
        {
            "age": age,
            "s": score,
            "y": label.tolist(),
            "w": rng.integers(0, 3, rows) + (np.arange(rows) == 0),
            "c": rng.integers(0, int(rng.integers(1, 9)), rows),
        }
    )
    ask = {"weight": "w"} if seed % 4 < 2 else {}
    ask |= {"cluster": "c"} if seed % 5 < 3 else {}
    trend = trend_of(frame, bins={"age": 2}, task="binary", **ask)
    for curve in trend["metrics"].values() if trend else ():
        for low, value, high in zip(curve["lower"], curve["value"], curve["upper"], strict=True):
            assert 0 <= low <= value <= high <= 1
        assert 0 <= curve["p_value"] <= 1


def test_three_values_make_no_curve():
    frame = simulated(300).with_columns(age=20 + pl.int_range(300) % 3)
    assert trend_of(frame, bins={"age": [21]}) is None
