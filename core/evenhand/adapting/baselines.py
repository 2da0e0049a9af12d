"""What an adapted model has to beat: the commonest answer, and a simple model that needs no pretraining."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.labels import Labels
from evenhand.adapting.models import SimpleModel
from evenhand.adapting.views import VIEWS

if TYPE_CHECKING:
    from evenhand.recipe import Recipe
    from evenhand.values import Splits

WORDS = "tfidf_logistic"  # the baseline that sees words
VIEW = {"text": "text", "table": "dated_table", "image": "thumbnail"}


def fit_baselines(recipe: Recipe, splits: Splits, labels: Labels) -> dict[str, SimpleModel]:
    """Baselines by name, fitted on train: `majority` or `mean`, and the modality's simple model."""
    view = VIEW[recipe.modality]
    seen = VIEWS[view](splits.train, splits.schema)
    name, estimator = _simple(recipe, labels, seen)
    constant_name, constant = _constant(labels)
    models = {constant_name: constant, name: estimator}
    for model in models.values():
        model.fit(seen, labels.train)
    return {key: SimpleModel(model, view, splits.schema) for key, model in models.items()}


def _constant(labels: Labels) -> tuple[str, Any]:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    if labels.task == "regression":
        return "mean", DummyRegressor()
    return "majority", _each(labels, DummyClassifier(strategy="prior"))


def _each(labels: Labels, estimator: Any) -> Any:
    """The estimator; of several labels, one for each."""
    from sklearn.multiclass import OneVsRestClassifier

    return OneVsRestClassifier(estimator) if labels.task == "multilabel" else estimator


def _simple(recipe: Recipe, labels: Labels, seen: Any) -> tuple[str, Any]:
    if recipe.modality == "table":
        return "boosted_trees", _each(labels, _trees(labels, seen, recipe.seed))
    from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = labels.task == "regression"
    if recipe.modality == "image":
        linear = Ridge(10.0) if regression else _each(labels, LogisticRegression(C=0.1))
        return "mean_colours", make_pipeline(StandardScaler(), linear)
    if regression:
        return "tfidf_ridge", make_pipeline(ngrams(), Ridge(1.0))
    # one against the rest by stochastic gradient: on 77 classes seconds, where the multinomial solver takes minutes
    # threads take a class each; the numbers are the same on any machine
    logistic = SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=10, tol=None, random_state=recipe.seed, n_jobs=-1)
    return WORDS, make_pipeline(ngrams(), _each(labels, logistic))


def ngrams() -> Any:
    """TF-IDF of words, word pairs and pieces of words. Hashing keeps the stored model free of a vocabulary."""
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.pipeline import make_pipeline, make_union

    words = HashingVectorizer(ngram_range=(1, 2), n_features=2**14, alternate_sign=False, norm=None, dtype=np.float32)
    pieces = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), n_features=2**14, alternate_sign=False, norm=None, dtype=np.float32
    )
    return make_union(
        make_pipeline(words, TfidfTransformer(sublinear_tf=True)),
        make_pipeline(pieces, TfidfTransformer(sublinear_tf=True)),
    )


def _trees(labels: Labels, seen: Any, seed: int) -> Any:
    """Gradient boosting that takes missing values as they are and columns that hold no numbers as categories."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    named = [str(column) for column in seen.columns if seen[column].dtype.kind not in "fiub"]
    numbers = [str(column) for column in seen.columns if str(column) not in named]
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=200)
    columns = make_column_transformer((codes, named), ("passthrough", numbers))
    kind = HistGradientBoostingRegressor if labels.task == "regression" else HistGradientBoostingClassifier
    trees = kind(categorical_features=list(range(len(named))) or None, random_state=seed, max_iter=100)
    return make_pipeline(columns, trees)
