"""The metrics that are means of what every row brings: its score, its loss, the size of its error."""

from __future__ import annotations

import numpy as np

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.metrics import limits
from evenhand.auditing.metrics.metric import GroupMetric, mean
from evenhand.auditing.metrics.rates import BASE_RATE
from evenhand.statistics.arrays import Floats

SCORED = ("label", "score")
GUO = "Guo et al. 2017, ICML"
WILLMOTT = "Willmott & Matsuura 2005, Climate Research 30(1)"


def _rmse(counts: Counts) -> Floats:
    return np.asarray(np.sqrt(mean("squared_error")(counts)))


def _squared_miss_of_the_other_class(v: Floats) -> Floats:
    return np.asarray((1 - np.sqrt(v)) ** 2)


def _surprise_of_the_other_class(v: Floats) -> Floats:
    return np.asarray(-np.log(np.maximum(-np.expm1(-v), 1e-16)))


BRIER = GroupMetric(
    name="brier",
    function=mean("squared_miss"),
    formula="mean of (score - label)²",
    better="lower",
    unit="score",
    source="Brier 1950, Monthly Weather Review 78(1)",
    says="squared distance between score and truth",
    label="Brier score",
    needs=SCORED,
    mean_of="squared_miss",
    parts=(BASE_RATE,),
    limits=limits.of_loss(_squared_miss_of_the_other_class),
)
LOG_LOSS = GroupMetric(
    name="log_loss",
    function=mean("surprise"),
    formula="mean of -log(score given to the truth)",
    better="lower",
    unit="nats",
    source="Good 1952, J. R. Stat. Soc. B 14(1)",
    says="surprise of the score at the truth",
    label="log loss",
    needs=SCORED,
    bounded=False,
    mean_of="surprise",
    parts=(BASE_RATE,),
    limits=limits.of_loss(_surprise_of_the_other_class),
)
MEAN_SCORE = GroupMetric(
    name="mean_score",
    function=mean("score"),
    formula="mean score",
    unit="score",
    says="average score of the group",
    label="mean score",
    needs=("score",),
    mean_of="score",
)
MEAN_CONFIDENCE = GroupMetric(
    name="mean_confidence",
    function=mean("score"),
    formula="mean score of the predicted class",
    unit="score",
    source=GUO,
    says="how sure the model says it is",
    label="mean confidence",
    needs=("score",),
    mean_of="score",
)
CONFIDENCE_GAP = GroupMetric(
    name="confidence_gap",
    function=mean("overconfidence"),
    formula="mean confidence - accuracy",
    unit="score",
    source=GUO,
    says="how much surer the model says it is than it is right",
    label="confidence gap",
    needs=SCORED,
    bounded=False,
    mean_of="overconfidence",
)
MAE = GroupMetric(
    name="mae",
    function=mean("abs_error"),
    formula="mean of |prediction - label|",
    better="lower",
    unit="label",
    source=WILLMOTT,
    says="average size of the error",
    label="mean absolute error",
    event="absolute error",
    mean_of="abs_error",
    limits=limits.of_size(heavy=1.0),  # (sd / mean)² of |e|
)
BIAS = GroupMetric(
    name="bias",
    function=mean("error"),
    formula="mean of prediction - label",
    unit="label",
    source="Walther & Moore 2005, Ecography 28(6)",
    says="average error with its sign: above 0 the model says too much",
    label="bias",
    mean_of="error",
)
RMSE = GroupMetric(
    name="rmse",
    function=_rmse,
    formula="√ mean of (prediction - label)²",
    better="lower",
    unit="label",
    source=WILLMOTT,
    says="root of the mean squared error",
    label="root mean squared error",
    mean_of="squared_error",
    root=True,
    limits=limits.of_size(heavy=4.0),  # (sd / mean)² of the root of the mean of e², of skewed errors
)
