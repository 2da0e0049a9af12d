"""Names and values as MLflow takes them, whatever a recipe, a group or a metric is called."""

from evenhand_mlflow.naming import LONGEST_NAME, LONGEST_VALUE, name_of, numbers, params_of, value_of
from evenhand_mlflow.tracking import shown
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param_name

PARTS = st.lists(st.text(max_size=80), min_size=1, max_size=5)


@given(PARTS)
def test_mlflow_takes_every_name(parts):
    name = name_of(*parts)
    assert 0 < len(name) <= LONGEST_NAME
    _validate_metric_name(name)
    _validate_param_name(name)


@given(PARTS, PARTS)
def test_two_names_do_not_become_one(one, other):
    if len(one) == len(other) and one != other:
        assert name_of(*one) != name_of(*other)


def test_a_name_that_needs_no_change_has_none():
    assert name_of("gap", "sex × age", "tpr") != "gap/sex × age/tpr"
    assert name_of("gap", "sex and age", "f & 50") != name_of("gap", "sex and age", "f @ 50")
    assert name_of("cost", "load_data", "seconds") == "cost/load_data/seconds"


def test_a_long_value_is_cut_where_mlflow_would_refuse_it():
    assert len(value_of("x" * 10_000)) == LONGEST_VALUE
    assert params_of([("schema.input", ["a", "b"], "recipe.toml")]) == {"schema.input": '["a", "b"]'}


def test_only_finite_numbers_are_metrics():
    assert numbers({"a": 1, "b": float("nan"), "c": None, "d": float("inf"), "e": True, "f": "1"}) == {"a": 1.0}


def test_a_servers_password_is_not_shown():
    assert "secret" not in shown("postgresql://me:secret@db:5432/tracks")
    assert shown("sqlite:///x.db") == "sqlite:///x.db"
