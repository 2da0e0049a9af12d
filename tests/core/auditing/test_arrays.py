"""Arrays in scikit-learn's order: the audit of the table that they make, and one sentence for what makes none."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evenhand
from evenhand import BadInput, Question

N = 60
Y = np.arange(N) % 2
SCORE = np.round((Y * 0.4 + np.arange(N) % 7 / 14).astype(float), 3)
SEX = np.where(np.arange(N) % 3 == 0, "f", "m")
ASK = {"metrics": ["selection_rate", "tpr"], "replicates": 200}
GIVEN = {"y_true": Y, "y_score": SCORE, "sensitive_features": SEX}

pd = pytest.importorskip("pandas", reason="arrays of pandas are among what is tried")


def as_frame(columns):
    """The same audit asked of a table, by the names that arrays have there."""
    roles = {"label": "y_true", "prediction": "y_pred", "score": "y_score", "weight": "sample_weight"}
    named = {role: name for role, name in roles.items() if name in columns}
    sensitive = [name for name in columns if name not in roles.values()]
    return evenhand.audit(pl.DataFrame(columns), **named, sensitive=sensitive, **ASK)


@st.composite
def tables(draw):
    n = draw(st.integers(2, 25))

    def column(values):
        return draw(st.lists(values, min_size=n, max_size=n))

    columns = {"y_true": column(st.sampled_from([0, 1]))}
    if draw(st.booleans()):
        columns["y_pred"] = column(st.sampled_from([0, 1]))
    if draw(st.booleans()) or "y_pred" not in columns:
        columns["y_score"] = column(st.floats(0, 1, width=32))
    if draw(st.booleans()):
        columns["sample_weight"] = column(st.floats(0.5, 2, width=16))
    columns["sex"] = column(st.sampled_from(["f", "m", "x", None]))
    columns["site"] = column(st.sampled_from([1, 2, 3]))
    return columns


def lists(name, values):
    return values


def arrays(name, values):
    return np.array(values, dtype=object if isinstance(values[0], str | None) else None)


def shuffled_series(name, values):
    return pd.Series(values, name=name, index=range(len(values), 0, -1), dtype=object if name == "sex" else None)


def polars_series(name, values):
    return pl.Series(name, values)


@settings(max_examples=25)
@given(
    columns=tables(),
    made=st.lists(st.sampled_from([lists, arrays, shuffled_series, polars_series]), min_size=7, max_size=7),
)
def test_the_audit_of_arrays_is_that_of_the_table(columns, made):
    try:
        expected = as_frame(columns)
    except BadInput as wrong:
        expected = wrong
    given = {name: how(name, columns[name]) for (name, how) in zip(columns, made, strict=False)}
    features = {name: given.pop(name) for name in ("sex", "site")}
    if isinstance(expected, BadInput):
        with pytest.raises(BadInput):
            evenhand.audit(**given, sensitive_features=features, **ASK)
    else:
        assert evenhand.audit(**given, sensitive_features=features, **ASK).to_json() == expected.to_json()


@pytest.mark.parametrize(
    ("features", "names"),
    [
        (SEX, ["sensitive_feature_0"]),
        ([*SEX], ["sensitive_feature_0"]),
        (np.column_stack([SEX, Y]), ["sensitive_feature_0", "sensitive_feature_1"]),
        ([[sex, str(y)] for sex, y in zip(SEX, Y, strict=True)], ["sensitive_feature_0", "sensitive_feature_1"]),
        (pd.Series(SEX, name="sex"), ["sex"]),
        (pd.Series(SEX), ["sensitive_feature_0"]),
        (pl.Series("sex", SEX), ["sex"]),
        (pd.DataFrame({"sex": SEX, "y": Y}), ["sex", "y"]),
        (pl.DataFrame({"sex": SEX, "y": Y}), ["sex", "y"]),
        ({"sex": [*SEX], "y": pd.Categorical(Y)}, ["sex", "y"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else type(value).__name__,
)
def test_features_have_the_names_that_they_bring(features, names):
    audit = evenhand.audit(**{**GIVEN, "sensitive_features": features}, **ASK)
    assert audit.data["question"]["sensitive"] == names
    expected = as_frame({"y_true": Y, "y_score": SCORE, "sex": SEX})
    for key in ("name", "cells"):
        found, wanted = ([group[key] for group in a.data["attributes"][0]["groups"]] for a in (audit, expected))
        assert found == wanted


def test_tables_of_arrow_are_features_too():
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    audit = evenhand.audit(**{**GIVEN, "sensitive_features": pl.DataFrame({"sex": SEX}).to_arrow()}, **ASK)
    assert audit.data["question"]["sensitive"] == ["sex"]
    assert type(audit.groups()).__module__.split(".")[0] == "pyarrow"


def test_rows_are_matched_by_position_and_never_by_an_index():
    backwards = pd.Series(Y, index=range(N, 0, -1))
    audit = evenhand.audit(**{**GIVEN, "y_true": backwards}, **ASK)
    assert audit.data["attributes"] == evenhand.audit(**GIVEN, **ASK).data["attributes"]


@pytest.mark.parametrize(
    ("array", "library"),
    [(pd.Series(Y), "pandas"), (pl.Series(Y), "polars"), (Y, "polars"), ([*map(int, Y)], "polars")],
    ids=["pandas", "polars", "numpy", "list"],
)
def test_tables_come_in_the_library_of_the_first_array_that_has_one(array, library):
    audit = evenhand.audit(**{**GIVEN, "y_true": array}, **ASK)
    assert type(audit.groups()).__module__.split(".")[0] == library


def test_decisions_alone_and_labels_of_text_are_audited():
    alone = evenhand.audit(y_pred=Y, sensitive_features=SEX)
    assert alone.data["question"]["task"] == "selection"
    said = evenhand.audit(y_true=np.where(Y == 1, "yes", "no"), y_pred=Y, sensitive_features=SEX, **ASK)
    rates = [group["metrics"]["tpr"]["value"] for group in said.data["attributes"][0]["groups"]]
    assert rates == [1, 1]


def test_a_question_is_asked_of_arrays_too():
    asked = Question(tolerance={"tpr": 0.1}, metrics="tpr", confidence=0.9)
    audit = evenhand.audit(**GIVEN, question=asked)
    assert audit.data["question"]["tolerances"] == {"tpr": 0.1}
    assert audit.data["question"]["label"] == "y_true"


BAD = {
    "lengths": ({"y_true": Y[:-1]}, r"y_true has 59 values and y_score has 60"),
    "length of a feature": ({"sensitive_features": {"sex": SEX[:-2]}}, r"y_true has 60 values and sex has 58"),
    "missing label": ({"y_true": np.where(Y == 1, 1, np.nan)}, r"y_true has 30 missing values, first at position 0"),
    "missing decision": ({"y_pred": [None, *Y[1:]]}, r"y_pred has 1 missing value, first at position 0"),
    "missing score": ({"y_score": np.where(Y == 1, np.nan, 0.5)}, r"'y_score' .* missing, NaN or infinite"),
    "missing weight": ({"sample_weight": [None] + [1.0] * 59}, r"'sample_weight' .* missing, NaN or infinite"),
    "negative weight": ({"sample_weight": [-1.0] + [1.0] * 59}, r"negative weights"),
    "mixed": ({"y_true": ["1", *Y[1:]]}, r"y_true mixes numbers and text"),
    "mixed truth": ({"y_true": [True, *Y[1:]]}, r"y_true mixes numbers and truth values"),
    "text for scores": ({"y_score": ["high"] * N}, r"'y_score' .* not numbers"),
    "scores of two classes": ({"y_score": np.column_stack([1 - SCORE, SCORE])}, r"\(60, 2\); .* y_score\[:, 1\]"),
    "scores of three": ({"y_score": np.zeros((N, 3))}, r"\(60, 3\); give the score of one class"),
    "labels of two": ({"y_true": np.zeros((N, 2))}, r"\(60, 2\); give one label"),
    "frame of labels": ({"y_true": pd.DataFrame({"a": Y, "b": Y})}, r"\(60, 2\); give one label"),
    "number": ({"y_true": 1}, r"y_true is of type int"),
    "number of numpy": ({"y_true": np.float64(1)}, r"y_true is of shape \(\)"),
    "column": ({"y_true": "label"}, r"y_true is the text 'label'"),
    "dict": ({"y_true": {"y": Y}}, r"y_true is of type dict"),
    "lists": ({"y_true": [[1, 0]] * N}, r"y_true holds lists"),
    "complex": ({"y_true": Y.astype(complex)}, r"type complex"),
    "bytes": ({"y_true": np.array([b"1", b"0"] * 30)}, r"type bytes"),
    "huge": ({"y_true": [10**30] * N}, r"beyond 64 bits"),
    "no rows": ({"y_true": [], "y_score": [], "sensitive_features": []}, r"no rows"),
    "ragged features": ({"sensitive_features": [["a"], ["a", "b"]] * 30}, r"of different lengths"),
    "no features": ({"sensitive_features": None}, r"sensitive_features, which is not given"),
    "empty features": ({"sensitive_features": {}}, r"has no column"),
    "taken name": ({"sensitive_features": {"y_true": SEX}}, r"called 'y_true'"),
    "numbered names": ({"sensitive_features": pd.DataFrame(np.column_stack([SEX, SEX]))}, r"named by text, and 0"),
    "twice": (
        {"sensitive_features": pd.DataFrame(np.column_stack([SEX, SEX]), columns=["a", "a"])},
        r"two columns of one name",
    ),
    "query": ({"sensitive_features": pl.DataFrame({"sex": SEX}).lazy()}, r"collect it first"),
    "neither": ({"y_score": None}, r"neither y_pred nor y_score"),
    "table too": ({"source": pl.DataFrame({"a": [1]})}, r"a table and arrays are given"),
    "label too": ({"label": "y"}, r"label names a column of a table"),
    "sensitive too": ({"sensitive": ["sex"]}, r"sensitive names a column of a table"),
    "labels": ({"labels": ["a", "b"]}, r"labels names several"),
    "cluster": ({"cluster": "home"}, r"column 'home' is not in the table"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_makes_no_table_is_said_in_one_sentence(case):
    changed, says = BAD[case]
    with pytest.raises(BadInput, match=says) as told:
        evenhand.audit(**{**GIVEN, **changed})
    assert len(str(told.value)) < 400
    assert "\n" not in str(told.value)


def test_nothing_at_all_is_refused():
    with pytest.raises(BadInput, match="nothing to audit"):
        evenhand.audit()
