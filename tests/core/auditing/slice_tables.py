"""Tables in which slices are searched, and the search as an audit calls it."""

import numpy as np
import polars as pl

from evenhand.asking.question import Question
from evenhand.auditing.question.plan import make_plan
from evenhand.auditing.slices.search import find_slices
from evenhand.auditing.table.checks import take_roles
from evenhand.auditing.table.rows import Roles
from evenhand.auditing.table.source import open_source

SAID = {"label": "y", "prediction": "d"}


def opened(frame, columns, **roles):
    """Rows and plan, as an audit makes them."""
    rows = take_roles(open_source(frame), Roles(sensitive=(columns[0],), slices=tuple(columns), **(roles or SAID)))
    plan = make_plan(rows, Question(replicates=200))
    return rows, plan


def search(frame, columns, depth=3, top=20, **roles):
    return find_slices(*opened(frame, columns, **roles), columns, depth, top)


def table(rows=4_000, seed=0, bad=None, error=0.3, rest=0.1):
    """Random columns, and decisions that are wrong more often where `bad` (a Polars expression) holds."""
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "sex": rng.choice(["f", "m"], rows),
            "site": rng.choice(["north", "south", "east", "west"], rows),
            "age": rng.integers(18, 91, rows),
            "dose": np.round(rng.gamma(2.0, 1.5, rows), 2),
            "y": rng.integers(0, 2, rows),
        }
    )
    wrong = np.zeros(rows, bool) if bad is None else frame.select(bad=bad)["bad"].to_numpy()
    flip = rng.random(rows) < np.where(wrong, error, rest)
    return frame.with_columns(d=pl.Series(np.where(flip, 1 - frame["y"].to_numpy(), frame["y"].to_numpy())))


COLUMNS = ["sex", "site", "age", "dose"]
PLANTED = (pl.col("sex") == "f") & (pl.col("site") == "east")


def conditions(entry):
    return {(c["column"], c["value"]) for c in entry["slice"]}
