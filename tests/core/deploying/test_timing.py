"""Single answers against a budget: percentiles with limits that hold, three verdicts, and never a time asserted."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evenhand
from evenhand import BadInput
from evenhand.deploying.percentile import calls_for, milliseconds, percentile_of, ranks
from evenhand.deploying.timing import Latency, told_of


@given(n=st.integers(2, 400), share=st.floats(0.02, 0.98), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_the_limits_hold_the_percentile_as_often_as_they_say(n, share, confidence):
    """P(X_l <= q <= X_u) = P(l <= B <= u - 1) for a binomial number B of times at most q, summed here exactly."""
    low, high = ranks(n, share, confidence)
    chance = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    missed = (sum(chance[:low]) if low else 0) + (sum(chance[high:]) if high else 0)
    assert missed <= 1 - confidence + 1e-9
    if low and low < n:  # no rank nearer to it would do
        assert sum(chance[: low + 1]) > (1 - confidence) / 2 - 1e-9


@given(st.lists(st.floats(0.001, 1e4), min_size=1, max_size=60), st.floats(1, 99))
def test_a_percentile_is_one_of_the_times_and_enough_lie_below_it(times, percentile):
    found = percentile_of(np.array(times), percentile)
    assert found.value in times
    assert np.mean(np.array(times) <= found.value) >= percentile / 100 - 1e-9


@given(st.floats(90, 99.99))
def test_so_many_calls_give_an_upper_limit(percentile):
    assert ranks(calls_for(percentile), percentile / 100)[1] is not None


@given(st.floats(1e-3, 1e6), st.sampled_from([("ms", 1.0), ("s", 1e3), ("us", 1e-3), ("µs", 1e-3)]), st.booleans())
def test_budgets_are_read_with_their_unit(value, unit, space):
    assert milliseconds(f"{value!r}{' ' if space else ''}{unit[0]}") == pytest.approx(value * unit[1])


@pytest.mark.parametrize(
    "text", ["20", "ms", "", "-1ms", "0ms", "nanms", "infs", "20 minutes", "1e400ms", "20ms please"]
)
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(BadInput, match="is no budget; write a time with its unit"):
        milliseconds(text)


def latency_of(times, budget, percentile=99.0):
    halves = np.stack([np.asarray(times) / 4, np.asarray(times) * 3 / 4], axis=1)
    return Latency(None, told_of(halves, budget, percentile))


def test_a_budget_has_three_answers_and_its_exit_codes():
    times = np.linspace(1, 10, 1000)
    assert (latency_of(times, 20.0).verdict, latency_of(times, 20.0).exit_code()) == ("within", 0)
    assert (latency_of(times, 5.0).verdict, latency_of(times, 5.0).exit_code()) == ("exceeded", 1)
    unsure = latency_of(times, 9.95)
    assert (unsure.verdict, unsure.exit_code(), unsure.exit_code(strict=True)) == ("not enough evidence", 0, 3)
    above = latency_of(times, 9.9)
    assert (above.verdict, above.exit_code()) == ("not enough evidence", 1)
    assert latency_of(times, None).exit_code() == 0


def test_too_few_calls_prove_nothing_and_say_how_many_do():
    few = latency_of(np.linspace(1, 10, 1000), 20.0, percentile=99.9)
    assert few.verdict == "not enough evidence"
    assert "1,000 calls are too few for an upper limit of p99.9; about 4,609 give one (--calls)" in str(few)


def test_a_run_and_its_export_are_timed_on_the_same_rows(exported, plugins, tmp_path):
    run, made = exported("toy_export/line")
    for place in (run, made.path):
        out = tmp_path / place.name
        found = evenhand.latency(place, "10 s", 90, calls=200, out=out, plugins=plugins)
        assert found.exit_code() == 0
        told = json.loads((out / "latency.json").read_text())
        assert told["calls"] == sum(told["histogram"]["counts"]) == 200
        assert told["rows"] == 180
        assert sum(step["share"] for step in told["split"]) == pytest.approx(1)
        page = found.report.read_text()
        assert "Within the budget" in page
        assert page.count('<rect class="bar"') == 40
    again = evenhand.latency(run, "1us", 90, calls=60, out=tmp_path / run.name, plugins=plugins)
    assert again.exit_code() == 1
    assert "EXCEEDED: over the budget of 0.001 ms" in str(again)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"percentile": 100}, "a percentile lies between 0 and 100"),
        ({"percentile": 0}, "a percentile lies between 0 and 100"),
        ({"calls": 1}, "ask for more"),
        ({"threads": 0}, "ask for more"),
        ({"budget": "fast"}, "is no budget"),
    ],
)
def test_what_cannot_be_timed_is_refused(made, plugins, tmp_path, options, says):
    with pytest.raises(BadInput, match=says):
        evenhand.latency(made("toy_export/line"), out=tmp_path / "out", plugins=plugins, **options)


def test_a_folder_of_other_things_is_left_alone(made, plugins, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="holds other files"):
        evenhand.latency(made("toy_export/line"), calls=60, out=tmp_path, plugins=plugins)
