"""A protected attribute that half the applicants do not tell: a group of its own, and the bounds that it leaves."""

import json

import polars as pl
import pytest

import evenhand


@pytest.fixture
def halved(small, table, tmp_path):
    """A run on applicants of whom every second tells no sex."""
    file = table(rows=800, sex=lambda made: [sex if i % 2 else "" for i, sex in enumerate(made["sex"])])
    return evenhand.run(small("options.search=false", "audit.threshold=0.6"), data=file, out=tmp_path / "run")


def test_half_the_rows_are_audited_as_a_group_and_the_gap_has_bounds(halved):
    told = json.loads((halved.path / "audit.json").read_text())
    (sex,) = [one for one in told["attributes"] if one["name"] == "sex"]
    rows = {one["name"]: one["rows"] for one in sex["groups"]}
    assert 0.35 < rows["(missing)"] / sum(rows.values()) < 0.65
    rate = {one["name"]: one["metrics"]["selection_rate"]["value"] for one in sex["groups"]}
    bounds = sex["missing"]["bounds"]["selection_rate"]
    assert bounds["lower"] <= abs(rate["f"] - rate["m"]) <= bounds["upper"]
    assert bounds["upper"] > abs(rate["f"] - rate["m"]) + 0.1  # half the rows could be anybody's
    assert any("'sex' is missing in" in note for note in told["notes"])


def test_new_applicants_of_a_purpose_never_seen_are_scored(halved, tmp_path):
    new = pl.DataFrame({"income": ["21000", "40000"], "purpose": ["boat", "car"], "sex": ["f", ""]})
    new.write_csv(tmp_path / "new.csv")
    scored = pl.read_parquet(evenhand.predict(halved.path, tmp_path / "new.csv", tmp_path / "scored.parquet").path)
    assert scored["score"].is_between(0, 1).all()
    assert scored["score"][0] > scored["score"][1]
