"""The site card at a new hospital: nothing is done unless its labels prove a gain, and whoever asks is told why."""

import json

import numpy as np
import polars as pl
import pytest

import evenhand
from evenhand import BadInput
from evenhand_healthcare import records


@pytest.fixture(scope="module")
def harbour(tmp_path_factory):
    """Rows of the new hospital, as a file."""
    file = tmp_path_factory.mktemp("site") / "harbour.csv"
    records.heart_site(0).write_csv(file)
    return file


@pytest.fixture(scope="module")
def adapted(heart_run, harbour, tmp_path_factory):
    """`evenhand adapt` with all 400 labels."""
    return evenhand.adapt(heart_run, harbour, out=tmp_path_factory.mktemp("adapted") / "all")


def test_what_is_proven_is_taken_and_the_card_says_by_how_much(adapted):
    assert adapted.verdict == "adapt"
    chosen = next(line for line in adapted.card["candidates"] if line["name"] == adapted.chosen)
    assert chosen["proven"]
    assert 0 < chosen["gain"]["lower"] < chosen["gain"]["value"] < chosen["gain"]["upper"]
    assert "proven lower than the source model's" in str(adapted)


def test_every_candidate_has_its_gain_with_limits_and_what_is_forgotten(adapted):
    lines = {line["name"]: line for line in adapted.card["candidates"]}
    assert set(lines) >= {"nothing", "recalibrate", "reweight", "align", "probe", "finetune", "pool"}
    for name, line in lines.items():
        if name != "nothing":
            assert line["gain"]["lower"] < line["gain"]["upper"]
        assert line["old"]["rows"] > 100
    assert lines["nothing"]["old"]["gain"] == {"value": 0, "lower": 0, "upper": 0}
    assert lines["finetune"]["old"]["gain"]["upper"] < 0  # fitted to the new hospital alone, it forgets the old ones


def test_the_report_has_the_card_and_the_audit_of_groups_at_the_place(adapted):
    report = adapted.report.read_text()
    assert "Site card" in report
    assert "Gain in log loss" in report
    audit = json.loads((adapted.path / "audit.json").read_text())
    assert {attribute["name"] for attribute in audit["attributes"]} >= {"sex", "age_band"}


def test_the_folder_is_a_model_of_its_own(adapted, harbour, heart_run):
    said = evenhand.load(adapted.path).predict_proba(harbour)
    before = evenhand.load(heart_run).predict_proba(harbour)
    sick = pl.read_csv(harbour)["num"].to_numpy() > 0
    place = list(evenhand.load(adapted.path).adapted.classes).index("yes")
    loss = [-np.log(np.where(sick, one[:, place], 1 - one[:, place])).mean() for one in (said, before)]
    assert loss[0] < loss[1]


@pytest.mark.parametrize("k", [0, 10, 30])
def test_few_labels_prove_nothing_and_nothing_is_done(heart_run, harbour, tmp_path, k):
    found = evenhand.adapt(heart_run, harbour, k=k, out=tmp_path / "few")
    assert found.chosen == "nothing"
    assert found.verdict == "not enough evidence"
    source = evenhand.load(heart_run).predict_proba(harbour)
    assert np.array_equal(evenhand.load(found.path).predict_proba(harbour), source)


def test_labels_that_are_held_back_check_the_choice_and_take_no_part_in_it(heart_run, harbour, tmp_path):
    rows = pl.read_csv(harbour)
    found = evenhand.adapt(heart_run, rows, k=150, out=tmp_path / "one")
    assert found.card["place"]["labelled"] == 150
    assert found.card["place"]["held"] == 250
    assert all("auc" in line["held"] for line in found.card["candidates"])
    used = pl.read_parquet(found.path / "unseen.parquet")["row"]
    wrong = rows.with_row_index().with_columns(
        pl.when(pl.col("index").is_in(used.implode())).then("num").otherwise(1 - pl.col("num").clip(0, 1)).alias("num")
    )
    again = evenhand.adapt(heart_run, wrong.drop("index"), k=150, out=tmp_path / "two")
    gains = [[line["gain"] for line in one.card["candidates"]] for one in (found, again)]
    assert gains[0] == gains[1]


def test_without_a_label_the_card_says_so_and_audits_nothing(heart_run, harbour, tmp_path):
    found = evenhand.adapt(heart_run, pl.read_csv(harbour).drop("num"), out=tmp_path / "blind")
    assert found.chosen == "nothing"
    assert not (found.path / "audit.json").exists()
    assert "prove nothing" in str(found)


@pytest.mark.slow
def test_the_command_prints_the_card(evenhand, heart_run, harbour):
    done = evenhand("adapt", heart_run, "--data", harbour, "--k", "25", "--out", "site")
    assert done.returncode == 0, done.stderr
    assert "NOT ENOUGH EVIDENCE: nothing" in done.stdout
    assert "recalibrate" in done.stdout
    as_json = json.loads(evenhand("adapt", heart_run, "--data", harbour, "--k", "25", "--out", "site", "--json").stdout)
    assert as_json["chosen"] == "nothing"


@pytest.mark.parametrize(
    ("change", "arguments", "why"),
    [
        (lambda rows: rows.with_columns(pl.lit("maybe").alias("disease")), {}, "has the label 'maybe', and the model"),
        (lambda rows: rows.head(0), {}, "has no rows"),
        (lambda rows: rows, {"k": 401}, "400; ask for 0 to 400"),
        (lambda rows: rows, {"labels": "nmu"}, "Did you mean 'num'"),
        (lambda rows: rows.drop("thalach"), {}, "thalach"),
    ],
    ids=["a label that the model does not know", "no rows", "more labels than there are", "no such column", "an input"],
)
def test_a_place_that_cannot_be_read_is_refused(heart_run, harbour, tmp_path, change, arguments, why):
    with pytest.raises(BadInput, match=why):
        evenhand.adapt(heart_run, change(pl.read_csv(harbour)), out=tmp_path / "no", **arguments)


def test_the_runs_own_folder_is_not_written_into(heart_run, harbour):
    with pytest.raises(BadInput, match="is the run itself"):
        evenhand.adapt(heart_run, harbour, out=heart_run)


def test_old_data_that_are_not_the_runs_are_refused(heart_run, harbour, tmp_path):
    records.heart_records(1, 60).write_csv(tmp_path / "other.csv")
    with pytest.raises(BadInput, match="is not the data that"):
        evenhand.adapt(heart_run, harbour, source=tmp_path / "other.csv", out=tmp_path / "no")


@pytest.mark.slow
@pytest.mark.parametrize("until", ["recipe.toml", "card.json", "model", "predictions.parquet", "audit.json"])
def test_an_adaptation_killed_at_any_point_ends_as_if_it_had_not_been(heart_run, harbour, adapted, tmp_path, until):
    import os
    import signal
    import subprocess
    import sys
    import time

    out = tmp_path / "killed"
    command = [sys.executable, "-m", "evenhand", "adapt", str(heart_run), "--data", str(harbour)]
    process = subprocess.Popen([*command, "--out", str(out)], env={**os.environ, "HF_HUB_OFFLINE": "1"})
    while process.poll() is None and not (out / until).exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    for name in ("card.json", "unseen.parquet", "audit.json", "evaluation.json", "model/model.json"):
        assert (out / name).read_bytes() == (adapted.path / name).read_bytes(), name
