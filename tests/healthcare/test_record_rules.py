"""The columns that are made from the public files' own: each rule by a case, and the same from text as from numbers."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand import BadInput
from evenhand_healthcare import heart, readmission
from evenhand_healthcare.derived import band

from .record_rows import HEART, STAYS, recipe


def made(module, name, rows):
    return module.prepare(recipe(name), rows.lazy()).collect()


def test_heart_columns_follow_the_code_book():
    rows = made(heart, "heart", HEART)
    assert rows["disease"].to_list() == ["no", "yes", "yes", "no"]
    assert rows["sex"].to_list() == ["male", "female", "male", "unknown"]
    assert rows["age_band"].to_list() == ["55 to 64", "under 45", "45 to 54", "unknown"]
    assert rows["chol"].to_list() == [None, 240, None, 180]  # 0: nobody measured it
    assert rows["trestbps"].to_list() == [None, 120, 130.5, None]
    assert rows["cp"].to_list() == ["1", "4", None, "2"]
    assert rows["thal"].to_list() == ["6", "3", "7", None]


def test_a_numeric_table_gives_the_same_heart_columns():
    numeric = HEART.with_columns(pl.exclude("hospital", "sex").cast(pl.Float64, strict=False))
    numeric = numeric.with_columns(pl.Series("sex", [1.0, 0.0, 1.0, 9.0]))
    for name in ("disease", "sex", "age_band", "chol", "trestbps", "cp", "restecg", "slope", "thal"):
        assert made(heart, "heart", numeric)[name].to_list() == made(heart, "heart", HEART)[name].to_list(), name


def test_stays_follow_the_code_book():
    rows = made(readmission, "readmission", STAYS)
    assert rows["readmitted_again"].to_list() == ["yes", "no", "yes"]
    assert rows["race"].to_list() == ["unknown", "Caucasian", "Other"]
    assert rows["gender"].to_list() == ["Female", "unknown", "Male"]
    assert rows["age"].to_list() == [75, 5, None]
    assert rows["age_band"].to_list() == ["60 to 79", "under 40", "unknown"]
    assert rows["diag_1"].to_list() == ["circulatory", "diabetes", "other"]
    assert rows["diag_2"].to_list() == ["respiratory", None, "injury"]
    assert rows["diag_3"].to_list() == ["other", "circulatory", "other"]
    assert rows["discharge_disposition_id"].to_list() == ["1", "3", "6"]


@given(st.floats(0, 120))
def test_every_age_is_in_the_band_that_names_it(age):
    name = pl.select(band(pl.lit(age), (45, 55, 65))).item()
    low, high = {"under 45": (0, 45), "45 to 54": (45, 55), "55 to 64": (55, 65), "65 and over": (65, 999)}[name]
    assert low <= age < high


def heart_file(tmp_path, **changed):
    """Forty rows as the file has them, with columns changed."""
    rows = pl.concat([HEART.with_columns(pl.lit(place).alias("hospital")) for place in "aabbc" * 4])
    file = tmp_path / "heart.csv"
    rows.with_columns(pl.lit(value).alias(name) for name, value in changed.items()).write_csv(file)
    return file


def test_a_new_hospital_is_tested_and_never_trained_on(tmp_path):
    splits = heart.load(recipe("heart", "options.new_hospitals=['c']"), heart_file(tmp_path))
    assert "c" not in {*splits.train["hospital"], *splits.validation["hospital"]}
    places = dict(zip(splits.test["hospital"], splits.test["domain"], strict=True))
    assert places == {"a": "home", "b": "home", "c": "new"}
    assert any("new places" in note and "(c)" in note for note in splits.notes)


def test_a_place_that_is_not_there_is_said(tmp_path):
    splits = heart.load(recipe("heart", "options.new_hospitals=['z']"), heart_file(tmp_path))
    assert any("none of them is in 'hospital'" in note for note in splits.notes)


def test_nothing_left_to_train_on_is_refused(tmp_path):
    job = recipe("heart", "options.new_hospitals=['a', 'b', 'c']")
    with pytest.raises(BadInput, match="leaves no row .* to train on"):
        heart.load(job, heart_file(tmp_path))


def test_text_where_numbers_belong_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"column 'chol' of .*heart.csv holds 'high', and numbers belong there"):
        heart.load(recipe("heart"), heart_file(tmp_path, chol="high"))


def test_a_file_without_hospitals_is_read_without_them(tmp_path):
    file = tmp_path / "one.csv"
    pl.read_csv(heart_file(tmp_path), infer_schema=False).drop("hospital").write_csv(file)
    splits = heart.load(recipe("heart"), file)
    assert splits.schema.site is None
    assert splits.schema.sensitive == ("sex", "age_band")
    assert any("no 'hospital'" in note for note in splits.notes)


def test_a_label_of_the_user_is_taken_as_it_is(tmp_path):
    file = tmp_path / "own.csv"
    rows = pl.read_csv(heart_file(tmp_path), infer_schema=False)
    ended = pl.when(pl.col("num") == "0").then(pl.lit("alive")).otherwise(pl.lit("dead")).alias("end")
    rows.with_columns(ended).drop("num").write_csv(file)
    splits = heart.load(recipe("heart", "schema.label=end", "schema.positive=dead"), file)
    assert splits.schema.label == "end"
    assert set(splits.train["end"]) == {"alive", "dead"}


def test_a_file_without_a_label_says_which_is_missing(tmp_path):
    file = tmp_path / "none.csv"
    pl.read_csv(heart_file(tmp_path), infer_schema=False).drop("num").write_csv(file)
    with pytest.raises(BadInput, match="'num'"):
        heart.load(recipe("heart"), file)
