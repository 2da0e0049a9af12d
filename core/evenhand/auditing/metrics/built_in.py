"""The built-in metrics of each task, and what is looked at where the user names none."""

from __future__ import annotations

from evenhand.auditing.metrics import calibration, costs_and_benefit, losses, ranking, rates
from evenhand.auditing.metrics.metric import GroupMetric


def _by_name(*metrics: GroupMetric) -> dict[str, GroupMetric]:
    return {metric.name: metric for metric in metrics}


BINARY = _by_name(
    rates.SELECTION_RATE,
    rates.BASE_RATE,
    rates.TPR,
    rates.FPR,
    rates.TNR,
    rates.FNR,
    rates.PPV,
    rates.NPV,
    rates.ACCURACY,
    rates.BALANCED_ACCURACY,
    rates.F1,
    ranking.AUC,
    losses.BRIER,
    losses.LOG_LOSS,
    losses.MEAN_SCORE,
    ranking.AVERAGE_PRECISION,
    ranking.BPSN_AUC,
    ranking.BNSP_AUC,
    calibration.CALIBRATION_GAP,
    calibration.CALIBRATION_ERROR,
    calibration.CALIBRATION_SLOPE,
    costs_and_benefit.cost_metric(),
    costs_and_benefit.net_benefit_metric(),
)
MULTICLASS = _by_name(rates.RIGHT_CLASS, losses.MEAN_CONFIDENCE, losses.CONFIDENCE_GAP)
REGRESSION = _by_name(losses.MAE, losses.BIAS, losses.RMSE)
SELECTION = _by_name(rates.SELECTION_RATE, losses.MEAN_SCORE)

DEFAULTS: dict[str, tuple[str, ...]] = {
    "binary": (
        "selection_rate",
        "base_rate",
        "tpr",
        "fpr",
        "fnr",
        "ppv",
        "npv",
        "accuracy",
        "balanced_accuracy",
        "f1",
        "auc",
        "brier",
    ),
    "multiclass": ("accuracy", "mean_confidence", "confidence_gap"),
    "regression": ("mae", "bias", "rmse"),
    "selection": ("selection_rate", "mean_score"),
}
SEARCHED: dict[str, tuple[GroupMetric, ...]] = {  # for slices that fare worse
    "binary": (rates.ERROR_RATE, rates.FNR, rates.FPR),
    "selection": (rates.SELECTION_RATE,),
    "multiclass": (rates.WRONG_CLASS,),
    "regression": (losses.MAE,),
}
SLID = (rates.SELECTION_RATE, rates.TPR, rates.FPR, rates.PPV, rates.ACCURACY)  # by the report's threshold slider


def known_metrics(task: str, threshold: float | None = None) -> dict[str, GroupMetric]:
    """Every built-in metric of a task, by name. `threshold`: that of the audit, which the net benefit weighs by."""
    if task == "binary" and threshold is not None:
        at_threshold = costs_and_benefit.net_benefit_metric(threshold)
        return {**BINARY, at_threshold.name: at_threshold}
    return {"binary": BINARY, "multiclass": MULTICLASS, "regression": REGRESSION, "selection": SELECTION}[task]
