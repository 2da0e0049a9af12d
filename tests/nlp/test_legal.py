"""legal-clauses on its sample: the planted bias is found, sentences that decided are shown, new files are read."""

import json
import re

import polars as pl
import pytest

import evenhand
import evenhand_nlp
from evenhand_nlp.legal.data import load
from evenhand_nlp.legal.deciding import sentences
from evenhand_nlp.legal.samples import LABELS, VAGUE, contracts
from evenhand_nlp.legal.wording import LEGALESE, PLAIN, sentence_length, wording


@pytest.fixture
def recipe():
    return next(one for one in evenhand_nlp.recipes() if one.name == "legal-clauses")


@pytest.fixture(scope="session")
def found(run_apart):
    return run_apart("nlp/legal-clauses")


def test_the_sample_has_every_label_and_the_planted_sentences():
    table = pl.DataFrame(contracts(0))
    assert contracts(0) == contracts(0) != contracts(1)
    assert all(0.05 < table[label].mean() < 0.2 for label in LABELS)
    vague = table.filter(pl.any_horizontal(pl.col("text").str.contains(said.split("{")[0]) for said in VAGUE))
    assert 0.1 < vague["TERMINATE_CONTRACT"].mean() < 0.7
    assert (table.select(LABELS).sum_horizontal() > 1).any()


@pytest.mark.parametrize(
    ("text", "word", "length"),
    [
        ("we may terminate this agreement", LEGALESE, "1-15 words"),
        ("TO THE FULLEST EXTENT permitted", LEGALESE, "1-15 words"),
        ("we can close your account", PLAIN, "1-15 words"),
        ("the marshall " * 20, PLAIN, "31-60 words"),
        ("", PLAIN, "1-15 words"),
    ],
)
def test_wording_and_length_are_told_by_the_text(text, word, length):
    assert (wording(text), sentence_length(text)) == (word, length)


def test_neighbours_stay_together_and_no_training_row_is_near_a_test_row(recipe):
    splits = load(recipe, None)
    rows = {name: list(map(position, getattr(splits, name)["passage"])) for name in ("train", "validation", "test")}
    assert {*rows["train"]} & {*rows["test"]} == set() == {*rows["train"]} & {*rows["validation"]}
    assert min(abs(a - b) for a in set(rows["train"]) for b in {*rows["test"], *rows["validation"]}) >= 2
    assert splits.schema.labels == LABELS
    assert any("left out of training, as they stand within" in note for note in splits.notes)


def position(passage):
    return int(re.search(r"\d+", passage)[0])


def test_data_without_passages_get_blocks_of_rows(recipe, tmp_path):
    pl.DataFrame(contracts(0)).drop("passage").write_parquet(tmp_path / "rows.parquet")
    splits = load(recipe, tmp_path / "rows.parquet")
    assert len(set(splits.test["passage"])) >= 6
    assert not set(splits.test["passage"]) & set(splits.train["passage"])


def test_too_few_rows_for_stretches_are_refused_with_a_smaller_block(recipe, tmp_path):
    pl.DataFrame(contracts(0)).drop("passage").write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(evenhand.BadInput, match=r"fewer than 6 stretches of 3 blocks of 500 rows; set a smaller block"):
        load(recipe.with_settings(["split.block=500"]), tmp_path / "rows.parquet")


def test_texts_are_divided_into_sentences_in_any_script():
    assert sentences("We may end it. You may not!  Or so;\nand so") == [
        "We may end it.",
        "You may not!",
        "Or so;",
        "and so",
    ]
    assert sentences("これは文です。次の文です。") == ["これは文です。", "次の文です。"]
    assert sentences("") == [""]


def test_the_planted_bias_is_found_for_its_label_alone(found):
    verdicts = {v["attribute"]: v["verdict"] for v in found.audit.data["verdicts"]}
    assert verdicts["TERMINATE_CONTRACT: wording"] == "exceeded"
    assert "exceeded" not in [verdicts[f"{label}: wording"] for label in LABELS if label != "TERMINATE_CONTRACT"]


def test_the_report_shows_the_sentences_that_decided(found):
    page = found.report.read_text()
    assert "The sentences that decided" in page
    facts = json.loads((found.path / "model" / "exhibits" / "deciding.json").read_text())
    assert {one["label"] for one in facts} == set(LABELS)
    assert all(one["sentence"] in page.replace("&#39;", "'") for one in facts if "&" not in one["sentence"])
    assert "From which score a label is given" in page


def test_a_new_file_is_scored_and_audited_at_once(found, tmp_path):
    pl.DataFrame(contracts(5)).head(300).drop("passage").write_parquet(tmp_path / "new.parquet")
    evenhand.predict(found.path, tmp_path / "new.parquet", tmp_path / "scored.parquet")
    scored = pl.read_parquet(tmp_path / "scored.parquet")
    assert {"wording", "sentence_length", "prediction", *LABELS} <= set(scored.columns)
    audit = evenhand.audit(
        scored, labels=LABELS, score="score_{}", prediction="prediction_{}", sensitive="wording", tolerance={"tpr": 0.1}
    )
    assert len(audit.data["verdicts"]) == len(LABELS)
