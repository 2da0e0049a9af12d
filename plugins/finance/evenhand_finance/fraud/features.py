"""Features of card transactions that any issuer could compute when a transaction arrives: one pass over the stream.

A transaction sees what its customer and its terminal did before it, and labels that are `delay` days old or older.
Nothing is assumed about how fraud works (no amount, no length of a compromise): shares of fraud are counted from the
labels that were known by the day, by how far an amount is from the customer's usual one, and by the state of the
terminal's run of frauds, as a life table counts survivors by age.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evenhand_finance.fraud.windows import DAY, Past, latest

if TYPE_CHECKING:
    import polars as pl

WINDOWS = (1, 3, 7, 15, 30)  # days
MEANS = (1, 7, 30)  # days of the handbook's means
USUAL = 60  # days over which a customer's usual amount is taken
PRIOR = 20.0  # transactions of the usual share of fraud that are added to each counted share
OLDEST = 60  # days; older runs of fraud are one state

HANDBOOK = (  # the features of the Fraud Detection Handbook, chapter 3
    "amount",
    "weekend",
    "night",
    *(f"customer_{what}_{days}d" for days in (1, 7, 30) for what in ("n", "mean")),
    *(f"terminal_{what}_{days}d" for days in (1, 7, 30) for what in ("n", "risk")),
)
COMPUTED = (
    *("amount", "hour", "night", "weekend", "amount_ratio", "amount_z", "amount_risk"),
    *("customer_usual", "customer_spread", "customer_gap", "terminal_now_7d", "terminal_risk", "terminal_risk_fine"),
    *(f"customer_{what}_{days}d" for what in ("n", "ratio", "burst") for days in WINDOWS),
    *(f"customer_mean_{days}d" for days in MEANS),
    *(f"terminal_{what}_{days}d" for what in ("n", "risk", "odd") for days in WINDOWS),
    *("streak_age", "streak_end", "streak_frauds", "clean_before", "clean_after", "clean_last"),
)

Columns = dict[str, np.ndarray]


def features(stream: pl.DataFrame, delay: int) -> pl.DataFrame:
    """The stream (customer, terminal, time, amount, fraud; in time order) with its feature columns.

    fraud: 1, 0, or null where nobody has said; a label is used for transactions `delay` days later and no earlier.
    """
    import polars as pl

    seconds = stream["time"].dt.epoch("s").to_numpy().astype(np.float64)
    fraud = stream["fraud"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    made = _moment(stream) | _customer(stream, seconds)
    day = np.floor(seconds / DAY).astype(np.int64)
    known = Known(day, fraud, delay)
    made["amount_risk"] = known.share(_amount_states(made))
    made |= _terminal(stream, seconds, fraud, made["amount_risk"], delay, known)
    return stream.with_columns(pl.Series(name, values.astype(np.float32)) for name, values in made.items())


class Known:
    """Shares of fraud among the rows of a state whose labels were known by the day of each row."""

    def __init__(self, day: np.ndarray, fraud: np.ndarray, delay: int) -> None:
        self.day, self.fraud, self.delay = day, fraud, delay
        self.usual = self._counted(np.zeros(len(day), np.int64), None)

    def share(self, state: np.ndarray) -> np.ndarray:
        """[rows]; a state that is new has the usual share, and one seen often has its own."""
        return self._counted(state, self.usual)

    def _counted(self, state: np.ndarray, usual: np.ndarray | None) -> np.ndarray:
        labelled = ~np.isnan(self.fraud)
        past = Past(state, self.day * DAY)
        rows, frauds = past.sums(past.of(labelled)), past.sums(past.of(np.where(labelled, self.fraud, 0.0)))
        until = past.rows_by(self.delay + 1)  # a whole day is known when its last label is
        n, hits = past.back(rows(past.first, until)), past.back(frauds(past.first, until))
        return (hits + PRIOR * (0.0 if usual is None else usual)) / (n + PRIOR)


def _moment(stream: pl.DataFrame) -> Columns:
    time = stream["time"].dt
    hour, weekend = time.hour().to_numpy(), time.weekday().to_numpy() >= 6
    return {"amount": stream["amount"].to_numpy(), "hour": hour, "night": hour <= 6, "weekend": weekend}


def _customer(stream: pl.DataFrame, seconds: np.ndarray) -> Columns:
    """How much and how often against what the customer usually does; bursts of unusual amounts before this one."""
    past = Past(stream["customer"].to_physical().to_numpy(), seconds)
    amount, before = past.of(stream["amount"].to_numpy()), past.here
    usual = np.maximum(_usual_amount(past, amount), 0.01)
    ratio = amount / usual
    spent, squares = past.sums(amount), past.sums(amount**2)
    excess = past.sums(np.nan_to_num(np.clip(ratio - 1, 0, 5) ** 2))
    start = np.minimum(past.rows_by(USUAL), before)
    n = before - start
    mean = spent(start, before) / np.maximum(n, 1)
    spread = np.sqrt(np.maximum(squares(start, before) / np.maximum(n, 1) - mean**2, 0))
    made = {
        "amount_ratio": ratio,
        "amount_z": np.where(n > 2, (amount - mean) / np.maximum(spread, 0.01), np.nan),
        "customer_usual": usual,
        "customer_spread": spread / np.maximum(mean, 0.01),
        "customer_gap": np.where(before > past.first, (past.seconds - past.seconds[before - 1]) / DAY, np.nan),
    }
    for days in WINDOWS:
        start = past.rows_by(days)
        count = (before + 1 - start).astype(float)
        average = spent(start, before + 1) / count
        made[f"customer_n_{days}d"], made[f"customer_ratio_{days}d"] = count, average / usual
        if days in MEANS:
            made[f"customer_mean_{days}d"] = average
        start = np.minimum(start, before)
        made[f"customer_burst_{days}d"] = excess(start, before)
    return {name: past.back(values) for name, values in made.items()}


def _usual_amount(past: Past, amount: np.ndarray) -> np.ndarray:
    """The median of the customer's amounts in the USUAL days before each row; NaN where there is none."""
    import polars as pl

    rows = pl.DataFrame({"of": past.entity, "at": past.seconds.astype(np.int64), "amount": amount})
    median = pl.col("amount").rolling_median_by("at", f"{int(USUAL * DAY)}i", closed="left").over("of")
    return rows.select(median).to_series().to_numpy()


