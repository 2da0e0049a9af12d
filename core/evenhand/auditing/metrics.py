"""The metrics: pure functions of counts over arrays [..., group], each with formula, unit, direction and source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from evenhand.auditing.counts import Floats

Better = Literal["higher", "lower", ""]


@dataclass(frozen=True)
class Counts:
    """Weighted numbers of rows, as arrays [..., group]; the leading axes are whatever the caller varies.

    tp, fp, fn, tn: rows by label and decision. selected, rejected: rows by decision, labelled or not.
    correct, wrong: multiclass rows. `sums` and `weights`: for each row-level quantity the sum of its values and
    of the weights of the rows that have one. positive, negative: weights by score level, [..., group, level].
    """

    tp: Floats
    fp: Floats
    fn: Floats
    tn: Floats
    selected: Floats
    rejected: Floats
    correct: Floats
    wrong: Floats
    sums: Mapping[str, Floats] = field(default_factory=dict)
    weights: Mapping[str, Floats] = field(default_factory=dict)
    positive: Floats | None = None
    negative: Floats | None = None


@dataclass(frozen=True)
class GroupMetric:
    """A number per group: what it is called, how it is computed, which way is better, and who says so.

    numerator / denominator: the cells of a proportion, so that the intervals for proportions apply.
    mean_of: the row-level quantity whose mean this is. needs: what the data must have ("label", "score").
    """

    name: str
    function: Callable[[Counts], Floats]
    formula: str
    better: Better = ""
    unit: str = "share"
    source: str = ""
    says: str = ""
    label: str = ""
    needs: tuple[str, ...] = ("label",)
    numerator: tuple[str, ...] = ()
    denominator: tuple[str, ...] = ()
    mean_of: str | None = None
    bounded: bool = True  # values lie in [0, 1]

    @property
    def title(self) -> str:
        """The name for people: `label`, or the name with spaces."""
        return self.label or self.name.replace("_", " ")


@dataclass(frozen=True)
class Estimate:
    """A plugin's own number for a group, shown as it is."""

    name: str
    group: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    says: str = ""
    source: str = ""
    plugin: str = ""


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """numerator / denominator; NaN where there is no denominator, never 0 and never 1."""
    top, bottom = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    out = np.full(np.broadcast_shapes(top.shape, bottom.shape), np.nan)
    return np.asarray(np.divide(top, bottom, out=out, where=bottom > 0))


def rate_metric(
    name: str,
    *,
    of: str | tuple[str, ...],
    among: tuple[str, ...],
    better: Better,
    source: str = "",
    says: str = "",
    label: str = "",
) -> GroupMetric:
    """The share that the cells `of` have among the cells `among`; cells are tp, fp, fn, tn, selected, rejected.

    >>> rate_metric("underdiagnosis", of="fn", among=("fn", "tp"), better="lower").formula
    'FN / (FN + TP)'
    """
    top = (of,) if isinstance(of, str) else tuple(of)
    known = ("tp", "fp", "fn", "tn", "selected", "rejected", "correct", "wrong")
    for cell in (*top, *among):
        if cell not in known:
            raise ValueError(f"rate_metric {name!r}: {cell!r} is no cell; cells are {', '.join(known)}")
    if not set(top) <= set(among):
        raise ValueError(f"rate_metric {name!r}: every cell of `of` must be in `among`, or it is no share")

    def function(counts: Counts) -> Floats:
        return ratio(_total(counts, top), _total(counts, among))

    needs = (
        ("decision",)
        if set(among) <= {"selected", "rejected"}
        else ("label",)
        if "correct" in among
        else ("label", "decision")
    )
    formula = f"{_sum(top, False)} / {_sum(among, True)}"
    return GroupMetric(name, function, formula, better, "share", source, says, label, needs, top, tuple(among))


def _sum(cells: tuple[str, ...], bracket: bool) -> str:
    names = [c.upper() if len(c) == 2 else c for c in cells]
    text = " + ".join(names)
    return f"({text})" if len(names) > 1 else text


def _total(counts: Counts, cells: tuple[str, ...]) -> Floats:
    return np.asarray(sum(getattr(counts, cell) for cell in cells))


def _balanced_accuracy(counts: Counts) -> Floats:
    return (ratio(counts.tp, counts.tp + counts.fn) + ratio(counts.tn, counts.tn + counts.fp)) / 2


def _f1(counts: Counts) -> Floats:
    return ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


def auc(counts: Counts) -> Floats:
    """Chance that a random positive row scores above a random negative one, ties counting half."""
    if counts.positive is None or counts.negative is None:
        return np.full(counts.tp.shape, np.nan)
    below = np.cumsum(counts.negative, axis=-1) - counts.negative / 2
    wins = (counts.positive * below).sum(axis=-1)
    return ratio(wins, counts.positive.sum(axis=-1) * counts.negative.sum(axis=-1))


def _mean(name: str) -> Callable[[Counts], Floats]:
    def function(counts: Counts) -> Floats:
        return ratio(counts.sums[name], counts.weights[name])

    return function


def _rmse(counts: Counts) -> Floats:
    return np.asarray(np.sqrt(ratio(counts.sums["squared_error"], counts.weights["squared_error"])))


_FAWCETT = "Fawcett 2006, Pattern Recognition Letters 27(8)"
_HARDT = "Hardt, Price & Srebro 2016, NeurIPS"
_LABELLED = ("tp", "fp", "fn", "tn")

METRICS: dict[str, GroupMetric] = {
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
        GroupMetric("auc", auc, "P(score of a positive > score of a negative), ties count half", "higher", "share",
                    "DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44(3)", "how well the score ranks inside the group", "AUC", ("label", "score")),
        GroupMetric("brier", _mean("squared_miss"), "mean of (score - label)²", "lower", "score", "Brier 1950, Monthly Weather Review 78(1)",
                    "squared distance between score and truth", "Brier score", ("label", "score"), mean_of="squared_miss"),
        GroupMetric("log_loss", _mean("surprise"), "mean of -log(score given to the truth)", "lower", "nats", "Good 1952, J. R. Stat. Soc. B 14(1)",
                    "surprise of the score at the truth", "log loss", ("label", "score"), mean_of="surprise", bounded=False),
        GroupMetric("mean_score", _mean("score"), "mean score", "", "score", "", "average score of the group", "mean score", ("score",), mean_of="score"),
    )
}  # fmt: skip

MULTICLASS: dict[str, GroupMetric] = {
    metric.name: metric
    for metric in (
        rate_metric("accuracy", of="correct", among=("correct", "wrong"), better="higher", source=_FAWCETT, says="share of the predictions that are right"),
        GroupMetric("mean_confidence", _mean("score"), "mean score of the predicted class", "", "score", "Guo et al. 2017, ICML",
                    "how sure the model says it is", "mean confidence", ("score",), mean_of="score"),
        GroupMetric("confidence_gap", _mean("overconfidence"), "mean confidence - accuracy", "", "score", "Guo et al. 2017, ICML",
                    "how much surer the model says it is than it is right", "confidence gap", ("label", "score"), mean_of="overconfidence", bounded=False),
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


def known_metrics(task: str) -> dict[str, GroupMetric]:
    """Every built-in metric of a task, by name."""
    if task == "selection":
        return {name: METRICS[name] for name in DEFAULTS["selection"]}
    return {"binary": METRICS, "multiclass": MULTICLASS, "regression": REGRESSION}[task]
