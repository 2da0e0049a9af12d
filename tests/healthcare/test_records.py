"""The simulated records hold what records.py says, and the audit of a run on them finds what was planted."""

import numpy as np
import polars as pl
import pytest

from evenhand_healthcare import heart, readmission, records

from .record_rows import recipe


def verdict_of(audit, column, metric):
    return next(v for v in audit["verdicts"] if v["attribute"] == column and v["metric"] == metric)


def test_the_audit_finds_that_sick_women_are_missed(audits):
    found = verdict_of(audits["heart"], "sex", "fnr")
    assert found["verdict"] == "exceeded"


def test_the_audit_finds_that_unrecorded_stays_hide_returns(audits):
    found = verdict_of(audits["readmission"], "race", "fnr")
    assert found["verdict"] == "exceeded"


def test_no_difference_is_claimed_where_none_was_planted(audits):
    assert verdict_of(audits["readmission"], "gender", "fnr")["verdict"] != "exceeded"
    assert verdict_of(audits["readmission"], "gender", "fpr")["verdict"] != "exceeded"


def test_hospitals_differ_as_documented():
    rows = records.heart_records(0)
    sick = rows.group_by("hospital").agg((pl.col("num") > 0).mean()).rows()
    for name, share in sick:
        planned = next(h for h in (*records.HOSPITALS, records.HARBOUR) if h.name == name).sick
        assert abs(share - planned) < 0.08
    missing = dict(rows.group_by("hospital").agg(pl.col("ca").is_null().mean()).rows())
    assert missing["riverside"] < 0.1 < 0.5 < missing["hillcrest"] < missing["harbour"]


def test_the_truth_is_the_same_for_all_races_where_the_record_is_not():
    rows = records.readmission_records(0).with_columns((pl.col("readmitted") != "NO").alias("again"))
    told = rows.group_by("race").agg(pl.col("again").mean(), pl.col("number_inpatient").mean())
    by_race = {race: (again, seen) for race, again, seen in told.rows()}
    again = [again for again, _ in by_race.values()]
    assert max(again) - min(again) < 0.06
    assert by_race["AfricanAmerican"][1] < 0.3 * by_race["Caucasian"][1]


@pytest.mark.parametrize("make", [records.heart_records, records.readmission_records, records.heart_site])
def test_a_seed_gives_the_same_records_and_another_others(make):
    assert make(3).equals(make(3))
    assert not make(3).equals(make(4))


def test_a_new_place_has_other_patients_than_the_sample():
    home = set(records.readmission_records(0)["patient_nbr"])
    assert not home & set(records.readmission_site(0)["patient_nbr"])
    assert set(records.heart_site(0)["hospital"]) == {"harbour"}


def test_patients_are_on_one_side():
    splits = readmission.load(recipe("readmission"), None)
    sides = [set(part["patient_nbr"]) for part in (splits.train, splits.validation, splits.test)]
    assert len(set.union(*sides)) == sum(map(len, sides))
    assert "7" not in set(splits.train["admission_source_id"])
    assert set(splits.test["domain"]) == {"home", "new"}


def test_the_data_note_says_that_the_people_are_simulated(record_runs):
    for path in record_runs.values():
        assert "simulated: no evidence about people" in (path / "report.html").read_text()


def test_the_site_never_reaches_the_model():
    for job, module in ((recipe("heart"), heart), (recipe("readmission"), readmission)):
        assert job.schema.site not in job.schema.input
        assert "domain" not in job.schema.input
        assert module.RULES.label not in job.schema.input


def test_rows_of_a_new_place_are_written_and_scored(record_runs, tmp_path):
    from evenhand import load

    file = tmp_path / "harbour.csv"
    assert records.main(["heart", str(file)]) == 0
    said = load(record_runs["heart"]).predict_proba(file)
    assert said.shape == (400, 2)
    assert np.isfinite(said).all()


def test_the_command_says_how_it_is_called(capsys):
    assert records.main(["lungs"]) == 2
    assert "usage" in capsys.readouterr().err
