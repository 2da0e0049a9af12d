"""The spread between groups without the noise of sampling: nothing where there is nothing, the truth where there is
one."""

import numpy as np
import pytest

from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.evidence.heterogeneity import spread


@pytest.fixture
def rng():
    return np.random.default_rng(20261124)


def shares(hits, size):
    shape, full = hits.shape, np.broadcast_to(np.asarray(size, dtype=float), hits.shape)
    return GroupEstimates(hits / size, np.zeros(shape), full, np.full(shape, np.inf), full, True)


def means(value, variance):
    many = np.full(value.shape, np.inf)
    return GroupEstimates(value, variance, np.full(value.shape, 100.0), many, np.full(value.shape, 100.0), False)


@pytest.mark.parametrize(("groups", "size", "rate"), [(30, 50, 0.3), (30, 50, 0.1), (5, 30, 0.5), (2, 100, 0.2)])
def test_small_equal_groups_are_no_disparity(rng, groups, size, rate):
    found = np.array([spread(shares(rng.binomial(size, rate, groups), size)) for _ in range(400)])
    noise = np.sqrt(rate * (1 - rate) / size)
    assert found[:, 0].mean() < 0.45 * noise  # the plain standard deviation of the values is about `noise`
    assert np.mean(found[:, 1] == 0) >= 0.95


@pytest.mark.parametrize(("groups", "size"), [(10, 100), (30, 50), (30, [20, 50, 400] * 10)])
def test_a_real_spread_is_found_whatever_the_noise(rng, groups, size):
    truth = 0.08
    found = np.array(
        [spread(shares(rng.binomial(size, 0.4 + truth * rng.choice([-1, 1], groups)), size)) for _ in range(400)]
    )
    assert found[:, 0].mean() == pytest.approx(truth, abs=0.012)
    assert np.mean((found[:, 1] <= truth) & (truth <= found[:, 2])) >= 0.93


def test_the_limits_enclose_the_value(rng):
    for _ in range(50):
        value, lower, upper = spread(means(rng.normal(0, 0.1, 6), rng.uniform(0.001, 0.02, 6)))
        assert 0 <= lower <= value <= upper


def test_equal_variances_give_the_moment_estimate_by_hand():
    value = np.array([0.1, 0.3, 0.5])  # sample variance 0.04
    assert spread(means(value, np.full(3, 0.01)))[0] == pytest.approx(np.sqrt(0.04 - 0.01))


def test_groups_without_a_number_do_not_count():
    value = np.array([0.1, np.nan, 0.3, 0.5])
    assert spread(means(value, np.full(4, 0.01))) == spread(means(value[[0, 2, 3]], np.full(3, 0.01)))
    assert np.isnan(spread(means(np.array([0.1, np.nan]), np.full(2, 0.01)))).all()
