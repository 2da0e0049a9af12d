"""Audits whose reports are looked at, and names that attack a page."""

import polars as pl

import evenhand

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "x" * 10_000,
    "שלום\u202e",
    "🙂",
    "{{ 7*7 }}",
    "</style><b>",
    "a\x00b",
]


def audit_of(names, column="sex", n=50, **options):
    total = n * len(names)
    frame = pl.DataFrame(
        {
            "y": [i % 2 for i in range(total)],
            "s": [((i * 37) % 100) / 100 for i in range(total)],
            column: [names[i % len(names)] for i in range(total)],
            "site": ["A" if i % 3 else "B" for i in range(total)],
        }
    )
    return evenhand.audit(
        frame, label="y", score="s", sensitive=[column, "site"], tolerance={"tpr": 0.1}, **options
    ).data
