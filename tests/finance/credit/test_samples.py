"""The simulated applicants hold the bias that samples.py says was planted, and no other."""

import polars as pl

from evenhand_finance.credit.samples import applicants


def share(rows, label, **where):
    for column, value in where.items():
        rows = rows.filter(pl.col(column) == value)
    return (rows[label] == ("no" if label == "would_repay" else "yes")).mean()


def test_the_same_seed_gives_the_same_applicants():
    assert applicants(3, rows=50) == applicants(3, rows=50) != applicants(4, rows=50)


def test_communities_repay_alike_and_are_recorded_apart():
    rows = pl.DataFrame(applicants(0, rows=40_000))
    truly = [share(rows, "would_repay", community=side) for side in ("north", "south")]
    recorded = [share(rows, "defaulted", community=side) for side in ("north", "south")]
    assert abs(truly[0] - truly[1]) < 0.02
    assert recorded[0] == truly[0]
    assert recorded[1] > truly[1] + 0.2


def test_women_of_the_south_are_blamed_most():
    rows = pl.DataFrame(applicants(0, rows=40_000))
    women, men = (share(rows, "defaulted", community="south", sex=sex) for sex in ("female", "male"))
    assert women > men + 0.06
    assert abs(share(rows, "would_repay", sex="female") - share(rows, "would_repay", sex="male")) < 0.02


def test_amounts_are_written_with_separators_and_some_values_are_missing():
    rows = pl.DataFrame(applicants(0, rows=2000))
    assert rows["income"].str.contains(r"^\d{1,3}(,\d{3})*\.\d\d$").all()
    assert 0.02 < rows["community"].is_null().mean() < 0.08
