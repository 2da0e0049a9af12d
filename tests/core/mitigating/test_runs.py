"""Runs with a mitigation: every method from data to report, on new rows, and what is refused; tables, images, texts."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import toy_even
import toy_labels
from tiny_bert import tiny_bert

import evenhand
import toy_images
import toy_tables
from evenhand import BadInput
from evenhand.comparing import Change, Comparison, GapChange
from evenhand.extending.discovering import load
from evenhand.mitigating.effect import harmed, levelled_down

PLUGINS = load({"toy_even": toy_even, "toy_images": toy_images, "toy_tables": toy_tables})
METHODS = ("reweight", "dfr", "augment", "reductions", "thresholds", "postprocess")
FOLDER = Path(__file__).resolve().parents[2] / "plugins"


class ToyWithHistory:
    """toy_even with a column of three groups, one of which never repays."""

    @evenhand.hookimpl
    def recipes(self):
        return toy_even.recipes()

    @evenhand.hookimpl
    def load_data(self, recipe, source):
        table = toy_even.people(recipe.seed)
        marks = zip(table["repaid"], table["sex"], table["age"], strict=True)
        table["repaid_so_far"] = [
            "never" if repaid == "no" and age < 40 else "always" if sex == "m" else "mostly"
            for repaid, sex, age in marks
        ]
        return evenhand.splits_from_rows(recipe, table, "generated people")


@pytest.fixture(scope="module")
def loan(run_apart):
    """loan("thresholds") -> the finished run; each is made once."""
    made = {}

    def of(method, *settings):
        if (method, settings) not in made:
            asked = [f"mitigation.method={method}", *settings]
            made[method, settings] = run_apart("toy_even/loan", *asked, plugins=PLUGINS)
        return made[method, settings]

    return of


def facts(run):
    return json.loads((run.path / "mitigation.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_method_makes_the_planted_gap_smaller_and_the_report_and_the_card_say_so(loan, method):
    run = loan(method)
    gap = next(g for g in facts(run)["gaps"] if (g["attribute"], g["metric"]) == ("sex", "selection_rate"))
    assert gap["second"] < gap["first"] - 0.05
    assert gap["verdict"] == "better"
    table = pl.read_parquet(run.path / "predictions.parquet")
    for column, value in (("prediction", gap["second"]), ("baseline_unmitigated", gap["first"])):
        rates = table.group_by("sex").agg((pl.col(column) == "yes").mean())[column]
        assert rates.max() - rates.min() == pytest.approx(value)
    page, card = ((run.path / name).read_text() for name in ("report.html", "README.md"))
    assert page.index("Before and after mitigation") < page.index("Asked:")
    assert "Who gains and who loses" in page
    assert "Before and after mitigation" in card
    assert f"mitigation: {method}" in card
    assert evenhand.verify(run.path).equal


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_new_rows_are_decided_as_the_test_rows_were(loan, method, tmp_path):
    run = loan(method)
    people = pl.DataFrame(toy_even.people(0))
    test = pl.read_parquet(run.path / "predictions.parquet")
    scorer = evenhand.load(run.path, plugins=PLUGINS)
    found = scorer.table(people)
    assert found["prediction"].to_list() == scorer.predict(people).tolist()
    people.write_csv(tmp_path / "people.csv")
    again = scorer.table(tmp_path / "people.csv")
    assert again["prediction"].to_list() == found["prediction"].to_list()
    key = ["sex", "age", "repaid", "score"]
    joined = test.with_columns(pl.col("score").round(9)).join(
        found.with_columns(pl.col("score").round(9)), on=key, suffix="_new"
    )
    assert joined.height >= test.height
    assert (joined["prediction"] == joined["prediction_new"]).all()


def test_without_the_group_nobody_is_decided_on_where_thresholds_hang_on_it(loan, monkeypatch):
    run = loan("thresholds", 'schema.input=["income", "debt"]')
    scorer = evenhand.load(run.path, plugins=PLUGINS)
    people = pl.DataFrame(toy_even.people(3, 50))
    assert len(scorer.predict(people)) == 50
    with pytest.raises(BadInput, match="'sex' is not in .*decides by group"):
        scorer.predict(people.drop("sex"))
    with pytest.raises(BadInput, match="decides by group"):
        scorer.table(people.drop("sex"))
    notes = " ".join(json.loads((run.path / "manifest.json").read_text())["stages"]["finetune"]["notes"])
    assert "the law forbids" in notes
    assert "the model had not seen" in notes


def test_a_group_of_one_class_alone_stays_at_the_usual_threshold(run_apart):
    settings = [
        "mitigation.method=thresholds",
        "mitigation.least_rows=8",
        'mitigation.columns=["repaid_so_far"]',
        'schema.sensitive=["repaid_so_far"]',
    ]
    run = run_apart("toy_even/loan", *settings, plugins=load({"toy_even": ToyWithHistory()}))
    notes = " ".join(json.loads((run.path / "manifest.json").read_text())["stages"]["finetune"]["notes"])
    assert "not judged, and by group left at the usual threshold, for want of both classes: never (" in notes
    rule = json.loads((run.path / "model" / "model.json").read_text())["deciding"]
    assert set(rule["by_group"]) == {"always", "mostly"}


@pytest.mark.slow
def test_one_threshold_for_all_needs_no_group(loan):
    run = loan("thresholds", "mitigation.per_group=false", 'schema.input=["income", "debt"]')
    people = pl.DataFrame(toy_even.people(3, 50)).drop("sex")
    assert len(evenhand.load(run.path, plugins=PLUGINS).predict(people)) == 50
    assert json.loads((run.path / "audit.json").read_text())["question"]["threshold"] is not None


@pytest.mark.slow
def test_a_group_that_is_proven_worse_off_beyond_the_margin_refuses_the_run(loan):
    run = loan("thresholds", "mitigation.per_group=false", "mitigation.most=0.0", "mitigation.margin=0.02")
    assert run.refused
    assert run.exit_code() == 1
    assert "proven worse off in accuracy by more than the margin of 0.02" in run.refused[0]
    assert "Refused:" in (run.path / "report.html").read_text()
    with pytest.warns(UserWarning, match="mitigation refused"):
        assert evenhand.load(run.path, plugins=PLUGINS).notes


@pytest.mark.slow
def test_a_number_is_learnt_with_weights_and_under_a_bounded_loss(run_apart):
    for method in ("reweight", "reductions"):
        run = run_apart("toy_even/wage", f"mitigation.method={method}", plugins=PLUGINS)
        assert {g["metric"] for g in facts(run)["gaps"]} == {"mae"}
        assert len(evenhand.load(run.path, plugins=PLUGINS).predict(pl.DataFrame(toy_even.people(1, 20)))) == 20


@pytest.mark.slow
@pytest.mark.parametrize("method", ["reweight", "dfr", "reductions", "postprocess"])
def test_images_are_mitigated_on_the_frozen_backbone(run_apart, method):
    run = run_apart(
        "toy_images/spots",
        f"mitigation.method={method}",
        "split.validation=0.5",
        "finetune.threads=1",
        "mitigation.least_rows=5",
        plugins=PLUGINS,
    )
    assert {g["attribute"] for g in facts(run)["gaps"]} >= {"site"}
    assert evenhand.load(run.path, plugins=PLUGINS).adapted.model is not None


@pytest.mark.slow
@pytest.mark.parametrize("method", ["reweight", "dfr"])
def test_texts_and_tables_with_several_labels_are_mitigated_label_by_label(run_apart, tmp_path_factory, method):
    toy_labels.FOLDER = str(tiny_bert(tmp_path_factory.mktemp("bert"), toy_labels.ALL_WORDS))
    plugins = load({"toy_labels": toy_labels})
    settings = [f"mitigation.method={method}", "finetune.strategy=probe", "split.validation=0.3"]
    found = facts(run_apart("toy_labels/tickets", *settings, plugins=plugins))
    assert {gap["label"] for gap in found["gaps"]} == {"card", "fee", "transfer"}
    if method == "reweight":
        weighed = facts(
            run_apart("toy_labels/machines", "mitigation.method=reweight", "finetune.threads=1", plugins=plugins)
        )
        assert {gap["label"] for gap in weighed["gaps"]} == {"oil", "belt"}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["reweight", "dfr", "augment"])
def test_of_several_classes_each_is_weighed(run_apart, method):
    run = run_apart("toy_even/kind", f"mitigation.method={method}", plugins=PLUGINS)
    assert {gap["metric"] for gap in facts(run)["gaps"]} == {"accuracy"}
    with pytest.raises(BadInput, match="this task is multiclass; use reweight, dfr or augment"):
        run_apart("toy_even/kind", "mitigation.method=reductions", plugins=PLUGINS)


@pytest.mark.parametrize(
    ("recipe", "settings", "says"),
    [
        ("toy_even/wage", ["mitigation.method=thresholds"], "is for one of two classes, and this task is regression"),
        ("toy_even/wage", ["mitigation.method=postprocess"], "use reweight, dfr or augment, or reductions"),
        (
            "toy_even/loan",
            ["mitigation.method=reweight", 'mitigation.columns=["sx"]'],
            "'sx' is not in schema.sensitive",
        ),
        ("toy_even/loan", ["mitigation.method=reweight", "schema.sensitive=[]"], "schema.sensitive names no column"),
        ("toy_even/loan", ["mitigation.method=augment", 'mitigation.columns=["age"]'], "age is none"),
        (
            "toy_even/loan",
            ["mitigation.method=reductions", "mitigation.constraint=loss"],
            "does not fit the task binary",
        ),
        (
            "toy_even/loan",
            ["mitigation.method=postprocess", "mitigation.constraint=error_rate"],
            "knows no constraint 'error_rate'",
        ),
        (
            "toy_even/loan",
            ["mitigation.method=thresholds", "audit.operating_point={sensitivity=0.9}"],
            "and so does audit.operating_point",
        ),
        ("toy_even/loan", ["mitigation.method=thresholds", "mitigation.least_rows=500"], "no two groups have 500"),
        ("toy_tables/loan", ["mitigation.method=reweight"], "is its plugin's own and takes no weights"),
        ("toy_tables/loan", ["mitigation.method=dfr"], "the model of 'gradient-boosting' has none"),
        ("toy_images/spots", ["mitigation.method=augment"], "its plugin must answer the hook augment"),
        ("toy_even/loan", ["mitigation.method=fairly"], "'mitigation.method' = 'fairly'"),
        ("toy_even/loan", ["mitigation.margin=-1"], "greater than or equal to 0"),
        ("toy_even/loan", ["mitigation.methods=dfr"], "Did you mean 'mitigation.method'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(recipe, settings, says, tmp_path):
    with pytest.raises(BadInput, match=says):
        evenhand.run(recipe, settings=settings, out=tmp_path / "run", plugins=PLUGINS)


def test_a_search_may_try_methods_and_a_recipe_keeps_its_table():
    recipe = PLUGINS.recipe("toy_even/loan").with_settings(
        ['tune.mitigation.method=["none", "reweight"]', "mitigation.most=0.1"]
    )
    assert recipe.tune.space == {"mitigation.method": ("none", "reweight")}
    again = evenhand.Recipe.from_toml(recipe.to_toml(), "again")
    assert again.mitigation == recipe.mitigation
    assert "[mitigation]" not in PLUGINS.recipe("toy_even/loan").to_toml()


def change(group, metric, first, second, low, high, better="higher", verdict="worse"):
    fixed = {"rows": 100, "lower": low, "upper": high, "lower_simultaneous": low, "upper_simultaneous": high}
    return Change("sex", group, metric, better, first, second, second - first, verdict=verdict, **fixed)


def compared(*changes):
    gap = GapChange("sex", "tpr", "largest", "m", "f", "m", "f", 0.2, 0.1, -0.1, -0.2, -0.05, -0.2, -0.05, "better")
    return Comparison("a", "b", True, "paired", 0.95, changes, (gap,), (), ())


def test_a_gap_that_closed_because_the_better_off_fare_worse_is_called_levelling_down():
    worse = change("m", "tpr", 0.8, 0.7, -0.15, -0.05)
    same, better = (change("f", "tpr", 0.6, 0.6 + d, d - 0.05, d + 0.05, verdict="") for d in (0.0, 0.1))
    (said,) = levelled_down(compared(worse, same), ["sex"])
    assert "because m fares worse (0.800 to 0.700)" in said
    assert not levelled_down(compared(worse, better), ["sex"])
    assert not levelled_down(compared(worse, same), ["age"])


def test_only_a_proven_loss_beyond_the_margin_counts_as_harm():
    found = compared(change("m", "tpr", 0.8, 0.7, -0.15, -0.06))
    assert harmed(found, {"tpr"}, 0.05)
    assert not harmed(found, {"tpr"}, 0.07)
    assert not harmed(found, {"accuracy"}, 0.05)


@pytest.mark.slow
def test_a_run_that_was_killed_while_it_mitigates_ends_as_if_it_had_not_been(tmp_path, install):
    env = {**os.environ, **install("toy_even", "toy_even", FOLDER), "EVENHAND_CACHE": str(tmp_path / "cache")}
    settings = ["--set", "mitigation.method=postprocess"]
    line = [sys.executable, "-m", "evenhand", "run", "toy_even/loan", *settings, "--out"]
    calm, killed, rng = tmp_path / "calm", tmp_path / "killed", random.Random(0)
    done = subprocess.run([*line, str(calm)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    for stage in ("finetune", "predict", "mitigation"):
        process = subprocess.Popen([*line, str(killed)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        log = killed / "log.jsonl"
        while process.poll() is None and f'"stage_started", "stage": "{stage}"' not in (
            log.read_text() if log.exists() else ""
        ):
            time.sleep(0.02)
        time.sleep(rng.random() * 0.5)
        process.send_signal(signal.SIGKILL)
        process.wait()
    ended = subprocess.run([*line, str(killed)], env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == done.returncode, ended.stderr
    for name in ("mitigation.json", "predictions.parquet", "audit.json", "evaluation.json", "model/model.json"):
        assert (calm / name).read_bytes() == (killed / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("finance/credit-default", ["mitigation.method=thresholds", 'mitigation.columns=["community"]']),
        ("healthcare/heart", ["mitigation.method=reweight", "finetune.strategy=linear"]),
    ],
)
def test_real_recipes_take_a_mitigation(recipe, settings, run_apart):
    run = run_apart(recipe, *settings)
    assert facts(run)["changes"]
    assert np.isfinite([m.value for m in run.evaluation if m.model == "unmitigated"]).all()
