"""Records are read by stated rules: each code has one meaning, and what no rule reads is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand import BadInput
from evenhand_healthcare.demographics import BANDS, LAST_BAND, UNKNOWN, age, age_band, category, column, pregnancy, sex

NAMES = {*(name for _, name in BANDS), LAST_BAND, UNKNOWN}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("M", "male"),
        ("f", "female"),
        (" Female ", "female"),
        ("O", "other"),
        ("A", "other"),
        ("U", "unknown"),
        ("N", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        (float("nan"), "unknown"),
        ("unknown", "unknown"),
    ],
)
def test_a_sex_has_the_meaning_of_its_standard(written, read):
    assert sex(written) == read


@pytest.mark.parametrize("written", [1, "0", 2, "w", "mal", "female?"])
def test_a_sex_that_no_standard_names_is_refused_not_guessed(written):
    with pytest.raises(BadInput, match="none of M, F, O, U"):
        sex(written)


def test_numbers_for_sex_are_read_where_the_user_says_what_they_mean():
    codes = {"1": "male", "2": "female", "9": "unknown"}
    assert [sex(value, codes) for value in (1, "2", 1.0, 9)] == ["male", "female", "male", "unknown"]


@pytest.mark.parametrize(
    ("written", "years"),
    [
        ("063Y", 63),
        ("63", 63),
        (63, 63),
        (63.0, 63),
        ("018M", 1.5),
        ("052W", 364 / 365.25),
        ("0 d", 0),
        ("7 years", 7),
        ("", None),
        ("unknown", None),
        (None, None),
    ],
)
def test_an_age_has_the_unit_behind_it(written, years):
    assert age(written) == (years if years is None else pytest.approx(years))


@pytest.mark.parametrize("written", ["Y63", "63X", "-3", "old", "414Y", "1e5", "63Y 2M"])
def test_an_age_that_cannot_be_is_refused(written):
    with pytest.raises(BadInput, match="mend or empty it"):
        age(written)


@given(st.integers(0, 125))
def test_a_dicom_age_and_the_same_number_are_one_age_in_one_band(years):
    assert age(f"{years:03d}Y") == age(years) == years
    band = age_band(years)
    assert band == age_band(f"{years:03d}Y")
    low, high = (80, 1000) if band == LAST_BAND else map(int, band.split("-"))
    assert low <= years <= high


@given(st.integers(0, 999))
def test_months_weeks_and_days_are_parts_of_years(many):
    if many <= 125 * 12:
        assert age(f"{many:03d}M") == pytest.approx(many / 12)
    assert age(f"{many:03d}D") == pytest.approx(many / 365.25)
    assert age(f"{many:03d}W") == pytest.approx(many * 7 / 365.25)


@given(st.one_of(st.text(max_size=8), st.none(), st.floats(), st.integers()))
def test_whatever_is_written_is_read_by_a_rule_or_refused(value):
    refusals = []
    for rule, allowed in (
        (sex, {"male", "female", "other", UNKNOWN}),
        (age_band, NAMES),
        (pregnancy, {"no", "possible", "yes", UNKNOWN}),
    ):
        try:
            assert rule(value) in allowed
        except BadInput as refused:
            refusals.append(str(refused))
    assert all("mend or empty it" in text or "say what it means" in text for text in refusals)
    assert category(value)


@pytest.mark.parametrize(
    ("code", "read"), [("0001", "no"), (2, "possible"), ("0003", "yes"), (4.0, "unknown"), (None, "unknown")]
)
def test_a_pregnancy_status_is_one_of_four_codes(code, read):
    assert pregnancy(code) == read


def test_a_wrong_cell_is_named_by_column_and_row():
    with pytest.raises(BadInput, match=r"column 'sex', row 3: the sex 'x'"):
        column(["M", None, "x"], "sex", sex)
