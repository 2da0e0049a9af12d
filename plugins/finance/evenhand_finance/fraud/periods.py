"""How a model of fraud fares as months pass: accuracy and gaps between groups, on old weeks and on new ones.

    python -m evenhand_finance.fraud.periods [--data FILE] [--every 4] [--set options.models=1]

Windows of the stream end `every` weeks apart, each with days to learn from, of delay, and to be tested on. Three
models are tested on each: that of the first window, which nobody touched again; one fitted anew in each window; and
that of the last window, whose figures on old weeks tell what it has forgotten.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evenhand import BadInput, Recipe
from evenhand_finance.fraud.data import BANDS, days, divide, with_features
from evenhand_finance.fraud.features import COMPUTED
from evenhand_finance.fraud.models import Budgeted, boosted
from evenhand_finance.fraud.stream import read, stream_of

if TYPE_CHECKING:
    import polars as pl

MODELS = ("of the first weeks", "fitted anew", "of the last weeks")
HISTORY = 30  # days before the first window, that features may look back


class Period(NamedTuple):
    """One model on one window's test days. false_alarms: per 1,000 legitimate transactions, by group; caught: share."""

    model: str
    ends: date
    average_precision: float
    caught: dict[str, float]
    false_alarms: dict[str, float]

    @property
    def gap(self) -> float:
        """Between the groups with the most and the fewest false alarms per 1,000."""
        return max(self.false_alarms.values()) - min(self.false_alarms.values())


def periods(recipe: Recipe, whole: pl.DataFrame, where: str, every: int = 4, column: str = "region") -> list[Period]:
    """Every model of MODELS on every window, the oldest window first. whole: the stream with its features."""
    if column not in whole.columns:
        raise BadInput(
            f"{where} has no column '{column}' to compare groups by; name one (--by), such as {', '.join(BANDS)}"
        )
    windows = [divide(recipe, whole.filter(_day() <= end), where)[0] for end in ends(recipe, whole, every, where)]
    inputs = [name for name in recipe.schema.input if name in COMPUTED]
    fitted = [_fitted(recipe, window, inputs) for window in windows]
    return [
        told(name, model, window["test"], inputs, column)
        for place, window in enumerate(windows)
        for name, model in zip(MODELS, (fitted[0], fitted[place], fitted[-1]), strict=True)
    ]


def ends(recipe: Recipe, whole: pl.DataFrame, every: int, where: str) -> list[date]:
    """The last test days of the windows, the oldest first."""
    length = sum(days(recipe, f"{part}_days") for part in ("train", "delay", "test"))
    first, last = whole["(day)"].min(), whole["(day)"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    count = ((last - first).days + 1 - HISTORY - length) // (7 * every) + 1
    if count < 2:
        raise BadInput(
            f"{where} spans {(last - first).days + 1} days, too few for two windows {every} weeks apart; give more, or"
            " have them nearer (--every)"
        )
    return [last - timedelta(weeks=every * back) for back in range(count - 1, -1, -1)]


def told(name: str, model: Budgeted, rows: pl.DataFrame, inputs: Sequence[str], column: str) -> Period:
    """What a model does on the rows of a window's test days."""
    import polars as pl
    from sklearn.metrics import average_precision_score

    chance = _chance(model, rows, inputs)
    fraud, stopped = rows["(fraud)"].to_numpy() == 1, chance >= model.threshold
    group = rows[column].cast(pl.String).fill_null("(missing)").to_numpy()
    caught, wrong = {}, {}
    for one in np.unique(group):
        inside = group == one
        wrong[str(one)] = 1000 * float(stopped[inside & ~fraud].mean())
        if (inside & fraud).any():
            caught[str(one)] = float(stopped[inside & fraud].mean())
    last = rows["(day)"].max()
    assert isinstance(last, date)
    return Period(name, last, float(average_precision_score(fraud, chance)), caught, wrong)


def _fitted(recipe: Recipe, window: dict[str, pl.DataFrame], inputs: Sequence[str]) -> Budgeted:
    """The recipe's trees on a window's days to learn from, at the alert budget of its days of delay."""
    seen, truth = _matrix(window["train"], inputs), window["train"]["(fraud)"].to_numpy()
    seeds = range(recipe.seed, recipe.seed + int(recipe.options["models"]))
    model = Budgeted([boosted(seen, truth, seed) for seed in seeds], list(inputs))
    chance = np.sort(_chance(model, window["validation"], inputs))[::-1]
    last = min(max(round(len(chance) * float(recipe.options["alerts_per_1000"]) / 1000), 1), len(chance)) - 1
    return Budgeted(model.estimators, model.columns, float(chance[last]))


def _chance(model: Budgeted, rows: pl.DataFrame, inputs: Sequence[str]) -> np.ndarray:
    seen = _matrix(rows, inputs)
    return np.asarray(np.mean([estimator.predict_proba(seen)[:, 1] for estimator in model.estimators], axis=0))


def _matrix(rows: pl.DataFrame, inputs: Sequence[str]) -> np.ndarray:
    import polars as pl

    return rows.select(pl.col(inputs).cast(pl.Float64)).to_numpy()


def _day() -> pl.Expr:
    import polars as pl

    return pl.col("(day)")


def table(found: Sequence[Period]) -> Iterator[str]:
    """Markdown: a line for each model and window."""
    groups = list(dict.fromkeys(group for one in found for group in one.false_alarms))
    head = [*(f"caught: {group}" for group in groups), *(f"false alarms: {group}" for group in groups)]
    yield "| test days end | model | average precision | " + " | ".join(head) + " | gap of false alarms |"
    yield "|---" * (4 + len(head)) + "|"
    for one in found:
        cells = [f"{one.caught[group]:.0%}" if group in one.caught else "–" for group in groups]
        cells += [f"{one.false_alarms[group]:.1f}" if group in one.false_alarms else "–" for group in groups]
        line = " | ".join(cells)
        yield f"| {one.ends} | {one.model} | {one.average_precision:.3f} | {line} | {one.gap:.1f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of a stream, or of the simulated six months."""
    import evenhand_finance
    from evenhand_finance.fraud.samples import card_transactions

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--every", type=int, default=4, help="weeks between windows")
    parser.add_argument("--by", default="region", help="the column whose groups are compared")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    asked = parser.parse_args(arguments)
    (recipe,) = [found for found in evenhand_finance.recipes() if found.name == "fraud"]
    recipe = recipe.with_settings(asked.set)
    rows = read(asked.data)[0] if asked.data else card_transactions(recipe.seed)
    where = str(asked.data or "simulated card transactions")
    try:
        whole = with_features(recipe, rows, stream_of(recipe, rows, where), recipe.schema, where)
        print("\n".join(table(periods(recipe, whole, where, asked.every, asked.by))))
    except BadInput as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
