"""`assert_within`: a test of a model's gaps that can fail, and says the verdict where it does."""

import numpy as np
import polars as pl
import pytest

import evenhand
from evenhand import BadInput
from evenhand.testing import assert_within

SEX = np.repeat(["female", "male"], 200)
SITE = np.tile(["a", "b"], 200)
HIRED = np.concatenate([np.arange(200) < 60, np.arange(200) < 120]).astype(int)
GIVEN = {"y_pred": HIRED, "sensitive_features": {"sex": SEX, "site": SITE}}
FEW = {"y_pred": HIRED[::40], "sensitive_features": {"sex": SEX[::40]}}


def test_within_passes_and_hands_back_the_audit():
    audit = assert_within(**GIVEN, tolerance={"selection_rate": 0.5})
    assert isinstance(audit, evenhand.Audit)
    assert assert_within(audit) is audit


def test_exceeded_fails_with_the_sentence_and_its_numbers():
    audit = evenhand.audit(**GIVEN, tolerance={"selection_rate": 0.1})
    with pytest.raises(AssertionError) as told:
        assert_within(audit, attribute="sex")
    says = next(v["says"] for v in audit.data["verdicts"] if v["attribute"] == "sex")
    assert str(told.value) == f"exceeded, selection_rate by sex: {says}"
    assert "60.0% (120 of 200) for male and 30.0% (60 of 200) for female" in says


def test_only_what_is_named_is_looked_at():
    audit = evenhand.audit(**GIVEN, y_true=HIRED, tolerance={"selection_rate": 0.2, "tpr": 0.2})
    with pytest.raises(AssertionError):
        assert_within(audit)
    assert_within(audit, attribute="site")
    assert_within(audit, metrics="tpr")
    assert_within(audit, metrics=["tpr"], attribute=["sex", "site"])


def test_too_few_rows_fail_unless_that_is_let_pass():
    with pytest.raises(AssertionError, match=r"^not enough evidence, .*\(strict=False lets this pass\.\)$"):
        assert_within(**FEW, tolerance={"selection_rate": 0.35})
    assert_within(**FEW, tolerance={"selection_rate": 0.35}, strict=False)


def test_exceeded_fails_whether_strict_or_not():
    with pytest.raises(AssertionError, match="exceeded"):
        assert_within(**GIVEN, tolerance=0.1, strict=False)


def test_every_failing_verdict_is_told_on_a_line_of_its_own():
    with pytest.raises(AssertionError) as told:
        assert_within(**GIVEN, y_true=1 - HIRED, tolerance={"selection_rate": 0.1, "tnr": 0.01, "fnr": 0.01})
    assert len(str(told.value).splitlines()) > 1


def test_a_table_and_a_file_are_audited_too(tmp_path):
    table = pl.DataFrame({"hired": HIRED, "sex": SEX})
    table.write_csv(tmp_path / "hired.csv")
    for source in (table, tmp_path / "hired.csv"):
        assert_within(source, prediction="hired", sensitive="sex", tolerance={"selection_rate": 0.5})
        with pytest.raises(AssertionError):
            assert_within(source, prediction="hired", sensitive="sex", tolerance={"selection_rate": 0.1})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda audit: assert_within(**GIVEN), "nothing was judged"),
        (lambda audit: assert_within(audit, tolerance=0.1), "tolerance is part of what an audit was asked"),
        (lambda audit: assert_within(audit, y_pred=HIRED), "y_pred is part of"),
        (
            lambda audit: assert_within(audit, metrics="tpr"),
            "metric 'tpr' was not judged; judged are selection_rate",
        ),
        (lambda audit: assert_within(audit, attribute=["sex", "age"]), "attribute 'age' was not judged"),
        (lambda audit: assert_within(), "nothing to audit"),
    ],
)
def test_what_would_pass_whatever_the_gaps_are_is_refused(call, says):
    with pytest.raises(BadInput, match=says):
        call(evenhand.audit(**GIVEN, tolerance={"selection_rate": 0.5}))


def test_it_is_found_under_the_package():
    assert evenhand.testing.assert_within is assert_within
