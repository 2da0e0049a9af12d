"""A logarithm made of sums, products and one quotient, which every engine rounds alike; their own differ in the last
digit."""

from __future__ import annotations

from typing import Any

import narwhals as nw

LN2 = 0.6931471805599453
TERMS = 17  # of log m = 2 (z + z³/3 + z⁵/5 + …), z = (m - 1) / (m + 1); with m in [1/2, 1] the rest is below 1e-17
MANTISSA, EXPONENT = "log mantissa", "log exponent"


def with_log(frame: nw.LazyFrame[Any], name: str, value: nw.Expr) -> nw.LazyFrame[Any]:
    """The frame with the column `name`: the natural logarithm of `value`, which lies in [2⁻⁵², 1]."""
    frame = frame.with_columns(**{MANTISSA: value, EXPONENT: nw.lit(0.0)})
    for power in (32, 16, 8, 4, 2, 1):
        m, e = nw.col(MANTISSA), nw.col(EXPONENT)
        small = m < 2.0**-power
        larger, lower = nw.when(small).then(m * 2.0**power), nw.when(small).then(e - power)
        frame = frame.with_columns(**{MANTISSA: larger.otherwise(m), EXPONENT: lower.otherwise(e)})
    frame = frame.with_columns(**{MANTISSA: (nw.col(MANTISSA) - 1.0) / (nw.col(MANTISSA) + 1.0)})
    z = nw.col(MANTISSA)
    square, series = z * z, nw.lit(0.0)
    for term in range(TERMS, -1, -1):
        series = series * square + 1.0 / (2 * term + 1)
    return frame.with_columns(**{name: nw.col(EXPONENT) * LN2 + 2.0 * z * series})
