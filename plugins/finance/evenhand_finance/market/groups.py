"""The audit across instruments and regimes: where the forecast is worse, and where an edge would have to come from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evenhand import Estimate, Predictions, Recipe
from evenhand_finance.market.forecasts import by_day, diebold_mariano, qlike
from evenhand_finance.market.metrics import hits, trading_of
from evenhand_finance.market.tested import Tested, tested
from evenhand_finance.market.trading import sharpe

LEAST = 30  # days of a group that a number is told of


def estimates(recipe: Recipe, predictions: Predictions) -> list[Estimate]:
    """The recipe's numbers for each group of each sensitive column."""
    rows = tested(predictions)
    return [
        estimate
        for column in predictions.schema.sensitive
        for name, part in groups_of(rows, column)
        for estimate in _estimates(recipe, part, f"{column}={name}")
    ]


def groups_of(rows: Tested, column: str) -> Iterator[tuple[str, Tested]]:
    """(name, rows) of each group with enough days."""
    for name in np.unique(rows.groups[column]):
        part = rows.part(rows.groups[column] == name)
        if len(np.unique(part.day)) >= LEAST:
            yield str(name), part


def _estimates(recipe: Recipe, part: Tested, group: str) -> Iterator[Estimate]:
    if recipe.schema.label == "next_return":
        days = trading_of(recipe, part, "adapted")
        found = sharpe(days.net, 1)
        share, n = hits(part, "adapted")
        half = 1.96 * (0.25 / max(len(days.days), 1)) ** 0.5
        says = f"days whose direction was right, of {n:,} that moved"
        yield Estimate("hit_rate", group, share, share - half, share + half, says)
        says = "after costs, of a year, on this group's days alone; days drawn again in months"
        yield Estimate("net_sharpe", group, found.value, found.lower, found.upper, says)
        return
    losses = {model: by_day(qlike(part.came, forecast), part.day) for model, forecast in part.forecasts.items()}
    own = diebold_mariano(losses["adapted"], np.zeros_like(losses["adapted"]), recipe.options["horizon"])
    yield Estimate(
        "qlike", group, own.value, own.lower, own.upper, "loss of the variance forecast, HAC errors over days"
    )
    gain = diebold_mariano(losses["har"], losses["adapted"], recipe.options["horizon"])
    share = 100 / float(losses["har"].mean())
    says = f"percent of HAR's QLIKE that is lost less; Diebold-Mariano t {gain.t:.1f}"
    yield Estimate("qlike_gain_over_har", group, share * gain.value, share * gain.lower, share * gain.upper, says)
