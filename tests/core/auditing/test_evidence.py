"""Verdicts follow the evidence: no crying wolf, no silence about a real gap, wider intervals where rows hang
together."""

import numpy as np
import polars as pl
import pytest
from tables import counted, gaps, group_of, simulated

from evenhand.auditing import audit
from evenhand.auditing.counting.aggregation import count
from evenhand.auditing.counting.projection import project
from evenhand.auditing.evidence.bands import draw_maxima, joint_critical
from evenhand.auditing.evidence.estimation import estimate
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.evidence.heterogeneity import spread
from evenhand.auditing.metrics.built_in import BINARY
from evenhand.auditing.table.checks import take_roles
from evenhand.auditing.table.rows import Roles
from evenhand.auditing.table.source import open_source
from evenhand.statistics.intervals import critical, difference

BY = {"label": "y", "prediction": "d", "sensitive": "g"}
RARE = (0.02, 0.98)


@pytest.fixture
def rng():
    return np.random.default_rng(20261123)


def estimates(hits, size):
    shape = hits.shape
    full = np.broadcast_to(np.asarray(size, dtype=float), shape)
    return GroupEstimates(hits / size, np.zeros(shape), full, np.full(shape, np.inf), full, True)


@pytest.mark.parametrize(("groups", "size"), [(2, 300), (10, 100), (30, 300)])
def test_the_largest_gap_of_equal_groups_seldom_seems_real(rng, groups, size):
    """A percentile bootstrap says so nearly always; 5 % are allowed, and three standard errors of 600 simulations."""
    alarms = 0
    for i in range(600):
        found = estimates(rng.binomial(size, 0.4, groups), size)
        if i % 100 == 0:
            c = joint_critical([draw_maxima(found, found.rows, 2000, (i,)).comparisons], 0.95)
        lower, upper = found.limits(c)
        pairs = difference(found.value[:, None], (lower[:, None], upper[:, None]), found.value, (lower, upper))[0]
        alarms += pairs.max() > 1e-12
    assert alarms / 600 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)


@pytest.mark.parametrize(
    ("sizes", "rate", "metrics"),
    [((5_000, *[20] * 11), 0.02, 3), ((5_000, *[50] * 11), 0.01, 3), ((5_000, *[20] * 29), 0.02, 1)],
)
@pytest.mark.parametrize("turned", [False, True])
def test_small_groups_beside_a_large_one_seldom_seem_to_differ(rng, sizes, rate, metrics, turned):
    """Score intervals so far out say so in 19 to 26 % of audits; 5 % are allowed, and three standard errors of 400."""
    sizes, rate, alarms = np.array(sizes), 1 - rate if turned else rate, 0
    for i in range(400):
        alike = [estimates(row, sizes) for row in rng.binomial(sizes, rate, (metrics, len(sizes)))]
        if i % 50 == 0:
            drawn = [draw_maxima(found, found.rows, 2000, (i, k)).comparisons for k, found in enumerate(alike)]
            c = joint_critical(drawn, 0.95)
        for found in alike:
            lower, upper = found.limits(c)
            pairs = difference(found.value[:, None], (lower[:, None], upper[:, None]), found.value, (lower, upper))[0]
            if pairs.max() > 1e-12:
                alarms += 1
                break
    assert alarms / 400 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.parametrize("size", [5, 8, 9, 12, 13])
@pytest.mark.parametrize("rate", [0.5, 0.3])
def test_two_tiny_groups_seldom_seem_to_differ(size, rate):
    """Every outcome with its chance: of 2 × 8 at one half, the score interval at 1.96 is wrong in 7.7 % (of 2 × 5,
    6.1)."""
    stats = pytest.importorskip("scipy.stats")
    found = estimates(np.arange(size + 1.0), size)
    c = joint_critical([np.zeros(2000)], 0.95)  # as if draws found less than two groups have
    lower, upper = found.limits(c)
    pairs = difference(found.value[:, None], (lower[:, None], upper[:, None]), found.value, (lower, upper))
    chance = np.outer(*[stats.binom.pmf(np.arange(size + 1), size, rate)] * 2)
    assert chance[(pairs[0] > 1e-12) | (pairs[1] < -1e-12)].sum() <= 0.05


