"""The built-in metrics of each task: formula, unit, direction, source, and what the number says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.metrics import calibration, ranking
from evenhand.auditing.metrics.costs_and_benefit import cost_metric, net_benefit_metric
from evenhand.auditing.metrics.metric import GroupMetric, rate_metric
from evenhand.statistics.arrays import Floats, ratio


def _balanced_accuracy(counts: Counts) -> Floats:
    return (ratio(counts.tp, counts.tp + counts.fn) + ratio(counts.tn, counts.tn + counts.fp)) / 2


def _f1(counts: Counts) -> Floats:
    return ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


def _by_level(read: Callable[..., Floats], scores: bool = False) -> Callable[[Counts], Floats]:
    """A function of the weights by score level; undefined without scores."""

    def function(counts: Counts) -> Floats:
        if counts.positive is None or counts.negative is None:
            return np.full(counts.tp.shape, np.nan)
        return read(counts.positive, counts.negative, *([counts.scores] if scores else []))

    return function


def _bpsn(positive: Floats, negative: Floats) -> Floats:
    return ranking.auc_by_level(_background(positive), negative)


def _bnsp(positive: Floats, negative: Floats) -> Floats:
    return ranking.auc_by_level(positive, _background(negative))


def _background(weight: Floats) -> Floats:
    """Everyone outside each group; of one group alone, itself."""
    return weight if weight.shape[-2] == 1 else np.maximum(weight.sum(axis=-2, keepdims=True) - weight, 0)


def _calibration_gap(counts: Counts) -> Floats:
    return np.asarray(_mean("labelled_score")(counts) - BINARY["base_rate"].function(counts))


def _mean(name: str) -> Callable[[Counts], Floats]:
    def function(counts: Counts) -> Floats:
        return ratio(counts.sums[name], counts.weights[name])

    return function


def _rmse(counts: Counts) -> Floats:
    return np.asarray(np.sqrt(ratio(counts.sums["squared_error"], counts.weights["squared_error"])))


_FAWCETT = "Fawcett 2006, Pattern Recognition Letters 27(8)"
_HARDT = "Hardt, Price & Srebro 2016, NeurIPS"
_BORKAN = "Borkan et al. 2019, WWW companion"
_LABELLED = ("tp", "fp", "fn", "tn")
_SCORED = ("label", "score")
_ONE_CLASS = "this group lacks positive or negative labels"

BINARY: dict[str, GroupMetric] = {
    metric.name: metric
    for metric in (
        rate_metric("selection_rate", of="selected", among=("selected", "rejected"), better="", label="selection rate",
                    source="Feldman et al. 2015, KDD", says="share of the group that gets the positive decision"),
        rate_metric("base_rate", of=("tp", "fn"), among=_LABELLED, better="", label="base rate",
                    source="Kleinberg, Mullainathan & Raghavan 2017, ITCS", says="share of the group whose label is positive: a fact of the data, not of the model"),
        rate_metric("tpr", of="tp", among=("tp", "fn"), better="higher", label="true positive rate", source=_HARDT,
                    says="share of the truly positive that the model finds"),
        rate_metric("fpr", of="fp", among=("fp", "tn"), better="lower", label="false positive rate", source=_HARDT,
                    says="share of the truly negative that the model calls positive"),
        rate_metric("tnr", of="tn", among=("fp", "tn"), better="higher", label="true negative rate", source=_FAWCETT,
                    says="share of the truly negative that the model calls negative"),
        rate_metric("fnr", of="fn", among=("tp", "fn"), better="lower", label="false negative rate", source=_FAWCETT,
                    says="share of the truly positive that the model misses"),
        rate_metric("ppv", of="tp", among=("tp", "fp"), better="higher", label="positive predictive value", source=_FAWCETT,
                    says="share of the positive decisions that are right"),
        rate_metric("npv", of="tn", among=("tn", "fn"), better="higher", label="negative predictive value", source=_FAWCETT,
                    says="share of the negative decisions that are right"),
        rate_metric("accuracy", of=("tp", "tn"), among=_LABELLED, better="higher", label="accuracy", source=_FAWCETT,
                    says="share of the decisions that are right"),
        GroupMetric("balanced_accuracy", _balanced_accuracy, "(TPR + TNR) / 2", "higher", "share", "Brodersen et al. 2010, ICPR",
                    "mean of the shares found among the truly positive and the truly negative", "balanced accuracy", ("label", "decision")),
        GroupMetric("f1", _f1, "2 TP / (2 TP + FP + FN)", "higher", "share", "van Rijsbergen 1979, Information Retrieval",
                    "harmonic mean of TPR and PPV", "F1", ("label", "decision")),
        GroupMetric("auc", _by_level(ranking.auc_by_level), "P(score of a positive > score of a negative), ties count half", "higher", "share",
                    "DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44(3)", "how well the score ranks inside the group", "AUC", _SCORED,
                    curve=ranking.auc_reading, lacking=_ONE_CLASS),
        GroupMetric("brier", _mean("squared_miss"), "mean of (score - label)²", "lower", "score", "Brier 1950, Monthly Weather Review 78(1)",
                    "squared distance between score and truth", "Brier score", _SCORED, mean_of="squared_miss"),
        GroupMetric("log_loss", _mean("surprise"), "mean of -log(score given to the truth)", "lower", "nats", "Good 1952, J. R. Stat. Soc. B 14(1)",
                    "surprise of the score at the truth", "log loss", _SCORED, mean_of="surprise", bounded=False),
        GroupMetric("mean_score", _mean("score"), "mean score", "", "score", "", "average score of the group", "mean score", ("score",), mean_of="score"),
    )
}  # fmt: skip

_MEAN_SCORE = GroupMetric("labelled_mean_score", _mean("labelled_score"), "mean score", mean_of="labelled_score")

BINARY |= {
    metric.name: metric
    for metric in (
        GroupMetric("average_precision", _by_level(ranking.average_precision_by_level), "Σ (recall gained) · (precision) over falling thresholds",
                    "higher", "share", "Buckley & Voorhees 2000, SIGIR; intervals: Boyd, Eng & Page 2013, ECML PKDD",
                    "precision averaged over the truly positive; chance gives the base rate, so groups of other base rates differ by nature",
                    "average precision", _SCORED, curve=ranking.average_precision_reading, lacking="no positive labels in this group"),
        GroupMetric("bpsn_auc", _by_level(_bpsn), "P(score of a positive outside the group > score of a negative inside), ties count half",
                    "higher", "share", _BORKAN, "low where the group's negatives score too high among everyone", "BPSN AUC", _SCORED,
                    curve=ranking.bpsn_reading, lacking="no negative labels in this group, or no positive ones outside it"),
        GroupMetric("bnsp_auc", _by_level(_bnsp), "P(score of a positive inside the group > score of a negative outside), ties count half",
                    "higher", "share", _BORKAN, "low where the group's positives score too low among everyone", "BNSP AUC", _SCORED,
                    curve=ranking.bnsp_reading, lacking="no positive labels in this group, or no negative ones outside it"),
        GroupMetric("calibration_gap", _calibration_gap, "mean score - base rate", "", "score", "Steyerberg et al. 2010, Epidemiology 21(1)",
                    "how much more the scores promise than happens (calibration in the large): above 0 they promise too much", "calibration gap", _SCORED,
                    denominator=_LABELLED, mean_of="labelled_score", bounded=False, terms=((1.0, _MEAN_SCORE), (-1.0, BINARY["base_rate"]))),
        GroupMetric("calibration_error", _by_level(calibration.calibration_error_by_level, True), "Σ share of bin · ((mean score - share positive)² - its sampling variance), ten bins",
                    "lower", "score²", "Kumar, Liang & Ma 2019, NeurIPS",
                    "mean squared distance between score and what happens, without what chance alone makes: 0.0025 is 5 points off; a well calibrated group falls on either side of 0",
                    "squared calibration error", _SCORED, bounded=False, curve=calibration.calibration_error_reading, lacking="no score range holds two labelled rows of this group"),
        GroupMetric("calibration_slope", _by_level(calibration.calibration_slope_by_level, True), "b in logit P(positive) = a + b · logit(score)", "", "slope", "Cox 1958, Biometrika 45(3/4)",
                    "1 is right; below 1 the scores are too extreme, above 1 too timid", "calibration slope", _SCORED, bounded=False,
                    curve=calibration.calibration_slope_reading, lacking="this group lacks positive or negative labels, or its scores part them completely"),
        cost_metric(),
        net_benefit_metric(),
    )
}  # fmt: skip

MULTICLASS: dict[str, GroupMetric] = {
    metric.name: metric
    for metric in (
        rate_metric("accuracy", of="correct", among=("correct", "wrong"), better="higher", source=_FAWCETT, says="share of the predictions that are right"),
        GroupMetric("mean_confidence", _mean("score"), "mean score of the predicted class", "", "score", "Guo et al. 2017, ICML",
                    "how sure the model says it is", "mean confidence", ("score",), mean_of="score"),
        GroupMetric("confidence_gap", _mean("overconfidence"), "mean confidence - accuracy", "", "score", "Guo et al. 2017, ICML",
                    "how much surer the model says it is than it is right", "confidence gap", _SCORED, mean_of="overconfidence", bounded=False),
    )
}  # fmt: skip

REGRESSION: dict[str, GroupMetric] = {
    metric.name: metric
    for metric in (
        GroupMetric("mae", _mean("abs_error"), "mean of |prediction - label|", "lower", "label", "Willmott & Matsuura 2005, Climate Research 30(1)",
                    "average size of the error", "mean absolute error", mean_of="abs_error", bounded=False),
        GroupMetric("bias", _mean("error"), "mean of prediction - label", "", "label", "Walther & Moore 2005, Ecography 28(6)",
                    "average error with its sign: above 0 the model says too much", "bias", mean_of="error", bounded=False),
        GroupMetric("rmse", _rmse, "√ mean of (prediction - label)²", "lower", "label", "Willmott & Matsuura 2005, Climate Research 30(1)",
                    "root of the mean squared error", "root mean squared error", mean_of="squared_error", bounded=False),
    )
}  # fmt: skip

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


def known_metrics(task: str, threshold: float | None = None) -> dict[str, GroupMetric]:
    """Every built-in metric of a task, by name. `threshold`: that of the audit, which the net benefit weighs by."""
    if task == "selection":
        return {name: BINARY[name] for name in DEFAULTS["selection"]}
    if task == "binary" and threshold is not None:
        return {**BINARY, "net_benefit": net_benefit_metric(threshold)}
    return {"binary": BINARY, "multiclass": MULTICLASS, "regression": REGRESSION}[task]
