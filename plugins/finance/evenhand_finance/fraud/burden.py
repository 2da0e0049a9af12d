"""Who is stopped wrongly and who is missed: false alarms by group, by transaction and by value, clustered by card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evenhand import Estimate, Predictions
from evenhand_finance.fraud.metrics import draws_of, limits

if TYPE_CHECKING:
    import polars as pl

REPLICATES = 400
HELD = ("false_alarms_per_1000", "value_held_per_1000", "frauds_caught")
SAYS = {
    "false_alarms_per_1000": "legitimate transactions that are stopped, of 1,000; cards drawn again for the interval",
    "value_held_per_1000": "of 1,000 units of money in legitimate transactions, how much is stopped",
    "frauds_caught": "share of the frauds that are stopped",
}


class Burden(NamedTuple):
    """One number of one group with its limits; `rows` is what it is a share of."""

    name: str
    column: str
    group: str
    value: float
    lower: float
    upper: float
    rows: int


def estimates(predictions: Predictions, cluster: str, amount: str = "amount") -> list[Estimate]:
    """What the audit's own metrics do not hold: false alarms weighed by value, for every group."""
    return [
        Estimate(one.name, f"{one.column}={one.group}", one.value, one.lower, one.upper, SAYS[one.name])
        for one in burdens(predictions, cluster, amount)
        if one.name == "value_held_per_1000"
    ]


def burdens(predictions: Predictions, cluster: str, amount: str = "amount") -> list[Burden]:
    """Each number of HELD for each group of each sensitive column."""
    import polars as pl

    frame = pl.read_parquet(predictions.table)
    roles = predictions.schema
    fraud = frame[roles.require("label", "auditing")].to_numpy() == 1
    stopped = frame[roles.require("prediction", "auditing")].to_numpy() == 1
    value = np.maximum(frame[amount].to_numpy(), 0)
    card = frame[cluster].cast(pl.String).rank("dense").to_numpy().astype(np.int64) - 1
    draws = draws_of(card, 1, REPLICATES)
    return [
        one
        for column in roles.sensitive
        for group, inside in groups(frame[column])
        for one in _burdens_of(column, group, inside, (fraud, stopped, value, card), draws)
    ]


def groups(column: pl.Series) -> Iterator[tuple[str, np.ndarray]]:
    """(name, bool [rows]) of each group; rows without one are "(missing)"."""
    import polars as pl

    names = column.cast(pl.String).fill_null("(missing)")
    for name in sorted(names.unique()):
        yield name, (names == name).to_numpy()


def _burdens_of(
    column: str, group: str, inside: np.ndarray, rows: tuple[np.ndarray, ...], draws: np.ndarray
) -> Iterator[Burden]:
    fraud, stopped, value, card = rows
    clean, bad = inside & ~fraud, inside & fraud
    shares = {
        "false_alarms_per_1000": (clean & stopped, clean, 1000.0),
        "value_held_per_1000": ((clean & stopped) * value, clean * value, 1000.0),
        "frauds_caught": (bad & stopped, bad, 1.0),
    }
    for name in HELD:
        top, bottom, unit = shares[name]
        over, under = by_card(top, card, draws), by_card(bottom, card, draws)
        with np.errstate(all="ignore"):
            found = unit * over / under
        if np.isfinite(found[0]):
            yield Burden(name, column, group, float(found[0]), *limits(found), int((bottom > 0).sum()))


def by_card(values: np.ndarray, card: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The sum over rows in every replicate, [replicates + 1]."""
    return np.asarray(draws @ np.bincount(card, weights=values, minlength=draws.shape[1]))
