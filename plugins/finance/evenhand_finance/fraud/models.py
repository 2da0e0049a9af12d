"""Averaged boosted trees that decide by an alert budget, beside the handbook's logistic regression and forest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand import Adapted, BadInput, Recipe, Splits
from evenhand_finance.fraud.features import HANDBOOK

if TYPE_CHECKING:
    from datasets import Dataset

TREES = {  # chosen by mean average precision on weeks before any test week (benchmarks/fraud.py --select)
    "max_iter": 150,
    "learning_rate": 0.05,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 40,
    "l2_regularization": 1.0,
    "max_features": 0.5,
    "early_stopping": False,
}
TRUSTED = (  # what scikit-learn's boosting and forests hold and skops does not trust by itself
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)


class Budgeted:
    """The mean of estimators, moved on the scale of log odds so that 0.5 is where the alert budget begins.

    `threshold`: the mean probability above which as many are stopped as the budget allows. Order is not changed.
    """

    def __init__(self, estimators: list[Any], columns: list[str], threshold: float = 0.5) -> None:
        self.estimators, self.columns, self.threshold = estimators, columns, threshold

    def probability(self, rows: Dataset) -> np.ndarray:
        """Mean probability of fraud, [rows]."""
        seen = matrix(rows, self.columns)
        return np.mean([estimator.predict_proba(seen)[:, 1] for estimator in self.estimators], axis=0)

    def scores(self, rows: Dataset) -> np.ndarray:
        """[rows, 2]: legitimate, fraud; 0.5 or more is an alert."""
        p = self.probability(rows)
        up, down = p * (1 - self.threshold), (1 - p) * self.threshold
        fraud = up / np.maximum(up + down, 1e-300)
        return np.stack([1 - fraud, fraud], axis=1)

    def within(self, rows: Dataset, per_1000: float) -> Budgeted:
        """The same with the threshold that stops this many of 1,000 of these rows; their labels are not looked at."""
        p = np.sort(self.probability(rows))[::-1]
        last = min(max(round(len(p) * per_1000 / 1000), 1), len(p)) - 1
        return Budgeted(self.estimators, self.columns, float(np.clip(p[last], 1e-6, 1 - 1e-6)))

    def save(self, folder: Path) -> None:
        """One skops file per estimator, and what they read."""
        import skops.io

        for number, estimator in enumerate(self.estimators):
            skops.io.dump(estimator, folder / f"estimator_{number}.skops")
        about = {"columns": self.columns, "threshold": self.threshold, "estimators": len(self.estimators)}
        (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Budgeted:
        """BadInput for a file that holds anything but scikit-learn's own types."""
        import skops.io

        about = json.loads((folder / "about.json").read_text("utf-8"))
        found = []
        for number in range(about["estimators"]):
            file = folder / f"estimator_{number}.skops"
            strange = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED))
            if strange:
                raise BadInput(f"{file} holds {strange[0]}, a type that is not safe to load; do not use this file")
            found.append(skops.io.load(file, trusted=list(TRUSTED)))
        return cls(found, about["columns"], about["threshold"])


def fit(recipe: Recipe, splits: Splits) -> Adapted:
    """Boosted trees on every input, and both baselines on the handbook's features, all at the same alert budget."""
    label = splits.schema.require("label", "training")
    truth = np.array(splits.train[label])
    budget = _number(recipe, "alerts_per_1000")
    inputs = list(splits.schema.input)
    trees = [boosted(matrix(splits.train, inputs), truth, recipe.seed + k) for k in range(_models(recipe))]
    handbook = list(HANDBOOK)
    seen = matrix(splits.train, handbook)
    model = Budgeted(trees, inputs).within(splits.validation, budget)
    baselines = {
        "logistic_regression": Budgeted([logistic(seen, truth)], handbook).within(splits.validation, budget),
        "random_forest": Budgeted([forest(seen, truth, recipe.seed)], handbook).within(splits.validation, budget),
    }
    return Adapted(
        model,
        (0, 1),
        strategy=f"boosted trees ({len(trees)} averaged) at {budget:g} alerts per 1,000 transactions",
        baselines=baselines,
        validation={"threshold": model.threshold},
        notes=(
            f"the alert threshold is that of {budget:g} alerts per 1,000 transactions in the days of delay, whose"
            " labels nothing looked at; the score is moved so that 0.5 is that threshold",
        ),
    )


def boosted(seen: np.ndarray, truth: np.ndarray, seed: int) -> Any:
    """Gradient-boosted trees that take missing values as they are."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=seed, **TREES).fit(seen, truth)


def logistic(seen: np.ndarray, truth: np.ndarray) -> Any:
    """The handbook's logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(seen, truth)


def forest(seen: np.ndarray, truth: np.ndarray, seed: int) -> Any:
    """The handbook's random forest: scikit-learn's defaults."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(random_state=seed).fit(seen, truth)


def matrix(rows: Dataset, columns: list[str]) -> np.ndarray:
    """float64 [rows, columns]; missing values are NaN."""
    frame = rows.select_columns(columns).to_pandas()
    return frame[columns].to_numpy(dtype=np.float64)


def _number(recipe: Recipe, name: str) -> float:
    value = recipe.options.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1000:
        raise BadInput(f"options.{name} is {value!r}; give a number between 0 and 1,000 (--set options.{name}=12)")
    return float(value)


def _models(recipe: Recipe) -> int:
    value = recipe.options.get("models")
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadInput(f"options.models is {value!r}; give a whole number of 1 or more (--set options.models=3)")
    return value
