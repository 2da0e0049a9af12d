"""Two audits side by side: paired where the rows are the same, independent where not, and honest about both."""

import json

import numpy as np
import polars as pl
import pytest
from compared import ASKED, change, gap, people, width
from typer.testing import CliRunner

import evenhand
from evenhand import BadInput, audit_into, compare
from evenhand.commands.app import app


def test_two_scores_of_one_file_are_compared_row_by_row(audited):
    frame = people()
    found = compare(audited("a", frame), audited("b", frame, "new"))
    assert found.paired
    tpr = change(found, "tpr")
    hit = {name: ((frame[name] >= 0.5) & (frame["y"] == 1)).sum() / (frame["y"] == 1).sum() for name in ("old", "new")}
    assert (tpr.first, tpr.second) == pytest.approx((hit["old"], hit["new"]))
    assert tpr.change == pytest.approx(hit["new"] - hit["old"])
    assert tpr.verdict == "better"
    assert change(found, "brier").verdict == "better"  # which falls
    assert tpr.lower_simultaneous <= tpr.lower < tpr.change < tpr.upper <= tpr.upper_simultaneous


@pytest.mark.parametrize("metric", ["selection_rate", "tpr", "fpr", "ppv", "accuracy", "f1", "auc", "brier"])
def test_pairs_know_more_than_strangers(audited, metric):
    folders = [audited("a", people()), audited("b", people(), "new")]
    paired, apart = compare(*folders), compare(*folders, paired=False)
    assert not apart.paired
    assert change(paired, metric).change == pytest.approx(change(apart, metric).change)
    assert width(change(paired, metric)) < 0.9 * width(change(apart, metric))


def test_a_model_compared_with_itself_has_not_changed_and_the_interval_says_how_surely(audited):
    folders = [audited("a", people()), audited("b", people())]
    found = compare(*folders)
    assert {c.change for c in found.changes} == {0.0}
    assert {g.change for g in found.gaps} == {0.0}
    assert all(c.lower < 0 < c.upper for c in found.changes)
    assert all(g.lower < 0 < g.upper for g in found.gaps)
    assert not [c for c in (*found.changes, *found.gaps) if c.verdict != "not enough evidence"]
    assert change(found, "accuracy").upper == pytest.approx(1.96**2 / (300 + 1.96**2), rel=1e-3)  # Tango 1998


def test_rows_are_found_again_by_their_id_in_any_order(audited):
    frame = people()
    one, two = audited("a", frame, id="id"), audited("b", frame, "new", id="id")
    mixed = audited("c", frame.sample(fraction=1, shuffle=True, seed=3), "new", id="id")
    there, shuffled = compare(one, two), compare(one, mixed)
    assert shuffled.paired
    assert shuffled.changes == there.changes
    assert shuffled.gaps == there.gaps


def test_rows_in_one_audit_only_are_counted_and_left_out(audited):
    frame = people()
    found = compare(audited("a", frame[:280], id="id"), audited("b", frame[30:], "new", id="id"))
    assert found.paired
    assert change(found, "accuracy").rows == 250
    notes = " ".join(found.notes)
    assert "30 rows are in the first audit only" in notes
    assert "20 rows are in the second audit only" in notes


def test_ids_that_name_other_people_are_noticed(audited):
    found = compare(audited("a", people(seed=1), id="id"), audited("b", people(seed=2), "new", id="id"))
    assert "another label" in " ".join(found.notes)
    assert "another 'sex'" in " ".join(found.notes)


def test_other_rows_are_independent_samples(audited):
    one, two = audited("a", people(seed=1)), audited("b", people(400, seed=2), "new")
    found = compare(one, two)
    assert not found.paired
    assert "independent samples" in str(found)
    selected = change(found, "selection_rate")
    error = np.sqrt(sum(p * (1 - p) / n for p, n in ((selected.first, 300), (selected.second, 400))))
    assert width(selected) == pytest.approx(2 * 1.96 * error, rel=0.03)  # what large samples must agree with
    with pytest.raises(BadInput, match="not of the same rows"):
        compare(one, two, paired=True)


def test_clusters_widen_what_their_rows_repeat(audited):
    one = people(60)
    frame = pl.concat([one.with_columns(patient=pl.col("id"), visit=pl.lit(i)) for i in range(5)])
    apart = compare(audited("a", frame), audited("b", frame, "new"))
    together = compare(audited("c", frame, cluster="patient"), audited("d", frame, "new", cluster="patient"))
    once = compare(audited("e", one), audited("f", one, "new"))
    for metric in ("accuracy", "brier", "auc"):
        assert width(change(together, metric)) == pytest.approx(width(change(once, metric)), rel=0.12)
        assert width(change(together, metric)) > 1.7 * width(change(apart, metric))


