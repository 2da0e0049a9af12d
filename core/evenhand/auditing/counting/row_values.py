"""What is summed over rows beside counts: errors, scores and losses, each as an expression for the engine."""

from __future__ import annotations

import narwhals as nw

from evenhand.auditing.table.rows import AuditTask, Rows, collect
from evenhand.errors import BadInput

LOG_CHANCE = "log chance"
SMALLEST = 1e-50  # of a regression's largest error, and its inverse the largest: variances need its fourth power


def same(rows: Rows) -> nw.Expr:
    """1 where the prediction is the label, 0 where it is not, -1 without a label, -2 without a prediction."""
    schema = rows.frame.collect_schema()
    label, prediction = nw.col("label"), nw.col("prediction")
    if schema["label"] != schema["prediction"] and not (
        schema["label"].is_numeric() and schema["prediction"].is_numeric()
    ):
        label, prediction = label.cast(nw.String), prediction.cast(nw.String)
    right = nw.when(label == prediction).then(nw.lit(1)).otherwise(nw.lit(0))
    unlabelled = nw.when(rows.missing("label")).then(nw.lit(-1)).otherwise(right)
    return nw.when(rows.missing("prediction")).then(nw.lit(-2)).otherwise(unlabelled)


def chance() -> nw.Expr:
    """The score that the model gave to the truth."""
    score = nw.col("score").cast(nw.Float64)
    return nw.when(nw.col("y") == 1).then(score).otherwise(1.0 - score)


def _predicted(rows: Rows) -> str:
    return "prediction" if rows.roles.prediction is not None else "score"


def no_error(rows: Rows) -> nw.Expr:
    """True where label or prediction is missing, so that a regression has no error there."""
    return rows.missing("label") | rows.missing(_predicted(rows))


def _largest(rows: Rows, error: nw.Expr) -> float:
    """The largest error; BadInput where squares of squares would leave what a float can hold."""
    found = float(collect(rows.frame.select(m=error.abs().max()), rows.where).get_column("m").to_list()[0] or 1.0)
    if not SMALLEST <= found <= 1 / SMALLEST:
        unit = "larger" if found > 1 else "smaller"
        raise BadInput(
            f"the largest difference between label and prediction in {rows.where} is {found:g}, whose squares cannot be"
            f" summed; give both columns in a {unit} unit"
        )
    return found


def row_values(rows: Rows, task: AuditTask, wanted: set[str]) -> dict[str, tuple[nw.Expr, float]]:
    """The row-level quantities whose means are metrics, each with a bound on its size."""
    values: dict[str, tuple[nw.Expr, float]] = {}
    if task == "regression":
        error = nw.col(_predicted(rows)).cast(nw.Float64) - nw.col("label").cast(nw.Float64)
        error = nw.when(no_error(rows)).then(nw.lit(0.0)).otherwise(error)
        bound = _largest(rows, error)
        values = {
            "abs_error": (error.abs(), bound),
            "error": (error, bound),
            "squared_error": (error * error, bound**2),
        }
    elif rows.roles.score is not None:
        score = nw.col("score").cast(nw.Float64)
        values["score"] = (score, 1.0)
        if task == "multiclass":
            values["overconfidence"] = (score - nw.when(same(rows) == 1).then(nw.lit(1.0)).otherwise(nw.lit(0.0)), 1.0)
        if task == "binary":
            truth = nw.when(nw.col("y") == 1).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
            off = score - truth
            values["labelled_score"] = (score, 1.0)
            values["squared_miss"] = (off * off, 1.0)
            values["surprise"] = (-1.0 * nw.col(LOG_CHANCE), 37.0)
    return {name: value for name, value in values.items() if name in wanted}
