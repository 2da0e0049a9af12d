"""What an audit found as tables: one row for each group and metric, each gap, each verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import narwhals as nw

Kind = Literal["pandas", "polars", "pyarrow", "modin", "cudf"]
KINDS: dict[str, Kind] = {  # of a table's library, what its tables are made in; others are answered in Polars
    "pandas": "pandas",
    "polars": "polars",
    "pyarrow": "pyarrow",
    "modin": "modin",
    "cudf": "cudf",
    "dask": "pandas",  # whose user has it
}

TEXT, WHOLE, NUMBER, FLAG = nw.String(), nw.Int64(), nw.Float64(), nw.Boolean()
LIMITS = {"value": NUMBER, "lower": NUMBER, "upper": NUMBER, "lower_simultaneous": NUMBER, "upper_simultaneous": NUMBER}
GROUPS = {
    "attribute": TEXT,
    "group": TEXT,
    "reference": FLAG,
    "rows": WHOLE,
    "weight": NUMBER,
    "metric": TEXT,
    **LIMITS,
    "denominator": NUMBER,
    "why": TEXT,
}
GAPS = {
    "attribute": TEXT,
    "metric": TEXT,
    "kind": TEXT,
    "group": TEXT,
    "versus": TEXT,
    **LIMITS,
    "lower_deciding": NUMBER,
    "upper_deciding": NUMBER,
    "p_value": NUMBER,
    "p_adjusted": NUMBER,
    "tolerance": NUMBER,
    "verdict": TEXT,
    "says": TEXT,
}
VERDICTS = {
    "attribute": TEXT,
    "metric": TEXT,
    "kind": TEXT,
    "verdict": TEXT,
    "value": NUMBER,
    "lower": NUMBER,
    "upper": NUMBER,
    "tolerance": NUMBER,
    "group": TEXT,
    "versus": TEXT,
    "more_rows": NUMBER,
    "says": TEXT,
}


def kind_of(source: Any) -> Kind:
    """In which library what follows from `source` is handed back: its own, where that has frames in memory."""
    if source is None or isinstance(source, str | Path):
        return "polars"
    return KINDS.get(str(nw.from_native(source).implementation.value), "polars")


def groups_of(data: Mapping[str, Any], kind: Kind) -> Any:
    """Every metric of every group, as `Audit.groups` says."""
    return _frame(data, GROUPS, _groups(data), kind)


def gaps_of(data: Mapping[str, Any], kind: Kind) -> Any:
    """Every gap, as `Audit.gaps` says."""
    rows = ({"attribute": part["name"], **gap} for part in data["attributes"] for gap in part["gaps"])
    return _frame(data, GAPS, rows, kind)


def verdicts_of(data: Mapping[str, Any], kind: Kind) -> Any:
    """Every verdict, as `Audit.verdicts` says."""
    rows = ({"kind": "largest", **row, "more_rows": _more(row["rows_needed"])} for row in data["verdicts"])
    return _frame(data, VERDICTS, rows, kind)


def _groups(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for part in data["attributes"]:
        for group in part["groups"]:
            about = {
                "attribute": part["name"],
                "group": group["name"],
                "reference": group["name"] == part["reference"],
                "rows": group["rows"],
                "weight": group["weight"],
            }
            for metric, entry in group["metrics"].items():
                yield {**about, "metric": metric, **entry}


def _more(needed: Mapping[str, Any] | None) -> float | None:
    """How many more rows it takes, all groups together."""
    return None if needed is None else float(sum(needed["groups"].values()))


def _frame(
    data: Mapping[str, Any], typed: Mapping[str, nw.dtypes.DType], rows: Iterable[Mapping[str, Any]], kind: Kind
) -> Any:
    """The rows as a frame of that kind; of several labels with the label of each row in the first column."""
    labels = {part["name"]: part["label"] for part in data["attributes"] if part.get("label") is not None}
    schema = {"label": TEXT, **typed} if labels else dict(typed)
    every = [{"label": labels.get(row["attribute"]), **row} if labels else row for row in rows]
    columns = {name: _column(name, [row.get(name) for row in every], schema[name], kind) for name in schema}
    return nw.from_dict(columns).to_native()


def _column(name: str, values: list[Any], dtype: nw.dtypes.DType, kind: Kind) -> nw.Series[Any]:
    """A column of that type; pandas before 3 would write a missing text as "None", so that it infers its type."""
    inferred = dtype == TEXT and None in values and kind not in ("polars", "pyarrow")
    return nw.new_series(name, values, None if inferred else dtype, backend=kind)