def test_the_same_patients_in_both_quarters_are_one_cluster_each(audited):
    frame = people(400).with_columns(patient=pl.Series([f"p{i % 80}" for i in range(400)]))
    found = compare(
        audited("a", frame[:200], cluster="patient"),
        audited("b", frame[200:], "new", cluster="patient", metrics=["tpr", "auc"]),
    )
    assert not found.paired
    assert "Some clusters are in both audits" in " ".join(found.notes)


def test_the_base_rate_of_the_same_rows_cannot_change(audited):
    found = compare(audited("a", people()), audited("b", people(), "new"))
    assert "base_rate" not in {c.metric for c in found.changes}
    assert "base rate" in " ".join(found.notes)


def test_a_gap_that_closed_is_better_and_one_that_opened_is_worse(audited):
    rng = np.random.default_rng(5)
    sex = np.where(np.arange(2000) % 2, "f", "m")
    y = (rng.random(2000) < 0.5).astype(int)
    apart = np.where((y == 1) & (rng.random(2000) < np.where(sex == "f", 0.5, 0.9)), 1, 0)
    even = np.where((y == 1) & (rng.random(2000) < 0.9), 1, 0)
    frame = pl.DataFrame({"y": y, "apart": apart, "even": even, "sex": sex})
    choices = {"score": None, "metrics": "tpr", "tolerance": {"tpr": 0.15}}
    one = audited("a", frame, prediction="apart", **choices)
    two = audited("b", frame, prediction="even", **choices)
    closed, opened = compare(one, two), compare(two, one)
    assert gap(closed, "tpr").verdict == gap(closed, "tpr", "difference").verdict == "better"
    assert gap(opened, "tpr").verdict == "worse"
    assert gap(closed, "tpr").upper < 0
    assert {g.kind for g in opened.worse if hasattr(g, "kind")} == {"largest", "difference"}
    assert closed.verdicts == (
        {
            "attribute": "sex",
            "metric": "tpr",
            "first": "exceeded",
            "second": "within",
            "tolerance_first": 0.15,
            "tolerance_second": 0.15,
        },
    )
    assert "tpr by sex: exceeded → within" in str(closed)


