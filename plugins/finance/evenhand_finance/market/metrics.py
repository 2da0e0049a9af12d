"""Performance of a market recipe: what direction would have earned after costs, or how good the variance was."""

from __future__ import annotations

import numpy as np

from evenhand import BadInput, Metric, Predictions, Recipe
from evenhand_finance.market.forecasts import by_day, diebold_mariano, qlike
from evenhand_finance.market.models import settings
from evenhand_finance.market.tested import Tested, tested
from evenhand_finance.market.trading import Sharpe, Traded, sharpe, traded

NO_EDGE = "no edge: the interval holds 0, or luck over the trials explains it"
DEFLATED = "probability that luck over {} trials does not explain the net Sharpe ratio; an edge needs .95"


def performance(recipe: Recipe, predictions: Predictions) -> list[Metric]:
    """The metrics of the recipe's label, of every model."""
    rows = tested(predictions)
    if recipe.schema.label == "next_return":
        return [metric for model in rows.forecasts for metric in _earned(recipe, rows, model)]
    return [*_lost(rows), *_gained(recipe, rows)]


def trading_of(recipe: Recipe, rows: Tested, model: str) -> Traded:
    """What trading on one model's forecasts would have brought."""
    return traded(rows.day, rows.groups["instrument"], rows.forecasts[model], rows.came, cost_of(recipe))


def sharpe_of(recipe: Recipe, traded_days: Traded, model: str) -> Sharpe:
    """The net ratio; the adapted model was the best of several settings, a baseline is one trial."""
    trials = len(settings(recipe)) + _tried_before(recipe) if model == "adapted" else 1
    return sharpe(traded_days.net, trials)


def cost_of(recipe: Recipe) -> float:
    """Costs of a unit of turnover, in hundredths of a percent."""
    value = recipe.options.get("cost_bp")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1000:
        raise BadInput(
            f"options.cost_bp is {value!r}; give 0 or more hundredths of a percent (--set options.cost_bp=5)"
        )
    return float(value)


def _tried_before(recipe: Recipe) -> int:
    value = recipe.options.get("tried_before", 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadInput(
            f"options.tried_before is {value!r}; give the number of other strategies that were tried on these bars"
            " (--set options.tried_before=20)"
        )
    return value


def hits(rows: Tested, model: str) -> tuple[float, int]:
    """(share of days whose direction was right, days that moved)."""
    moved = rows.came != 0
    right = np.sign(rows.forecasts[model][moved]) == np.sign(rows.came[moved])
    return float(right.mean()) if moved.any() else float("nan"), int(moved.sum())


def _earned(recipe: Recipe, rows: Tested, model: str) -> list[Metric]:
    days = trading_of(recipe, rows, model)
    found = sharpe_of(recipe, days, model)
    share, n = hits(rows, model)
    error = 1.96 * (0.25 / max(len(days.days), 1)) ** 0.5  # instruments of a day count as one
    says = "after costs, of a year; days drawn again in months for the interval"
    if model == "adapted" and not found.edge:
        says = f"{NO_EDGE}; {says}"
    if model == "adapted" and set(rows.groups["instrument"]) & set(recipe.options.get("allow") or []):
        says = f"of an instrument that nobody can hold, so nothing of it could have been had; {says}"
    return [
        Metric("hit_rate", share, share - error, share + error, n, model=model, says="days whose direction was right"),
        Metric("net_sharpe", found.value, found.lower, found.upper, len(days.net), model=model, says=says),
        Metric("deflated_sharpe", found.deflated, n=len(days.net), model=model, says=DEFLATED.format(found.trials)),
        Metric(
            "turnover",
            float(days.turnover.mean()),
            n=len(days.net),
            better="lower",
            model=model,
            says="positions turned over a day: 2 is from long to short each day",
        ),
    ]


def _lost(rows: Tested) -> list[Metric]:
    says = "realised/forecast - log(realised/forecast) - 1, mean of days: 0 is right"
    return [
        Metric(
            "qlike",
            float(by_day(qlike(rows.came, forecast), rows.day).mean()),
            n=len(rows.day),
            better="lower",
            model=model,
            says=says,
        )
        for model, forecast in rows.forecasts.items()
    ]


def _gained(recipe: Recipe, rows: Tested) -> list[Metric]:
    """How much less the adapted model loses than each baseline, in percent of that baseline's loss, and the test."""
    metrics = []
    ours = by_day(qlike(rows.came, rows.forecasts["adapted"]), rows.day)
    for model in rows.forecasts:
        if model == "adapted":
            continue
        rival = by_day(qlike(rows.came, rows.forecasts[model]), rows.day)
        found, share = diebold_mariano(rival, ours, recipe.options["horizon"]), 100 / float(rival.mean())
        says = f"QLIKE that is lost less than by {model}, in percent; HAC errors over days"
        values = (share * found.value, share * found.lower, share * found.upper)
        metrics.append(Metric(f"qlike_gain_over_{model}", *values, found.days, unit="%", says=says))
        test = f"Diebold-Mariano t against {model}: beyond 1.96 the difference is none of chance"
        metrics.append(Metric(f"diebold_mariano_over_{model}", found.t, n=found.days, says=test))
    return metrics
