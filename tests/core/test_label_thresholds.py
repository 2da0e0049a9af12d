"""Thresholds of several labels: the best F1 there is, and one threshold for labels with too few rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, fbeta_score

from evenhand.predicting.several_labels import average_precision
from evenhand.predicting.thresholds import best_threshold, f_beta, thresholds_for

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=40)


@given(ROWS, st.sampled_from([0.5, 1.0, 2.0]))
def test_no_other_threshold_has_a_higher_f(rows, beta):
    positive = np.array([y for y, _ in rows])
    score = np.array([s for _, s in rows]) / 12
    threshold, reached = best_threshold(positive, score, beta)
    others = [f_beta(positive, score >= level, beta) for level in np.unique(score)]
    assert reached == pytest.approx(max(others) if positive.any() else 0.0)
    if positive.any():
        assert f_beta(positive, score >= threshold, beta) == pytest.approx(reached)


@given(ROWS, st.sampled_from([0.5, 1.0, 2.0]))
def test_f_is_that_of_scikit_learn(rows, beta):
    truth, decided = np.array([y for y, _ in rows]), np.array([s > 6 for _, s in rows])
    assert f_beta(truth, decided, beta) == pytest.approx(fbeta_score(truth, decided, beta=beta, zero_division=0))


@given(ROWS)
def test_average_precision_is_that_of_scikit_learn_however_often_rows_are_drawn(rows):
    positive = np.array([y for y, _ in rows])
    score = np.array([s for _, s in rows]) / 12
    if not positive.any():
        return
    drawn = np.arange(len(rows)) % 3 + 1
    found = average_precision(positive, score, np.stack([np.ones(len(rows)), drawn]))
    assert found[0] == pytest.approx(average_precision_score(positive, score))
    assert found[1] == pytest.approx(average_precision_score(positive, score, sample_weight=drawn))


def test_labels_with_few_rows_share_the_threshold_that_is_best_over_all_of_them():
    rng = np.random.default_rng(0)
    truth = np.zeros((200, 3), dtype=bool)
    truth[:60, 0], truth[:4, 1], truth[5:8, 2] = True, True, True
    scores = np.clip(truth * 0.3 + rng.random((200, 3)) * 0.5, 0, 1)
    thresholds, reached, sparse = thresholds_for(truth, scores)
    assert sparse.tolist() == [False, True, True]
    assert thresholds[1] == thresholds[2] != thresholds[0]
    assert thresholds[1] == best_threshold(truth[:, 1:].ravel(), scores[:, 1:].ravel())[0]
    assert reached[0] == pytest.approx(f_beta(truth[:, 0], scores[:, 0] >= thresholds[0]))


def test_without_any_row_the_threshold_is_a_half():
    assert best_threshold(np.zeros(5, dtype=bool), np.arange(5) / 5) == (0.5, 0.0)
