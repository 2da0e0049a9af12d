"""The look-ahead test: shuffling the future must not change what was said of the past.

    past_ignores_the_future(lambda rows: features(rows), bars, time="date", keep=("instrument",))

A window that is centred, a scaling over the whole table, a label that came later: each shows here, whatever it is
called.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting import scores
from evenhand.data.reading import to_rows
from evenhand.extending.discovering import Plugins
from evenhand.recipe import Recipe
from evenhand.recorded.run_folder import Run
from evenhand.running.pipeline import RUN, Corridor
from evenhand.running.walking import walk, writes
from evenhand.testing.checks import Plugin, isolated, opened, recipes_of

if TYPE_CHECKING:
    import polars as pl

CUTS = (0.3, 0.6, 0.9)  # shares of the distinct times that stay as they are
CLOSE = 1e-6  # networks add up a batch in another order when other rows are beside a row


def past_ignores_the_future(
    compute: Callable[[pl.DataFrame], Any],
    rows: pl.DataFrame,
    time: str,
    *,
    keep: Collection[str] = (),
    what: str = "what was computed",
    seed: int = 0,
) -> None:
    """Raise AssertionError where `compute(rows)` says otherwise of early rows once later ones were shuffled.

    compute: rows -> a frame, or an array, with one row for each, in their order. time: the column that orders rows.
    keep: columns that stay where they are, such as the instrument of a bar, of which there is one a day.
    """
    said, rng = _arrays(compute(rows), rows.height, what), np.random.default_rng(seed)
    moments = rows[time].unique().sort()
    moved = [column for column in rows.columns if column != time and column not in keep]
    assert len(moments) > 1, f"the look-ahead test needs rows of more than one time in column '{time}'"
    for share, few in product(CUTS, (False, True)):
        cut = moments[min(int(len(moments) * share), len(moments) - 2)]
        late, order = np.flatnonzero((rows[time] > cut).to_numpy()), np.arange(rows.height)
        # an order that changes nothing, such as a mean's, shows once a few rows stand in the place of all
        drawn = rng.choice(late, max(len(late) // 10, 1), replace=False)
        order[late] = rng.choice(drawn, len(late)) if few else rng.permutation(late)
        again = _arrays(compute(rows.with_columns(rows.select(moved)[order])), rows.height, what)
        early = np.flatnonzero((rows[time] <= cut).to_numpy())
        for name, values in said.items():
            wrong = ~_alike(values[early], again[name][early])
            assert not wrong.any(), (
                f"{what} looks ahead: shuffling the rows after {cut} changes {name} of {wrong.sum():,} rows before it,"
                f" first of row {early[wrong][0] + 1:,}; use only what is known at a row's own time"
            )


def scores_ignore_the_future(plugin: Plugin) -> None:
    """The fitted model of every recipe with a time says the same of early test rows when later ones are shuffled."""
    plugins, name, _ = opened(plugin)
    for recipe in recipes_of(plugins, name):
        with isolated(recipe) as folder:
            _check(recipe, plugins, folder)


def _check(recipe: Recipe, plugins: Plugins, folder: Path) -> None:
    import polars as pl

    with Run(folder, recipe, "kit", walk="run", stages=writes(RUN)) as kept:
        corridor = Corridor(kept, recipe, plugins, None)
        schema = corridor.splits.schema
        if schema.time is None or schema.time not in corridor.splits.test.column_names:
            return
        walk(RUN[: [stage.name for stage in RUN].index("finetune") + 1], kept, corridor, plugins)
        columns = list(dict.fromkeys([schema.time, *schema.input]))
        rows: Any = pl.from_arrow(corridor.splits.test.select_columns(columns).with_format("arrow")[:])
        past_ignores_the_future(
            lambda some: scores(corridor.adapted.model, to_rows(some), schema),
            rows,
            schema.time,
            keep=schema.sensitive,
            what=f"the model of recipe '{recipe.full_name}'",
        )


def _arrays(said: Any, height: int, what: str) -> dict[str, np.ndarray]:
    """What was computed as arrays by name: the columns of a frame, or one array."""
    arrays = {name: said[name].to_numpy() for name in said.columns} if hasattr(said, "columns") else {"a value": said}
    for name, values in arrays.items():
        assert len(values) == height, f"{what} gave {len(values):,} values of {name} for {height:,} rows; give one each"
    return {name: np.asarray(values) for name, values in arrays.items()}


def _alike(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Bool [rows]: the same, both missing, or numbers that differ by rounding."""
    if one.dtype.kind == "f" and other.dtype.kind == "f":
        same = np.isclose(one, other, rtol=CLOSE, atol=CLOSE, equal_nan=True)
    else:
        same = (one == other) | ((one != one) & (other != other))
        same = same | np.array(
            [a is None and b is None for a, b in zip(one.ravel(), other.ravel(), strict=True)]
        ).reshape(one.shape)
    return np.asarray(same.reshape(len(one), -1).all(axis=1))
