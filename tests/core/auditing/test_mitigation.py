"""The mitigation preview: it finds what a search over every threshold finds, and promises nothing that does not
hold."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import evenhand
from evenhand.auditing.metrics.built_in import BINARY
from evenhand.auditing.remedies.preview import preview

EDGES = [0.0, 0.25, 0.5, 0.75, 1.0]
BINS = st.lists(st.integers(0, 12), min_size=4, max_size=4)


def histograms(groups):
    return {
        "edges": EDGES,
        "attributes": {
            "g": {
                f"g{i}": {"positive": positive, "negative": negative} for i, (positive, negative) in enumerate(groups)
            }
        },
    }


def rates(group, place):
    """(tpr, fpr, right decisions) of a group at an edge, counted the plain way."""
    positive, negative = group
    tp, fp = sum(positive[place:]), sum(negative[place:])
    tpr = tp / sum(positive) if sum(positive) else np.nan
    fpr = fp / sum(negative) if sum(negative) else np.nan
    return tpr, fpr, tp + sum(negative) - fp


def gap(values):
    known = [v for v in values if not np.isnan(v)]
    return max(known) - min(known) if len(known) >= 2 else 0.0


@settings(max_examples=80, deadline=None)
@example([([0, 2, 12, 3], [0, 5, 12, 0]), ([0, 7, 12, 3], [0, 5, 12, 0])], 0.05)  # one for all beats the windows' grid
@example([([0, 0, 12, 3], [0, 3, 12, 0]), ([0, 5, 12, 3], [0, 3, 12, 0])], 0.05)  # a gap of the tolerance, rounded
@given(st.lists(st.tuples(BINS, BINS), min_size=2, max_size=3), st.sampled_from([0.05, 0.2, 0.5]))
def test_it_finds_the_best_thresholds_that_a_full_search_finds(groups, limit):
    if sum(sum(p) + sum(n) for p, n in groups) == 0:
        return
    metrics = [BINARY["tpr"], BINARY["fpr"]]
    (found,) = preview(histograms(groups), metrics, {"tpr": limit, "fpr": limit}, 0.5)
    total = sum(sum(p) + sum(n) for p, n in groups)
    best = -1.0
    for places in itertools.product(range(len(EDGES)), repeat=len(groups)):
        seen = [rates(group, place) for group, place in zip(groups, places, strict=True)]
        if gap([s[0] for s in seen]) <= limit + 1e-9 and gap([s[1] for s in seen]) <= limit + 1e-9:
            best = max(best, sum(s[2] for s in seen) / total)
    several = found["per_group"]
    assert several["within"]  # selecting nobody always is
    assert several["accuracy"] <= best + 1e-9
    # windows lie on a grid, so a solution that needs the whole tolerance may be missed; never by more than its step
    shrunk = limit - 1 / 80
    reachable = -1.0
    for places in itertools.product(range(len(EDGES)), repeat=len(groups)):
        seen = [rates(group, place) for group, place in zip(groups, places, strict=True)]
        if gap([s[0] for s in seen]) <= shrunk and gap([s[1] for s in seen]) <= shrunk:
            reachable = max(reachable, sum(s[2] for s in seen) / total)
    assert several["accuracy"] >= reachable - 1e-9
    single = found["single"]
    if single is not None:
        assert single["within"]
        assert len(set(single["thresholds"].values())) == 1
        assert single["accuracy"] <= several["accuracy"] + 1e-9


def shifted(n=4000):
    """Scores of group b lie lower by 0.15: one threshold misses its positives, two do not."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    group = rng.choice(["a", "b"], n)
    score = np.clip(0.35 + 0.3 * y - 0.15 * (group == "b") + rng.normal(0, 0.12, n), 0, 1)
    return pl.DataFrame({"y": y, "s": np.round(score, 3), "g": group})


