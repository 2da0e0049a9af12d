"""Choosing a model by its gap: a scorer for scikit-learn's cross-validation and searches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np

from evenhand.asking.question import Question
from evenhand.auditing import audit
from evenhand.auditing.metrics.built_in import BINARY, MULTICLASS, REGRESSION
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.errors import BadInput, did_you_mean, missing_column

Column = str | int
Columns = Column | Sequence[Column]
KNOWN: dict[str, GroupMetric] = {**REGRESSION, **MULTICLASS, **BINARY}
FEWEST_DRAWS = 200  # behind intervals, which a scorer does not read
METADATA = ("sensitive_features", "sample_weight")


def gap_scorer(
    metric: str,
    *,
    sensitive_features: Columns | None = None,
    sample_weight: Column | None = None,
    positive: Any = None,
    threshold: float | None = None,
) -> GapScorer:
    """A scorer of scikit-learn: minus the largest gap of `metric` between groups, so that greater is better.

    0 is best: every group fares alike. -0.18 is a gap of .18; of several attributes the largest counts. NaN where fewer
    than two groups of a fold have the metric. It is the gap of these rows, without an interval: choose by it, and then
    audit what was chosen on rows that chose nothing.

    Parameters
    ----------
    metric : name
        What is compared: tpr, fpr, selection_rate, accuracy, auc, mae and so on; refused where there is none.
    sensitive_features : column or columns of X by name or place, default None
        Who belongs to which group. None: passed as metadata, `cross_validate(…, params={"sensitive_features": sex})`,
        after `sklearn.set_config(enable_metadata_routing=True)`.
    sample_weight : column of X, default None
        Weights of rows. None: none, or metadata where `.set_score_request(sample_weight=True)` asks for it.
    positive : class, default None
        The class that a rate is about; None: the second of the estimator's two `classes_`, as in scikit-learn.
    threshold : share, default None
        Decides positive from this probability on; None: by the estimator's own `predict`.

    Examples
    --------
    >>> import numpy as np
    >>> class Model:
    ...     classes_ = np.array([0, 1])
    ...
    ...     def predict(self, X):
    ...         return X[:, 0]
    >>> X = np.array([[1, 0], [1, 0], [0, 0], [1, 1], [0, 1], [0, 1]])
    >>> gap_scorer("selection_rate", sensitive_features=1)(Model(), X, np.array([1, 1, 0, 1, 1, 0]))
    -0.3333333333333333
    """
    if metric not in KNOWN:
        raise BadInput(f"there is no metric '{metric}' to choose a model by.{did_you_mean(metric, KNOWN)}")
    Question(threshold=threshold)  # refuses what is no threshold now, not in the middle of a search
    return GapScorer(metric, sensitive_features, sample_weight, positive, threshold)


class GapScorer:
    """Called by scikit-learn with an estimator, rows and labels; made by `gap_scorer`."""

    def __init__(
        self,
        metric: str,
        sensitive_features: Columns | None,
        sample_weight: Column | None,
        positive: Any,
        threshold: float | None,
    ) -> None:
        self.metric, self.positive, self.threshold = metric, positive, threshold
        features = [sensitive_features] if isinstance(sensitive_features, str | int) else sensitive_features
        self.columns: dict[str, Sequence[Column] | None] = {
            "sensitive_features": features,
            "sample_weight": None if sample_weight is None else [sample_weight],
        }
        self._requests: dict[str, bool | str | None] = {
            name: True if name == "sensitive_features" else None for name in METADATA if self.columns[name] is None
        }

    def __call__(self, estimator: Any, X: Any, y_true: Any, **metadata: Any) -> float:
        """Minus the largest gap on these rows; NaN where there is none."""
        for name in metadata:
            if name not in METADATA:
                raise BadInput(f"a gap is of sensitive_features and sample_weight, and '{name}' is neither")
        found = audit(
            y_true=y_true,
            sensitive_features=self._features(X, metadata.get("sensitive_features")),
            sample_weight=self._weights(X, metadata.get("sample_weight")),
            question=Question(
                metrics=(self.metric,),
                task="regression" if self.metric in REGRESSION else None,
                positive=self._positive(estimator),
                threshold=self.threshold,
                replicates=FEWEST_DRAWS,
            ),
            **self._answers(estimator, X),
        )
        gaps = [gap for part in found.data["attributes"] for gap in part["gaps"] if gap["kind"] == "largest"]
        return -max((gap["value"] for gap in gaps), default=math.nan)

    def set_score_request(self, **requests: bool | str | None) -> GapScorer:
        """Which metadata scikit-learn passes: True, False, None (refused where it is given), or another name for it."""
        for name, alias in requests.items():
            if name not in self._requests:
                says = "is a column of X" if name in METADATA else f"is none of {', '.join(METADATA)}"
                raise BadInput(f"this scorer takes no '{name}' as metadata, which {says}")
            self._requests[name] = alias
        return self

    def get_metadata_routing(self) -> Any:
        """What scikit-learn asks to learn what it is to pass."""
        from sklearn.utils.metadata_routing import MetadataRequest

        request = MetadataRequest(owner=self)
        for name, alias in self._requests.items():
            request.score.add_request(param=name, alias=alias)
        return request

    def __repr__(self) -> str:
        named = "".join(f", {name}={[*columns]!r}" for name, columns in self.columns.items() if columns is not None)
        return f"gap_scorer({self.metric!r}{named})"

    def _features(self, X: Any, passed: Any) -> Any:
        wanted = self.columns["sensitive_features"]
        if wanted is not None:
            return _columns(X, wanted)
        if passed is None:
            raise BadInput(
                f"{self!r} does not know the groups: name a column of X, sensitive_features='sex', or pass them after"
                " sklearn.set_config(enable_metadata_routing=True)"
            )
        return passed

    def _weights(self, X: Any, passed: Any) -> Any:
        wanted = self.columns["sample_weight"]
        return passed if wanted is None else next(iter(_columns(X, wanted).values()))

    def _positive(self, estimator: Any) -> Any:
        classes: Sequence[Any] = getattr(estimator, "classes_", ())
        return classes[1] if self.positive is None and len(classes) == 2 else self.positive

    def _answers(self, estimator: Any, X: Any) -> dict[str, Any]:
        """The decisions, or where the metric or a threshold reads scores, the probabilities of the positive class."""
        if self.threshold is None and "score" not in KNOWN[self.metric].needs:
            return {"y_pred": estimator.predict(X)}
        if not hasattr(estimator, "predict_proba"):
            raise BadInput(
                f"{self!r} reads probabilities, and {type(estimator).__name__} has no predict_proba; calibrate it, or"
                " choose a metric of decisions"
            )
        classes = list(estimator.classes_)
        positive = self._positive(estimator)
        if positive not in classes:
            raise BadInput(f"{positive!r} is none of the estimator's classes {classes[:6]!r}; name one (positive)")
        probabilities: np.ndarray[Any, Any] = np.asarray(estimator.predict_proba(X))
        return {"y_score": probabilities[:, classes.index(positive)]}


def _columns(X: Any, wanted: Sequence[str | int]) -> Mapping[str, Any]:
    """Columns of X by name, or by place; of an array, which has no names, by place alone."""
    table = nw.from_native(X, pass_through=True, eager_only=True)
    if isinstance(table, nw.DataFrame):
        places = dict(enumerate(table.columns))
        names = [str(places.get(one, one)) if isinstance(one, int) else one for one in wanted]
        for name in names:
            if name not in table.columns:
                raise missing_column(name, "X", table.columns)
        return {name: table[name].to_native() for name in names}
    array: np.ndarray[Any, Any] = np.asarray(X)
    for one in wanted:
        if not isinstance(one, int) or array.ndim != 2 or not 0 <= one < array.shape[1]:
            raise BadInput(
                f"X is an array of shape {array.shape!r} without names, and has no column {one!r}; name its place, or"
                " give X as a table"
            )
    return {f"column {one}": array[:, one] for one in wanted if isinstance(one, int)}
