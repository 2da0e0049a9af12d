"""The model without and with mitigation, compared in pairs by the core's own compare."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import Recipe, Section, audit_into, compare
from evenhand_nlp.identity.fitting import UNMITIGATED
from evenhand_nlp.identity.numbers import signed


def scored(run: Any) -> tuple[Any, np.ndarray, np.ndarray] | None:
    """(the predictions, scores, whether each is of the positive class) of rows with a label; None without scores."""
    import polars as pl

    file = run.path / "predictions.parquet"
    table = pl.read_parquet(file) if file.is_file() else pl.DataFrame()
    label = run.recipe.schema.label
    if "score" not in table.columns or label not in table.columns:
        return None
    table = table.filter(pl.col(label).is_not_null())
    truth = np.array([str(value) == str(run.recipe.schema.positive) for value in table[label].to_list()])
    return table, table["score"].to_numpy(), truth


def before_and_after(run: Any) -> list[Section]:
    """The paired comparison of the model without and with mitigation, by the core's own compare."""
    found = scored(run)
    column = f"baseline_{UNMITIGATED}_score"
    if found is None or column not in found[0].columns:
        return []
    comparison = compared_runs(run.recipe, found[0], column)
    rows = [
        (
            change.attribute,
            change.metric,
            f"{change.first:.3f}",
            f"{change.second:.3f}",
            signed([float("nan") if v is None else v for v in (change.change, change.lower, change.upper)]),
            change.verdict,
        )
        for change in comparison.gaps
        if change.kind == "largest"
    ]
    better, worse = (sum(change.verdict == word for change in comparison.gaps) for word in ("better", "worse"))
    text = (
        f"The largest gap of each column without mitigation and with {run.recipe.options['mitigation']}, paired text by"
        f" text: {better} smaller for sure, {worse} larger for sure, of {len(rows)}"
        f" ({comparison.how})."
    )
    header = ("groups by", "metric", "gap before", "gap after", "change", "verdict")
    return [Section("Before and after mitigation", text, header, tuple(rows))]


def compared_runs(recipe: Recipe, table: Any, column: str) -> Any:
    """`evenhand compare` of two audits of one table, which differ in the column of scores."""
    threshold = recipe.audit.threshold
    asked: dict[str, Any] = {
        "label": recipe.schema.label,
        "positive": recipe.schema.positive,
        "sensitive": [name for name in recipe.schema.sensitive if name in table.columns],
        "metrics": ["fpr", "fnr", "auc"],
        "threshold": threshold if isinstance(threshold, int | float) else 0.5,
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, score in (("before", column), ("after", "score")):
            table.write_parquet(Path(folder) / f"{name}.parquet")
            audit_into(Path(folder) / name, Path(folder) / f"{name}.parquet", score=score, **asked)
        return compare(Path(folder) / "before", Path(folder) / "after")
