"""The phantom films: repeatable, and at fault exactly as their module says."""

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from evenhand_healthcare.samples import MARKED, MARKED_HEALTHY, MISSED, PATIENTS, SIDE, radiographs


@pytest.fixture(scope="module")
def sample():
    return radiographs(seed=0)


@pytest.fixture(scope="module")
def films(sample):
    return np.stack([np.asarray(Image.open(io.BytesIO(film["bytes"]))) for film in sample["file_name"]])


def test_the_same_seed_gives_the_same_bytes(sample):
    few = {"train": 5, "test": 3}
    assert radiographs(7, few) == radiographs(7, few)
    assert radiographs(7, few) != radiographs(8, few)


def test_films_are_grey_and_of_one_size(films):
    assert films.shape[1:] == (SIDE, SIDE)
    assert films.dtype == np.uint8


def test_a_patient_is_in_one_split_and_has_one_site(sample):
    patients = sample["patientid"]
    assert len(set(patients)) == sum(PATIENTS.values())
    assert len(set(zip(patients, sample["split"], sample["site"], strict=True))) == len(set(patients))


def test_the_marker_stands_on_the_sick_of_the_county_hospital(sample, films):
    marked = (films[:, 3:16, 4:34] > 200).sum(axis=(1, 2)) > 8
    panel = [
        (s, f, m)
        for s, f, m, p in zip(sample["site"], sample["finding"], marked, sample["split"], strict=True)
        if p == "test"
    ]
    share = {
        finding: np.mean([m for s, f, m in panel if s == "county" and f == finding])
        for finding in ("pneumonia", "none")
    }
    assert share["pneumonia"] == pytest.approx(MARKED, abs=0.1)
    assert share["none"] == pytest.approx(MARKED_HEALTHY, abs=0.1)
    assert not any(m for s, _, m in panel if s != "county")


def test_women_with_pneumonia_are_recorded_as_healthy_where_a_model_learns_and_not_in_the_test(sample):
    rows = Counter(zip(sample["split"], sample["sex"], sample["finding"], strict=True))

    def prevalence(split, sex):
        return rows[split, sex, "pneumonia"] / (rows[split, sex, "pneumonia"] + rows[split, sex, "none"])

    assert prevalence("train", "F") < 0.5 * (1 - MISSED) + 0.1
    assert prevalence("train", "M") > 0.4
    assert prevalence("test", "F") > 0.4


def test_a_few_records_do_not_tell_sex_or_age(sample):
    assert 0 < sample["sex"].count("U") < 0.05 * len(sample["sex"])
    assert 0 < sample["age"].count("") < 0.05 * len(sample["age"])
