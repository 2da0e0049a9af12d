"""Mixed columns as one matrix of numbers: what was seen at fitting decides, and is kept as JSON.

Numbers stay numbers, names become codes, dates become days since 1970 with their month and weekday, and a missing cell
stays missing (NaN): the network is told so. A category that was seen at most once shares a code with those never seen,
for of both alike nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from evenhand.errors import BadInput, missing_column

RARE = 0  # the code of categories seen at most once
LARGEST = 1e150  # beyond it a sum of a column could overflow
FARTHEST = 1e6  # widths from the centre; squares must fit float32
NUMBER, CATEGORY, DATE, CLOCK = "number", "category", "date", "clock"
PARTS: dict[str, tuple[str, ...]] = {
    NUMBER: ("value",),
    CATEGORY: ("code",),
    DATE: ("day", "month", "weekday"),
    CLOCK: ("day", "month", "weekday", "hour"),
}
OWN_TYPE: dict[str, pl.DataType] = {
    NUMBER: pl.Float64(),
    CATEGORY: pl.String(),
    DATE: pl.Date(),
    CLOCK: pl.Datetime("us"),
}
CALENDAR: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "day": lambda time: time.cast(pl.Datetime("us")).dt.timestamp("us") / 86_400e6,
    "month": lambda time: time.dt.month(),
    "weekday": lambda time: time.dt.weekday(),
    "hour": lambda time: time.dt.hour(),
}


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the matrix."""

    column: str  # that it is made from
    kind: str  # of that column: number, category, date or clock
    part: str  # of it, see PARTS
    centre: float = 0.0  # median at fitting, taken off before rounding to float32
    width: float = 1.0  # mean distance from it at fitting, which is then the unit
    levels: tuple[str, ...] = ()  # categories seen twice or more; the first has code 1


@dataclass(frozen=True, slots=True)
class Columns:
    """How rows become a matrix; `fit` makes one."""

    features: tuple[Feature, ...]

    @classmethod
    def fit(cls, rows: Any) -> Columns:
        """Learn kinds, categories and centres. Columns that are empty or the same in every row are left out."""
        frame = as_frame(rows)
        if not frame.height:
            raise BadInput("there are no rows to learn the columns from")
        found = [feature for name in frame.columns for feature in features_of(frame[name])]
        if not found:
            raise BadInput("every column is empty or the same in all rows: nothing to predict from")
        return cls(tuple(found))

    @property
    def categorical(self) -> np.ndarray:
        """Which features are codes that stand for nothing in order; bool [features]."""
        return np.array([f.kind == CATEGORY for f in self.features])

    def matrix(self, rows: Any) -> np.ndarray:
        """float32 [rows, features]; NaN where missing or not finite, codes for categories."""
        frame = as_frame(rows)
        made: dict[str, pl.Series] = {}
        out = np.empty((frame.height, len(self.features)), dtype=np.float32)
        for position, feature in enumerate(self.features):
            if feature.column not in frame.columns:
                raise missing_column(feature.column, "the rows to predict", frame.columns)
            if feature.column not in made:
                made[feature.column] = as_kind(frame[feature.column], feature.kind)
            out[:, position] = numbers(made[feature.column], feature)
        return out

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"features": [asdict(f) for f in self.features]}

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Columns:
        """What `as_dict` gave, perhaps by way of a file."""
        return cls(tuple(Feature(**{**f, "levels": tuple(f["levels"])}) for f in told["features"]))


def as_frame(rows: Any) -> pl.DataFrame:
    """Rows as a Polars frame, from Polars, Arrow, pandas, a `datasets.Dataset`, a dict of lists or a matrix."""
    if isinstance(rows, pl.DataFrame):
        return rows
    if isinstance(rows, pl.LazyFrame):
        return rows.collect()
    if isinstance(rows, np.ndarray):
        if rows.ndim != 2:
            raise BadInput(f"a matrix of rows has two axes, not {rows.ndim}")
        return pl.DataFrame({f"column_{i}": rows[:, i] for i in range(rows.shape[1])})
    if hasattr(rows, "with_format") and hasattr(rows, "column_names"):  # datasets.Dataset, whose row order is its own
        rows = rows.with_format("arrow")[:]
    if isinstance(rows, dict):
        return pl.DataFrame(rows, strict=False)
    if hasattr(rows, "__arrow_c_stream__"):
        return pl.DataFrame(rows)
    raise BadInput(
        f"rows are a {type(rows).__name__}; give a Polars, Arrow or pandas table, a Dataset or a dict of lists"
    )


