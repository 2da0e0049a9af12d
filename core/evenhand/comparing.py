"""Two runs side by side, group by group: paired where both predicted the same rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from evenhand.console import table, visible
from evenhand.errors import BadInput
from evenhand.rundir import digest, read_manifest

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Change:
    """One rate of one group in both runs, and second minus first with its 95 % interval (None: not defined)."""

    attribute: str
    group: str
    metric: str
    first: float | None
    second: float | None
    change: float | None
    lower: float | None
    upper: float | None
    rows: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from the first run to the second, overall and for every audited group."""

    first: str
    second: str
    paired: bool
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    def to_json(self) -> str:
        """Everything, as JSON."""
        return json.dumps({"format": "evenhand-comparison", "version": 1, **asdict(self)}, indent=1)

    def __str__(self) -> str:
        header = ("attribute", "group", "metric", "first", "second", "change", "95 % interval", "rows")
        rows = [
            (c.attribute, c.group, c.metric, c.first, c.second, c.change, _interval(c), c.rows) for c in self.changes
        ]
        how = (
            "the same rows, compared pair by pair" if self.paired else "different rows, compared as independent samples"
        )
        lines = [f"first: {self.first}", f"second: {self.second}", how, *self.notes]
        return "\n".join([*map(visible, lines), "", table(header, rows)])


@dataclass(frozen=True, slots=True)
class _Side:
    frame: pl.DataFrame
    facts: dict[str, Any]
    schema: dict[str, Any]
    rows: tuple[Any, ...]  # digests of the data and of its test rows


def compare(first: str | Path, second: str | Path) -> Comparison:
    """Compare two run directories. Raises BadInput where one is no finished run or they answer different questions."""
    one, two = _open(Path(first)), _open(Path(second))
    if _question(one) != _question(two):
        raise BadInput(
            f"{first} {_question(one)} and {second} {_question(two)}; only runs of one question can be compared"
        )
    attributes = [name for name in one.schema["sensitive"] if name in two.schema["sensitive"]]
    dropped = sorted(set(one.schema["sensitive"]) ^ set(two.schema["sensitive"]))
    notes = (f"audited in one of the two only, left out: {', '.join(dropped)}",) if dropped else ()
    paired = _same_rows(one, two)
    changes = [change for attribute in [None, *attributes] for change in _changes(one, two, attribute, paired)]
    return Comparison(str(first), str(second), paired, tuple(changes), notes)


def _open(path: Path) -> _Side:
    import polars as pl

    manifest = read_manifest(path)
    file = path / "predictions.parquet"
    try:
        record = manifest["stages"]["predict"]
        if digest(file) != record["artefacts"][file.name]:
            raise BadInput(f"{file} is not what the run wrote; run the recipe again in another folder")
        data = json.loads((path / "data.json").read_text("utf-8"))
        digests = (manifest["inputs"]["sha256"], data.get("test_sha256"))
        side = _Side(pl.read_parquet(file), record["facts"], record["schema"], digests)
        side.frame.select(side.facts["label"], side.facts["prediction"], *side.schema["sensitive"])
        return side
    except (OSError, KeyError, ValueError, TypeError, AttributeError, pl.exceptions.PolarsError):
        raise BadInput(f"{path} is not the directory of a finished run; `evenhand run` makes one") from None


def _question(side: _Side) -> str:
    """What the run predicts, in words that are equal where two runs can be compared."""
    label, classes = side.facts["label"], side.facts["classes"]
    if not classes:
        return f"predicts the number '{label}'"
    if len(classes) == 2:
        other = next((name for name in classes if name != _positive(side)), "")
        return f"decides whether '{label}' is {_positive(side)!r} or {other!r}"
    return f"predicts the class '{label}' among several"


def _same_rows(one: _Side, two: _Side) -> bool:
    """Whether both predicted the same rows in the same order: one data set, one test split, every shared column alike."""
    made = {side.facts[kind] for side in (one, two) for kind in ("prediction", "score")}
    made |= {column for side in (one, two) for column in side.facts["baselines"].values()}
    columns = (set(one.frame.columns) & set(two.frame.columns)) - made
    return (
        one.rows == two.rows
        and one.frame.height == two.frame.height
        and all(one.frame[column].equals(two.frame[column]) for column in columns)
    )


def _changes(one: _Side, two: _Side, attribute: str | None, paired: bool) -> Iterator[Change]:
    """Every rate, for each group of `attribute` (None: over all rows)."""
    names = ["all rows"] if attribute is None else sorted({*_groups(one, attribute), *_groups(two, attribute)})
    for name in names:
        rows = [
            side.frame if attribute is None else side.frame.filter(_groups(side, attribute) == name)
            for side in (one, two)
        ]
        for metric, events in _rates(one, rows[0]).items():
            others = _rates(two, rows[1])[metric]
            yield _change(attribute or "–", name, metric, events, others, paired)


def _groups(side: _Side, attribute: str) -> pl.Series:
    import polars as pl

    return side.frame[attribute].cast(pl.String).fill_null("(missing)")


def _rates(side: _Side, frame: pl.DataFrame) -> dict[str, np.ndarray]:
    """One number per row that each rate is the mean of; rows that the rate is not about are left out."""
    import numpy as np

    label, decided = frame[side.facts["label"]].to_numpy(), frame[side.facts["prediction"]].to_numpy()
    classes = side.facts["classes"]
    if not classes:
        return {"mae": np.abs(decided.astype(float) - label.astype(float))}
    rates = {"accuracy": (label == decided).astype(float)}
    if len(classes) == 2:
        positive = _positive(side)
        chosen = (decided == positive).astype(float)
        rates |= {"selection_rate": chosen, "tpr": chosen[label == positive], "fpr": chosen[label != positive]}
    return rates


def _positive(side: _Side) -> Any:
    from evenhand.predicting import positive_class
    from evenhand.schema import Schema

    return side.facts["classes"][positive_class(Schema.model_validate(side.schema), tuple(side.facts["classes"]))]


def _change(attribute: str, group: str, metric: str, one: np.ndarray, two: np.ndarray, paired: bool) -> Change:
    """Second minus first. Two rows are added to every sample (one for, one against), which keeps small ones honest."""
    import numpy as np

    rows = min(len(one), len(two))
    if rows == 0:
        first, second = (float(side.mean()) if len(side) else None for side in (one, two))
        return Change(attribute, group, metric, first, second, None, None, None, rows)
    first, second = float(one.mean()), float(two.mean())
    rate = metric != "mae"
    if paired:
        gap = np.append(two - one, [1, -1] if rate else [])  # Agresti & Min 2005, Statistics in Medicine 24
        centre, error = float(gap.mean()), float(gap.std()) / math.sqrt(len(gap))
    else:
        sides = [np.append(side, [0, 1] if rate else []) for side in (one, two)]  # Agresti & Caffo 2000
        centre = float(sides[1].mean() - sides[0].mean())
        error = math.sqrt(sum(float(side.var()) / len(side) for side in sides))
    return Change(attribute, group, metric, first, second, second - first, centre - Z * error, centre + Z * error, rows)


def _interval(change: Change) -> str:
    return "undefined" if change.lower is None else f"[{change.lower:+.4f}, {change.upper:+.4f}]"
