"""scikit-learn's histogram trees as plain trees: raw thresholds and codes, in the columns of the matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from evenhand.errors import BadInput
from evenhand.portable import Portable, Tree

KNOWN = {"log_loss": ("logit", "softmax"), "squared_error": ("none", "none")}  # loss -> (of one output, of several)


def trees_of(estimator: Any) -> Portable:
    """The trees of a fitted HistGradientBoostingClassifier or -Regressor; BadInput for a loss that has no link here.

    Rows of unknown codes go where the trees send what is missing.
    """
    loss = estimator.loss
    if loss not in KNOWN:
        raise BadInput(f"trees of the loss '{loss}' have no conversion; take --format mlflow")
    stages = estimator._predictors  # no public attribute holds the trees; tests hold this to scikit-learn's answers
    columns, levels = _columns_of(estimator)
    bitsets, places = estimator._bin_mapper.make_known_categories_bitsets()
    found = []
    for stage in stages:
        for output, predictor in enumerate(stage):
            found.append(_tree(predictor, columns, levels, bitsets, places, output))
    base = tuple(float(value) for value in np.ravel(estimator._baseline_prediction))
    link: Any = KNOWN[loss][0 if len(base) == 1 else 1]
    return Portable({}, trees=tuple(found), base=base, link=link)


def _columns_of(estimator: Any) -> tuple[list[int], dict[int, list[float]]]:
    """(the matrix's column of each feature of the trees, the raw code of each category of a feature).

    scikit-learn puts categories first and numbers them anew.
    """
    before = getattr(estimator, "_preprocessor", None)
    if before is None:
        return list(range(estimator.n_features_in_)), {}
    order = []
    for name, _, chosen in before.transformers_:
        order += [] if name == "remainder" else np.flatnonzero(chosen).tolist()
    codes = before.named_transformers_["encoder"].categories_
    return order, {place: [float(code) for code in values] for place, values in enumerate(codes)}


def _tree(
    predictor: Any,
    columns: list[int],
    levels: dict[int, list[float]],
    known: np.ndarray,
    places: np.ndarray,
    output: int,
) -> Tree:
    nodes = predictor.nodes
    codes: dict[int, tuple[float, ...]] = {}
    codes_left: dict[int, bool] = {}
    for node in np.flatnonzero((nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 1)):
        feature, missing_left = int(nodes["feature_idx"][node]), bool(nodes["missing_go_to_left"][node])
        left = _in_bitset(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
        there = _in_bitset(known[places[feature]])
        raw = levels.get(feature)
        # where missing goes left so does every code that was not known: named are those that go right
        named = there - left if missing_left else left
        codes[int(node)] = tuple(sorted(raw[one] if raw is not None else float(one) for one in named))
        codes_left[int(node)] = not missing_left
    leaf = nodes["is_leaf"] == 1
    asked = np.array([columns[place] for place in nodes["feature_idx"]])
    return Tree(
        np.where(leaf, -1, asked),
        np.asarray(nodes["num_threshold"], dtype=np.float64),
        nodes["left"].astype(np.int64),
        nodes["right"].astype(np.int64),
        nodes["missing_go_to_left"].astype(bool),
        np.asarray(nodes["value"], dtype=np.float64),
        codes,
        codes_left,
        output,
    )


def _in_bitset(words: np.ndarray) -> set[int]:
    """The numbers whose bit is set, of words of 32.

    >>> sorted(_in_bitset(np.array([5, 1], dtype=np.uint32)))
    [0, 2, 32]
    """
    return {32 * place + bit for place, word in enumerate(words) for bit in range(32) if int(word) >> bit & 1}
