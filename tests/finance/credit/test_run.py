"""A whole run of credit-default: the audit finds what was planted, and the report tells what to do about it."""

import json
import shlex

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

import evenhand
from evenhand_finance.credit.comparing import paired_aucs
from evenhand_finance.credit.differences import difference
from evenhand_finance.credit.model import CreditModel, Evidence
from evenhand_finance.credit.search import Search
from evenhand_finance.credit.sections import sections


class Reopened:
    """What `report_sections` reads of a run."""

    def __init__(self, path, recipe):
        self.path, self.recipe = path, recipe
        self.manifest = json.loads((path / "manifest.json").read_text())


@pytest.fixture(scope="session")
def told(finished, recipe):
    """Sections of the finished run by title."""
    return {section.title: section for section in sections(Reopened(finished.path, recipe()))}


def verdicts(audit):
    """{attribute: verdict} of the policy's rule on approval rates."""
    return {one["attribute"]: one["verdict"] for one in audit.data["verdicts"] if one["kind"] == "ratio"}


@pytest.mark.slow
def test_the_planted_bias_is_found_and_no_other(finished):
    found = verdicts(finished.audit)
    assert found["community"] == "exceeded"
    assert found["sex × community"] == "exceeded"
    assert found["sex"] != "exceeded"
    assert found["education"] != "exceeded"
    assert finished.exit_code() == 1


@pytest.mark.slow
def test_the_planted_proxy_is_found(told):
    first = told["Proxies among the inputs"].rows[0]
    assert first[0] == "community = south"
    assert first[3].startswith("district")


@pytest.mark.slow
def test_a_less_discriminatory_alternative_is_kept_because_its_gain_is_proven(finished, told):
    search = Search.from_dict(Evidence.load(finished.path / "model" / "model").told["search"])
    assert (search.column, search.low, search.high) == ("community", "south", "north")
    section = told["Less discriminatory alternatives"]
    assert f"Kept: {search.chosen}" in section.text
    row = next(row for row in section.rows if "(chosen)" in row[0])
    assert row[5].endswith("proven")  # the gain in ratio, on test rows
    chosen = next(one for one in search.measured if one.name == search.chosen)
    reference = next(one for one in search.measured if one.name == search.reference)
    assert chosen.auc >= reference.auc - 0.02
    assert chosen.impact >= 0.8 > reference.impact


@pytest.mark.slow
def test_the_printed_command_makes_the_model_of_the_table(finished, told, tmp_path):
    row = next(row for row in told["Less discriminatory alternatives"].rows if "(chosen)" in row[0])
    commands = dict(told["To run one of the alternatives"].rows)
    words = shlex.split(commands[row[0].removesuffix(" (chosen)")])
    settings = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    again = evenhand.run(words[2], settings=settings, out=tmp_path / "again")
    rows = pl.read_parquet(again.path / "predictions.parquet")
    auc = roc_auc_score(rows["defaulted"] == "yes", rows["score"])
    approved = {
        side: (rows.filter(pl.col("community") == side)["prediction"] == "no").mean() for side in ("north", "south")
    }
    assert row[3].startswith(f"{auc:.3f}")
    assert row[4].startswith(f"{approved['south'] / approved['north']:.3f}")


@pytest.mark.slow
def test_the_front_is_not_beaten(finished):
    search = Search.from_dict(Evidence.load(finished.path / "model" / "model").told["search"])
    front = [one for one in search.measured if one.front]
    for one in front:
        assert not any(o.auc > one.auc and o.impact > one.impact for o in search.measured)
    assert len({one.name.partition("+")[2].partition(":")[0] for one in search.measured}) >= 5


@pytest.mark.slow
def test_the_report_draws_the_front_and_names_the_version_of_the_words(finished):
    page = finished.report.read_text()
    assert "AUC and impact, where it was chosen" in page
    assert "version 2026-11" in page
    assert "no evidence about people" in page


@pytest.mark.slow
def test_no_reason_names_a_protected_attribute(told, recipe):
    said = " ".join(told["Reasons by group"].header[2:]).lower()
    for word in ("sex", "age ", "marital", "education", "community"):
        assert word not in said


@pytest.mark.slow
def test_the_audit_shows_standardised_differences(finished):
    own = [one for one in finished.audit.data["estimates"] if one["name"] == "standardised mean difference"]
    south = next(one for one in own if one["group"] == "community=south")
    assert south["lower"] > 0.2


@pytest.mark.slow
def test_a_stored_model_scores_alike(finished):
    model = CreditModel.load(finished.path / "model" / "model")
    rows = pl.read_parquet(finished.path / "predictions.parquet")
    scorer = evenhand.load(finished.path)
    from evenhand_finance.credit.samples import applicants

    people = pl.DataFrame(applicants(0)).filter(pl.col("application").is_in(rows["application"].to_list()))
    again = scorer.table(people).join(rows.select("application", was="score"), on="application")
    assert again.height == rows.height
    assert (again["score"] == again["was"]).all()
    assert model.name in ("boosting", "logistic")


def test_the_auc_and_its_loss_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    y = (rng.random(300) < 0.3).astype(float)
    one, other = np.round(rng.random(300) + y / 3, 2), np.round(rng.random(300) + y / 5, 2)
    auc, loss = paired_aucs(y, one, other)
    assert auc[0] == pytest.approx(roc_auc_score(y, other))
    assert loss[0] == pytest.approx(roc_auc_score(y, one) - roc_auc_score(y, other))
    assert auc[1] < auc[0] < auc[2]
    assert paired_aucs(y, one, one)[1] == (0, 0, 0)


def test_the_limits_of_an_aucs_loss_hold_what_drawing_the_rows_again_gives():
    rng = np.random.default_rng(2)
    y = (rng.random(400) < 0.3).astype(float)
    one = rng.normal(y, 1)
    other = one + rng.normal(0, 0.7, 400)
    _, loss = paired_aucs(y, one, other)
    draws = []
    for _ in range(400):
        at = rng.integers(0, 400, 400)
        draws.append(roc_auc_score(y[at], one[at]) - roc_auc_score(y[at], other[at]))
    assert (loss[2] - loss[1]) == pytest.approx(3.92 * np.std(draws), rel=0.2)


def test_groups_without_a_difference_have_none():
    score = np.random.default_rng(0).normal(0, 1, 500)
    value, lower, upper = difference(score[:200], score[200:])
    assert lower < 0 < upper
    assert value == pytest.approx(-difference(score[200:], score[:200])[0])
