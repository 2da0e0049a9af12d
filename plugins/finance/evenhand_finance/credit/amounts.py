"""Amounts written as text, such as `1,234.50` or `€ 900`, become numbers; what cannot be told apart is refused.

`options.decimal` of the recipe says which sign stands before the cents, so that a single new row is read as the
training rows were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from evenhand import BadInput

SIGN = r"(?:USD|EUR|GBP|CHF|JPY|CNY|TWD|INR|CAD|AUD|NT\$|R\$|[€$£¥₹])"
GROUPS = r"[\s'’\u00a0\u202f]"  # what may part thousands wherever one is
MOSTLY = 0.9  # from this share of its values on, a column is meant as amounts


def read_amounts(rows: pl.LazyFrame, inputs: Sequence[str], decimal: str, where: str) -> dict[str, pl.Expr]:
    """Column -> expression of its numbers, for each text column of amounts. Raises BadInput for one that is unclear."""
    if decimal not in (".", ","):
        raise BadInput(f"options.decimal is {decimal!r}; it is '.' or ',' (--set options.decimal=',')")
    kinds = rows.collect_schema()
    found = {}
    for column in [name for name in inputs if kinds.get(name) == pl.String]:
        text = pl.col(column).str.strip_chars()
        filled = text.filter(text.is_not_null() & (text != ""))
        facts = rows.select(**_facts(filled, decimal)).collect(engine="streaming").row(0, named=True)
        if facts["filled"] and facts["separated"] and facts["read"] >= MOSTLY * facts["filled"]:
            _check(column, facts, decimal, where)
            found[column] = _numbers(text, decimal).alias(column)
    return found


def as_amounts(values: Sequence[Any], decimal: str) -> list[float | None]:
    """The numbers of texts that `read_amounts` took for amounts.

    >>> as_amounts(["€ 1,234.50", "900", "", None, "-12 000"], ".")
    [1234.5, 900.0, None, None, -12000.0]
    """
    frame = pl.DataFrame({"amount": pl.Series(values, dtype=pl.String)})
    return frame.select(_numbers(pl.col("amount").str.strip_chars(), decimal)).to_series().to_list()


def _pattern(decimal: str) -> str:
    other = "," if decimal == "." else r"\."
    group = rf"(?:{other}|{GROUPS})"
    number = rf"[-+]?{SIGN}?\s*(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)(?:{'[.]' if decimal == '.' else ','}\d+)?"
    return rf"^{SIGN}?\s*{number}\s*{SIGN}?$"


def _facts(filled: pl.Expr, decimal: str) -> dict[str, pl.Expr]:
    """What has to be known of a column: values, amounts among them, amounts with separators, and examples."""
    read = filled.str.contains(_pattern(decimal))
    unlike = "," if decimal == "." else "."
    thousands = filled.str.contains(rf"\d[{decimal}]\d{{3}}(?:\D|$)") & ~filled.str.contains(rf"^\D*0[{decimal}]")
    return {
        "filled": filled.len(),
        "read": read.sum(),
        "separated": (filled.str.contains(rf"\d[.,'’\s\u00a0\u202f]\d|{SIGN}")).sum(),
        "with_decimal": filled.str.contains(decimal, literal=True).sum(),
        "like_thousands": thousands.sum(),
        "with_other": filled.str.contains(unlike, literal=True).sum(),
        "stranger": filled.filter(~read).first(),
        "example": filled.filter(read).first(),
    }


def _check(column: str, facts: dict[str, Any], decimal: str, where: str) -> None:
    if facts["read"] < facts["filled"]:
        raise BadInput(
            f"column '{column}' of {where} holds amounts such as '{facts['example']}', and also"
            f" '{str(facts['stranger'])[:40]}'; empty such cells, or say --set options.decimal="
            f"'{',' if decimal == '.' else '.'}' where the cents stand after that sign"
        )
    if facts["with_decimal"] and facts["like_thousands"] == facts["with_decimal"] and not facts["with_other"]:
        raise BadInput(
            f"the amounts in column '{column}' of {where}, such as '{facts['example']}', can be read as thousands or as"
            f" parts of one; say which with --set options.decimal='.' after writing them without separators, or"
            f" --set options.decimal='{',' if decimal == '.' else '.'}' if they are thousands"
        )


def _numbers(text: pl.Expr, decimal: str) -> pl.Expr:
    plain = text.str.replace_all(SIGN, "").str.replace_all(GROUPS, "")
    plain = plain.str.replace_all("," if decimal == "." else ".", "", literal=True)
    return plain.str.replace_all(decimal, ".", literal=True).cast(pl.Float64, strict=False)
