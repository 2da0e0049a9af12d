"""Plugins' metrics in two audits: found again and compared pair by pair, or by what was recorded of them."""

import random
import types
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from evenhand import Adapted, GroupMetric, Recipe, audit_into, compare, hookimpl, rate_metric, run, splits_from_rows
from evenhand.auditing.metrics.ranking import AUC
from evenhand.auditing.metrics.rates import F1
from evenhand.extending.discovering import load

ASK = {"label": "y", "sensitive": ["sex"], "id": "id"}


@pytest.fixture
def folders(tmp_path):
    """A function that audits two scores of the same people with metrics of its own, and returns both folders."""
    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.45).astype(int)
    old = np.clip(0.4 + 0.2 * y + 0.2 * rng.normal(size=400), 0, 1)
    new = np.clip(old + 0.12 * (2 * y - 1) + 0.08 * rng.normal(size=400), 0, 1)
    sex, clinic = np.where(rng.random(400) < 0.6, "f", "m"), [f"c{i // 4}" for i in range(400)]
    frame = pl.DataFrame({"id": range(400), "y": y, "old": old, "new": new, "sex": sex, "clinic": clinic})
    frame.write_csv(tmp_path / "rows.csv")

    def audited(*metrics, **choices):
        for score in ("old", "new"):
            audit_into(tmp_path / score, tmp_path / "rows.csv", **ASK, score=score, extra=list(metrics), **choices)
        return tmp_path / "old", tmp_path / "new"

    return audited


def of(found, metric):
    """What is said of the metric's changes and gaps to the reference, each alone, whatever it is called."""
    said = [*found.changes, *(gap for gap in found.gaps if gap.kind == "difference")]
    alone = {"metric": "", "lower_simultaneous": None, "upper_simultaneous": None, "verdict": ""}
    return [replace(one, **alone) for one in said if one.metric == metric]


@pytest.mark.parametrize("cluster", [None, "clinic"])
@pytest.mark.parametrize(
    ("own", "known"),
    [
        (rate_metric("own", of="fn", among=("fn", "tp"), better="lower"), "fnr"),
        (replace(F1, name="own"), "f1"),
        (replace(AUC, name="own"), "auc"),
    ],
    ids=["share", "function of cells", "curve"],
)
def test_a_metric_that_is_given_again_is_compared_as_a_built_in_one(folders, own, known, cluster):
    one, two = folders(own, cluster=cluster)
    found = compare(one, two, extra=[own])
    assert found.paired
    assert of(found, "own")
    assert of(found, "own") == of(found, known)
    assert "own" not in " ".join(found.notes)


def test_pairs_of_a_metric_without_limits_know_more_than_strangers(folders, own_metrics):
    one, two = folders(own_metrics["f2"])
    paired, apart = (compare(one, two, extra=[own_metrics["f2"]], paired=same) for same in (None, False))
    width = [of(found, "f2")[0].upper - of(found, "f2")[0].lower for found in (paired, apart)]
    assert width[0] < 0.8 * width[1]
    assert next(c for c in paired.changes if c.metric == "f2").verdict == "better"


def test_a_metric_that_nobody_defines_is_compared_by_what_was_recorded(folders, own_metrics):
    one, two = folders(*own_metrics.values())
    found, known = compare(one, two), compare(one, two, extra=list(own_metrics.values()), paired=False)
    assert found.paired  # the others are
    for name in own_metrics:
        first, again = of(found, name)[0], of(known, name)[0]
        assert (first.first, first.second) == pytest.approx((again.first, again.second))
        assert (first.lower, first.upper) == pytest.approx((again.lower, again.upper), abs=0.02)
        assert name in " ".join(found.notes)


def test_a_metric_that_changed_its_formula_is_not_taken_for_the_recorded_one(folders, own_metrics):
    one, two = folders(own_metrics["f2"])
    other = replace(own_metrics["f2"], formula="something else", function=lambda counts: counts.tp * 0 + 1)
    found = compare(one, two, extra=[other])
    assert of(found, "f2") == of(compare(one, two), "f2")


