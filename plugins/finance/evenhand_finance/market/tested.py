"""The test days as arrays, with the forecast of every model: what metrics, audit and report all start from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from evenhand import Predictions


class Tested(NamedTuple):
    """day (a number), came (what the label said), groups (column -> names), forecasts (model -> values); [rows]."""

    day: np.ndarray
    came: np.ndarray
    groups: dict[str, np.ndarray]
    forecasts: dict[str, np.ndarray]

    def part(self, inside: np.ndarray) -> Tested:
        """Some of the rows."""
        groups = {name: values[inside] for name, values in self.groups.items()}
        forecasts = {name: values[inside] for name, values in self.forecasts.items()}
        return Tested(self.day[inside], self.came[inside], groups, forecasts)


def tested(predictions: Predictions) -> Tested:
    """The rows of a run's predictions, in the order of days."""
    import polars as pl

    frame = pl.read_parquet(predictions.table)
    roles = predictions.schema
    day = frame[roles.require("time", "testing")].cast(pl.Date).cast(pl.Int64).to_numpy()
    order = np.argsort(day, kind="stable")
    columns = {"adapted": roles.require("prediction", "testing"), **predictions.baselines}
    groups: dict[str, Any] = {name: frame[name].cast(pl.String).fill_null("(missing)") for name in roles.sensitive}
    if "instrument" in frame.columns:
        groups.setdefault("instrument", frame["instrument"])
    return Tested(
        day[order],
        frame[roles.require("label", "testing")].to_numpy().astype(np.float64)[order],
        {name: values.to_numpy()[order] for name, values in groups.items()},
        {name: frame[column].to_numpy().astype(np.float64)[order] for name, column in columns.items()},
    )
