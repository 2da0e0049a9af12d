"""What the tabular backbone is measured against, each as its users would first run it: default settings, one thread.

Every method is a function (context rows, labels, rows to predict) -> probability of label 1. Categories are one-hot for
the methods that need numbers, and told as categories to those that take them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from evenhand.pretrained.tabular.classifier import TabularClassifier
from evenhand.pretrained.tabular.columns import Columns
from evenhand.pretrained.tabular.hints import KERNELS

Method = Callable[[pl.DataFrame, np.ndarray, pl.DataFrame], np.ndarray]


def backbone(rows: pl.DataFrame, labels: np.ndarray, asked: pl.DataFrame) -> np.ndarray:
    """The embedded weights, default settings."""
    return TabularClassifier(seed=0).fit(rows, labels).predict_proba(asked)[:, 1]


def hints_alone(rows: pl.DataFrame, labels: np.ndarray, asked: pl.DataFrame) -> np.ndarray:
    """Ablation: the mean of the kernel regressions that the network is given, without the network."""
    model = TabularClassifier(seed=0).fit(rows, labels)
    context = np.arange(len(labels))
    facts = model._inputs(context, model.columns_.matrix(asked), 1, "standard")[1]
    score: np.ndarray = facts[0, len(labels) :, : 2 * len(KERNELS) : 2].mean(1).numpy()
    return score


def logistic_regression(rows: pl.DataFrame, labels: np.ndarray, asked: pl.DataFrame) -> np.ndarray:
    """Standardised numbers, missing ones replaced by the median and flagged, names one-hot and not scaled; C = 1."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known, unknown = one_hot(rows, asked)
    numeric = np.arange((~Columns.fit(rows).categorical).sum())
    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    steps = make_column_transformer((scaled, numeric), remainder="passthrough"), LogisticRegression(max_iter=2_000)
    return make_pipeline(*steps).fit(known, labels).predict_proba(unknown)[:, 1]


def random_forest(rows: pl.DataFrame, labels: np.ndarray, asked: pl.DataFrame) -> np.ndarray:
    """300 trees."""
    from sklearn.ensemble import RandomForestClassifier

    known, unknown = one_hot(rows, asked)
    model = RandomForestClassifier(300, random_state=0, n_jobs=1).fit(known, labels)
    return model.predict_proba(unknown)[:, 1]


def gradient_boosting(rows: pl.DataFrame, labels: np.ndarray, asked: pl.DataFrame) -> np.ndarray:
    """scikit-learn's HistGradientBoostingClassifier."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    known, unknown = one_hot(rows, asked)
    return HistGradientBoostingClassifier(random_state=0).fit(known, labels).predict_proba(unknown)[:, 1]


def lightgbm(rows: pl.DataFrame, labels: np.ndarray, asked: pl.DataFrame) -> np.ndarray:
    """LGBMClassifier with categories as such."""
    from lightgbm import LGBMClassifier

    known, unknown, categorical = coded(rows, asked)
    model = LGBMClassifier(n_jobs=1, random_state=0, verbose=-1)
    return model.fit(known, labels, categorical_feature=categorical).predict_proba(unknown)[:, 1]


def catboost(rows: pl.DataFrame, labels: np.ndarray, asked: pl.DataFrame) -> np.ndarray:
    """CatBoostClassifier with categories as such."""
    import pandas as pd
    from catboost import CatBoostClassifier

    known, unknown, categorical = coded(rows, asked)
    frames = [pd.DataFrame(part) for part in (known, unknown)]
    for frame in frames:
        for c in categorical:
            frame[c] = frame[c].fillna(-1).astype(int).astype(str)
    model = CatBoostClassifier(verbose=False, random_seed=0, thread_count=1, allow_writing_files=False)
    return model.fit(frames[0], labels, cat_features=categorical).predict_proba(frames[1])[:, 1]


def coded(rows: pl.DataFrame, asked: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Numbers and category codes of both, and which columns are codes."""
    columns = Columns.fit(rows)
    return columns.matrix(rows), columns.matrix(asked), np.flatnonzero(columns.categorical).tolist()


def one_hot(rows: pl.DataFrame, asked: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Numbers with NaN where missing, and one column per category of the context, a missing one included."""
    known, unknown, categorical = coded(rows, asked)
    found = []
    for part in (known, unknown):
        names = [
            np.nan_to_num(part[:, [c]], nan=-1) == np.unique(np.nan_to_num(known[:, c], nan=-1)) for c in categorical
        ]
        found.append(np.concatenate([np.delete(part, categorical, 1), *names], 1))
    return found[0], found[1]


METHODS: dict[str, Method] = {
    "backbone": backbone,
    "hints alone": hints_alone,
    "logistic regression": logistic_regression,
    "random forest": random_forest,
    "LightGBM": lightgbm,
    "CatBoost": catboost,
    "HistGradientBoosting": gradient_boosting,
}