def test_a_gap_that_turns_round_is_not_called_larger(audited):
    sex = np.where(np.arange(1000) % 2, "f", "m")
    rank = (np.arange(1000) // 2) % 10
    frame = pl.DataFrame(
        {
            "y": np.ones(1000, int),
            "old": np.where(rank < np.where(sex == "f", 7, 5), 1, 0),
            "new": np.where(rank < np.where(sex == "f", 5, 7), 1, 0),
            "sex": sex,
        }
    )
    folders = [
        audited(name, frame, score=None, prediction=column, positive=1, metrics="tpr")
        for name, column in (("a", "old"), ("b", "new"))
    ]
    found = gap(compare(*folders), "tpr", "difference")
    assert found.first == pytest.approx(-found.second)
    assert found.change == pytest.approx(0)
    assert found.verdict == "not enough evidence"


def test_intersections_are_compared_to_the_depth_of_both(audited):
    frame = people(age=["young", "old", "old"] * 100)
    choices = {"sensitive": ["sex", "age"], "metrics": "accuracy"}
    both = [audited(n, frame, s, intersections=2, **choices) for n, s in (("a", "old"), ("b", "new"))]
    found = compare(*both)
    assert change(found, "accuracy", "f × young", "sex × age").rows > 0
    shallow = compare(both[0], audited("c", frame, "new", **choices))
    assert {c.attribute for c in shallow.changes} == {None, "sex", "age"}


def test_a_regression_is_compared_by_the_differences_of_its_rows(audited):
    frame = pl.DataFrame(
        {
            "y": [float(i % 7) + 0.5 for i in range(11)],
            "old": [float(i % 7) + 0.5 + i * 0.1 for i in range(11)],
            "new": [float(i % 7) + 0.5 + i * 0.05 + 0.01 for i in range(11)],
            "sex": ["f"] * 11,
        }
    )
    choices = {"score": None, "task": "regression", "metrics": "mae"}
    found = compare(audited("a", frame, prediction="old", **choices), audited("b", frame, prediction="new", **choices))
    difference = np.array([0.01 - 0.05 * i for i in range(11)])
    half = 2.228 * difference.std(ddof=1) / np.sqrt(11)  # Student's t of 10 degrees of freedom
    mae = change(found, "mae")
    assert mae.change == pytest.approx(difference.mean())
    assert half <= width(mae) / 2 <= 1.12 * half  # eleven rows may not have shown the largest difference


def test_several_classes_and_audits_without_labels_are_compared_too(audited):
    frame = people(two=["a", "b", "c"] * 100, guess=["a", "b", "a"] * 100, better=["a", "b", "c"] * 100)
    choices = {"label": "two", "score": None}
    found = compare(
        audited("a", frame, prediction="guess", **choices), audited("b", frame, prediction="better", **choices)
    )
    assert change(found, "accuracy").change == pytest.approx(1 / 3)
    found = compare(audited("c", frame, label=None), audited("d", frame, "new", label=None))
    assert {c.metric for c in found.changes} == {"selection_rate", "mean_score"}
    assert change(found, "selection_rate").better == ""


def test_a_change_without_a_better_direction_is_only_called_changed(audited):
    frame = people(800).with_columns(new=pl.col("old") / 2)
    found = compare(audited("a", frame), audited("b", frame, "new"))
    assert change(found, "selection_rate").verdict == "changed"


def test_where_the_rows_are_gone_the_recorded_intervals_are_compared(audited, tmp_path):
    frame = people()
    folders = [audited("a", frame, tolerance=0.1), audited("b", frame, "new", tolerance=0.1)]
    whole = compare(*folders, paired=False)
    (tmp_path / "a.csv").rename(tmp_path / "moved.csv")
    found = compare(*folders)
    assert not found.paired
    assert "not at hand" in " ".join(found.notes)
    for metric in ("tpr", "accuracy", "auc"):
        here, there = change(found, metric, "m", "sex"), change(whole, metric, "m", "sex")
        assert (here.lower, here.upper) == pytest.approx((there.lower, there.upper))
    assert gap(found, "tpr").change == pytest.approx(gap(whole, "tpr").change)
    with pytest.raises(BadInput, match="not at hand"):
        compare(*folders, paired=True)
    assert compare(*folders, data=(tmp_path / "moved.csv", None)).paired


def test_a_frame_can_be_given_again_and_must_be_the_one_that_was_audited(tmp_path, audited):
    frame = people()
    audit_into(tmp_path / "a", frame, score="old", **ASKED)
    two = audited("b", frame, "new")
    assert not compare(tmp_path / "a", two).paired
    assert compare(tmp_path / "a", two, data=(frame, None)).paired
    with pytest.raises(BadInput, match="not what was audited"):
        compare(tmp_path / "a", two, data=(frame.with_columns(old=pl.col("new")), None))


def test_groups_that_only_one_audit_has_are_shown_and_undefined(audited):
    found = compare(audited("a", people(seed=1)), audited("b", people(seed=2).with_columns(sex=pl.lit("f")), "new"))
    lost = change(found, "tpr", "m", "sex")
    assert lost.first is not None
    assert lost.second is lost.change is lost.lower is None
    assert lost.verdict == "not enough evidence"
    assert not [g for g in found.gaps if g.attribute == "sex"]


def test_a_group_of_one_row_proves_nothing(audited):
    frame = people().with_columns(sex=pl.Series(["x"] + ["f", "m"] * 149 + ["f"]))
    found = compare(audited("a", frame), audited("b", frame, "new"))
    alone = change(found, "accuracy", "x", "sex")
    assert (alone.lower, alone.upper) == (-1, 1)


def test_the_command_line_compares_two_audits(audited):
    folders = [str(audited("a", people())), str(audited("b", people(), "new"))]
    shown = CliRunner().invoke(app, ["compare", *folders])
    assert shown.exit_code == 0, shown.output
    assert "the same 300 rows, compared pair by pair" in shown.output
    assert "largest gap by" in shown.output
    found = json.loads(CliRunner().invoke(app, ["compare", *folders, "--json"]).output)
    assert (found["format"], found["version"], found["paired"]) == ("evenhand-comparison", 2, True)
    assert found["changes"][0].keys() >= {"attribute", "group", "metric", "change", "lower", "upper", "verdict"}


def test_columns_cut_elsewhere_are_compared_in_the_bins_of_the_first(audited):
    pytest.importorskip("evenhand.auditing.table.binning")
    frame = people(age=np.linspace(18, 90, 300))
    choices = {"sensitive": ["age"], "metrics": "accuracy"}
    one = audited("a", frame, bins={"age": [40, 60]}, **choices)
    found = compare(one, audited("b", frame, "new", bins={"age": [30]}, **choices))
    assert [c.group for c in found.changes if c.attribute == "age"] == ["under 40", "40 to under 60", "60 or more"]
    assert "bins of the first" in " ".join(found.notes)


def test_the_top_rows_are_selected_again(audited):
    pytest.importorskip("evenhand.auditing.table.top")
    one = audited("a", people(), top=50, metrics=["selection_rate", "tpr"])
    found = compare(one, audited("b", people(), "new", top=60, metrics=["selection_rate", "tpr"]))
    selected = change(found, "selection_rate")
    assert (selected.first, selected.second) == pytest.approx((50 / 300, 60 / 300))


def test_it_is_public():
    assert evenhand.compare is compare
