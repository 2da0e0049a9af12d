"""The report's own sections of finance/fraud: what an alert budget buys, and who bears the false alarms."""

from __future__ import annotations

from typing import Any

import numpy as np

from evenhand import Chart, Line, Predictions, Schema, Section
from evenhand_finance.fraud.burden import HELD, burdens, by_card
from evenhand_finance.fraud.metrics import Rows, draws_of, limits, rows_of

BUDGETS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40)  # alerts per 1,000 transactions
REPLICATES = 200


def sections(run: Any) -> list[Section]:
    """The alert-budget curve, and false alarms and detection by group."""
    record = run.manifest["stages"]["predict"]
    facts, schema = record["facts"], Schema.model_validate(record["schema"])
    schema = schema.model_copy(update={"prediction": facts["prediction"], "score": facts["score"]})
    predictions = Predictions(
        run.path / "predictions.parquet",
        schema,
        "binary",
        baselines=facts["baselines"],
        baseline_scores=facts["baseline_scores"],
    )
    cluster = run.recipe.options["customer"]
    return [_budget_section(rows_of(predictions, cluster), run.recipe), _burden_section(predictions, cluster)]


def _budget_section(rows: Rows, recipe: Any) -> Section:
    draws = draws_of(rows.card, 2, REPLICATES)
    caught, wrong = [], []
    for model, score in rows.scores.items():
        found, clean = budget_curve(rows, score, draws)
        name = model.replace("_", " ")
        caught.append(_line(name, found))
        wrong.append(_line(name, clean))
    budget = recipe.options["alerts_per_1000"]
    says = (
        f"Lines with 95 % intervals, cards drawn again {REPLICATES} times. This run decides at {budget:g} alerts per"
        " 1,000 transactions."
    )
    axis = "alerts per 1,000 transactions"
    return Section(
        "What an alert budget buys",
        "An alert is a transaction that is stopped to be looked at. Each point orders all test transactions by one"
        " model's score and stops the highest; a budget that is fixed before the day, as this run's, comes near it.",
        charts=(
            Chart("Frauds caught by alert budget", axis, "share of frauds caught", tuple(caught), says),
            Chart("False alarms by alert budget", axis, "false alarms per 1,000 legitimate", tuple(wrong), says),
        ),
    )


def budget_curve(rows: Rows, score: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(share of frauds caught, false alarms per 1,000 legitimate transactions), [budgets, replicates + 1]."""
    order = np.argsort(-score, kind="stable")
    frauds, clean = by_card(rows.fraud, rows.card, draws), by_card(~rows.fraud, rows.card, draws)
    found, wrong = [], []
    for budget in BUDGETS:
        stopped = np.zeros(len(order), bool)
        stopped[order[: round(len(order) * budget / 1000)]] = True
        found.append(by_card(stopped & rows.fraud, rows.card, draws) / np.maximum(frauds, 1))
        wrong.append(1000 * by_card(stopped & ~rows.fraud, rows.card, draws) / np.maximum(clean, 1))
    return np.array(found), np.array(wrong)


def _line(name: str, values: np.ndarray) -> Line:
    low, high = zip(*(limits(row) for row in values), strict=True)
    return Line(name, tuple(map(float, BUDGETS)), tuple(map(float, values[:, 0])), low, high)


def _burden_section(predictions: Predictions, cluster: str) -> Section:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in burdens(predictions, cluster):
        found.setdefault((one.column, one.group), {})[one.name] = one
    rows = tuple(
        (column.replace("_", " "), group, *(_told(held.get(name), name) for name in HELD))
        for (column, group), held in found.items()
    )
    return Section(
        "Who bears the false alarms",
        "Legitimate transactions that were stopped, counted and weighed by their value, and frauds that were caught,"
        " with 95 % intervals by card.",
        ("column", "group", "stopped of 1,000 legitimate", "stopped of 1,000 of legitimate value", "frauds caught"),
        rows,
    )


def _told(one: Any, name: str) -> str:
    if one is None:
        return "none there"
    scale, digits = (100, 0) if name == "frauds_caught" else (1, 1)
    numbers = (f"{scale * number:.{digits}f}" for number in (one.value, one.lower, one.upper))
    value, low, high = numbers
    return f"{value}{' %' if scale == 100 else ''} [{low}, {high}]"
