"""Sends linear forecasts of many settings through the history together, and naive ones beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand import Adapted, BadInput, Recipe, Splits
from evenhand_finance.market.data import whole_number
from evenhand_finance.market.features import PLACE
from evenhand_finance.market.forecasts import qlike
from evenhand_finance.market.walk import Setting, Walk

if TYPE_CHECKING:
    import polars as pl
    from datasets import Dataset

HAR = ("rv_1", "rv_5", "rv_22")
COMMON = 1e9  # days: every key has the common coefficients
PULLS = (COMMON, 200.0)
POWERS = (0.0, 1.0, 2.0)  # 0 is least squares: plain HAR is among the settings
HALF_LIVES = (0.0, 500.0)
WARM = 750
SHRINKS = (500.0, 5000.0)  # of a direction's coefficients, in days: returns are nearly all noise
KEYS = ("instrument", "regime")
SETS = {  # what a setting may read; the recipe's inputs bound it
    "next_variance": (HAR, (*HAR, "down_1", "down_5"), (*HAR, "implied"), (*HAR, "down_1", "down_5", "implied")),
    "next_return": (("r_1",), ("r_1", "r_5", "r_22", "r_63"), ("r_1", "r_5", "r_22", "r_63", "z_22", "down_5")),
}


class Rule:
    """A forecast that learns nothing: `up` (always the same gain), `last_sign` or `last_month`."""

    def __init__(self, kind: str, size: float) -> None:
        self.kind, self.size = kind, size

    def scores(self, rows: Dataset) -> np.ndarray:
        """The forecast of each row, [rows]."""
        if self.kind == "up":
            return np.full(len(rows), self.size)
        column = np.nan_to_num(np.array(rows["r_1" if self.kind == "last_sign" else "rv_22"], dtype=np.float64))
        return np.sign(column) * self.size if self.kind == "last_sign" else np.maximum(column, self.size)

    def save(self, folder: Path) -> None:
        """Kind and size."""
        (folder / "rule.json").write_text(json.dumps({"kind": self.kind, "size": self.size}) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Rule:
        """What `save` wrote."""
        about = json.loads((folder / "rule.json").read_text("utf-8"))
        return cls(about["kind"], about["size"])


def fit(recipe: Recipe, splits: Splits) -> Adapted:
    """Walks of every setting, weighed by what they lost on the way through the history, and the baselines."""
    about = about_of(recipe)
    history = history_of(splits)
    walk, lost = _walked(settings(recipe), about, history)
    return Adapted(
        walk,
        (),
        strategy=f"walk forward: {len(walk.settings)} linear forecasts, fitted anew every {about['refit']} days",
        baselines=_baselines(about, history),
        validation={"loss": lost, "settings": float(len(walk.settings))},
        notes=(
            f"pretrained on all bars before the test days, adapted by {about['adapt']}; what weighs most then: "
            + "; ".join(f"{weight:.0%} {told}" for weight, told in heaviest(walk)),
            f"each refit knows labels that were complete {about['embargo']} days before it; test days are learnt as"
            " they go by, and never before",
        ),
    )


def about_of(recipe: Recipe) -> dict[str, Any]:
    """What every walk of the recipe shares."""
    adapt = recipe.options.get("adapt")
    if adapt not in KEYS:
        raise BadInput(
            f"options.adapt is {adapt!r}; it names what has coefficients of its own: {' or '.join(KEYS)}"
            " (--set options.adapt=regime)"
        )
    counts = {name: whole_number(recipe, name) for name in ("horizon", "embargo", "refit")}
    return {**counts, "label": recipe.schema.label, "adapt": adapt}


def settings(recipe: Recipe) -> list[Setting]:
    """All that forecast together; their number goes into the deflated Sharpe ratio."""
    given = [column for column in recipe.schema.input if column not in PLACE]
    label = str(recipe.schema.label)
    sets = [tuple(column for column in some if column in given) for some in SETS[label]]
    read = list(dict.fromkeys(some for some in sets if some))
    if not read:
        raise BadInput(f"schema.input leaves nothing to read; give some of {', '.join(SETS[label][-1])}")
    if label == "next_variance":
        return [Setting(*one) for one in product(read, POWERS, HALF_LIVES, PULLS)]
    return [Setting(*one) for one in product(read, (1.0,), (0.0,), PULLS, SHRINKS)]


def heaviest(walk: Walk, some: int = 3) -> list[tuple[float, str]]:
    """(weight, in words) of the settings that count most."""
    weights = walk.weights()
    order = np.argsort(-weights, kind="stable")[:some]
    return [(float(weights[number]), _in_words(walk.settings[number], walk.about)) for number in order]


def _in_words(setting: Setting, about: dict[str, Any]) -> str:
    fades = f", half forgotten after {setting.half_life:g} days" if setting.half_life else ""
    own = "common to all" if setting.pull >= COMMON else f"of each {about['adapt']}"
    return f"({' '.join(setting.columns)}; {own}{fades})"


def history_of(splits: Splits) -> pl.DataFrame:
    """The days before the test, as a Polars frame."""
    import polars as pl

    return pl.concat([frame_of(splits.train), frame_of(splits.validation)])


def frame_of(rows: Dataset) -> pl.DataFrame:
    """The rows as a Polars frame."""
    import polars as pl

    frame = pl.from_arrow(rows.with_format("arrow")[:])
    assert isinstance(frame, pl.DataFrame)
    return frame


def _walked(some: Sequence[Setting], about: dict[str, Any], history: pl.DataFrame) -> tuple[Walk, float]:
    """(the walk after the history, mean loss on the way); the first days, half at most, are only learnt from."""
    import polars as pl

    keys = tuple(sorted(history[about["adapt"]].cast(pl.String).unique()))
    warm = min(WARM, history["date"].n_unique() // 2)
    forecast, walk = Walk.new(some, about, keys).walked(history, warm)
    seen = np.isfinite(forecast)
    truth = history[str(about["label"])].to_numpy()[seen]
    if about["label"] == "next_variance":
        return walk, float(qlike(truth, forecast[seen]).mean())
    return walk, float(((truth - forecast[seen]) ** 2).mean())


def _baselines(about: dict[str, Any], history: pl.DataFrame) -> dict[str, Any]:
    label = str(about["label"])
    mean = abs(float(np.mean(history[label].to_numpy())))
    if label == "next_return":
        return {"buy_and_hold": Rule("up", mean + 1e-6), "last_sign": Rule("last_sign", mean + 1e-6)}
    plain, fading = Setting(HAR, 0.0, 0.0, 0.0), Setting(HAR, 1.0, 500.0, COMMON)
    return {
        "har": _walked([plain], about, history)[0],
        "har_fading": _walked([fading], about, history)[0],
        "last_month": Rule("last_month", 0.01 * mean),
    }


def names_of(baselines: Sequence[str]) -> dict[str, str]:
    """How baselines are called in reports."""
    told = {
        "buy_and_hold": "always up (buy and hold)",
        "last_sign": "last sign",
        "har": "HAR (least squares)",
        "har_fading": "HAR (weighted, forgetting)",
        "last_month": "last month's variance",
    }
    return {name: told.get(name, name.replace("_", " ")) for name in baselines}
