"""Losses, tests, costs and Sharpe ratios against arithmetic that is done another way."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from evenhand_finance.market.forecasts import by_day, diebold_mariano, long_run_variance, qlike
from evenhand_finance.market.trading import deflated, expected_best, ratio, sharpe, traded

FORECASTS = some.floats(0.01, 100)


@given(FORECASTS, FORECASTS)
def test_qlike_is_nothing_only_where_the_forecast_is_right(came, forecast):
    loss = float(qlike(np.array([came]), np.array([forecast]))[0])
    assert loss >= -1e-12
    assert float(qlike(np.array([came]), np.array([came]))[0]) == pytest.approx(0, abs=1e-12)


@given(some.lists(some.floats(-5, 5), min_size=12, max_size=60))
def test_a_forecast_against_itself_is_no_better_and_swapping_turns_the_sign(values):
    ours = np.array(values)
    rival = np.roll(ours, 1)
    assert diebold_mariano(ours, ours, 1).t == 0
    one, other = diebold_mariano(rival, ours, 3), diebold_mariano(ours, rival, 3)
    assert one.value == -other.value
    assert one.t == -other.t


def test_without_lags_the_test_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    d = rng.normal(0.2, 1, 20)  # 4 (20/100)^(2/9) is below 3
    variance = long_run_variance(d)
    centred = d - d.mean()
    expected = (centred @ centred) / 20
    for lag, weight in ((1, 2 / 3), (2, 1 / 3)):
        expected += 2 * weight * (centred[lag:] @ centred[:-lag]) / 20
    assert variance == pytest.approx(expected)


def test_overlapping_forecasts_make_the_test_careful():
    """Sums of five days in a row repeat themselves: a test that takes them for independent is too sure."""
    rng = np.random.default_rng(1)
    d = np.convolve(rng.normal(0, 1, 2000), np.ones(5), "valid")
    assert long_run_variance(d, 4) > 2.5 * d.var()


def test_instruments_of_one_day_count_once():
    assert by_day(np.array([1.0, 3.0, 5.0]), np.array([7, 7, 9])).tolist() == [2, 5]


def test_costs_are_paid_for_what_is_turned_over():
    """Long, long, short, flat: one unit to get in, two to turn round, one to get out."""
    day, name = np.arange(4), np.array(["a"] * 4)
    found = traded(day, name, np.array([1.0, 0.5, -2.0, 0.0]), np.array([1.0, -1.0, 2.0, 9.0]), 10)
    assert found.turnover.tolist() == [1, 0, 2, 1]
    assert found.gross.tolist() == [1, -1, -2, 0]
    assert found.net == pytest.approx([0.9, -1, -2.2, -0.1])


def test_rows_of_instruments_that_are_mixed_up_give_the_same_trades():
    day, name = np.repeat(np.arange(50), 2), np.tile(["a", "b"], 50)
    rng = np.random.default_rng(0)
    forecast, came = rng.normal(0, 1, 100), rng.normal(0, 1, 100)
    order = rng.permutation(100)
    one, other = (traded(day[i], name[i], forecast[i], came[i], 5) for i in (np.arange(100), order))
    assert np.allclose(one.net, other.net)


def test_one_trial_that_is_normal_deflates_to_the_probabilistic_ratio():
    """With one trial no luck is taken off: Bailey & López de Prado 2012, with the moments of these returns."""
    rng = np.random.default_rng(3)
    returns = rng.normal(0.05, 1, 1000)
    daily = returns.mean() / returns.std()
    z = (returns - returns.mean()) / returns.std()
    spread = 1 - (z**3).mean() * daily + ((z**4).mean() - 1) / 4 * daily**2
    assert deflated(returns, 1) == pytest.approx(NormalDist().cdf(daily * 999**0.5 / spread**0.5))
    assert deflated(returns, 1) > deflated(returns, 10) > deflated(returns, 1000)


def test_the_expected_best_of_many_is_what_drawing_shows():
    best = np.random.default_rng(0).normal(size=(20_000, 30)).max(axis=1).mean()
    assert expected_best(30) == pytest.approx(best, abs=0.03)
    assert expected_best(1) == 0


def test_the_best_of_many_worthless_strategies_is_no_edge():
    returns = np.random.default_rng(5).normal(0, 1, (40, 1500))
    best = max(returns, key=ratio)
    assert sharpe(best, 1).deflated > 0.95
    assert not sharpe(best, 40).edge


def test_an_edge_is_said_where_there_is_one():
    returns = np.random.default_rng(6).normal(0.15, 1, 1500)
    found = sharpe(returns, 20)
    assert found.edge
    assert found.lower < found.value < found.upper
    assert found.value == pytest.approx(returns.mean() / returns.std() * 252**0.5)


def test_returns_that_never_move_have_no_ratio():
    assert sharpe(np.zeros(100), 1).value == 0
    assert not sharpe(np.zeros(100), 1).edge
