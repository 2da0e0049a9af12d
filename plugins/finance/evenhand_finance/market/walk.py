"""A forecast that walks forward: as days pass, what they brought is learnt and the coefficients are fitted anew.

Several settings forecast together, each weighing by how little it lost lately (exponential weights over discounted
losses, Cesa-Bianchi & Lugosi 2006): one that reads options may be worthless in one decade and best in the next. A refit
knows a day's label only when the days that it speaks of are over and `embargo` more have passed. Labels are read off
later rows' own returns, so nothing but inputs is needed, and no row of the future reaches the forecasts before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evenhand_finance.market.forecasts import qlike
from evenhand_finance.market.memory import LEAST_VARIANCE, Memory, Rows, rows_of

if TYPE_CHECKING:
    import polars as pl
    from datasets import Dataset

FLOOR = 0.1  # of the past month's variance, or of the common mean where that is lower: none is forecast below
LATELY = 250  # days after which a loss counts half; this and TRUST were chosen on the oil prices of before mid-2007
TRUST = 1.0  # how fast weight leaves a setting that loses


class Setting(NamedTuple):
    """What a forecast reads and learns by: see `Memory` for the last four."""

    columns: tuple[str, ...]
    power: float
    half_life: float
    pull: float
    shrink: float = 0.0


@dataclass(frozen=True)
class State:
    """Memories by (power, half-life), what each setting lost lately [settings], and whether enough was seen."""

    memories: dict[tuple[float, float], Memory]
    lost: np.ndarray


class Walk:
    """Forecasts rows by the order of their dates, fitted anew every `refit` days on what is known by then.

    columns: all that any setting reads. about: horizon, embargo, refit, label, adapt (the column of keys).
    """

    def __init__(
        self, settings: Sequence[Setting], columns: tuple[str, ...], about: dict[str, Any], state: State
    ) -> None:
        self.settings, self.columns, self.about, self.state = tuple(settings), columns, about, state

    @classmethod
    def new(cls, settings: Sequence[Setting], about: dict[str, Any], keys: tuple[str, ...]) -> Walk:
        """One that has learnt nothing yet."""
        columns = tuple(dict.fromkeys(column for setting in settings for column in setting.columns))
        kinds = dict.fromkeys((setting.power, setting.half_life) for setting in settings)
        memories = {kind: Memory.empty(*kind, keys, len(columns) + 1) for kind in kinds}
        return cls(settings, columns, about, State(memories, np.zeros(len(settings))))

    def scores(self, rows: Dataset) -> np.ndarray:
        """The forecast of each row, [rows]; a row whose history is too short gets the mean of what was learnt."""
        import polars as pl

        frame: Any = pl.from_arrow(rows.with_format("arrow")[:])
        return self.walked(frame)[0]

    def walked(self, frame: pl.DataFrame, warm: int = 0) -> tuple[np.ndarray, Walk]:
        """(the forecast of each row, the walk after the last of them). The first `warm` days are only learnt from."""
        rows = rows_of(frame, self.columns, self.about)
        step, days = self.about["refit"], np.unique(rows.day)
        place = np.searchsorted(days, rows.day)
        ready = np.where(rows.known >= 0, np.searchsorted(days, rows.known) + self.about["embargo"], 10**9)
        each, out = np.full((len(self.settings), len(rows.day)), np.nan), np.full(len(rows.day), np.nan)
        state = self.state
        for start in range(0, len(days), step):
            state = self._learnt(state, rows, each, np.flatnonzero((ready <= start) & (ready > start - step)), step)
            inside = np.flatnonzero((place >= start) & (place < start + step))
            if start >= warm:
                each[:, inside] = self._forecasts(state, rows, inside)
                out[inside] = self._together(state, each[:, inside])
        last = range(0, max(len(days), 1), step)[-1]
        left = np.flatnonzero((ready > last) & (ready < 10**9))
        state = self._learnt(state, rows, each, left, len(days) - last)
        return out, Walk(self.settings, self.columns, self.about, state)

    def weights(self) -> np.ndarray:
        """What each setting counts for, [settings]; together 1."""
        return weights_of(self.state.lost)

    def _learnt(self, state: State, rows: Rows, each: np.ndarray, some: np.ndarray, days: int) -> State:
        memories = {kind: memory.learn(rows, some, days) for kind, memory in state.memories.items()}
        lost = state.lost * 0.5 ** (days / LATELY)
        judged = some[np.isfinite(each[:, some]).all(axis=0)] if len(some) else some
        if len(judged):
            share = 1 / np.unique(rows.day[judged], return_inverse=True, return_counts=True)[2]
            weight = share[np.unique(rows.day[judged], return_inverse=True)[1]]  # a day counts once
            lost = lost + np.array([(weight * self._loss(rows, one[judged], judged)).sum() for one in each])
        return State(memories, lost)

    def _loss(self, rows: Rows, forecast: np.ndarray, some: np.ndarray) -> np.ndarray:
        if self.about["label"] == "next_variance":
            return qlike(rows.y[some], forecast)
        month = np.maximum(np.nan_to_num(rows.month[some], nan=1.0), LEAST_VARIANCE)
        return np.asarray((rows.y[some] - forecast) ** 2 / month)

    def _forecasts(self, state: State, rows: Rows, some: np.ndarray) -> np.ndarray:
        """Each setting's forecasts, [settings, rows]."""
        out = np.empty((len(self.settings), len(some)))
        for number, setting in enumerate(self.settings):
            memory = state.memories[setting.power, setting.half_life]
            read = [0, *(1 + self.columns.index(column) for column in setting.columns)]
            every = memory.coefficients(read, setting.pull, setting.shrink)
            names = {name: place for place, name in enumerate(memory.keys)}
            chosen = every[[names.get(str(key), len(names)) for key in rows.key[some]]]
            found = (rows.x[some][:, read] * chosen[:, read]).sum(axis=1)
            out[number] = self._bounded(found, rows.month[some], memory.mean)
        return out

    def _bounded(self, found: np.ndarray, month: np.ndarray, mean: float) -> np.ndarray:
        found = np.where(np.isfinite(found), found, mean)
        if self.about["label"] != "next_variance":
            return found
        return np.asarray(np.maximum(found, np.maximum(FLOOR * np.fmin(month, mean), LEAST_VARIANCE)))

    def _together(self, state: State, each: np.ndarray) -> np.ndarray:
        weight = weights_of(state.lost)
        if self.about["label"] == "next_variance":  # the geometric mean: what QLIKE calls the middle of variances
            return np.asarray(np.exp(weight @ np.log(each)))
        return np.asarray(weight @ each)

    def save(self, folder: Path) -> None:
        """Sums and settings, as JSON: numbers are written so that they are read again to the last bit."""
        memories = [
            {"power": one.power, "half_life": one.half_life, "keys": one.keys, "level": one.level}
            | {name: getattr(one, name).tolist() for name in ("n", "xx", "xy")}
            for one in self.state.memories.values()
        ]
        settings = [setting._asdict() for setting in self.settings]
        about = {"about": self.about, "columns": self.columns, "settings": settings, "lost": self.state.lost.tolist()}
        (folder / "walk.json").write_text(json.dumps(about | {"memories": memories}) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Walk:
        """What `save` wrote."""
        told = json.loads((folder / "walk.json").read_text("utf-8"))
        columns, memories = tuple(told["columns"]), {}
        for one in told["memories"]:
            width, keys = len(columns) + 1, tuple(one["keys"])
            shapes = {"n": (len(keys),), "xx": (len(keys), width, width), "xy": (len(keys), width)}
            sums = {name: np.array(one[name], np.float64).reshape(shape) for name, shape in shapes.items()}
            kind = one["power"], one["half_life"]
            memories[kind] = Memory(*kind, keys, **sums, level=one["level"])
        settings = [Setting(**(one | {"columns": tuple(one["columns"])})) for one in told["settings"]]
        return cls(settings, columns, told["about"], State(memories, np.array(told["lost"], np.float64)))


def weights_of(lost: np.ndarray) -> np.ndarray:
    """Exponential weights: e to the power of what each lost less than the worst, in units of 1/TRUST."""
    weight = np.exp(-TRUST * (lost - lost.min()))
    return np.asarray(weight / weight.sum())
