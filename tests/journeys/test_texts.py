"""A plugin that writes texts goes the whole way: texts are graded, audited, read again, written for new rows."""

import json
from html import unescape

import numpy as np
import polars as pl
import pytest

import toy_writes
from evenhand import BadInput, PluginFault
from evenhand.extending.discovering import load
from evenhand.predicting.texts import quality, written


@pytest.fixture(scope="module")
def plugins():
    return load({"toy_writes": toy_writes})


@pytest.fixture(scope="module")
def echo(run_apart, plugins):
    return run_apart("toy_writes/echo", plugins=plugins).path


def test_the_gap_in_acceptable_texts_is_that_of_the_table(echo):
    table = pl.read_parquet(echo / "predictions.parquet")
    right = (table["prediction"] == table["answer"]).cast(pl.Float64)
    assert table["quality"].to_list() == right.to_list()
    by_region = dict(table.with_columns(right.alias("right")).group_by("region").agg(pl.col("right").mean()).rows())
    told = json.loads((echo / "audit.json").read_text())
    (verdict,) = told["verdicts"]
    assert verdict["verdict"] == "exceeded"
    assert verdict["value"] == pytest.approx(by_region["south"] - by_region["north"])
    assert by_region["south"] == 1


def test_every_model_is_graded_and_the_gain_is_paired(echo):
    table = pl.read_parquet(echo / "predictions.parquet")
    found = {(m["model"], m["name"]): m for m in json.loads((echo / "evaluation.json").read_text())}
    theirs = (table["baseline_always apple"] == table["answer"]).mean()
    assert found["always apple", "quality"]["value"] == pytest.approx(theirs)
    gain = found["adapted", "quality_gain"]
    assert gain["value"] == pytest.approx(table["quality"].mean() - theirs)
    assert gain["lower"] > 0
    assert "Yes: the adapted model's texts are better" in unescape((echo / "report.html").read_text())


def test_new_rows_get_texts_and_none_where_the_model_abstains(echo, plugins):
    from evenhand.scoring import load as open_model

    scorer = open_model(echo, plugins)
    rows = pl.DataFrame({"row": ["a", "b"], "asked": ["where is the boat", ""]})
    made = scorer.table(rows)
    assert made.columns == ["row", "prediction", "confidence"]
    assert made["prediction"].to_list() == ["boat", None]
    assert made["confidence"].to_list() == [0.9, 0.0]
    assert scorer.predict(rows).tolist() == ["boat", None]
    assert scorer.empty(rows.clear()).schema == made.schema
    with pytest.raises(BadInput, match="writes texts"):
        scorer.predict_proba(rows)


def test_a_file_of_new_rows_says_how_many_got_none(echo, plugins, tmp_path, monkeypatch):
    from evenhand.scoring import writing
    from evenhand.scoring.scorer import load as open_model

    monkeypatch.setattr(writing, "load", lambda run: open_model(run, plugins))
    source = tmp_path / "new.csv"
    source.write_text("row,asked\na,where is the boat\nb,\nc,an eel\n")
    told = writing.predict(echo, source, tmp_path / "out.csv")
    assert told.rows == 3
    assert told.decisions == (("answered", 2), ("abstained", 1))
    assert pl.read_csv(tmp_path / "out.csv")["prediction"].to_list() == ["boat", None, "eel"]


def test_labels_that_are_no_texts_are_refused(plugins, tmp_path):
    import evenhand

    rows = {
        "row": [str(i) for i in range(60)],
        "asked": ["a b"] * 60,
        "answer": list(range(60)),
        "region": ["n", "s"] * 30,
    }
    pl.DataFrame(rows).write_parquet(tmp_path / "numbers.parquet")
    with pytest.raises(BadInput, match="task is generate; give the texts"):
        evenhand.run("toy_writes/echo", data=tmp_path / "numbers.parquet", out=tmp_path / "run", plugins=plugins)


class Wrong:
    """Gives what it is told to give."""

    def __init__(self, texts=("a", "b"), sure=(0.5, 0.5), grades=(1.0, 0.0)):
        self.given, self.grades = (list(texts), np.array(sure)), np.array(grades)

    def write(self, rows):
        return self.given

    def quality(self, texts, rows):
        return self.grades


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (Wrong(texts=["a"]), "1 texts"),
        (Wrong(texts=["a", 3]), "gave 3"),
        (Wrong(sure=[0.5, 1.5]), r"outside of \[0, 1\]"),
        (Wrong(sure=[0.5, float("nan")]), r"outside of \[0, 1\]"),
        (object(), "no write"),
    ],
)
def test_a_model_that_breaks_the_contract_is_named(model, says):
    with pytest.raises(PluginFault, match=says):
        written(model, [1, 2])


@pytest.mark.parametrize(("grades", "says"), [([1.0], "shape"), ([2.0, 0.0], "outside")])
def test_quality_that_is_no_share_is_refused(grades, says):
    with pytest.raises(PluginFault, match=says):
        quality(Wrong(grades=grades), ["a", "b"], [1, 2])
