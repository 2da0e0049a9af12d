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
from evenhand.reporting import render_audit

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


def decides(group, place):
    """Whether a group of ten rows still has both decisions: as many as at .5, or a tenth of those with the label."""
    positive, negative = group
    total = sum(positive) + sum(negative)

    def enough(at):
        selected, now = (sum(positive[i:]) + sum(negative[i:]) for i in (at, 2))
        sides = ((selected, now, sum(positive)), (total - selected, total - now, sum(negative)))
        return all(n >= min(before, labelled / 10) and (n > 0 or labelled == 0) for n, before, labelled in sides)

    return total < 10 or enough(place) or not any(enough(i) for i in range(len(EDGES)))


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
    best, reachable = -1.0, -1.0
    # windows lie on a grid, so a solution that needs the whole tolerance may be missed; never by more than its step
    shrunk = limit - 1 / 80
    for places in itertools.product(range(len(EDGES)), repeat=len(groups)):
        if not all(decides(group, place) for group, place in zip(groups, places, strict=True)):
            continue
        seen = [rates(group, place) for group, place in zip(groups, places, strict=True)]
        widest, right = max(gap([s[0] for s in seen]), gap([s[1] for s in seen])), sum(s[2] for s in seen) / total
        best = max(best, right) if widest <= limit + 1e-9 else best
        reachable = max(reachable, right) if widest <= shrunk else reachable
    several = found["per_group"]
    if several is None:
        assert reachable == -1.0
        assert found["single"] is None
        return
    assert all(decides(group, EDGES.index(t)) for group, t in zip(groups, several["thresholds"].values(), strict=True))
    assert several["within"]
    assert several["accuracy"] <= best + 1e-9
    assert several["accuracy"] >= reachable - 1e-9
    single = found["single"]
    if single is not None:
        assert single["within"]
        assert len(set(single["thresholds"].values())) == 1
        assert single["accuracy"] <= several["accuracy"] + 1e-9


def unequal(n=8000):
    """Scores that tell little, and too high ones for negatives of group b: rates are equal where nobody is selected."""
    rng = np.random.default_rng(1)
    y, group = (rng.random(n) < 0.3).astype(int), rng.choice(["a", "b"], n)
    score = 0.25 + 0.12 * y + 0.25 * (group == "b") * (1 - y) * rng.random(n) + rng.normal(0, 0.12, n)
    return pl.DataFrame({"y": y, "s": np.round(np.clip(score, 0, 1), 3), "g": group})


@pytest.mark.parametrize(
    "limits",
    [{"selection_rate": 0.01, "tpr": 0.01, "fpr": 0.01}, {"selection_rate": 0.02}, {"tpr": 0.02, "fpr": 0.02}],
)
def test_selecting_nobody_is_no_remedy(limits):
    frame = unequal()
    (found,) = evenhand.audit(frame, label="y", score="s", sensitive="g", tolerance=limits).data["mitigation"]
    assert found["alike"] == pytest.approx(1 - frame["y"].mean())
    for one in (found["single"], found["per_group"]):
        if one is not None:
            for group, part in frame.group_by("g"):
                threshold = one["thresholds"][group[0]]
                assert one["selected"][group[0]] == (part["s"] >= threshold).sum() >= 0.1 * part["y"].sum()
            wrong = one["accuracy"] <= found["alike"]
            assert not (wrong and one["useful"])


def test_what_is_no_better_than_one_decision_for_all_is_not_useful():
    """9 of 10 are positive: selecting 99 of 100 at random is right less often than selecting all."""
    bins = [18, 0, 0, 1782], [2, 0, 0, 198]
    (found,) = preview(histograms([bins, bins]), [BINARY["tpr"]], {"tpr": 0.1}, 0.5)
    assert found["now"]["within"]
    assert found["now"]["accuracy"] == pytest.approx(0.9 * 0.99 + 0.1 * 0.01)
    assert found["alike"] == pytest.approx(0.9)
    assert not found["now"]["useful"]
    better = [0, 0, 0, 1800], [100, 0, 0, 100]
    (found,) = preview(histograms([better, better]), [BINARY["tpr"]], {"tpr": 0.1}, 0.5)
    assert found["now"]["useful"]
    assert found["now"]["selected"] == {"g0": 1900, "g1": 1900}


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


