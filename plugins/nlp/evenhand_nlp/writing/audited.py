"""What the audit compares between groups where texts are written: how good they are, and how often good enough."""

from __future__ import annotations

from typing import Any

import numpy as np

from evenhand import Counts, GroupMetric, Section, audit, rate_metric


def _mean_quality(counts: Counts) -> np.ndarray:
    total, weight = counts.sums["score"], counts.weights["score"]
    return np.divide(total, weight, out=np.full_like(np.asarray(total, float), np.nan), where=np.asarray(weight) > 0)


def metrics(measured: str) -> list[GroupMetric]:
    """The share of texts that are acceptable, and the mean quality by the measure in words."""
    return [
        rate_metric(
            "acceptable",
            of="selected",
            among=("selected", "rejected"),
            better="higher",
            source="ours",
            label="share of acceptable texts",
            says=f"rows whose text reaches the threshold; measured by {measured}; no text is 0",
            event="get an acceptable text",
        ),
        GroupMetric(
            name="quality",
            label="mean quality",
            function=_mean_quality,
            formula="mean quality",
            better="higher",
            unit="score",
            source=measured,
            says=f"how good texts are on average, by {measured}; no text is 0",
            needs=("score",),
            mean_of="score",
        ),
    ]


def table_of(run: Any) -> Any:
    """The predictions of a run, as Polars has them; None where they are not there yet."""
    import polars as pl

    file = run.path / "predictions.parquet"
    return pl.read_parquet(file) if file.is_file() else None


def columns_of(run: Any) -> dict[str, Any]:
    """Which columns of the predictions hold text, quality, confidence and those of the baselines."""
    found: dict[str, Any] = run.manifest["stages"]["predict"]["facts"]
    return found


def who_is_answered(run: Any) -> list[Section]:
    """The audit of being answered at all, by the core's own audit; nothing where every row is, or none."""
    import polars as pl

    table, recipe = table_of(run), run.recipe
    if table is None:
        return []
    text = columns_of(run)["prediction"]
    given = table[text].is_not_null()
    if given.all() or not given.any():
        return []
    sensitive = [name for name in recipe.schema.sensitive if name in table.columns and table[name].n_unique() > 1]
    if not sensitive:
        return []
    frame = table.select(sensitive).with_columns(
        given.map_elements(lambda one: "yes" if one else "no", pl.String).alias("answered by the model")
    )
    found = audit(
        frame,
        sensitive=sensitive,
        prediction="answered by the model",
        positive="yes",
        metrics=["selection_rate"],
        tolerance=recipe.audit.tolerance.get("acceptable", 0.1),
        seed=recipe.seed,
    )
    rows = []
    for attribute in found.data["attributes"]:
        for group in attribute["groups"]:
            one = group["metrics"]["selection_rate"]
            if one["value"] is not None:
                limits = f"[{one['lower']:.0%}, {one['upper']:.0%}]"
                rows.append((attribute["name"], group["name"], group["rows"], f"{one['value']:.0%} {limits}"))
    words = "; ".join(f"{verdict['attribute']}: {verdict['verdict']}" for verdict in found.data["verdicts"])
    return [
        Section(
            "Who gets no reply",
            f"{given.mean():.1%} of test messages get a reply, the others go to a person. The largest gap of each"
            f" column against the tolerance: {words}.",
            ("groups by", "group", "messages", "get a reply"),
            tuple(rows),
        )
    ]
