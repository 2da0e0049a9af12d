"""AUC and shares with each row's influence: values are scikit-learn's, errors those of DeLong and of clusters."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from evenhand.statistics.concordance import auc, inside_unit, share

ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.2, 0.2001, 0.7, 1.0])), min_size=2, max_size=60)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@given(ROWS)
def test_the_value_is_scikit_learns(rows):
    positive, score = (np.array(part) for part in zip(*rows, strict=True))
    assume(positive.any() and not positive.all())
    found = auc(positive, score)
    assert found.value == pytest.approx(roc_auc_score(positive, score))
    assert found.influence.sum() == pytest.approx(0, abs=1e-9)


@given(ROWS)
def test_weights_are_repeated_rows(rows):
    positive, score = (np.array(part) for part in zip(*rows, strict=True))
    assume(positive.any() and not positive.all())
    times = 1 + np.arange(len(rows)) % 3
    assert auc(positive, score, times).value == pytest.approx(auc(positive.repeat(times), score.repeat(times)).value)


def test_the_error_is_delongs(rng):
    positive = rng.random(400) < 0.3
    score = rng.normal(positive, 1)
    good, bad = score[positive], score[~positive]
    wins = (good[:, None] > bad[None, :]).mean(axis=1), (good[:, None] > bad[None, :]).mean(axis=0)
    delong = np.sqrt(wins[0].var(ddof=1) / len(good) + wins[1].var(ddof=1) / len(bad))
    assert auc(positive, score).error() == pytest.approx(delong, rel=0.01)


def test_rows_given_twice_as_one_cluster_count_once(rng):
    positive = rng.random(300) < 0.5
    score = rng.normal(positive, 1)
    alone, twice = auc(positive, score), auc(positive.repeat(2), score.repeat(2))
    assert twice.error(np.arange(300).repeat(2)) == pytest.approx(alone.error(), rel=1e-6)
    assert twice.error() < 0.8 * alone.error()


def test_a_model_beside_itself_gains_nothing_and_surely(rng):
    positive = rng.random(50) < 0.5
    one = auc(positive, rng.random(50))
    assert (one - one).value == 0
    assert (one - one).error() == 0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_a_share_is_hits_among_those_that_count(rows):
    hit, among = (np.array(part) for part in zip(*rows, strict=True))
    found = share(hit, among)
    assert found.value == pytest.approx(hit[among].mean()) if among.any() else np.isnan(found.value)


@given(st.floats(0, 1), st.floats(0, 10))
def test_an_interval_encloses_its_value_inside_zero_and_one(value, error):
    lower, upper = inside_unit(value, error, 1.96)
    assert 0 <= lower <= value + 1e-12
    assert value - 1e-12 <= upper <= 1