def test_without_its_clusters_the_gaps_of_a_recorded_metric_are_not_compared(folders, own_metrics):
    found = compare(*folders(own_metrics["f2"], cluster="clinic"))
    assert {c.metric for c in found.changes} >= {"f2", "fnr"}
    assert "f2" not in {g.metric for g in found.gaps}


def test_a_metric_that_fails_here_is_named_and_the_others_are_compared(folders, own_metrics):
    one, two = folders(own_metrics["f2"])
    broken = replace(own_metrics["f2"], function=lambda counts: 1 / 0)
    found = compare(one, two, extra=[broken])
    assert not of(found, "f2")
    assert any("metric f2 raised ZeroDivisionError" in note for note in found.notes)
    assert of(found, "fnr") == of(compare(one, two), "fnr")


def test_a_curve_that_does_not_say_how_rows_move_it_is_named(folders):
    own = replace(AUC, name="own", influence=None)
    found = compare(*folders(own), extra=[own])
    assert not of(found, "own")
    assert any("not worked out: own" in note for note in found.notes)


def test_a_share_of_labels_of_the_same_rows_cannot_change(folders):
    own = rate_metric("prevalence", of=("tp", "fn"), among=("tp", "fp", "fn", "tn"), better="")
    found = compare(*folders(own), extra=[own])
    assert not of(found, "prevalence")
    assert any(note.startswith("The prevalence is a fact of the rows") for note in found.notes)


RECIPE = """
name = "job"
domain = "made"
title = "Made for a test"
task = "binary"
modality = "table"
schema = { input = "x", label = "y", sensitive = "group" }
"""


def made(*metrics):
    """A plugin with these metrics, whose model is the one input."""

    def load_data(recipe, source):
        rng = random.Random(0)
        x = [rng.random() for _ in range(400)]
        rows = {"x": x, "y": [int(v + rng.gauss(0, 0.3) > 0.4) for v in x], "group": [rng.choice("ab") for _ in x]}
        return splits_from_rows(recipe, rows, "made rows")

    def finetune(recipe, splits):
        from sklearn.linear_model import LogisticRegression

        train = splits.train.to_pandas()
        return Adapted(LogisticRegression().fit(train[["x"]], train["y"]), classes=(0, 1), strategy="logistic")

    module = types.ModuleType("made")
    hooks = {
        "recipes": lambda: [Recipe.from_toml(RECIPE, "made.toml")],
        "load_data": load_data,
        "finetune": finetune,
        "audit_bias": lambda recipe: list(metrics),
    }
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return load({"made": module})


def test_the_metrics_of_a_run_are_those_of_its_plugin(tmp_path, own_metrics):
    plugins = made(*own_metrics.values())
    one = run("made/job", out=tmp_path / "one", plugins=plugins).path
    two = run("made/job", settings=["audit.threshold=0.3"], out=tmp_path / "two", plugins=plugins).path
    found = compare(one, two, plugins=plugins)
    assert found.paired
    assert of(found, "underdiagnosis") == of(found, "fnr")
    assert of(found, "f2")
    assert not [note for note in found.notes if "Nobody here defines" in note]
    without = compare(one, two, plugins=made())
    assert of(without, "underdiagnosis") != of(without, "fnr")
    assert any("Nobody here defines underdiagnosis, f2, missing_odds" in note for note in without.notes)


def test_a_plugin_that_fails_to_say_its_metrics_is_named(tmp_path, own_metrics):
    plugins = made(own_metrics["f2"])
    folder = run("made/job", out=tmp_path / "one", plugins=plugins).path
    broken = made(GroupMetric)  # a class in the place of a metric
    found = compare(folder, folder, plugins=broken)
    assert any("audit_bias must return a list of GroupMetric" in note for note in found.notes)
    assert of(found, "f2")
