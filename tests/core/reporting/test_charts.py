"""Charts are drawn whatever the size of the numbers on their axes."""

import math
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import evenhand
from evenhand.reporting import render_audit
from evenhand.reporting.axes import along, ticks, value_ticks

ANY = st.floats(allow_nan=False, allow_infinity=False)
POINT = re.compile(r'(?:x|y|x1|x2|y1|y2|cx|cy|width|height|points)="([^"]*)"')


@settings(deadline=None, max_examples=300)
@given(ANY, ANY)
@example(0.0, 2.1e9)
@example(-1.7e308, 1.7e308)
@example(0.0, 5e-324)
@example(1e15, 1e15 + 0.125)
def test_ticks_are_few_inside_and_told_apart(one, other):
    low, high = min(one, other), max(one, other)
    for found in (ticks(low, high), value_ticks(low, high)):
        size = max(abs(low), abs(high))
        assert 1 <= len(found) <= 6
        for place, _ in found:
            assert low - 1e-9 * size <= place <= high + 1e-9 * size
        assert len({mark for _, mark in found}) == len(found)
        assert max(len(mark) for _, mark in found) <= 24


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0, 1, ["0", "0.5", "1"]),
        (18, 90, ["20", "40", "60", "80"]),
        (0, 2.1e9, ["0", "1,000,000,000", "2,000,000,000"]),
        (-3e-5, 2e-5, ["-2e-05", "0", "2e-05"]),
        (999_990, 1_000_010, ["999,990", "999,995", "1,000,000", "1,000,005", "1,000,010"]),
    ],
)
def test_ticks_are_round_numbers(low, high, marks):
    assert [mark for _, mark in ticks(low, high)] == marks


@settings(deadline=None, max_examples=300)
@given(ANY, ANY, ANY)
def test_a_place_on_an_axis_is_between_its_ends_and_in_order(a, b, c):
    low, middle, high = sorted((a, b, c))
    assert 0 <= along(middle, low, high) <= 1
    if high / 2 - low / 2 > 1e-12 * max(abs(low), abs(high)):
        assert along(low, low, high) == 0
        assert along(high, low, high) == 1


RNG = np.random.default_rng(0)
COLUMNS = {  # 300 distinct numbers each
    "whole numbers up to 2.1e9": RNG.integers(0, 2_100_000_000, 300),
    "negative": -RNG.integers(0, 2_100_000_000, 300),
    "of 64 bits": RNG.integers(-(2**62), 2**62, 300),
    "tiny": RNG.random(300) * 1e-12,
    "denormal": RNG.random(300) * 1e-310,
    "huge": RNG.random(300) * 1e300,
    "from one end of the floats to the other": RNG.uniform(-1, 1, 300) * 1.7e308,
    "far from zero": 1e15 + np.arange(300) / 8,
    "of every size": 10.0 ** np.linspace(-300, 300, 300),
}


@pytest.mark.parametrize("distinct", COLUMNS.values(), ids=COLUMNS)
def test_a_column_of_any_numbers_has_a_report(distinct):
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, 2_000)
    score = np.clip(0.3 * label + 0.7 * rng.random(2_000), 0, 1)
    frame = pl.DataFrame({"y": label, "s": score, "n": rng.choice(distinct, 2_000)})
    ask = {"label": "y", "score": "s", "sensitive": "n", "tolerance": {"tpr": 0.1}, "replicates": 200}
    assert_drawn(render_audit(evenhand.audit(frame, **ask).data))


@pytest.mark.parametrize("scale", [1e-12, 1e12, 1e30])
def test_errors_of_any_size_have_a_report(scale):
    rng = np.random.default_rng(1)
    label = rng.normal(size=600) * scale
    frame = pl.DataFrame({"y": label, "p": label + rng.normal(size=600) * scale, "g": ["a", "b", "c"] * 200})
    ask = {"label": "y", "prediction": "p", "sensitive": "g", "tolerance": {"mae": scale}, "replicates": 200}
    page = render_audit(evenhand.audit(frame, **ask).data)
    assert_drawn(page)
    assert not re.search(r"\d{25}", page.split("<main")[-1].replace(",", ""))  # no number fills a line


def assert_drawn(page):
    """There are charts, and every coordinate in them is a number."""
    charts = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert charts
    for text in POINT.findall("".join(charts)):
        assert all(math.isfinite(float(part)) for part in re.split("[ ,]", text))
