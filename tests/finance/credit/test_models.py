"""Both kinds of model keep to declared directions, split exactly, are stored exactly, and can be drawn together."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand import BadInput
from evenhand_finance.credit.candidates import KINDS, STRENGTHS, Candidate, fit, reweighed
from evenhand_finance.credit.inputs import Inputs
from evenhand_finance.credit.models import Task, from_dict

SHAPE = (7, 40)


def rows_of(seed=0, n=1500):
    """Income lowers the risk but for a bump that a free model would follow; district tells the group."""
    rng = np.random.default_rng(seed)
    low = (rng.random(n) < 0.3).astype(float)
    income = rng.normal(0, 1, n)
    district = np.where(rng.random(n) < 0.1, 1 - low, low)
    risk = -0.6 - 1.2 * income + 2.0 * (np.abs(income - 1) < 0.3) + 1.3 * low
    y = (rng.random(n) < 1 / (1 + np.exp(-risk))).astype(float)
    frame = pl.DataFrame(
        {
            "income": pl.Series(income, nan_to_null=True).set(pl.Series(rng.random(n) < 0.05), None),
            "district": ["harbour" if one else "hill" for one in district],
        }
    )
    inputs = Inputs.learn(frame, ["income", "district"])
    return inputs, inputs.matrix(frame), y, low


def made(text, **changes):
    inputs, x, y, low = rows_of()
    task = Task(x, y, np.ones(len(y)), inputs, **changes)
    return fit(Candidate.read(text, inputs.names), task, low, SHAPE), x, y, low


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["", "+pull:0.5", "+reweigh", "+reduction:0.2"])
def test_a_declared_direction_holds_for_every_prediction(kind, how):
    fitted, *_ = made(kind + how, monotone={"income": -1})
    grid = np.column_stack([np.linspace(-4, 4, 400), np.zeros(400)])
    assert (np.diff(fitted.log_odds(grid)) <= 1e-9).all()


def test_without_it_a_model_follows_the_bump():
    fitted, *_ = made("boosting")
    assert (np.diff(fitted.log_odds(np.column_stack([np.linspace(-4, 4, 400), np.zeros(400)]))) > 1e-3).any()


@pytest.mark.parametrize("kind", KINDS)
def test_shares_add_up_to_the_score_but_for_one_constant(kind):
    fitted, x, _, _ = made(kind)
    rest = fitted.log_odds(x) - fitted.shares(x).sum(1)
    assert np.ptp(rest) < 1e-6


def test_a_scorecards_shares_are_the_shapley_values():
    """Against the definition: the mean change over both orders, absent columns drawn from the training rows."""
    fitted, x, _, _ = made("logistic")
    row, worth = x[3], {}
    for present in ([], [0], [1], [0, 1]):
        mixed = x.copy()
        mixed[:, present] = row[present]
        worth[tuple(present)] = fitted.log_odds(mixed).mean()
    first = (worth[0,] - worth[()] + worth[0, 1] - worth[1,]) / 2
    assert fitted.shares(x[3:4])[0, 0] == pytest.approx(first)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_model_scores_the_same_to_the_last_bit(kind):
    fitted, x, _, _ = made(kind)
    again = from_dict(json.loads(json.dumps(fitted.as_dict())))
    assert (again.log_odds(x) == fitted.log_odds(x)).all()
    assert (again.shares(x) == fitted.shares(x)).all()


@pytest.mark.parametrize(
    "text",
    [
        "boosting+pull:0.5",
        "boosting+line:1",
        "logistic+pull:0.5",
        "boosting+reweigh",
        "logistic+reduction:0.2",
        "boosting-district",
    ],
)
def test_every_mitigation_brings_the_groups_decisions_together(text):
    def gap(name):
        fitted, x, y, low = made(name)
        score = fitted.log_odds(x if "-" not in name else x[:, :1])
        declined = score >= np.quantile(score, 1 - y.mean())
        return declined[low == 1].mean() - declined[low == 0].mean()

    plain = gap(text.partition("+")[0].partition("-")[0])
    assert plain > 0.2
    if "-" in text:
        inputs, x, y, low = rows_of()
        task = Task(x[:, :1], y, np.ones(len(y)), inputs.without(["district"]))
        score = fit(Candidate.read(text, inputs.names), task, low, SHAPE).log_odds(x[:, :1])
        declined = score >= np.quantile(score, 1 - y.mean())
        assert declined[low == 1].mean() - declined[low == 0].mean() < plain - 0.15
    else:
        assert gap(text) < plain - 0.08


def test_rows_of_unknown_group_are_fitted_and_pull_nothing():
    inputs, x, y, low = rows_of()
    half = np.where(np.arange(len(low)) % 2 == 0, np.nan, low)
    for text in ("boosting+pull:0.5", "logistic+pull:0.5", "logistic+reweigh", "boosting+reduction:0.2"):
        fitted = fit(Candidate.read(text, inputs.names), Task(x, y, np.ones(len(y)), inputs), half, SHAPE)
        assert np.isfinite(fitted.log_odds(x)).all()


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=8, max_size=60))
def test_reweighed_rows_show_no_link_of_group_and_label(pairs):
    low, y = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    if min((low == g).sum() * ((low == g) & (y == label)).sum() for g in (0, 1) for label in (0, 1)) == 0:
        return  # a cell is empty: nothing can be weighed up
    weight = reweighed(low, y)
    rates = [np.average(y[low == group], weights=weight[low == group]) for group in (0.0, 1.0)]
    assert rates[0] == pytest.approx(rates[1])
    assert weight.sum() == pytest.approx(len(y))


COLUMNS = ("income", "debt-ratio", "debt", "district")
hows = st.sampled_from([("", 0.0), ("reweigh", 0.0), *((how, s) for how, some in STRENGTHS.items() for s in some)])


@given(st.sampled_from(KINDS), hows, st.lists(st.sampled_from(COLUMNS), unique=True))
def test_a_candidate_is_read_back_from_its_text(kind, how, without):
    candidate = Candidate(kind, *how, tuple(without))
    assert Candidate.read(str(candidate), COLUMNS) == candidate


@pytest.mark.parametrize("text", ["trees", "boosting+magic", "boosting-age", "boosting+pull:x", ""])
def test_what_is_no_candidate_is_refused_with_what_there_is(text):
    with pytest.raises(BadInput, match="options.model"):
        Candidate.read(text, COLUMNS)
