"""The report's own sections of the market recipes: whether there is an edge, said first, and the walk as plots."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np

from evenhand import Chart, Line, Predictions, Recipe, Schema, Section
from evenhand_finance.market.forecasts import by_day, diebold_mariano, qlike
from evenhand_finance.market.metrics import cost_of, hits, sharpe_of, trading_of
from evenhand_finance.market.models import names_of, settings
from evenhand_finance.market.tested import Tested, tested
from evenhand_finance.market.trading import ENOUGH, Sharpe

POINTS = 250  # of a line: more are not seen
EPOCH = date(1970, 1, 1)


def sections(run: Any) -> list[Section]:
    """The verdict in words with its table, and the walk forward."""
    record = run.manifest["stages"]["predict"]
    facts, schema = record["facts"], Schema.model_validate(record["schema"])
    schema = schema.model_copy(update={"prediction": facts["prediction"], "score": facts["score"]})
    predictions = Predictions(run.path / "predictions.parquet", schema, "regression", baselines=facts["baselines"])
    rows = tested(predictions)
    if run.recipe.schema.label == "next_return":
        return [_edge(run.recipe, rows), _earned(run.recipe, rows)]
    return [_better(run.recipe, rows), _walked(run.recipe, rows)]


def verdict(found: Sharpe) -> str:
    """Whether there is an edge, in one plain sentence."""
    ratio = f"its net Sharpe ratio of a year is {found.value:.2f} [{found.lower:.2f}, {found.upper:.2f}]"
    luck = f"the deflated probability is {found.deflated:.2f}, over {found.trials} trials"
    if found.edge:
        return f"Trading on this forecast had an edge on the test days: {ratio}, and {luck}."
    if found.upper < 0:
        return f"There is no edge: trading on this forecast loses money after costs; {ratio}."
    why = "its interval holds 0" if found.lower <= 0 else f"that is below {ENOUGH:.2f}"
    return f"There is no edge: {ratio}, and {luck}; {why}."


def _unreal(recipe: Recipe, rows: Tested) -> str:
    """A warning where instruments were allowed that nobody can hold."""
    names = [name for name in np.unique(rows.groups["instrument"]) if name in (recipe.options.get("allow") or [])]
    if not names:
        return ""
    return f"None of this could have been had: {', '.join(map(str, names))} cannot be traded. On paper: "


def _edge(recipe: Recipe, rows: Tested) -> Section:
    called = {"adapted": "this forecast", **names_of(list(rows.forecasts)[1:])}
    found, table = {}, []
    for model in rows.forecasts:
        days = trading_of(recipe, rows, model)
        found[model] = sharpe_of(recipe, days, model)
        one, (share, _) = found[model], hits(rows, model)
        free = f"{days.gross.mean() * 252:.1f} %"
        table.append(
            (
                called[model],
                f"{share:.1%}",
                free,
                f"{days.net.mean() * 252:.1f} %",
                f"{days.turnover.mean():.2f}",
                f"{one.value:.2f} [{one.lower:.2f}, {one.upper:.2f}]",
                f"{one.deflated:.2f}",
            )
        )
    text = (
        f"{_unreal(recipe, rows)}{verdict(found['adapted'])} Positions are long or short by the sign of the forecast,"
        " the same size in each instrument, taken at the close that the forecast was made at; a unit of turnover costs"
        f" {cost_of(recipe):g} hundredths of a percent. Intervals draw months of days again. The deflated Sharpe ratio"
        " (Bailey & López de Prado 2014) is the chance that the true one is above what the best of so many worthless"
        f" trials would show: {len(settings(recipe))} settings forecast together here, and each baseline is one trial."
    )
    header = ("model", "right", "gross a year", "net a year", "turned over a day", "net Sharpe", "deflated")
    return Section("Is there an edge?", text, header, tuple(table))


def _earned(recipe: Recipe, rows: Tested) -> Section:
    called = {"adapted": "this forecast", **names_of(list(rows.forecasts)[1:])}
    lines, gains = [], []
    for model in rows.forecasts:
        days = trading_of(recipe, rows, model)
        lines.append(_line(called[model], days.days, np.cumsum(days.net)))
        gains.append(np.add.reduceat(days.net, _years(days.days)[1]))
    years = _years(days.days)[0]
    table = tuple((str(year), *(f"{gain[place]:.1f} %" for gain in gains)) for place, year in enumerate(years))
    says = "Sum of daily returns after costs, mean of instruments, over the test days."
    chart = Chart("Net return, summed over the test days", "year", "percent", tuple(lines), says)
    text = (
        f"Every {recipe.options['refit']} days the coefficients are fitted anew, on days whose outcome was known"
        f" {recipe.options['embargo']} days before. Each position is taken before its return is known."
    )
    return Section("The walk forward", text, ("year", *(called[model] for model in rows.forecasts)), table, (chart,))


def _better(recipe: Recipe, rows: Tested) -> Section:
    called = {"adapted": "this forecast", **names_of(list(rows.forecasts)[1:])}
    losses = {model: by_day(qlike(rows.came, forecast), rows.day) for model, forecast in rows.forecasts.items()}
    table, told = [("this forecast", f"{losses['adapted'].mean():.4f}", "", "")], []
    for model, loss in losses.items():
        if model == "adapted":
            continue
        found = diebold_mariano(loss, losses["adapted"], recipe.options["horizon"])
        low, value, high = (100 * part / loss.mean() for part in (found.lower, found.value, found.upper))
        table.append((called[model], f"{loss.mean():.4f}", f"{value:.1f} % [{low:.1f}, {high:.1f}]", f"{found.t:.1f}"))
        told.append((called[model], found.t))
    says = {1: "is better than", -1: "is worse than", 0: "cannot be told apart from"}
    words = "; ".join(f"it {says[int(np.sign(t)) if abs(t) > 1.96 else 0]} {name} (t {t:.1f})" for name, t in told)
    text = (
        f"Of the forecast of the next {recipe.options['horizon']} days' variance: {words}. QLIKE is realised/forecast -"
        " log(realised/forecast) - 1, the mean over days: 0 is right. The Diebold-Mariano test has HAC errors"
        " (Newey & West) over days; instruments of one day count as one."
    )
    header = ("model", "QLIKE", "lost less by this forecast", "Diebold-Mariano t")
    return Section("Is the forecast better than HAR?", text, header, tuple(table))


def _walked(recipe: Recipe, rows: Tested) -> Section:
    called = names_of(list(rows.forecasts)[1:])
    ours = by_day(qlike(rows.came, rows.forecasts["adapted"]), rows.day)
    days = np.unique(rows.day)
    lines = []
    for model, name in called.items():
        less = by_day(qlike(rows.came, rows.forecasts[model]), rows.day) - ours
        lines.append(_line(f"less than {name}", days, np.cumsum(less)))
    says = (
        "Sum over the test days of a rival's QLIKE less this forecast's: where a line rises, this forecast is better."
    )
    charts = (
        Chart("QLIKE lost less than by rivals, summed", "year", "sum of QLIKE", tuple(lines), says),
        _seen(recipe, rows),
    )
    text = f"Every {recipe.options['refit']} days the coefficients are fitted anew, on days whose outcome was known."
    return Section("The walk forward", text, charts=charts)


def _seen(recipe: Recipe, rows: Tested) -> Chart:
    """Forecast and realised variance by quarter, in percent a year, as traders say it."""
    when = [EPOCH + timedelta(int(day)) for day in rows.day]
    _, first = np.unique([4 * day.year + (day.month - 1) // 3 for day in when], return_index=True)
    counts = np.diff(np.append(first, len(when)))

    def yearly(values: np.ndarray) -> tuple[float, ...]:
        return tuple(map(float, np.sqrt(252 * np.add.reduceat(values, first) / counts)))

    x = tuple(_decimal(int(rows.day[at])) for at in first)
    lines = (Line("forecast", x, yearly(rows.forecasts["adapted"])), Line("came", x, yearly(rows.came), points=True))
    says = "Mean over the instruments and days of a quarter of a year."
    return Chart("Volatility, forecast and come", "year", "percent a year", lines, says)


def _line(name: str, days: np.ndarray, values: np.ndarray) -> Line:
    some = np.unique(np.linspace(0, len(days) - 1, min(len(days), POINTS)).astype(int))
    return Line(name, tuple(_decimal(int(day)) for day in days[some]), tuple(map(float, values[some])))


def _decimal(day: int) -> float:
    """A day as a year with a fraction."""
    when = EPOCH + timedelta(day)
    return when.year + (when.timetuple().tm_yday - 1) / 365.25


def _years(days: np.ndarray) -> tuple[list[int], np.ndarray]:
    """(years, where each begins in the sorted days)."""
    years, first = np.unique([(EPOCH + timedelta(int(day))).year for day in days], return_index=True)
    return years.tolist(), first
