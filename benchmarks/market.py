"""market-direction and market-volatility on daily prices of oil, two stocks and the VIX.

    python benchmarks/market.py DIR      the tables of benchmarks/finance.md on markets

DIR holds brent_daily, wti_daily, vix_daily and stocks_ohlcv_2015_2017 as Parquet. The close of the VIX stands beside
the prices as what options imply. Nothing is chosen on test days; LATELY, TRUST and HALF_LIVES were chosen on the oil
prices of before mid-2007. These forecasts have no seed: what varies is the days, so intervals are over those.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import evenhand_finance
from evenhand import BadInput, Recipe
from evenhand_finance.market.data import load
from evenhand_finance.market.features import FEATURES
from evenhand_finance.market.forecasts import by_day, diebold_mariano, qlike
from evenhand_finance.market.models import HAR, fit, frame_of, settings
from evenhand_finance.market.tested import Tested
from evenhand_finance.market.trading import sharpe, traded

SHORT = ("options.validation=0.2",)  # three years: a little more to choose by
OIL, STOCKS = ("wti", "brent"), ("AAPL", "TSLA")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as made:
        files = {name: Path(made) / f"{name}.parquet" for name in ("oil", "stocks", "vix")}
        oil, stocks, vix = bars(folder)
        for name, frame in (("oil", oil), ("stocks", stocks), ("vix", vix)):
            frame.write_parquet(files[name])
        volatility(files)
        direction(files)


def bars(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(oil, stocks, the VIX itself) as date, instrument, close, vix."""
    fear = pl.read_parquet(folder / "vix_daily.parquet")
    implied = fear.select("date", vix="close")
    oil = pl.concat(
        pl.read_parquet(folder / f"{name}_daily.parquet").select("date", instrument=pl.lit(name), close="price_usd_bbl")
        for name in OIL
    ).join(implied, on="date", how="left")
    stocks = pl.read_parquet(folder / "stocks_ohlcv_2015_2017.parquet").select(
        date="Date", instrument="Stock", close="AdjClose"
    )
    since = oil["date"] >= implied["date"].min()  # before, there is no VIX
    return oil.filter(since), stocks.join(implied, on="date", how="left"), fear.select("date", "close")


def recipe_of(name: str, *asked: str) -> Recipe:
    """A market recipe with these settings."""
    (found,) = [recipe for recipe in evenhand_finance.recipes() if recipe.name == f"market-{name}"]
    return found.with_settings(asked)


def tested(recipe: Recipe, file: Path) -> Tested:
    """The test rows with the forecasts of the run's model and its baselines."""
    splits = load(recipe, file)
    adapted, rows = fit(recipe, splits), frame_of(splits.test)
    models = {"adapted": adapted.model, **adapted.baselines}
    day = rows["date"].cast(pl.Date).cast(pl.Int64).to_numpy()
    groups = {"instrument": rows["instrument"].to_numpy()}
    came = rows[str(recipe.schema.label)].to_numpy()
    return Tested(day, came, groups, {name: model.scores(splits.test) for name, model in models.items()})


def volatility(files: dict[str, Path]) -> None:
    """QLIKE lost less than by the baselines, and what VIX and downside add to the same walk."""
    models = "HAR, least squares | HAR, weighted and forgetting | last month | market-volatility"
    print(f"| QLIKE of the variance ahead | {models} | less than HAR, % | t | less than the other HAR, % | t |")
    print("|---" * 9 + "|")
    for name, days, more in (("oil", 1, ()), ("oil", 5, ()), ("oil", 22, ()), ("stocks", 5, SHORT)):
        recipe = recipe_of("volatility", f"options.horizon={days}", *more)
        rows = tested(recipe, files[name])
        cells = [f"{loss_of(rows, model).mean():.4f}" for model in ("har", "har_fading", "last_month", "adapted")]
        cells += [cell for model in ("har", "har_fading") for cell in gained(rows, rows, model, days)]
        print(f"| {name}, {days} days | " + " | ".join(cells) + " |", flush=True)
    print(
        "\n| the same walk, reading | QLIKE, oil, 5 days | less than of HAR's three alone, % | t |\n|---|---|---|---|"
    )
    alone = tested(recipe_of("volatility", reading()), files["oil"])
    print(f"| HAR's three | {loss_of(alone, 'adapted').mean():.4f} | | |")
    for more in (("down_1", "down_5"), ("implied",), ("down_1", "down_5", "implied")):
        rows = tested(recipe_of("volatility", reading(*more)), files["oil"])
        value, t = gained(rows, alone, "adapted", 5)
        print(f"| and {', '.join(more)} | {loss_of(rows, 'adapted').mean():.4f} | {value} | {t} |", flush=True)


def reading(*more: str) -> str:
    """The setting of these inputs."""
    some = ["date", "instrument", "regime", "r_1", *(column for column in FEATURES if column in (*HAR, *more))]
    return f"schema.input={some}".replace("'", '"')


def loss_of(rows: Tested, model: str) -> np.ndarray:
    """QLIKE of each day."""
    return by_day(qlike(rows.came, rows.forecasts[model]), rows.day)


def gained(rows: Tested, others: Tested, model: str, days: int) -> tuple[str, str]:
    """(percent of the rival's loss with limits, t)."""
    rival = loss_of(others, model)
    found = diebold_mariano(rival, loss_of(rows, "adapted"), days)
    low, value, high = (100 * part / rival.mean() for part in (found.lower, found.value, found.upper))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]", f"{found.t:.1f}"


def direction(files: dict[str, Path]) -> None:
    """Net Sharpe ratios with their limits and deflation."""
    print(
        "\n| net Sharpe of a year, 5 bp | market-direction | deflated | edge | always up | last sign |\n|---"
        + "|---" * 5
        + "|"
    )
    for name, more in (("oil", ()), ("stocks", SHORT), ("vix", ('options.allow=["vix"]',))):
        if name == "vix":
            try:
                load(recipe_of("direction"), files[name])
            except BadInput as refused:
                print(f"\nRefused: {str(refused).replace(str(files[name].parent), '')}\n")
        recipe = recipe_of("direction", *more)
        rows, cells = tested(recipe, files[name]), []
        for model, forecast in rows.forecasts.items():
            trials = len(settings(recipe)) if model == "adapted" else 1
            days = traded(rows.day, rows.groups["instrument"], forecast, rows.came, recipe.options["cost_bp"])
            found = sharpe(days.net, trials)
            cells.append(f"{found.value:.2f} [{found.lower:.2f}, {found.upper:.2f}]")
            if model == "adapted":
                cells += [f"{found.deflated:.2f}", "yes" if found.edge else "none"]
        allowed = ", allowed, though nobody can hold it" if name == "vix" else ""
        print(f"| {name}{allowed} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