@pytest.mark.parametrize(("size", "rate"), [(10, 0.5), (30, 0.1), (100, 0.01), (1000, 0.5), (1000, 0.01)])
def test_intervals_of_a_share_hold_as_often_as_they_say(rng, size, rate):
    lower, upper = estimates(rng.binomial(size, rate, 20_000), size).limits(critical(0.95))
    assert np.mean((lower <= rate) & (rate <= upper)) >= 0.93


def test_two_groups_have_the_pointwise_critical_value(rng):
    found = estimates(np.array([40, 50]), 100)
    assert joint_critical([draw_maxima(found, found.rows, 20_000, (1,)).comparisons], 0.95) == pytest.approx(
        1.96, abs=0.05
    )


def test_many_groups_have_tukeys(rng):
    """The 95 % point of the studentised range of 10 groups is 4.474 (infinite degrees of freedom), divided by √2."""
    found = estimates(np.full(10, 50), 100)
    assert joint_critical([draw_maxima(found, found.rows, 20_000, (1,)).comparisons], 0.95) == pytest.approx(
        3.164, abs=0.06
    )


@pytest.mark.parametrize(
    ("a", "b", "says", "code", "strict"),
    [
        ((4000, 1000, 1000, 4000), (4000, 1000, 1000, 4000), "within", 0, 0),
        ((4500, 1000, 500, 4000), (3000, 1000, 2000, 4000), "exceeded", 1, 1),
        ((8, 2, 2, 8), (7, 2, 3, 8), "not enough evidence", 0, 3),
    ],
)
def test_a_verdict_has_three_values(a, b, says, code, strict):
    found = audit(counted(a=a, b=b), **BY, tolerance={"tpr": 0.05})
    assert found.verdict == says
    assert (found.exit_code(), found.exit_code(strict=True)) == (code, strict)
    assert found.data["verdicts"][0]["rows_needed"] is None or says == "not enough evidence"


def test_without_a_tolerance_nothing_is_judged():
    found = audit(simulated(), label="y", score="s", sensitive="g")
    assert found.verdict is None
    assert found.exit_code(strict=True) == 0


def test_a_group_without_a_number_keeps_the_whole_from_being_within():
    found = audit(
        counted(a=(4000, 10, 1000, 10), b=(4000, 10, 1000, 10), c=(0, 0, 0, 50)), **BY, tolerance={"tpr": 0.1}
    )
    assert found.verdict == "not enough evidence"


def test_no_event_does_not_mean_no_doubt():
    found = audit(counted(a=(0, 0, 20, 50), b=(0, 0, 20, 50)), **BY, tolerance={"tpr": 0.05})
    assert group_of(found, "a")["metrics"]["tpr"]["upper"] > 0.1
    assert gaps(found, "tpr", "difference")[0]["upper"] > 0.1
    assert found.verdict == "not enough evidence"


def test_rows_repeated_within_clusters_are_no_new_evidence():
    once = simulated(200, 2, 3, patient=list(range(200)))
    tenfold = pl.concat([once] * 10)
    names = ["tpr", "auc", "brier", "f1", "average_precision", "calibration_gap", "calibration_slope", "expected_cost"]
    ask = {"label": "y", "score": "s", "sensitive": "g", "cluster": "patient", "metrics": names}
    found = [audit(frame, **ask) for frame in (once, tenfold)]
    for metric in names:
        plain, many = (group_of(one, "a")["metrics"][metric] for one in found)
        assert many["value"] == pytest.approx(plain["value"], abs=1e-9)
        assert many["upper"] - many["lower"] == pytest.approx(plain["upper"] - plain["lower"], rel=0.1)


