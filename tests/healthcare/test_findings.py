"""What the audit of the sample must find: the faults that samples.py plants, and nothing where it plants nothing."""

import json

import polars as pl
import pytest

import evenhand


@pytest.fixture(scope="module")
def audit(sample_run):
    return json.loads((sample_run / "audit.json").read_text())


@pytest.fixture(scope="module")
def measured(sample_run):
    """measured[model, metric] -> its entry in evaluation.json."""
    found = json.loads((sample_run / "evaluation.json").read_text())
    return {(entry["model"], entry["name"]): entry for entry in found}


def gap(audit, attribute, metric, group):
    (found,) = [a for a in audit["attributes"] if a["name"] == attribute]
    (one,) = [
        g
        for g in found["gaps"]
        if g["kind"] == "difference"
        and g["metric"] == metric
        and group in (g["group"], g["versus"])
        and "unknown" not in (g["group"], g["versus"])
    ]
    return one


@pytest.mark.slow
def test_the_planted_label_bias_is_found_as_underdiagnosis_of_women(audit):
    found = gap(audit, "sex", "underdiagnosis", "female")
    assert (found["group"] == "female") == (found["value"] > 0)  # women are the worse ones
    assert found["verdict"] == "exceeded"
    (judged,) = [v for v in audit["verdicts"] if v["attribute"] == "sex" and v["metric"] == "underdiagnosis"]
    assert judged["verdict"] == "exceeded"
    assert audit["verdict"] == "exceeded"


@pytest.mark.slow
def test_nothing_is_proven_of_ages_in_which_nothing_was_planted(audit):
    verdicts = {(v["attribute"], v["metric"]): v["verdict"] for v in audit["verdicts"]}
    assert verdicts["age_band", "underdiagnosis"] != "exceeded"
    assert verdicts["age_band", "overdiagnosis"] != "exceeded"


@pytest.mark.slow
def test_the_planted_shortcut_is_found_at_the_borders(measured):
    assert measured["shortcut_borders", "auc"]["lower"] > 0.65


@pytest.mark.slow
def test_the_patient_number_in_which_nothing_was_planted_tells_nothing(measured):
    found = measured.get(("shortcut_patient_id", "auc"), {"lower": 0.5, "upper": 0.5})
    assert found["lower"] <= 0.5 + 0.02
    assert found["upper"] < measured["shortcut_borders", "auc"]["lower"]


@pytest.mark.slow
def test_the_model_misses_more_of_the_sick_where_the_borders_mislead(audit):
    (found,) = [
        e for e in audit["estimates"] if e["name"] == "missed_more_where_shortcut_misleads" and e["group"] == "borders"
    ]
    assert found["lower"] > 0


@pytest.mark.slow
def test_the_report_says_that_the_headline_proves_little(sample_run):
    for name in ("report.html", "README.md"):
        text = (sample_run / name).read_text()
        assert "The headline proves little" in text
        assert "the lungs masked" in text


@pytest.mark.slow
def test_the_operating_point_is_told_with_its_validation_figure_and_what_the_test_shows(sample_run, measured, audit):
    notes = json.loads((sample_run / "manifest.json").read_text())["stages"]["finetune"]["notes"]
    (told,) = [note for note in notes if "sensitivity of at least 0.9" in note]
    assert "validation rows" in told
    shown = measured["adapted", "sensitivity"]
    table = pl.read_parquet(sample_run / "predictions.parquet")
    sick = table.filter(pl.col("finding") == "pneumonia")
    assert shown["value"] == pytest.approx((sick["prediction"] == "pneumonia").mean())
    assert shown["lower"] < shown["value"] < shown["upper"] < 0.9  # labels of train missed women, the panel did not
    assert audit["question"]["threshold"] == pytest.approx(
        sick.filter(pl.col("prediction") == "pneumonia")["score"].min(), abs=0.1
    )
    for name in ("report.html", "README.md"):
        assert "sensitivity of at least 0.9 on the" in (sample_run / name).read_text()


@pytest.mark.slow
def test_new_films_are_decided_at_the_operating_point_of_the_run(sample_run):
    from evenhand_healthcare.samples import radiographs

    scorer = evenhand.load(sample_run)
    rows = radiographs(seed=3, patients={"test": 6})
    table = scorer.table(pl.DataFrame({name: rows[name] for name in ("file_name", "sex", "age", "view", "site")}))
    threshold = scorer.adapted.operating.threshold
    assert (table["prediction"] == pl.Series(["pneumonia" if s >= threshold else "none" for s in table["score"]])).all()
    assert set(table["age_band"]) <= {"0-17", "18-39", "40-59", "60-79", "80+", "unknown"}
    assert set(table["sex"]) <= {"female", "male", "unknown"}


@pytest.mark.slow
def test_no_name_of_a_file_is_in_the_report_and_no_film_among_the_predictions(sample_run):
    assert ".png" not in (sample_run / "report.html").read_text()
    assert "file_name" not in pl.read_parquet(sample_run / "predictions.parquet").columns
