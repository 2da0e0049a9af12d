"""How well frauds are ranked: average precision, area under the curve and card precision, with intervals by card.

Cards are drawn again with replacement, each with all its transactions: every replicate weighs the rows of a card by how
often it was drawn. The gain over a baseline is taken within replicates, so that it is paired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evenhand import Metric, Predictions

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLICATES = 500
CARDS = 100  # looked at each day

SAYS = {
    "average_precision": "area under precision by share of frauds found; cards drawn again for the interval",
    "auc_roc": "chance that a fraud scores above a legitimate transaction; cards drawn again for the interval",
    "card_precision_100": "of the 100 cards with the highest score of a day, the share with a fraud; mean of days",
}


class Rows(NamedTuple):
    """Test rows: fraud (bool), card (number), day (number), and scores by model."""

    fraud: np.ndarray
    card: np.ndarray
    day: np.ndarray
    scores: dict[str, np.ndarray]


def performance(predictions: Predictions, cluster: str) -> list[Metric]:
    """Each metric of each model, then the gains of the adapted model over every baseline."""
    rows = rows_of(predictions, cluster)
    found: dict[str, dict[str, np.ndarray]] = {name: {} for name in SAYS}
    draws = draws_of(rows.card, 0)
    for model, score in rows.scores.items():
        for name, values in ranked(rows, score, draws).items():
            found[name][model] = values
    return [metric for name in SAYS for metric in _told(name, found[name], len(rows.card))]


def rows_of(predictions: Predictions, cluster: str) -> Rows:
    """The test rows with what every model says of them."""
    import polars as pl

    frame = pl.read_parquet(predictions.table)
    label, time = predictions.schema.require("label", "evaluating"), predictions.schema.require("time", "evaluating")
    columns = {"adapted": predictions.schema.require("score", "evaluating"), **predictions.baseline_scores}
    day = moments(frame[time]).rank("dense").to_numpy()
    return Rows(
        frame[label].to_numpy() == 1,
        frame[cluster].cast(pl.String).rank("dense").to_numpy().astype(np.int64) - 1,
        day.astype(np.int64),
        {name: frame[column].to_numpy() for name, column in columns.items()},
    )


def moments(column: Any) -> Any:
    """The date of each time, also where times are texts."""
    import polars as pl

    return (column.str.to_datetime(strict=False) if column.dtype == pl.String else column).dt.date()


def draws_of(card: np.ndarray, seed: int, replicates: int = REPLICATES) -> np.ndarray:
    """How often each card is drawn, [replicates + 1, cards]; the first is the data as it is."""
    n = int(card.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=replicates)
    return np.concatenate([np.ones((1, n), np.int64), drawn])


def ranked(rows: Rows, score: np.ndarray, draws: np.ndarray) -> dict[str, np.ndarray]:
    """Every metric for every replicate, [replicates + 1]."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # rows of one score come together
    fraud, card = rows.fraud[order], rows.card[order]
    both = [_areas(draw[card], fraud, last) for draw in draws]
    return {
        "average_precision": np.array([ap for ap, _ in both]),
        "auc_roc": np.array([auc for _, auc in both]),
        "card_precision_100": card_precision(rows, score, draws),
    }


def _areas(weight: np.ndarray, fraud: np.ndarray, last: np.ndarray) -> tuple[float, float]:
    """(average precision, area under the curve) of rows by falling score; `last` is where each score ends."""
    caught, stopped = np.cumsum(weight * fraud)[last], np.cumsum(weight)[last]
    found = np.diff(caught, prepend=0)
    frauds, clean = caught[-1], stopped[-1] - caught[-1]
    if not frauds or not clean:
        return np.nan, np.nan
    ap = (found * caught / np.maximum(stopped, 1)).sum() / frauds
    passed = stopped - caught
    wrong = np.diff(passed, prepend=0)
    return float(ap), float((wrong * (caught - found / 2)).sum() / (frauds * clean))


def card_precision(rows: Rows, score: np.ndarray, draws: np.ndarray, cards: int = CARDS) -> np.ndarray:
    """Mean over days of the share of compromised among the day's highest cards; one found is not looked at again."""
    gone = np.zeros(draws.shape, bool)
    shares = []
    for day in np.unique(rows.day):
        today = rows.day == day
        card, top, bad = highest(rows.card[today], score[today], rows.fraud[today])
        order = np.argsort(-top, kind="stable")
        card, bad = card[order], bad[order]
        weight = draws[:, card] * ~gone[:, card]
        before = np.cumsum(weight, axis=1) - weight
        taken = np.clip(cards - before, 0, weight)
        shares.append((taken * bad).sum(axis=1) / cards)
        gone[:, card] |= (taken > 0) & bad
    return np.mean(shares, axis=0)


def highest(card: np.ndarray, score: np.ndarray, fraud: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(card, its highest score, whether one of its transactions is a fraud), each card once."""
    names, place = np.unique(card, return_inverse=True)
    top, bad = np.full(len(names), -np.inf), np.zeros(len(names), bool)
    np.maximum.at(top, place, score)
    np.logical_or.at(bad, place, fraud)
    return names, top, bad


def limits(values: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the replicates."""
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return float(low), float(high)


def _told(name: str, found: dict[str, np.ndarray], n: int) -> Iterator[Metric]:
    for model, values in found.items():
        yield Metric(name, float(values[0]), *limits(values), n, model=model, says=SAYS[name])
    for model, values in found.items():
        if model != "adapted":
            gain = found["adapted"] - values
            says = f"{name} of the adapted model minus that of {model}, on the same draws of cards"
            yield Metric(f"{name}_gain_over_{model}", float(gain[0]), *limits(gain), n, model="adapted", says=says)
