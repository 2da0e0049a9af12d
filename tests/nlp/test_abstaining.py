"""Who is left to people stands in the report of support-intent, and new messages come with the score and the answer."""

import json
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

import evenhand
from evenhand_nlp.abstaining import _who, sections
from evenhand_nlp.samples import support_messages


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of the recipe on a part of its sample."""
    folder = tmp_path_factory.mktemp("abstaining")
    pl.DataFrame(support_messages(0, 600)).write_csv(folder / "messages.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_CACHE", str(folder / "cache"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        settings = ["finetune.threads=1", "split.validation=0.3"]
        return evenhand.run("nlp/support-intent", folder / "messages.csv", settings, folder / "run")


def test_the_report_says_who_is_left_to_people(finished):
    page = finished.report.read_text("utf-8")
    assert "Who is left to people" in page
    assert "None of these: how it is told" in page
    table = pl.read_parquet(finished.path / "predictions.parquet")
    scope = json.loads((finished.path / "model" / "model.json").read_text())["scope"]
    left = table["abstained"].to_numpy()
    np.testing.assert_array_equal(left, table["none_of_these"].to_numpy() > scope["threshold"])
    assert 0 < left.mean() < 0.15  # 5 of 100 validation messages
    assert scope["kept"] >= 0.95
    assert max(scope["aucs"].values()) > 0.65  # the sample has vague messages, which are of several intents


def test_new_messages_come_with_the_score_and_whether_they_are_left_open(finished):
    asked = pl.DataFrame({"text": ["my card was stolen yesterday", "which football club won the cup last night"]})
    told = evenhand.load(finished.path).table(asked)
    assert told.columns[-4:] == ["none_of_these", "abstained", "prediction", "score"]
    assert told["abstained"].to_list() == [False, True]


def test_a_slice_that_is_left_open_more_often_is_proven_so_and_an_even_one_is_not():
    rng = np.random.default_rng(0)
    side = np.array(["typos", "plain"])[(np.arange(600) % 2)]
    even = rng.choice(["a", "b"], 600)
    left = rng.random(600) < np.where(side == "typos", 0.3, 0.05)
    section = _who(left, rng.random(600) < 0.9, {"wording": side.tolist(), "letter": even.tolist()})
    chance = {row[0]: float(row[-1]) for row in section.rows}
    assert chance["typos (wording)"] < 0.001
    assert chance["a (letter)"] > 0.05
    assert "For 2 of 4 slices" in section.text
    assert "More often: typos; less often: plain." in section.text


def test_slices_stand_in_the_order_of_their_numbers():
    words = ["8-12 words", "13-24 words", "1-7 words"] * 20
    section = _who(np.zeros(60, bool), np.ones(60, bool), {"length": words})
    assert [row[0].split()[0] for row in section.rows] == ["1-7", "8-12", "13-24"]
    assert "For 0 of 3 slices" in section.text
    assert "often:" not in section.text


def test_a_run_that_decides_every_message_has_no_such_section(tmp_path):
    assert sections(SimpleNamespace(path=tmp_path, manifest={"stages": {}})) == []
