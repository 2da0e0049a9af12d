"""Small tables that several tests audit."""

import numpy as np
import polars as pl
import pytest

from evenhand import BadInput
from evenhand.auditing import audit

ASK = {"label": "y", "score": "s", "sensitive": "g"}


def refusal(source, **ask):
    """The sentence that an audit is refused with."""
    with pytest.raises(BadInput) as error:
        audit(source, **{**ASK, **ask})
    text = str(error.value)
    assert "\n" not in text
    assert "Traceback" not in text
    return text


def simulated(rows=400, groups=3, seed=0, **columns):
    """Independent labels, scores that follow them a little, and a group per row."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, rows)
    score = np.clip(0.3 * label + 0.7 * rng.random(rows), 0, 1)
    group = np.array(["a", "b", "c", "d", "e", "f", "g"])[rng.integers(0, groups, rows)]
    return pl.DataFrame({"y": label, "s": np.round(score, 3), "g": group, "w": rng.integers(1, 4, rows), **columns})


def counted(**groups):
    """A table of hard predictions from {group: (tp, fp, fn, tn)}."""
    rows = [
        (group, label, decision)
        for group, cells in groups.items()
        for (label, decision), n in zip(((1, 1), (0, 1), (1, 0), (0, 0)), cells, strict=True)
        for _ in range(n)
    ]
    return pl.DataFrame(rows, schema=["g", "y", "d"], orient="row")


def group_of(audit, name, attribute=0):
    """The entry of one group."""
    return next(g for g in audit.data["attributes"][attribute]["groups"] if g["name"] == name)


def value(audit, group, metric, attribute=0):
    """One group's value of a metric."""
    return group_of(audit, group, attribute)["metrics"][metric]["value"]


def gaps(audit, metric, kind, attribute=0):
    """The gaps of one metric and kind."""
    return [g for g in audit.data["attributes"][attribute]["gaps"] if g["metric"] == metric and g["kind"] == kind]
