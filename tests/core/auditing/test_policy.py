"""Policies: their files, the ratios they ask for, and the verdicts that follow."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evenhand
from evenhand import BadInput
from evenhand.auditing.question.policy import load_policy, shipped
from evenhand.statistics.fisher import fisher


def people(**selected_of):
    """A table of decisions: group=(selected, rows)."""
    names, decisions = [], []
    for name, (selected, rows) in selected_of.items():
        names += [name] * rows
        decisions += [1] * selected + [0] * (rows - selected)
    return pl.DataFrame({"group": [None if n == "unknown" else n for n in names], "hired": decisions})


def four_fifths(**selected_of):
    return evenhand.audit(
        people(**selected_of), prediction="hired", sensitive="group", policy="us-four-fifths", positive=1
    )


def test_every_shipped_profile_is_dated_sourced_and_can_be_loaded():
    for name, policy in shipped().items():
        assert policy.name == name == load_policy(name).name
        assert policy.version
        assert policy.source
        assert len(policy.sha256) == 64
        assert "complian" not in policy.says
    assert shipped()["nyc-ll144"].in_force_from.isoformat() == "2023-07-05"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = ", "not TOML"),
        ('name = "a"\nversion = "1"\ntitle = "t"', "'source' is missing"),
        ('name = "a"\nversion = "1"\ntitle = "t"\nsource = "s"\ntolerence = {tpr = 1}', "Did you mean 'tolerance'"),
        ('name = "a"\nversion = "1"\ntitle = "t"\nsource = "s"\n[[ratio]]\nleast = 7', "less than or equal to 1"),
        ('name = "a"\nversion = "1"\ntitle = "t"\nsource = "s"\n[[ratio]]\nmetric = "tpr"', "selection_rate"),
    ],
)
def test_a_faulty_policy_is_refused_in_a_sentence(tmp_path, text, says):
    file = tmp_path / "p.toml"
    file.write_text(text)
    with pytest.raises(BadInput, match=says):
        load_policy(file)


def test_an_unknown_policy_names_the_nearest_and_a_missing_file_its_path(tmp_path):
    with pytest.raises(BadInput, match="Did you mean 'nyc-ll144'"):
        load_policy("nyc-ll-144")
    with pytest.raises(BadInput, match="cannot be read"):
        load_policy(tmp_path / "none.toml")


def test_a_policy_with_an_unknown_metric_or_group_is_refused(tmp_path):
    head = 'name = "a"\nversion = "1"\ntitle = "t"\nsource = "s"\n'
    file = tmp_path / "p.toml"
    for rest, says in (
        ("tolerance = {selection_rat = 0.1}", "Did you mean 'selection_rate'"),
        ('reference = {group = "z"}', "'z'"),
    ):
        file.write_text(head + rest)
        with pytest.raises(BadInput, match=says):
            evenhand.audit(people(a=(10, 50), b=(20, 50)), prediction="hired", sensitive="group", policy=file)


def test_a_clear_ratio_below_four_fifths_is_exceeded():
    audit = four_fifths(a=(500, 1000), b=(250, 1000))
    (verdict,) = audit.data["verdicts"]
    assert (verdict["kind"], verdict["verdict"], verdict["value"]) == ("ratio", "exceeded", 0.5)
    assert verdict["upper"] < 0.8
    assert audit.exit_code() == 1


def test_equal_rates_of_many_are_within_and_of_few_not_enough_evidence():
    assert four_fifths(a=(500, 1000), b=(500, 1000)).verdict == "within"
    assert four_fifths(a=(5, 10), b=(4, 10)).verdict == "not enough evidence"


def test_one_different_selection_that_turns_the_order_around_is_not_enough():
    # the rule's own case: so few are selected that one other choice would favour the other group
    groups = {row["group"]: row for row in four_fifths(a=(2, 20), b=(1, 20)).data["impacts"][0]["groups"]}
    assert groups["b"]["flips"] is True
    assert groups["b"]["ratio"] == 0.5
    groups = {row["group"]: row for row in four_fifths(a=(50, 100), b=(20, 100)).data["impacts"][0]["groups"]}
    assert groups["b"]["flips"] is False


def test_small_and_unknown_groups_are_shown_and_not_compared():
    audit = four_fifths(a=(500, 1000), b=(450, 1000), tiny=(9, 10), unknown=(60, 60))
    (block,) = audit.data["impacts"]
    groups = {row["group"]: row for row in block["groups"]}
    assert block["highest"] == "a"
    assert groups["tiny"]["excluded"] == "less than 2% of the rows"
    assert groups["(missing)"]["excluded"] == "the group is not known"
    assert groups["tiny"]["value"] == 0.9
    assert groups["tiny"]["ratio"] is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 60)), min_size=2, max_size=5))
def test_ratios_are_those_of_the_rates(cells):
    table = {f"g{i}": (selected, selected + rejected) for i, (selected, rejected) in enumerate(cells)}
    (block,) = four_fifths(**table).data["impacts"]
    rows = sum(n for _, n in table.values())
    compared = {name: s / n for name, (s, n) in table.items() if n / rows >= 0.02}
    for row in block["groups"]:
        assert row["value"] == pytest.approx(table[row["group"]][0] / table[row["group"]][1], abs=1e-12)
        if row["group"] in compared and len(compared) > 1:
            assert row["ratio"] == pytest.approx(compared[row["group"]] / max(compared.values()), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_the_exact_test_agrees_with_scipy(a, b, c, d):
    stats = pytest.importorskip("scipy.stats")
    if a + b and c + d:
        assert fisher(a, a + b, c, c + d) == pytest.approx(stats.fisher_exact([[a, b], [c, d]])[1], abs=1e-9)


def test_the_exact_test_is_exact_at_any_size():
    stats = pytest.importorskip("scipy.stats")
    for table in ((30, 5_200, 4, 200), (2_401, 5_002, 2_521, 5_002), (40_000, 100_000, 40_700, 100_000)):
        x, n, other_x, other_n = table
        exact = stats.fisher_exact([[x, n - x], [other_x, other_n - other_x]])[1]
        assert fisher(*table) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("rows", [4_900, 49_000, 490_000])
def test_few_selected_are_tested_exactly_beside_however_many_rows(rows):
    stats = pytest.importorskip("scipy.stats")
    exact = stats.fisher_exact([[3, 17], [rows // 49, rows - rows // 49]])[1]
    assert fisher(3, 20, rows // 49, rows) == pytest.approx(exact, rel=1e-6)
    assert exact / 1.2 < fisher(3.0001, 20, rows // 49, rows) < exact * 2.2  # fractions: twice the tail


def test_local_law_144_shows_selection_and_scoring_rates_and_judges_nothing():
    rng = np.random.default_rng(0)
    n = 2000
    sex, race = rng.choice(["f", "m"], n), rng.choice(["x", "y", "z"], n)
    score = np.round(rng.random(n) * np.where(sex == "f", 0.8, 1.0), 3)
    frame = pl.DataFrame({"score": score, "sex": sex, "race": race})
    audit = evenhand.audit(frame, score="score", sensitive=["sex", "race"], policy="nyc-ll144")
    assert audit.verdict is None
    assert str(audit).splitlines()[1] == "Verdict: none, because the policy nyc-ll144 sets no limit."
    found = {(block["metric"], block["attribute"]): block for block in audit.data["impacts"]}
    assert set(found) == {(m, a) for m in ("selection_rate", "scoring_rate") for a in ("sex", "race", "sex × race")}
    above = score > np.sort(score)[(n - 1) // 2]
    rates = {row["group"]: row["value"] for row in found["scoring_rate", "sex"]["groups"]}
    assert rates == pytest.approx({s: above[sex == s].mean() for s in "fm"}, abs=1e-12)
    assert audit.data["question"]["policy"]["in_force_from"] == "2023-07-05"


def test_the_users_own_tolerance_stands_in_for_the_policys():
    frame = pl.DataFrame({"y": [0, 1] * 100, "p": [0, 1, 1, 1] * 50, "g": ["a", "b", "b", "a"] * 50})
    audit = evenhand.audit(
        frame, label="y", prediction="p", sensitive="g", policy="equalised-odds", tolerance={"tpr": 0.2}
    )
    assert audit.data["question"]["tolerances"] == {"tpr": 0.2, "fpr": 0.05}


def test_a_policy_on_rates_refuses_an_audit_without_decisions():
    frame = pl.DataFrame({"y": [0.5, 1.5] * 50, "p": [0.4, 1.0] * 50, "g": ["a", "b"] * 50})
    with pytest.raises(BadInput, match="regression audit has none"):
        evenhand.audit(frame, label="y", prediction="p", sensitive="g", task="regression", policy="us-four-fifths")