# on rows that did not choose the thresholds


def held_out(frame, which, **more):
    ask = {"label": "y", "score": "s", "sensitive": "g", "tolerance": {"tpr": 0.02}, **more}
    return evenhand.audit(frame, **ask).data["mitigation"][0][which]["held_out"]


def test_what_is_audited_is_told_as_it_is():
    frame = shifted(1000)
    found = evenhand.audit(frame, label="y", score="s", sensitive="g", tolerance={"tpr": 0.02}).data
    told, now = found["mitigation"][0]["now"]["held_out"], found["mitigation"][0]["now"]
    assert told["gaps"]["tpr"]["value"] == pytest.approx(now["gaps"]["tpr"])
    assert told["accuracy"]["value"] == pytest.approx(now["accuracy"])
    assert told["changed"] == 0
    (gap_of,) = [g for g in found["attributes"][0]["gaps"] if g["kind"] == "largest" and g["metric"] == "tpr"]
    assert told["gaps"]["tpr"]["lower"] == pytest.approx(gap_of["lower"], abs=0.02)


def test_the_preview_shows_intervals_and_no_sign_of_a_verdict():
    found = evenhand.audit(shifted(1000), label="y", score="s", sensitive="g", tolerance={"tpr": 0.02}).data
    shown = render_audit(found).split('<h2 id="mitigation">')[1].split("</section>")[0]
    assert shown.count('class="ci"') >= 2 * 3  # of gap and accuracy: as audited, one for all, one for each group
    assert "no verdict" in shown
    assert not any(mark in shown for mark in ("✓", "✕", "Within tolerance", "Tolerance exceeded"))


@pytest.mark.parametrize("which", ["per_group", "fairlearn"])
def test_few_rows_keep_on_others_nothing_of_what_they_promise(which):
    """200 rows choose thresholds whose gap on themselves is nearly none; on others it is as large as ever."""
    if which == "fairlearn":
        pytest.importorskip("fairlearn")
    best, told, truth = [], [], []
    fresh = shifted(40_000)
    for seed in range(6):
        frame = shifted(40_000).sample(200, seed=seed)
        ask = {"label": "y", "score": "s", "sensitive": "g", "tolerance": {"tpr": 0.02}}
        way = "fairlearn" if which == "fairlearn" else "sweep"
        (found,) = evenhand.audit(frame, **ask, mitigation=way).data["mitigation"]
        best.append(found[which]["gaps"]["tpr"])
        told.append(found[which]["held_out"]["gaps"]["tpr"]["value"])
        if which == "per_group":
            rates = [
                (fresh.filter((pl.col("g") == g) & (pl.col("y") == 1))["s"] >= t).mean()
                for g, t in found[which]["thresholds"].items()
            ]
            truth.append(max(rates) - min(rates))
            assert found[which]["held_out"]["gaps"]["tpr"]["upper"] >= truth[-1] - 0.02
    assert np.mean(told) > np.mean(best) + 0.01
    if truth:
        assert np.mean(truth) > np.mean(best)


def test_rows_of_a_cluster_choose_together_and_weigh_less():
    frame = shifted(600)
    alone = held_out(frame, "per_group")["gaps"]["tpr"]
    repeated = pl.concat([frame.with_columns(c=pl.int_range(600))] * 4)
    together = held_out(repeated, "per_group", cluster="c")["gaps"]["tpr"]
    apart = held_out(repeated, "per_group")["gaps"]["tpr"]
    assert together["upper"] - together["lower"] == pytest.approx(alone["upper"] - alone["lower"], rel=0.35)
    assert apart["upper"] - apart["lower"] < 0.75 * (together["upper"] - together["lower"])


def test_weights_count_as_the_rows_that_they_are_worth():
    frame = shifted(800).with_columns(w=pl.when(pl.int_range(800) % 10 == 0).then(50.0).otherwise(1.0))
    weighted, plain = (held_out(frame, "now", **more)["accuracy"] for more in ({"weight": "w"}, {}))
    assert weighted["upper"] - weighted["lower"] > 2 * (plain["upper"] - plain["lower"])


def test_the_parts_are_drawn_by_the_seed():
    frame = shifted(300)
    assert held_out(frame, "per_group") == held_out(frame, "per_group")
    assert held_out(frame, "per_group") != held_out(frame, "per_group", seed=1)