def test_clusters_that_hang_together_widen_intervals(rng):
    sick = np.repeat(rng.random(100) < 0.5, 10)
    frame = pl.DataFrame({"y": [1] * 1000, "d": sick.astype(int), "g": ["a", "b"] * 500, "p": np.arange(1000) // 10})
    apart, together = audit(frame, **BY, metrics=["tpr"]), audit(frame, **BY, metrics=["tpr"], cluster="p")
    width = [e["upper"] - e["lower"] for e in (group_of(a, "a")["metrics"]["tpr"] for a in (apart, together))]
    assert width[1] > 1.8 * width[0]
    # the same patients are in both groups, so the gap between the groups is known far better than each of them
    gap = gaps(together, "tpr", "difference")[0]
    assert gap["upper"] - gap["lower"] < width[1]


def test_everything_asked_at_once_is_wider_than_one_thing_alone():
    for group in audit(simulated(400, 4), label="y", score="s", sensitive="g").data["attributes"][0]["groups"]:
        for entry in group["metrics"].values():
            assert (
                entry["lower_simultaneous"]
                <= entry["lower"]
                <= entry["value"]
                <= entry["upper"]
                <= entry["upper_simultaneous"]
            )


def test_adjusted_p_values_are_never_smaller():
    for gap in audit(simulated(400, 4), label="y", score="s", sensitive="g").data["attributes"][0]["gaps"]:
        if gap["p_value"] is not None:
            assert 0 <= gap["p_value"] <= gap["p_adjusted"] + 1e-9
            assert gap["p_adjusted"] <= 1


def test_p_values_agree_with_intervals():
    for gap in audit(simulated(400, 4), label="y", score="s", sensitive="g").data["attributes"][0]["gaps"]:
        if gap["kind"] in ("difference", "rest"):
            assert (gap["p_value"] < 0.05) == (gap["lower"] > 0 or gap["upper"] < 0)


def test_auc_has_delongs_variance():
    frame = simulated(120, 1, 2)
    entry = group_of(audit(frame, label="y", score="s", sensitive="g"), "a")["metrics"]["auc"]
    yes, no = (frame.filter(pl.col("y") == v)["s"].to_numpy() for v in (1, 0))
    wins = (yes[:, None] > no) + 0.5 * (yes[:, None] == no)
    variance = wins.mean(1).var(ddof=1) / len(yes) + wins.mean(0).var(ddof=1) / len(no)
    assert entry["value"] == pytest.approx(wins.mean())
    assert entry["upper"] - entry["lower"] == pytest.approx(2 * critical(0.95) * np.sqrt(variance), rel=0.1)


def test_an_audit_reads_as_text():
    text = str(audit(counted(a=(40, 10, 10, 40), b=(0, 0, 0, 1)), **BY, tolerance={"tpr": 0.1}))
    assert "undefined" in text
    assert "NOT ENOUGH EVIDENCE" in text
    assert "nan" not in text.lower()


@pytest.mark.parametrize("cluster", [None, "patient"])
@pytest.mark.parametrize("name", BINARY)
def test_of_two_groups_each_is_the_rest_of_the_other(name, cluster):
    frame = simulated(240, 2, 5, patient=[i // 3 for i in range(240)])
    rows = take_roles(open_source(frame), Roles(("g",), "y", "s", None, cluster, "w"))
    table = count(rows, "binary", [1], None, 0.5, {m.mean_of for m in BINARY.values() if m.mean_of})
    groups = project(table, table.groups[:, 0], 2)
    own, rest = (estimate(BINARY[name], g) for g in (groups, groups.rest()))
    for one, other in ((own.value, rest.value), *zip(own.limits(1.96), rest.limits(1.96), strict=True)):
        assert one == pytest.approx(other[::-1], rel=1e-9)


@pytest.mark.parametrize("name", ["auc", "bnsp_auc", "bpsn_auc", "average_precision", "calibration_error", "brier"])
def test_groups_with_a_few_positive_rows_seldom_seem_to_differ(rng, name):
    """Their variance is small by luck now and then; 5 % are allowed, and three standard errors of 150 simulations."""
    gaps_seen, spreads = 0, 0
    for i in range(150):
        label = (rng.random(300) < 0.1).astype(int)
        frame = pl.DataFrame({"y": label, "s": np.clip(0.2 + 0.15 * label + 0.1 * rng.normal(size=300), 0, 1)})
        table = count(
            take_roles(open_source(frame.with_columns(g=pl.lit("a"))), Roles(("g",), "y", "s")),
            "binary",
            [1],
            None,
            0.5,
            {"squared_miss"},
        )
        found = estimate(BINARY[name], project(table, rng.integers(0, 10, len(table.n)), 10))
        c = joint_critical([draw_maxima(found, found.rows, 300, (i,)).comparisons], 0.95)
        known = ~np.isnan(found.value)
        lower, upper = (a[known] for a in found.limits(c))
        value = found.value[known]
        r = 0.0 if found.correlation is None else found.correlation[np.ix_(known, known)]
        apart = difference(value[:, None], (lower[:, None], upper[:, None]), value, (lower, upper), r)[0]
        gaps_seen += np.nanmax(apart) > 1e-9
        spreads += spread(found)[1] > 0
    assert max(gaps_seen, spreads) / 150 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_the_p_value_of_the_largest_of_two_groups_is_that_of_their_difference_far_out():
    frame = counted(a=(900, 50, 100, 950), b=(700, 50, 300, 950))
    found = audit(frame, label="y", prediction="d", sensitive="g", metrics=["tpr"]).data["attributes"][0]["gaps"]
    by_kind = {gap["kind"]: gap["p_value"] for gap in found}
    assert by_kind["largest"] < 1e-5
    assert by_kind["largest"] == pytest.approx(by_kind["difference"], abs=1e-5)


def test_the_p_value_of_a_rare_event_in_a_small_group_is_near_fishers():
    """3 of 20 beside 100 of 5,000, and ten groups of 20 without any: what an intersection audit is full of."""
    stats = pytest.importorskip("scipy.stats")
    few = {f"none {i}": (1, 0, 1, 20) for i in range(10)}
    frame = counted(large=(1, 100, 1, 4_900), few=(1, 3, 1, 17), **few)
    found = audit(frame, **BY, metrics=["fpr"], tolerance={"fpr": 0.0})
    by_kind = {
        kind: next(g for g in gaps(found, "fpr", kind) if g["group"] == "few") for kind in ("difference", "rest")
    }
    for kind, others in (("difference", (100, 4_900)), ("rest", (100, 5_100))):
        exact = stats.fisher_exact([[3, 17], others])[1]
        assert exact / 1.2 < by_kind[kind]["p_value"] < exact * 1.2
    assert found.verdict == "not enough evidence"


@pytest.mark.parametrize("seed", range(6))
def test_what_is_exceeded_at_no_tolerance_is_what_its_interval_says(seed):
    rng = np.random.default_rng(seed)
    cells = {g: tuple(rng.integers(0, 8, 4)) for g in "abcde"}
    found = audit(counted(large=(200, 9, 60, 400), **cells), **BY, tolerance=0.0)
    for gap in found.data["attributes"][0]["gaps"]:
        if gap["kind"] != "ratio" and gap["verdict"] is not None:
            apart = gap["lower_deciding"] > 0 or gap["upper_deciding"] < 0
            assert (gap["verdict"] == "exceeded") == apart
            assert not apart or gap["p_value"] < 0.05
        if gap["kind"] == "largest":
            assert not gap["lower"] > 0 or gap["p_value"] <= 0.05


@pytest.mark.parametrize(
    ("shape", "size", "weighted"),
    [*(("skewed", size, weighted) for size in (10, 30, 100) for weighted in (False, True)), ("rare", 100, True)],
)
def test_limits_of_a_mean_score_hold_with_skewed_and_with_rare_scores(rng, shape, size, weighted):
    """Limits from the rows' own spread cover 79 to 90 %; three standard errors of 400 groups are left.

    rare: one of 50 scores .95 and the others .01, so that 13 of 100 groups have seen no high one.
    """
    groups = 400
    score = rng.beta(0.1, 3, (groups, size)) if shape == "skewed" else rng.choice([0.95, 0.01], (groups, size), p=RARE)
    truth = 0.1 / 3.1 if shape == "skewed" else 0.0288
    frame = pl.DataFrame(
        {
            "g": np.repeat(np.arange(groups), size).astype(str),
            "s": score.ravel(),
            "d": 1,
            "w": rng.lognormal(0, 0.7, groups * size) if weighted else 1.0,
        }
    )
    found = audit(frame, score="s", prediction="d", sensitive="g", weight="w", metrics=["mean_score"], replicates=200)
    entries = [group["metrics"]["mean_score"] for group in found.data["attributes"][0]["groups"]]
    held = np.mean([entry["lower"] <= truth <= entry["upper"] for entry in entries])
    assert held >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / groups)
