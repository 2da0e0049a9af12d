"""Trees that leave as ONNX say what scikit-learn and LightGBM say, also of codes and gaps that training never saw."""

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from evenhand import BadInput, Portable, Tree
from evenhand.deploying.exporting.boosting import trees_of
from evenhand.deploying.exporting.tree_graph import tree_model


def answers(portable, matrix):
    model = tree_model(portable, matrix.shape[1]).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {"matrix": np.asarray(matrix, dtype=np.float64)})[0]


def rows(seed, n=300, codes=7):
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([rng.normal(size=n), rng.integers(0, codes, n), rng.normal(size=n), rng.integers(0, 3, n)])
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    return matrix.astype(np.float32)


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000), classes=st.sampled_from([2, 3]), gaps=st.booleans())
def test_any_classifier_answers_as_before(seed, classes, gaps):
    matrix = rows(seed) if gaps else np.nan_to_num(rows(seed))
    rng = np.random.default_rng(seed + 1)
    target = np.nan_to_num(matrix[:, 0]) + np.isin(matrix[:, 1], [1, 4]) + rng.normal(0, 0.3, len(matrix))
    labels = np.digitize(target, np.quantile(target, np.linspace(0, 1, classes + 1)[1:-1]))
    trees = HistGradientBoostingClassifier(
        categorical_features=[False, True, False, True], max_iter=6, min_samples_leaf=5, random_state=0
    ).fit(matrix, labels)
    asked = rows(seed + 2, codes=12)  # with codes that nobody has seen
    np.testing.assert_allclose(answers(trees_of(trees), asked), trees.predict_proba(asked), atol=2e-7)


def test_a_regressor_without_categories_answers_as_before():
    matrix = rows(0)
    target = np.nan_to_num(matrix[:, 0]) * 3
    trees = HistGradientBoostingRegressor(max_iter=8).fit(matrix, target)
    np.testing.assert_allclose(answers(trees_of(trees), rows(1)), trees.predict(rows(1)), atol=1e-5)


def test_another_loss_is_refused_by_name():
    trees = HistGradientBoostingRegressor(loss="poisson", max_iter=2).fit(rows(0), np.arange(300) % 5 + 1.0)
    with pytest.raises(BadInput, match="the loss 'poisson' have no conversion"):
        trees_of(trees)


def test_a_tree_by_hand_goes_where_it_says():
    tree = Tree(
        feature=np.array([0, -1, 1, -1, -1]),
        threshold=np.array([1.5, 0, 0, 0, 0]),
        left=np.array([1, 0, 3, 0, 0]),
        right=np.array([2, 0, 4, 0, 0]),
        missing_left=np.array([False] * 5),
        value=np.array([0, 10.0, 0, 20.0, 30.0]),
        codes={2: (4.0, 6.0)},
        codes_left={2: True},
    )
    portable = Portable({}, trees=(tree,), base=(0.5,), link="none")
    asked = np.array([[1.5, 4], [1.6, 4], [1.6, 6], [1.6, 5], [np.nan, 4], [np.nan, np.nan]])
    assert answers(portable, asked).ravel().tolist() == [10.5, 20.5, 20.5, 30.5, 20.5, 30.5]
