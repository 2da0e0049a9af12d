"""The parts of a mitigation: weights, groups, thresholds, chance; their laws, and agreement with fairlearn."""

import json

import numpy as np
import polars as pl
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evenhand import BadInput
from evenhand.mitigating.constraints import OPTIMISED, RATES, Constraint
from evenhand.mitigating.deciding import Deciding, Mixture, Step, draws
from evenhand.mitigating.groups import MISSING, OTHERS, Grouping, worth_comparing
from evenhand.mitigating.thresholds import between_two, one_for_all, one_for_each
from evenhand.mitigating.weights import as_classes, row_weights

CELLS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), min_size=1, max_size=80)
SOME = [name for name in RATES if name != "loss"]


def table_of(weights, groups, classes):
    """The weighted share of every class in every group."""
    return {
        (g, c): weights[(groups == g) & (classes == c)].sum() / len(weights)
        for g in np.unique(groups)
        for c in np.unique(classes)
    }


@given(CELLS)
def test_under_its_weights_group_and_class_are_independent_where_every_cell_has_rows(cells):
    cells = [*cells, *((g, c) for g in {g for g, _ in cells} for c in {c for _, c in cells})]
    groups, classes = (np.array(part) for part in zip(*cells, strict=True))
    weights = row_weights(groups, classes)
    for (g, c), share in table_of(weights, groups, classes).items():
        assert share == pytest.approx((groups == g).mean() * (classes == c).mean())
    assert weights.mean() == pytest.approx(1)


@given(CELLS)
def test_balanced_weights_make_every_cell_that_has_rows_count_the_same(cells):
    groups, classes = (np.array(part) for part in zip(*cells, strict=True))
    shares = [s for s in table_of(row_weights(groups, classes, "balanced"), groups, classes).values() if s]
    assert shares == pytest.approx([1 / len(shares)] * len(shares))


def test_of_several_labels_each_is_as_frequent_in_every_group_as_in_all():
    rng = np.random.default_rng(0)
    groups = rng.choice(["a", "b", "c"], 3000, p=[0.6, 0.3, 0.1])
    flags = (rng.random((3000, 3)) < np.where(groups == "a", 0.6, 0.2)[:, None]).astype(int)
    weights = row_weights(groups, flags)
    for group in "abc":
        here = groups == group
        inside = np.average(flags[here], axis=0, weights=weights[here])
        assert inside == pytest.approx(flags.mean(axis=0), abs=0.01)
        assert weights[here].sum() / weights.sum() == pytest.approx(here.mean(), abs=0.01)


def test_numbers_are_weighed_by_the_fifth_of_their_range():
    assert np.bincount(as_classes(np.arange(100.0))).tolist() == [20] * 5
    assert set(as_classes(np.zeros(9)).tolist()) == {1}


def held(seed, rows=900):
    """(scores, labels, groups): one group scored too low."""
    rng = np.random.default_rng(seed)
    groups = rng.choice(["a", "b", "c"], rows).astype(object)
    true = rng.beta(2, 2, rows)
    return np.where(groups == "a", true * 0.75, true), rng.random(rows) < true, groups


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("seed", range(3))
def test_thresholds_by_group_meet_the_constraint_on_the_rows_they_were_chosen_on_at_no_greater_cost(name, seed):
    score, positive, groups = held(seed)
    constraint = Constraint(name, 0.05, True)
    chosen = one_for_each(score, positive, groups, constraint, 0.5)
    selected = score >= np.array([chosen[group] for group in groups])
    assert constraint.gap(positive, selected, groups) <= 0.05
    usual = score >= 0.5
    assert (selected != positive).mean() <= (usual != positive).mean() + 0.02
    assert 0.2 < selected.mean() < 0.8


def test_one_threshold_for_all_is_the_cheapest_that_keeps_groups_close():
    score, positive, groups = held(0)
    constraint = Constraint("fpr", 0.1, True)
    at = one_for_all(score, positive, groups, constraint, 0.5)
    assert constraint.gap(positive, score >= at, groups) <= 0.1 < constraint.gap(positive, score >= 0.5, groups)
    allowed = [t for t in np.unique(score) if constraint.gap(positive, score >= t, groups) <= 0.1]
    best = min(((score >= t) != positive).sum() for t in allowed)
    assert ((score >= at) != positive).sum() <= best + 5  # of candidates 200 are tried


@given(arrays(float, 40, elements=st.floats(0, 1)), arrays(bool, 40), st.floats(0.05, 0.95))
def test_any_scores_give_thresholds(score, positive, usual):
    groups = np.array(["a", "b"] * 20, dtype=object)
    for constraint in (Constraint("selection_rate", 0.1, True), Constraint("equalized_odds", 0.1, True)):
        assert set(one_for_each(score, positive, groups, constraint, usual)) == {"a", "b"}
        assert np.isfinite(one_for_all(score, positive, groups, constraint, usual))


