"""Numbers as every page, table and sentence writes them: shares as percentages, differences of shares as points."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

HUGE = 1e15  # whose digits fill no line
TENTH, THOUSANDTH = Decimal("0.1"), Decimal("0.001")
NOTHING = "–"  # where there is no number


def number(value: Any) -> str:
    """Three decimals, one for large numbers, two digits for tiny and five for huge ones.

    >>> number(0.5), number(1234.56), number(0.00012), number(None)
    ('0.500', '1,234.6', '0.00012', '–')
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if not math.isfinite(value):
        return NOTHING
    if isinstance(value, int):
        return count(value)
    if abs(value) >= HUGE:
        return f"{value:.5g}"
    if abs(value) >= 100:
        return f"{value:,.1f}"
    if 0 < abs(value) < 0.001:
        return f"{value:.2g}"
    return str(Decimal(value).quantize(THOUSANDTH, ROUND_HALF_UP))  # halves go up, as the slider's script rounds them


def count(value: Any) -> str:
    """A whole number with commas between thousands."""
    return NOTHING if value is None else f"{round(value):,}"


def percent(share: float | None) -> str:
    """A share as a percentage with one decimal; with two digits where one decimal would say none.

    >>> percent(0.65), percent(0.0004), percent(0.0)
    ('65.0%', '0.04%', '0.0%')
    """
    return NOTHING if share is None or not math.isfinite(share) else f"{_hundred(share)}%"


def points(difference: float | None) -> str:
    """A difference of two shares in percentage points.

    >>> points(0.182), points(-0.01)
    ('18.2 points', '-1.0 points')
    """
    return NOTHING if difference is None or not math.isfinite(difference) else f"{_hundred(difference)} points"


def _hundred(share: float) -> str:
    value = 100 * share
    if abs(value) >= 1e6:
        return f"{value:.5g}"
    if 0 < abs(value) < 0.1:
        return f"{value:.1g}"
    return f"{Decimal(value).quantize(TENTH, ROUND_HALF_UP) + 0:,}"


def figure(value: Any, share: bool) -> str:
    """A metric's value: a percentage where it is a share."""
    return percent(value) if share and value is not None else number(value)


def difference(value: Any, share: bool) -> str:
    """A gap of a metric: points where it is a share."""
    return points(value) if share and value is not None else number(value)


def stated(value: Any, share: bool) -> str:
    """A tolerance with the digits that it was given with.

    >>> stated(0.05, True), stated(0.125, True), stated(0.05, False)
    ('5 points', '12.5 points', '0.05')
    """
    if value is None or not share:
        return NOTHING if value is None else f"{value:.6g}"
    return f"{100 * value:.6g} point{'' if value == 0.01 else 's'}"


def span(lower: Any, upper: Any, share: bool, unit: str = "%") -> str:
    """ "60.6 to 69.1%": an interval, with its unit once; ∞ where it has no end.

    >>> span(0.6055, 0.6912, True), span(-0.1, None, False)
    ('60.6 to 69.1%', '-0.100 to ∞')
    """
    if lower is None and upper is None:
        return NOTHING
    write = _hundred if share else number
    low = "−∞" if lower is None or not math.isfinite(lower) else write(lower)
    high = "∞" if upper is None or not math.isfinite(upper) else write(upper)
    return f"{low} to {high}{unit if share else ''}"


def p_value(value: float | None) -> str:
    """A p-value: what is smaller than three decimals show is said to be so."""
    return "<\u00a00.001" if value is not None and value < 0.001 else number(value)