def test_a_shift_between_groups_is_mended_by_a_threshold_of_each():
    audit = evenhand.audit(shifted(), label="y", score="s", sensitive="g", tolerance={"tpr": 0.05})
    (found,) = audit.data["mitigation"]
    assert found["now"]["gaps"]["tpr"] > 0.3
    assert found["per_group"]["gaps"]["tpr"] <= 0.05
    assert found["per_group"]["accuracy"] > found["now"]["accuracy"]
    thresholds = found["per_group"]["thresholds"]
    assert thresholds["a"] - thresholds["b"] == pytest.approx(0.15, abs=0.05)
    assert 0 < found["per_group"]["changed"] < 0.3


@pytest.mark.parametrize(
    ("limits", "exact"), [({"tpr": 0.02}, 0.02), ({"selection_rate": 0.05}, 0.05), ({"tpr": 0.1, "fpr": 0.1}, 0.0)]
)
def test_fairlearns_thresholds_are_previewed_beside_ours(limits, exact):
    pytest.importorskip("fairlearn")
    audit = evenhand.audit(shifted(), label="y", score="s", sensitive="g", tolerance=limits, mitigation="fairlearn")
    (found,) = audit.data["mitigation"]
    theirs, ours = found["fairlearn"], found["per_group"]
    assert max(theirs["gaps"].values()) <= exact + 0.01
    assert theirs["accuracy"] == pytest.approx(ours["accuracy"], abs=0.015)
    assert set(theirs["rules"]) == {"a", "b"}
    assert theirs["changed"] > 0


def test_it_agrees_with_fairlearns_own_predictions():
    """The chances that are read from fairlearn's rules are those by which it decides."""
    postprocessing = pytest.importorskip("fairlearn.postprocessing")
    base = pytest.importorskip("sklearn.base")

    class Score(base.ClassifierMixin, base.BaseEstimator):
        def fit(self, x, y):
            self.classes_ = np.array([0, 1])
            return self

        def predict_proba(self, x):
            return np.column_stack([1 - x[:, 0], x[:, 0]])

    frame = shifted()
    x, y, group = frame["s"].to_numpy()[:, None], frame["y"].to_numpy(), frame["g"].to_numpy()
    x = np.floor(x * 100 + 1e-9) / 100  # the bins that the preview sees
    mender = postprocessing.ThresholdOptimizer(
        estimator=Score().fit(x, y),
        constraints="true_positive_rate_parity",
        objective="accuracy_score",
        predict_method="predict_proba",
        prefit=True,
        tol=0.02,
    ).fit(x, y, sensitive_features=group)
    said = np.mean([mender.predict(x, sensitive_features=group, random_state=i) == y for i in range(20)])
    audit = evenhand.audit(frame, label="y", score="s", sensitive="g", tolerance={"tpr": 0.02}, mitigation="fairlearn")
    assert audit.data["mitigation"][0]["fairlearn"]["accuracy"] == pytest.approx(said, abs=0.002)


def test_where_fairlearn_has_no_answer_there_is_none():
    pytest.importorskip("fairlearn")
    one = shifted(400).with_columns(y=pl.when(pl.col("g") == "a").then(1).otherwise(pl.col("y")))
    for frame, limits in ((one, {"tpr": 0.1}), (shifted(400), {"ppv": 0.1})):
        audit = evenhand.audit(frame, label="y", score="s", sensitive="g", tolerance=limits, mitigation="fairlearn")
        assert all(found["fairlearn"] is None for found in audit.data["mitigation"])
    with pytest.raises(evenhand.BadInput, match="--mitigation"):
        evenhand.audit(one, label="y", score="s", sensitive="g", mitigation="magic")


def test_without_scores_or_tolerances_there_is_nothing_to_preview():
    frame = shifted(200)
    assert evenhand.audit(frame, label="y", score="s", sensitive="g").data["mitigation"] == []
    hard = frame.with_columns(p=(pl.col("s") > 0.5).cast(pl.Int8))
    assert (
        evenhand.audit(hard, label="y", prediction="p", sensitive="g", tolerance={"tpr": 0.1}).data["mitigation"] == []
    )
