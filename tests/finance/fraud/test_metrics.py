"""Metrics of ranking agree with scikit-learn and with counting by hand, also for cards that are drawn again."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from evenhand_finance.fraud.metrics import Rows, _areas, card_precision, draws_of, limits, ranked


@st.composite
def scored(draw):
    """Rows of some cards over some days, with ties among scores."""
    n = draw(st.integers(6, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    fraud = rng.random(n) < 0.3
    assume(fraud.any() and not fraud.all())
    card = np.unique(rng.integers(0, 8, n), return_inverse=True)[1]
    score = rng.integers(0, draw(st.sampled_from([3, 10**6])), n) / 10**6
    return Rows(fraud, card, rng.integers(0, 3, n), {"adapted": score})


@given(scored())
def test_areas_are_those_of_scikit_learn(rows):
    score = rows.scores["adapted"]
    found = ranked(rows, score, draws_of(rows.card, 0, 2))
    assert found["average_precision"][0] == pytest.approx(average_precision_score(rows.fraud, score))
    assert found["auc_roc"][0] == pytest.approx(roc_auc_score(rows.fraud, score))


@given(scored(), st.integers(0, 99))
def test_a_card_drawn_twice_counts_as_two(rows, seed):
    score = rows.scores["adapted"]
    draw = draws_of(rows.card, seed, 1)[1]
    again = np.repeat(np.arange(len(score)), draw[rows.card])
    assume(0 < rows.fraud[again].sum() < len(again))
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    ap, auc = _areas(draw[rows.card[order]], rows.fraud[order], last)
    assert ap == pytest.approx(average_precision_score(rows.fraud[again], score[again]))
    assert auc == pytest.approx(roc_auc_score(rows.fraud[again], score[again]))


@given(scored(), st.integers(1, 5))
def test_card_precision_is_that_of_a_list_kept_by_hand(rows, cards):
    score = rows.scores["adapted"] + np.arange(len(rows.card)) * 1e-9  # no ties: who comes first is chance
    gone, shares = set(), []
    for day in np.unique(rows.day):
        today = [i for i in np.flatnonzero(rows.day == day) if rows.card[i] not in gone]
        best = {card: max(score[i] for i in today if rows.card[i] == card) for card in {rows.card[i] for i in today}}
        looked = sorted(best, key=best.get, reverse=True)[:cards]
        found = {card for card in looked if any(rows.fraud[i] for i in today if rows.card[i] == card)}
        gone |= found
        shares.append(len(found) / cards)
    ones = np.ones((1, int(rows.card.max()) + 1), np.int64)
    assert card_precision(rows, score, ones, cards)[0] == pytest.approx(np.mean(shares))


def test_intervals_by_card_are_wider_where_a_card_repeats_itself():
    """The same 40 transactions ten times over on each card are no ten times as much evidence."""
    rng = np.random.default_rng(0)
    fraud, score = rng.random(40) < 0.4, rng.random(40)
    one, day = np.arange(40), np.zeros(400, int)
    many = Rows(np.tile(fraud, 10), np.tile(one, 10), day, {})
    alone = Rows(fraud, one, day[:40], {})
    wide = limits(ranked(many, np.tile(score, 10), draws_of(many.card, 0))["auc_roc"])
    plain = limits(ranked(alone, score, draws_of(alone.card, 0))["auc_roc"])
    assert wide == pytest.approx(plain)
