"""What a declined applicant is told: the weightiest inputs of the model that decided, in words that may be said."""

import numpy as np
import polars as pl
import pytest

from evenhand import BadInput
from evenhand_finance.credit.inputs import Column, Inputs
from evenhand_finance.credit.reasons import Dictionary, explain, main, overlap, reasons_of
from evenhand_finance.credit.samples import applicants

INPUTS = Inputs((Column("income", "number", 10.0), Column("debt", "number", 1.0), Column("sex", "name", values=("f",))))


def say(recipe, *settings):
    return Dictionary.of(
        recipe(
            "options.reasons.income={low='Low income', any='Income', missing='No proof of income'}",
            "options.reasons.debt='High debt'",
            *settings,
        )
    )


def test_the_weightiest_inputs_are_named_first_in_words_that_fit_the_value(recipe):
    shares = np.array([[0.2, 0.9, 0.0], [0.5, -0.3, 0.0], [0.5, 0.0, 0.0]])
    x = np.array([[5.0, 2, 0], [20.0, 0, 0], [np.nan, 0, 0]])
    found = reasons_of(shares, x, INPUTS, say(recipe))
    assert found.words == [["High debt", "Low income"], ["Income"], ["No proof of income"]]
    assert found.factor[0].tolist() == [1, 0, -1, -1]


def test_a_protected_attribute_is_never_named_and_its_weight_is_counted(recipe):
    found = reasons_of(np.array([[0.1, 0.2, 5.0]]), np.array([[5.0, 2, 0]]), INPUTS, say(recipe))
    assert found.words == [["High debt", "Low income"]]
    assert found.withheld.tolist() == [True]


def test_a_declared_proxy_is_never_named(recipe):
    found = reasons_of(
        np.array([[0.1, 0.2, 0.0]]), np.array([[5.0, 2, 0]]), INPUTS, say(recipe, 'options.proxies=["debt"]')
    )
    assert found.words == [["Low income"]]


@pytest.mark.parametrize("said", ["Because of your sex", "Your marital status", "Age of applicant"])
def test_a_dictionary_that_names_a_protected_attribute_is_refused(recipe, said):
    with pytest.raises(BadInput, match="options.reasons.debt says .* names '"):
        say(recipe, f"options.reasons.debt='{said}'")


def test_inputs_of_the_same_words_are_one_reason(recipe):
    found = reasons_of(
        np.array([[0.3, 0.2, 0.0]]), np.array([[5.0, 2, 0]]), INPUTS, say(recipe, "options.reasons.debt='Low income'")
    )
    assert found.words == [["Low income"]]


def test_overlap_is_one_of_the_same_and_none_of_others():
    assert overlap(np.array([[1, 2, -1]]), np.array([[2, 1, -1]])) == 1.0
    assert overlap(np.array([[1, 2, -1]]), np.array([[3, -1, -1]])) == 0.0


@pytest.mark.slow
def test_reasons_of_the_run_stay_when_the_model_is_fitted_again(finished):
    from evenhand_finance.credit.model import Evidence

    stable = Evidence.load(finished.path / "model" / "model").told["stability"]
    assert min(stable["overlap"]) > 0.6
    assert min(stable["first_kept"]) > 0.9


@pytest.mark.slow
def test_every_declined_applicant_of_the_run_has_a_reason_and_nobody_else(finished):
    reasons = pl.read_csv(finished.path / "model" / "model" / "reasons.csv")
    decided = pl.read_parquet(finished.path / "predictions.parquet")
    assert sorted(reasons["application"]) == sorted(decided.filter(pl.col("prediction") == "yes")["application"])
    assert reasons["reason_1"].null_count() == 0


@pytest.mark.slow
def test_new_applications_are_told_the_same_reasons_as_in_the_run(finished, tmp_path, recipe, capsys):
    """From the raw file, with amounts as text, through the command."""
    people = pl.DataFrame(applicants(0)).drop("defaulted", "would_repay", "community", "sex")
    told = pl.read_csv(finished.path / "model" / "model" / "reasons.csv")
    people.filter(pl.col("application").is_in(told["application"].to_list())).write_csv(tmp_path / "new.csv")
    assert main([str(finished.path), "--data", str(tmp_path / "new.csv"), "--out", str(tmp_path / "told.csv")]) == 0
    assert f"{told.height:,} declined with reasons" in capsys.readouterr().out
    again = pl.read_csv(tmp_path / "told.csv")
    names = ["application", "reason_1", "reason_2", "input_1", "share_1"]
    assert again.sort("application").select(names).equals(told.sort("application").select(names))


@pytest.mark.slow
def test_a_category_never_seen_is_scored_and_explained(finished):
    people = pl.DataFrame(applicants(0, rows=200)).with_columns(purpose=pl.lit("a yacht"))
    table = explain(str(finished.path), people)
    assert table.height == 200
    assert table.filter(pl.col("declined"))["reason_1"].null_count() == 0


def test_the_command_says_what_is_wrong_in_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path), "--data", "x.csv"]) == 2
    assert "Traceback" not in capsys.readouterr().err
