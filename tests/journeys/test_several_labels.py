"""A multi-label task from start to end: labels as lists or as columns of 0 and 1, thresholds, audit, use."""

import json
import re

import numpy as np
import polars as pl
import pytest
import toy_labels

import evenhand
from evenhand.errors import BadInput

LABELS = ("card", "fee", "transfer")


def test_the_planted_gap_is_found_for_its_label_alone(tickets):
    found = {verdict["attribute"]: verdict["verdict"] for verdict in tickets.audit.data["verdicts"]}
    assert found["fee: app"] == "exceeded"
    assert "exceeded" not in (found["card: app"], found["transfer: app"])


def test_each_label_has_a_threshold_of_its_own_and_it_decides(tickets):
    about = json.loads((tickets.path / "model" / "model.json").read_text())["labelled"]
    table = pl.read_parquet(tickets.path / "predictions.parquet")
    assert about["labels"] == list(LABELS)
    assert len(set(about["thresholds"])) == len(LABELS)
    for label, threshold in zip(LABELS, about["thresholds"], strict=True):
        assert (table[f"prediction_{label}"] == (table[f"score_{label}"] >= threshold).cast(int)).all()


def test_the_figures_are_those_of_scikit_learn(tickets):
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    table = pl.read_parquet(tickets.path / "predictions.parquet")
    truth, decided, scores = (
        table.select(pattern.format(label) for label in LABELS).to_numpy()
        for pattern in ("{}", "prediction_{}", "score_{}")
    )
    found = {metric.name: metric for metric in tickets.evaluation if metric.model == "adapted"}
    assert found["macro_f1"].value == pytest.approx(f1_score(truth, decided, average="macro"))
    assert found["micro_f1"].value == pytest.approx(f1_score(truth, decided, average="micro"))
    assert found["exact_match"].value == pytest.approx((truth == decided).all(axis=1).mean())
    for j, label in enumerate(LABELS):
        precision = average_precision_score(truth[:, j], scores[:, j])
        assert found[f"average_precision: {label}"].value == pytest.approx(precision, abs=1e-6)
        assert found[f"auc: {label}"].value == pytest.approx(roc_auc_score(truth[:, j], scores[:, j]))
    assert all(m.lower <= m.value <= m.upper for m in found.values() if not m.name.endswith("gain"))


def test_baselines_stand_beside_it_at_thresholds_of_their_own(tickets):
    models = {metric.model for metric in tickets.evaluation if metric.name == "macro_f1"}
    assert models == {"adapted", "majority", "tfidf_logistic"}
    about = json.loads((tickets.path / "model" / "model.json").read_text())["labelled"]
    assert about["baselines"]["tfidf_logistic"] != about["thresholds"]


def test_the_report_shows_every_label(tickets):
    page = tickets.report.read_text()
    for label in LABELS:
        assert f"{label}: app" in page
        assert f"f1: {label}" in page
    assert "a label is given from its own threshold on" in page
    assert "a multi-label" not in tickets.audit.data["title"]


def test_new_rows_get_a_score_for_each_label_and_are_audited_at_once(tickets, label_plugins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("evenhand.extending.discovering.load", lambda: label_plugins)
    pl.DataFrame(toy_labels.tickets(7, 300)).write_parquet("new.parquet")
    scored = evenhand.predict(tickets.path, "new.parquet", "scored.parquet")
    table = pl.read_parquet("scored.parquet")
    assert set(table.columns) == {
        "app", "prediction", *(part.format(label) for label in LABELS for part in ("{}", "score_{}", "prediction_{}"))
    }  # fmt: off
    for row in table.head(20).iter_rows(named=True):
        assert json.loads(row["prediction"]) == [label for label in LABELS if row[f"prediction_{label}"]]
    assert sum(n for _, n in scored.decisions) == 300
    audit = evenhand.audit(
        "scored.parquet",
        labels=LABELS,
        score="score_{}",
        prediction="prediction_{}",
        sensitive="app",
        tolerance={"tpr": 0.1},
    )
    assert {v["attribute"] for v in audit.data["verdicts"]} == {f"{label}: app" for label in LABELS}
    assert audit.data["verdicts"][1]["verdict"] == "exceeded"


def test_columns_of_0_and_1_are_learnt_from_a_table(machines):
    found = {metric.name: metric.value for metric in machines.evaluation if metric.model == "adapted"}
    assert found["average_precision: belt"] > 0.9
    assert {a["label"] for a in machines.audit.data["attributes"]} == {"oil", "belt"}


def test_a_stored_model_scores_as_before(machines, label_plugins):
    rows = pl.DataFrame(toy_labels.machines(3, 40))
    scorer = evenhand.load(machines.path, plugins=label_plugins)
    first = scorer.predict_proba(rows)
    assert first.shape == (40, 2)
    assert np.array_equal(first, evenhand.load(machines.path, plugins=label_plugins).predict_proba(rows))


@pytest.mark.parametrize(
    "strategy", ["lp-ft", *(pytest.param(name, marks=pytest.mark.slow) for name in ("full", "lora"))]
)
def test_every_strategy_of_networks_learns_it(strategy, run_apart, label_plugins):
    settings = f"finetune.strategy={strategy}", "finetune.epochs=4", "finetune.learning_rate=0.003"
    found = run_apart("toy_labels/tickets", *settings, plugins=label_plugins)
    figures = {(m.model, m.name): m.value for m in found.evaluation}
    assert figures["adapted", "mean_average_precision"] > figures["majority", "mean_average_precision"] + 0.2
    assert (found.path / "model" / "config.json").is_file()


def test_a_verified_run_comes_out_byte_for_byte(tickets, label_plugins, monkeypatch):
    monkeypatch.setattr("evenhand.extending.discovering.load", lambda: label_plugins)
    assert evenhand.verify(tickets.path).equal


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"topics": ["card"] * 40}, "holds 'card' in row 1, which is no list of labels; write [\"a\", \"b\"]"),
        ({"topics": ["[]"] * 40}, "every list is empty"),
        ({"topics": [None] * 40}, "is empty throughout"),
        ({"topics": ['["only"]', "[]"] * 20}, "has one label alone, 'only'; use --set task=binary"),
        ({"topics": [json.dumps([str(n)]) for n in range(1200)]}, "1,200 different labels, and 1,000 can be learnt"),
    ],
)  # fmt: off
def test_what_is_no_multi_label_task_is_refused_in_a_sentence(change, says, label_plugins, tmp_path):
    n = len(change["topics"])
    pl.DataFrame({"text": ["my card"] * n, "app": ["new", "old"] * (n // 2), **change}).write_parquet(tmp_path / "t.pq")
    with pytest.raises(BadInput, match=re.escape(says)):
        evenhand.run("toy_labels/tickets", data=tmp_path / "t.pq", out=tmp_path / "run", plugins=label_plugins)


def test_a_flag_that_is_neither_0_nor_1_is_named_by_its_row(label_plugins, tmp_path):
    rows = pl.DataFrame(toy_labels.machines(0, 60)).with_columns(oil=pl.Series([2] + [0, 1] * 29 + [1]))
    rows.write_csv(tmp_path / "m.csv")
    with pytest.raises(BadInput, match="'oil' of .* holds '2' in row 1; each of schema.labels is a column of 0 and 1"):
        evenhand.run("toy_labels/machines", data=tmp_path / "m.csv", out=tmp_path / "run", plugins=label_plugins)