@pytest.mark.parametrize("name", sorted(OPTIMISED))
def test_the_rules_agree_with_fairlearn_row_by_row(name):
    from fairlearn.postprocessing import ThresholdOptimizer
    from sklearn.dummy import DummyRegressor

    class Score(DummyRegressor):
        def predict(self, X):
            return X[:, 0]

    score, positive, groups = held(1)
    rows = score[:, None]
    theirs = ThresholdOptimizer(
        estimator=Score().fit(rows, positive),
        constraints=OPTIMISED[name],
        objective="accuracy_score",
        prefit=True,
        predict_method="predict",
    ).fit(rows, positive.astype(int), sensitive_features=groups)
    chance = theirs._pmf_predict(rows, sensitive_features=groups)[:, 1]
    rules = between_two(score, positive, groups, Constraint(name, 0.02, False), 0.5)
    ours = np.array([rules[g].chance(np.array([s]))[0] for s, g in zip(score, groups, strict=True)])
    assert ours == pytest.approx(chance)


def test_chance_is_drawn_from_the_row_alone_and_is_even():
    rows = {"n": list(range(4000)), "t": [f"text {i}" for i in range(4000)]}
    drawn = draws(pl.DataFrame(rows), ("n", "t"), 0)
    assert np.array_equal(drawn, draws(Dataset.from_dict(rows), ("n", "t"), 0))
    back = pl.DataFrame(rows).with_columns(pl.col("n").cast(pl.Float64)).reverse()
    assert np.array_equal(drawn[::-1], draws(back, ("n", "t"), 0))
    assert not np.array_equal(drawn, draws(pl.DataFrame(rows), ("n", "t"), 1))
    assert np.histogram(drawn, 10, (0, 1))[0] == pytest.approx([400] * 10, abs=90)


def test_a_rule_is_the_same_read_back_from_json():
    groups = Grouping.learn(pl.DataFrame({"sex": ["f", "m"] * 50}), ["sex"], {}, 10)
    rules = {"f": Mixture(((0.3, Step(0.2)), (0.7, Step(0.6, False))), 0.1, 0.5), "m": Mixture(((1.0, Step(0.4)),))}
    rule = Deciding("postprocess", 0.5, groups, rules, ("x",), 3)
    again = Deciding.from_facts(json.loads(json.dumps(rule.facts())))
    assert again == rule
    rows = pl.DataFrame({"sex": ["f", "m", "x"] * 30, "x": range(90)})
    score = np.linspace(0, 1, 90)
    assert np.array_equal(again.selects(score, rows), rule.selects(score, rows))
    unknown = rows["sex"].to_numpy() == "x"
    assert np.array_equal(rule.selects(score, rows)[unknown], score[unknown] >= 0.5)


def test_a_group_is_the_same_in_training_rows_and_in_text_from_a_file():
    train = pl.DataFrame({"age": [20, 40, 60, None] * 20, "site": [1, 2, 1, 2] * 20, "sex": list("fmfm") * 20})
    grouping = Grouping.learn(train, ["age", "site", "sex"], {"age": [30, 50]}, 5)
    written = train.select(pl.all().cast(pl.String))
    assert np.array_equal(grouping.of(train), grouping.of(written))
    assert np.array_equal(grouping.of(train), grouping.of(Dataset.from_dict(train.to_dict(as_series=False))))
    assert grouping.of(train)[3] == f"{MISSING} / 2 / m"
    assert grouping == Grouping.from_facts(json.loads(json.dumps(grouping.facts())))


def test_groups_with_few_rows_and_unknown_ones_are_others():
    grouping = Grouping.learn(pl.DataFrame({"sex": ["f"] * 40 + ["m"] * 40 + ["x"] * 3}), ["sex"], {}, 30)
    assert grouping.of(pl.DataFrame({"sex": ["f", "x", "y", None]})).tolist() == ["f", OTHERS, OTHERS, OTHERS]


def test_rows_without_the_group_are_refused():
    grouping = Grouping.learn(pl.DataFrame({"sex": ["f", "m"] * 40}), ["sex"], {}, 30)
    with pytest.raises(BadInput, match="'sex' is not in the rows.*decides by group"):
        grouping.of(pl.DataFrame({"sexx": ["f"]}))
    with pytest.raises(BadInput, match="was given scores alone"):
        Deciding("thresholds", 0.5, grouping, {}).selects(np.array([0.5]), None)


def test_a_handful_of_others_is_no_group_to_compare():
    named = np.array(["f"] * 40 + ["m"] * 40 + [OTHERS] * 2, dtype=object)
    assert worth_comparing(named, 30).tolist() == [True] * 80 + [False] * 2
    assert worth_comparing(named, 2).all()
