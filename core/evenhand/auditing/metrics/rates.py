"""The metrics of decisions: shares of cells, and what is made of them."""

from __future__ import annotations

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.metrics import limits
from evenhand.auditing.metrics.metric import GroupMetric, rate_metric
from evenhand.statistics.arrays import Floats, ratio

LABELLED = ("tp", "fp", "fn", "tn")
FAWCETT = "Fawcett 2006, Pattern Recognition Letters 27(8)"
HARDT = "Hardt, Price & Srebro 2016, NeurIPS"


def _balanced_accuracy(counts: Counts) -> Floats:
    return (ratio(counts.tp, counts.tp + counts.fn) + ratio(counts.tn, counts.tn + counts.fp)) / 2


def _f1(counts: Counts) -> Floats:
    return ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


SELECTION_RATE = rate_metric(
    "selection_rate",
    of="selected",
    among=("selected", "rejected"),
    better="",
    label="selection rate",
    source="Feldman et al. 2015, KDD",
    says="share of the group that gets the positive decision",
    event="are selected",
)
SCORING_RATE = rate_metric(
    "scoring_rate",
    of="selected",
    among=("selected", "rejected"),
    better="",
    label="scoring rate",
    source="6 RCNY § 5-300 (New York City, 2023)",
    says="share of the group that scores above the median of all rows, which takes the place of the decision",
)
BASE_RATE = rate_metric(
    "base_rate",
    of=("tp", "fn"),
    among=LABELLED,
    better="",
    label="base rate",
    source="Kleinberg, Mullainathan & Raghavan 2017, ITCS",
    says="share of the group whose label is positive: a fact of the data, not of the model",
)
TPR = rate_metric(
    "tpr",
    of="tp",
    among=("tp", "fn"),
    better="higher",
    label="true positive rate",
    source=HARDT,
    says="share of the truly positive that the model finds",
)
FPR = rate_metric(
    "fpr",
    of="fp",
    among=("fp", "tn"),
    better="lower",
    label="false positive rate",
    source=HARDT,
    says="share of the truly negative that the model calls positive",
    event="are called positive",
)
TNR = rate_metric(
    "tnr",
    of="tn",
    among=("fp", "tn"),
    better="higher",
    label="true negative rate",
    source=FAWCETT,
    says="share of the truly negative that the model calls negative",
)
FNR = rate_metric(
    "fnr",
    of="fn",
    among=("tp", "fn"),
    better="lower",
    label="false negative rate",
    source=FAWCETT,
    says="share of the truly positive that the model misses",
    event="are missed",
)
PPV = rate_metric(
    "ppv",
    of="tp",
    among=("tp", "fp"),
    better="higher",
    label="positive predictive value",
    source=FAWCETT,
    says="share of the positive decisions that are right",
)
NPV = rate_metric(
    "npv",
    of="tn",
    among=("tn", "fn"),
    better="higher",
    label="negative predictive value",
    source=FAWCETT,
    says="share of the negative decisions that are right",
)
ACCURACY = rate_metric(
    "accuracy",
    of=("tp", "tn"),
    among=LABELLED,
    better="higher",
    label="accuracy",
    source=FAWCETT,
    says="share of the decisions that are right",
)
ERROR_RATE = rate_metric(
    "error_rate",
    of=("fp", "fn"),
    among=LABELLED,
    better="lower",
    source=FAWCETT,
    says="share of the decisions that are wrong",
    event="are decided wrongly",
)
BALANCED_ACCURACY = GroupMetric(
    name="balanced_accuracy",
    function=_balanced_accuracy,
    formula="(TPR + TNR) / 2",
    better="higher",
    source="Brodersen et al. 2010, ICPR",
    says="mean of the shares found among the truly positive and the truly negative",
    label="balanced accuracy",
    needs=("label", "decision"),
    parts=(TPR, TNR),
    limits=limits.of_middle,
)
JACCARD = rate_metric("jaccard", of="tp", among=("tp", "fp", "fn"), better="higher")
F1 = GroupMetric(
    name="f1",
    function=_f1,
    formula="2 TP / (2 TP + FP + FN)",
    better="higher",
    source="van Rijsbergen 1979, Information Retrieval",
    says="harmonic mean of TPR and PPV",
    label="F1",
    needs=("label", "decision"),
    parts=(JACCARD,),
    limits=limits.of_part(lambda jaccard: 2 * jaccard / (1 + jaccard)),
)

RIGHT_CLASS = rate_metric(
    "accuracy",
    of="correct",
    among=("correct", "wrong"),
    better="higher",
    source=FAWCETT,
    says="share of the predictions that are right",
)
WRONG_CLASS = rate_metric(
    "error_rate",
    of="wrong",
    among=("correct", "wrong"),
    better="lower",
    source=FAWCETT,
    says="share of the predictions that are wrong",
    event="are classified wrongly",
)