def _amount_states(made: Columns) -> np.ndarray:
    """Bins of the amount and of its ratio to the usual one, half as wide as long: a table that labels fill."""
    ratio = np.clip(np.floor(4 * np.log2(np.maximum(np.nan_to_num(made["amount_ratio"], nan=1.0), 1e-3))), -8, 16)
    amount = np.clip(np.floor(4 * np.log2(np.maximum(made["amount"], 1e-2))), -8, 60)
    return (ratio * 1000 + amount).astype(np.int64)


def _terminal(
    stream: pl.DataFrame, seconds: np.ndarray, fraud: np.ndarray, explained: np.ndarray, delay: int, known: Known
) -> Columns:
    """The terminal's known frauds and how its last run of them stands; `explained`: by the amount alone."""
    past = Past(stream["terminal"].to_physical().to_numpy(), seconds)
    said = past.of(fraud)
    yes, no = said == 1, said == 0
    weight = np.where(yes, 1 - past.of(explained), 0.0)  # what an odd amount does not explain
    rows, frauds, weights = past.sums(yes | no), past.sums(yes), past.sums(weight)
    until = past.rows_by(delay)
    made: Columns = {"terminal_now_7d": past.here + 1.0 - past.rows_by(7)}
    for days in WINDOWS:
        start = past.rows_by(delay + days)
        n = rows(start, until)
        made[f"terminal_n_{days}d"] = n
        made[f"terminal_risk_{days}d"] = np.where(n > 0, frauds(start, until) / np.maximum(n, 1), 0.0)
        made[f"terminal_odd_{days}d"] = weights(start, until)
    made |= _streak(past, weight > 0.5, no, until)
    age = np.nan_to_num(np.minimum(made["streak_age"], OLDEST), nan=-1).astype(np.int64)
    after = np.minimum(made["clean_after"], 3).astype(np.int64)
    length = np.minimum(made["streak_frauds"], 3).astype(np.int64)
    made = {name: past.back(values) for name, values in made.items()}
    made["terminal_risk"] = known.share(past.back(age * 100 + (after > 0) * 10 + (length > 1)))
    made["terminal_risk_fine"] = known.share(past.back(age * 100 + after * 10 + length))
    return made


def _streak(past: Past, fraud: np.ndarray, clean: np.ndarray, until: np.ndarray) -> Columns:
    """The last run of frauds that was known: its age, length and end, each as seen from the row; NaN where none."""
    last_clean, last_fraud = latest(clean, past), latest(fraud, past)
    count, cleans = np.append(0, np.cumsum(fraud)), np.append(0, np.cumsum(clean))
    where = np.flatnonzero(fraud)
    seen = np.maximum(until - 1, 0)
    end = np.where(until > past.first, last_fraud[seen], -1)  # the run's last fraud
    there, at = end >= 0, np.maximum(end, 0)
    broken = np.where(there, last_clean[at], -1)  # the clean transaction before the run
    before = count[np.where(broken >= 0, broken, past.first[at])]  # frauds ahead of the run
    first = where[np.minimum(before, max(len(where) - 1, 0))] if len(where) else at

    def days_since(row: np.ndarray, known: np.ndarray) -> np.ndarray:
        return np.where(known, (past.seconds - past.seconds[np.maximum(row, 0)]) / DAY, np.nan)

    return {
        "streak_age": days_since(first, there),
        "streak_end": days_since(end, there),
        "streak_frauds": np.where(there, count[at + 1] - before, 0.0),
        "clean_before": days_since(broken, there & (broken >= 0)),
        "clean_after": np.where(there, cleans[until] - cleans[at + 1], 0.0),
        "clean_last": days_since(
            np.where(until > past.first, last_clean[seen], -1), (until > past.first) & (last_clean[seen] >= 0)
        ),
    }
