"""The core's own performance metrics, of the adapted model and of every baseline, with intervals."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from evenhand.predicting.classes import positive_class
from evenhand.predicting.operating import operating_metrics
from evenhand.statistics import concordance
from evenhand.values import Metric, Predictions

if TYPE_CHECKING:
    import numpy as np

Z = NormalDist().inv_cdf(0.975)


def performance(predictions: Predictions) -> list[Metric]:
    """Metrics over all rows with a label: of the adapted model first, then of each baseline, then the paired gain."""
    import numpy as np
    import polars as pl

    if predictions.task == "multilabel":
        from evenhand.predicting.several_labels import several_labels

        return several_labels(predictions)
    frame = pl.read_parquet(predictions.table)
    roles = predictions.schema
    if predictions.task == "generate":
        return _quality(predictions, frame)
    truth = roles.require("label", "evaluating")
    frame = frame.filter(pl.col(truth).is_not_null())
    label = frame[truth].to_numpy()
    decided = {"adapted": frame[roles.require("prediction", "evaluating")].to_numpy()}
    decided.update({name: frame[column].to_numpy() for name, column in predictions.baselines.items()})
    if predictions.task == "regression":
        errors = [metric for name, values in decided.items() for metric in _errors(name, label, values)]
        return errors + _smaller_error(label, decided, frame[roles.group_id].to_numpy() if roles.group_id else None)
    metrics = [metric for name, values in decided.items() for metric in _hits(name, label, values)]
    if predictions.task == "binary" and roles.score:
        positive = label == predictions.classes[positive_class(roles, predictions.classes)]
        columns = {"adapted": roles.score, **predictions.baseline_scores}
        scored = {name: frame[column].to_numpy().astype(np.float64) for name, column in columns.items()}
        cluster = frame[roles.group_id].to_numpy() if roles.group_id else None
        metrics.extend(_ranking(positive, scored, cluster))
        if predictions.operating is not None:
            selected = scored["adapted"] >= predictions.operating.threshold
            weight = frame[roles.weight].to_numpy() if roles.weight else None
            metrics.extend(operating_metrics(predictions.operating, positive, selected, weight, cluster))
    return metrics + _gain(label, decided)


def _hits(model: str, label: np.ndarray, decided: np.ndarray) -> list[Metric]:
    import numpy as np
    from sklearn.metrics import f1_score

    from evenhand.statistics.intervals import wilson

    hits, n = int((label == decided).sum()), len(label)
    lower, upper = (float(bound) for bound in wilson(np.array(hits), np.array(n), Z))
    f1 = float(f1_score(label.astype(str), decided.astype(str), average="macro", zero_division=0))
    return [
        Metric("accuracy", hits / n, lower, upper, n, model=model, says="share of rows whose prediction is right"),
        Metric("macro_f1", f1, n=n, model=model, says="F1 averaged over classes, each class counting the same"),
    ]


def _ranking(positive: np.ndarray, scored: dict[str, np.ndarray], cluster: np.ndarray | None) -> list[Metric]:
    """AUC of every model whose scores say something, and how far the adapted one's is above each baseline's; Brier.

    Rows of one group (`schema.group_id`) count as one observation in the intervals.
    """
    from sklearn.metrics import brier_score_loss

    if positive.all() or not positive.any():
        return []
    n, found = len(positive), {name: concordance.auc(positive, score) for name, score in scored.items()}
    ours, metrics = found["adapted"], []
    for name, one in found.items():
        if name != "adapted" and scored[name].min() == scored[name].max():
            continue
        lower, upper = concordance.inside_unit(one.value, one.error(cluster), Z)
        says = "chance that a positive row scores above a negative one"
        metrics.append(Metric("auc", one.value, lower, upper, n, model=name, says=says))
        if name != "adapted":
            gain = ours - one
            half = Z * gain.error(cluster)
            says = "AUC of the adapted model minus that of this baseline, row by row"
            metrics.append(
                Metric("auc_gain", gain.value, gain.value - half, gain.value + half, n, model=name, says=says)
            )
    brier = float(brier_score_loss(positive, scored["adapted"]))
    return [*metrics, Metric("brier", brier, n=n, better="lower", says="mean squared error of the score")]


def _errors(model: str, label: np.ndarray, values: np.ndarray) -> list[Metric]:
    import numpy as np

    error = values.astype(np.float64) - label.astype(np.float64)
    n = len(error)
    mae, spread = float(np.abs(error).mean()), float(np.abs(error).std(ddof=1)) if n > 1 else math.nan
    half = Z * spread / math.sqrt(n)
    lower, upper = (mae - half, mae + half) if n > 1 else (None, None)
    return [
        Metric("mae", mae, lower, upper, n, better="lower", model=model, says="mean absolute error"),
        Metric(
            "rmse", float(np.sqrt((error**2).mean())), n=n, better="lower", model=model, says="root mean squared error"
        ),
    ]


def _smaller_error(label: np.ndarray, decided: dict[str, Any], cluster: np.ndarray | None) -> list[Metric]:
    """Mean absolute error of the best baseline minus that of the adapted model, paired by row.

    Rows of one group (`schema.group_id`) count as one observation in the interval.
    """
    import numpy as np

    missed = {name: np.abs(values.astype(np.float64) - label.astype(np.float64)) for name, values in decided.items()}
    rivals = [name for name in missed if name != "adapted"]
    if not rivals:
        return []
    best = min(rivals, key=lambda name: float(missed[name].mean()))
    less = missed[best] - missed["adapted"]
    says = f"mean absolute error of the best baseline ({best}) minus that of the adapted model, row by row"
    n, value, units = len(less), float(less.mean()), np.arange(len(less))
    if cluster is not None:
        units = np.unique(cluster, return_inverse=True)[1]
    sums = np.bincount(units, less - value)
    if len(sums) < 2:
        return [Metric("mae_gain", value, n=n, says=says)]
    half = Z * math.sqrt(float((sums**2).sum()) * len(sums) / (len(sums) - 1)) / n
    return [Metric("mae_gain", value, value - half, value + half, n, says=says)]


def _quality(predictions: Predictions, frame: Any) -> list[Metric]:
    """Mean quality of texts, and the share that is good enough; of every model, and the paired gain over the best."""
    import numpy as np

    from evenhand.statistics.intervals import wilson

    score, threshold = predictions.schema.require("score", "evaluating"), predictions.threshold or 0.5
    columns = {"adapted": score, **predictions.baseline_scores}
    graded = {name: frame[column].to_numpy().astype(np.float64) for name, column in columns.items()}
    metrics, n = [], len(frame)
    for name, values in graded.items():
        says = "how good the texts are beside the label, on average; 0 is nothing alike, 1 the same"
        metrics.append(_mean("quality", values, says, name))
        good = int((values >= threshold).sum())
        lower, upper = (float(bound) for bound in wilson(np.array(good), np.array(n), Z))
        says = f"share of texts whose quality is {threshold:g} or more"
        metrics.append(Metric("acceptable", good / n, lower, upper, n, model=name, says=says))
    rivals = [name for name in graded if name != "adapted"]
    if not rivals:
        return metrics
    best = max(rivals, key=lambda name: float(graded[name].mean()))
    says = f"quality of the adapted model minus that of the best baseline ({best}), row by row"
    return [*metrics, _mean("quality_gain", graded["adapted"] - graded[best], says, "adapted")]


def _mean(name: str, values: np.ndarray, says: str, model: str) -> Metric:
    """A mean with the limits that its spread gives; none where there is a single row."""
    n, value = len(values), float(values.mean())
    if n < 2:
        return Metric(name, value, n=n, model=model, says=says)
    half = Z * float(values.std(ddof=1)) / math.sqrt(n)
    return Metric(name, value, value - half, value + half, n, model=model, says=says)


def _gain(label: np.ndarray, decided: dict[str, Any]) -> list[Metric]:
    """Accuracy of the adapted model minus that of the best baseline, paired by row (Agresti & Min 2005)."""
    rivals = {name: values for name, values in decided.items() if name != "adapted"}
    if not rivals:
        return []
    best = max(rivals, key=lambda name: int((rivals[name] == label).sum()))
    ours, theirs = decided["adapted"] == label, rivals[best] == label
    # half a row added to each of the four cells keeps the interval open where nothing disagrees
    won, lost, n = int((ours & ~theirs).sum()) + 0.5, int((theirs & ~ours).sum()) + 0.5, len(label) + 2
    centre = (won - lost) / n
    half = Z * math.sqrt(max(won + lost - (won - lost) ** 2 / n, 0)) / n
    value = float(ours.mean() - theirs.mean())
    says = f"accuracy of the adapted model minus that of the best baseline ({best}), row by row"
    return [Metric("accuracy_gain", value, centre - half, centre + half, len(label), model="adapted", says=says)]