def kind_of(column: pl.Series) -> str:
    """What a column holds, by its type; text that is all ISO dates is dates."""
    kind = column.dtype
    if kind.is_numeric():
        return NUMBER
    if kind == pl.Date:
        return DATE
    if kind == pl.Datetime:
        return CLOCK
    if kind in (pl.Duration, pl.Time):
        return NUMBER
    if kind == pl.String:
        present = column.drop_nulls()
        iso = len(present) and present.str.contains(r"^\d{4}-\d\d-\d\d$").all()
        return DATE if iso and not present.str.to_date(strict=False).has_nulls() else CATEGORY
    if kind in (pl.Boolean, pl.Categorical, pl.Enum):
        return CATEGORY
    raise BadInput(f"column '{column.name}' holds {kind} values; the tabular backbone reads numbers, names and dates")


def as_kind(column: pl.Series, kind: str) -> pl.Series:
    """A column as its kind's own type; BadInput where values of another kind have come."""
    if column.dtype == pl.Null:
        return column.cast(OWN_TYPE[kind])
    if kind == CATEGORY:
        return column.cast(pl.String)
    if kind == NUMBER and column.dtype in (pl.Duration, pl.Time):
        return column.to_physical().cast(pl.Float64)
    if kind in (DATE, CLOCK) and column.dtype == pl.String:
        wanted = column.str.to_datetime(strict=False, time_unit="us")
    elif kind in (DATE, CLOCK) and column.dtype.is_numeric():
        raise BadInput(f"column '{column.name}' held dates when the context was read, and now {column.dtype}")
    else:
        wanted = column.cast(pl.Float64 if kind == NUMBER else pl.Datetime("us"), strict=False)
    lost = column.filter(wanted.is_null() & column.is_not_null())
    if len(lost):
        raise BadInput(f"column '{column.name}' held a {kind} when the context was read, and now '{lost[0]}'")
    return wanted


def features_of(column: pl.Series) -> list[Feature]:
    """The features that a column gives; none if it tells rows apart in no way."""
    if column.dtype == pl.Null or not column.len() - column.null_count():
        return []
    kind = kind_of(column)
    typed = as_kind(column, kind)
    if kind == CATEGORY:
        counts = typed.drop_nulls().value_counts().sort("count", column.name, descending=[True, False])
        levels = counts.filter(pl.col("count") > 1)[column.name].to_list()
        return [Feature(column.name, kind, "code", levels=tuple(levels))] if typed.n_unique() > 1 else []
    found = []
    for part in PARTS[kind]:
        values = plain_numbers(typed, part)
        present = values[~np.isnan(values)]
        if len(present) and (len(present) < len(values) or present.min() < present.max()):
            centre = float(np.median(present))
            found.append(Feature(column.name, kind, part, centre, float(np.abs(present - centre).mean()) or 1.0))
    return found


def numbers(column: pl.Series, feature: Feature) -> np.ndarray:
    """A typed column as the numbers of one feature, float64 [rows], NaN where missing."""
    if feature.kind == CATEGORY:
        code = {level: float(i + 1) for i, level in enumerate(feature.levels)}
        return np.array([np.nan if v is None else code.get(v, float(RARE)) for v in column.to_list()], dtype=float)
    scaled: np.ndarray = (plain_numbers(column, feature.part) - feature.centre) / feature.width
    near: np.ndarray = np.clip(scaled, -FARTHEST, FARTHEST)
    return near


def plain_numbers(column: pl.Series, part: str) -> np.ndarray:
    """A typed column of numbers or times as float64 [rows], NaN where missing or not finite, cut at LARGEST."""
    if part in CALENDAR:
        column = pl.select(CALENDAR[part](pl.lit(column))).to_series()
    values = column.cast(pl.Float64).to_numpy()
    return np.clip(np.where(np.isfinite(values), values, np.nan), -LARGEST, LARGEST)


def as_labels(labels: Any) -> Sequence[Any]:
    """Labels as a list of plain values, from a Series, an array or any sequence."""
    if isinstance(labels, pl.Series):
        return labels.to_list()
    return labels.tolist() if hasattr(labels, "tolist") else list(labels)
