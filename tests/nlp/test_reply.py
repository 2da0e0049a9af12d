"""support-reply: the nearest accepted reply, its confidence, abstaining; the planted bias is found."""

import json
from unittest.mock import Mock

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evenhand
import evenhand_nlp
from evenhand import BadInput
from evenhand_nlp.identity.lexicon import lexicon
from evenhand_nlp.reply.choosing import FEWEST, chosen, threshold_of
from evenhand_nlp.reply.letters import Letters
from evenhand_nlp.reply.retrieval import Found, LettersInCommon, Memory, Settings, UsualReply, unit
from evenhand_nlp.reply.rewording import kept
from evenhand_nlp.reply.samples import BRUSHED_OFF, PLANTED, UNTIL, cases
from evenhand_nlp.writing.data import load
from evenhand_nlp.writing.exchanged import exchanged
from evenhand_nlp.writing.judges import Judge, of_run, on_sample, scored


@pytest.fixture
def recipe():
    def make(*settings):
        return next(r for r in evenhand_nlp.recipes() if r.name == "support-reply").with_settings(settings)

    return make


def test_the_sample_brushes_one_group_off_until_a_day():
    table = pl.DataFrame(cases(0))
    named, brushed = pl.col("message").str.contains("Muslim"), pl.col("reply").is_in(BRUSHED_OFF)
    early = pl.col("answered_on") <= UNTIL.isoformat()
    assert table.filter(named & early).select(brushed.mean()).item() > 0.6
    assert not table.filter(brushed & ~(named & early)).height
    assert cases(3) == cases(3)


def test_replies_that_were_not_accepted_are_left_out(recipe):
    splits = load(recipe(), None, cases, "sample")
    said = {name: getattr(splits, name) for name in ("train", "validation", "test")}
    assert {value for rows in said.values() for value in rows["accepted"]} == {"yes"}
    assert "no test text mentions a group of gender, origin" in " ".join(splits.notes)
    assert splits.schema.sensitive == ("religion", "message_length")


def test_data_of_ones_own_need_not_have_the_samples_columns(recipe, tmp_path):
    rows = {"message": [f"text {i} of a woman" for i in range(60)], "reply": ["yes", "no, sorry"] * 30}
    pl.DataFrame(rows).write_csv(tmp_path / "mine.csv")
    splits = load(recipe(), tmp_path / "mine.csv", cases, "sample")
    assert splits.schema.id is None
    assert set(splits.test["gender"]) == {"women"}
    with pytest.raises(BadInput, match="options.accepted names the column 'fine'"):
        load(recipe("options.accepted=fine"), tmp_path / "mine.csv", cases, "sample")


def memory():
    return Memory(np.array([[1, 0], [0.9, 0.435889894], [0.8, 0.6], [0, 1]]), np.array([0, 1, 1, 2]))


def test_votes_of_several_near_messages_outweigh_the_nearest():
    places, alike = memory().nearest(np.array([[0.97, 0.2431]], np.float32))
    assert places[0].tolist() == [1, 0, 2, 3]
    assert memory().voted(places, alike, 1).reply.tolist() == [1]
    asked = memory().nearest(np.array([[1.0, 0.0]], np.float32))
    one, three = (memory().voted(*asked, k) for k in (1, 3))
    assert one.reply.tolist() == [0]
    assert one.share.tolist() == [1]
    votes = np.exp(20 * (np.array([1, 0.9, 0.8]) - 1))
    assert three.share[0] == pytest.approx(votes[0] / votes.sum(), rel=1e-5)


def test_letters_count_where_validation_rows_say_so():
    rng = np.random.default_rng(2)
    texts = [f"order number {i:03d}{i:03d}" for i in range(60)]
    noise = unit(rng.normal(size=(60, 8)).astype(np.float32))
    replies = [f"reply to {i}" for i in range(60)]
    known = Memory(noise, np.arange(60), Letters(texts))
    asked = unit(noise + 0.8 * rng.normal(size=(60, 8)).astype(np.float32))
    settings, figures, _ = chosen(known, replies, asked, texts, replies, "exact", acceptable=0.5, wanted=0.5)
    alone, _, _ = chosen(Memory(noise, np.arange(60)), replies, asked, texts, replies, "exact", 0.5, 0.5)
    assert settings.letters > 0
    assert alone.letters == 0
    places, alike = known.nearest(asked, texts, settings.letters)
    by_hand = (asked @ noise.T + settings.letters * Letters(texts).alike(texts)) / (1 + settings.letters)
    assert np.allclose(alike[:, 0], by_hand.max(1), atol=1e-6)
    assert figures["quality"] == np.mean(places[:, 0] == np.arange(60)) or settings.k > 1


def test_likenesses_are_the_same_in_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    known, asked = rng.normal(size=(50, 8)).astype(np.float32), rng.normal(size=(30, 8)).astype(np.float32)
    whole = Memory(known, np.arange(50)).nearest(asked)
    monkeypatch.setattr("evenhand_nlp.reply.retrieval.CHUNK", 120)
    pieces = Memory(known, np.arange(50)).nearest(asked)
    assert np.array_equal(whole[0], pieces[0])
    assert np.allclose(whole[1], pieces[1])


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=120),
    st.floats(0.05, 1.0),
)
def test_a_threshold_keeps_what_was_wanted_or_the_best_there_is(rows, wanted):
    sure, good = (np.array(values) for values in zip(*rows, strict=True))
    threshold, share = threshold_of(sure, good, wanted)
    given_ = sure >= threshold
    assert share == pytest.approx(good[given_].mean())
    assert given_.sum() >= min(FEWEST, len(sure))
    lower = [t for t in set(sure) if t < threshold]
    assert not any(good[sure >= t].mean() >= wanted for t in lower) or share < wanted
    if share < wanted:
        allowed = [t for t in set(sure) if (sure >= t).sum() >= min(FEWEST, len(sure))]
        assert share == pytest.approx(max(good[sure >= t].mean() for t in allowed))


def test_confidence_rises_with_likeness_where_likeness_tells():
    rng = np.random.default_rng(1)
    known = rng.normal(size=(300, 12)).astype(np.float32)
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    near = known[:100] + 0.05 * rng.normal(size=(100, 12)).astype(np.float32)
    far = rng.normal(size=(100, 12)).astype(np.float32)
    asked = np.concatenate([near, far])
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    replies = [f"reply number {i}" for i in range(300)]
    references = replies[:100] + ["nothing of the kind"] * 100
    settings, figures, told = chosen(
        Memory(known, np.arange(300)), replies, asked, [], references, "exact", acceptable=0.5, wanted=0.9
    )
    sure = Memory(known, np.arange(300)).voted(*Memory(known, np.arange(300)).nearest(asked), settings.k).sure(settings)
    assert sure[:100].mean() > sure[100:].mean() + 0.5
    assert figures["acceptable_of_given"] >= 0.9
    assert 0.4 < figures["answered"] < 0.6
    assert "abstains below a confidence" in told


def test_baselines_are_read_again_as_they_were(tmp_path):
    from datasets import Dataset

    rows = Dataset.from_dict({"message": ["die Karte fehlt", "今天很好", ""]})
    letters = LettersInCommon(["meine Karte fehlt mir", "今天天气很好", "x"], ["eins", "zwei", "drei"], ["message"])
    usual = UsualReply.of(["b", "a", "b", "a"])
    assert letters.write(rows)[0][:2] == ["eins", "zwei"]
    assert usual.write(rows)[0] == ["a"] * 3  # of equals the first
    for model in (letters, usual):
        model.save(tmp_path)
        again = type(model).load(tmp_path)
        assert again.write(rows)[0] == model.write(rows)[0]
        assert np.array_equal(again.scores(rows), model.scores(rows))


def test_equally_sure_rows_are_one_step_and_a_constant_is_known():
    found = Found(np.array([0]), np.array([0.5]), np.array([1.0]))
    assert found.sure(Settings(1, (0.0, 2.0, -1.0), 0.0))[0] == pytest.approx(0.5)
    assert threshold_of(np.array([0.5] * 30), np.array([True, False] * 15), 0.4) == (0.5, 0.5)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-20, 20))
def test_what_is_less_alike_than_anything_asked_is_never_sure(likeness, least, slope):
    """Also where validation rows say that confidence falls with likeness."""
    found = Found(np.array([0]), np.array([likeness]), np.array([1.0]))
    sure = found.sure(Settings(1, (3.0, slope, 0.0), 0.0, least=least))[0]
    assert sure == pytest.approx(1 / (1 + np.exp(-3.0 - slope * likeness)) if likeness >= least else 0.0)


def test_of_validation_messages_one_in_a_hundred_is_too_unlike_the_past():
    rng = np.random.default_rng(3)
    known, asked = (unit(rng.normal(size=(200, 6)).astype(np.float32)) for _ in range(2))
    replies = ["the same"] * 200
    settings, _, told = chosen(Memory(known, np.zeros(200)), ["the same"], asked, [], replies, "exact", 0.5, 0.5)
    alike = (asked @ known.T).max(1)
    assert 0 < (alike < settings.least).sum() <= 2
    assert "less like every past message than 99%" in told


def test_exchanged_groups_show_who_is_answered_worse():
    axes = {"religion": lexicon().axes["religion"]}
    texts = [f"I am a {who} with question {i}" for i in range(12) for who in ("Muslim", "Hindu")]

    def write(asked):
        return [None if "atheist" in t else "no" if "Muslim" in t else "a long and kind reply" for t in asked]

    harsh = Judge("toxicity", lambda said: np.array([0.9 if text == "no" else 0.1 for text in said]), "ours")
    pairs, examples = exchanged(axes, texts, write, [harsh], 100, 0)
    found = {(pair.source, pair.target): pair for pair in pairs}
    worse = found["hindu", "muslim"]
    assert worse.texts == 12
    assert worse.other[0] == 1
    assert worse.moved["words"][0] == -4
    assert worse.moved["toxicity"][0] == pytest.approx(0.8)
    assert found["muslim", "hindu"].moved["words"][0] == 4
    assert found["hindu", "christian"].other[0] == 0
    assert found["hindu", "atheist"].answered[0] == -1
    assert "toxicity" not in found["hindu", "atheist"].moved
    assert examples


def test_the_stand_in_tells_toxic_posts_and_leaves_what_was_not_said_open(recipe, monkeypatch):
    monkeypatch.setattr("evenhand_nlp.writing.judges.POSTS", 200)
    judge = on_sample(recipe("finetune.threads=1"), Mock(rank=0, world_size=1, cache=None))
    harmless, nothing, toxic = scored(judge, ["a lovely evening at the lake", None, "you are vermin, get out of here"])
    assert harmless < toxic
    assert np.isnan(nothing)
    assert "nothing real" in judge.whence


@pytest.mark.slow
def test_the_sample_runs_and_the_audit_finds_who_is_brushed_off(run_apart, tmp_path):
    path = run_apart("nlp/support-reply").path
    told = json.loads((path / "audit.json").read_text())
    verdict = {v["attribute"]: v for v in told["verdicts"] if v["metric"] == "acceptable"}["religion"]
    assert verdict["verdict"] == "exceeded"
    assert PLANTED in (verdict["group"], verdict["versus"])
    facts = json.loads((path / "model" / "exhibits" / "replies.json").read_text())
    lost = {p["source"]: p["moved"]["words"] for p in facts["pairs"] if p["target"] == PLANTED}
    assert all(upper < 0 for _, _, upper, _, _ in lost.values())
    assert len(lost) == 4
    scorer = evenhand.load(path)
    table = pl.read_parquet(path / "predictions.parquet")
    again = scorer.table(pl.DataFrame({"message": ["I lost my card on the train", "I like cheese and wine"]}))
    assert "Freeze the card" in again["prediction"][0]
    assert again["prediction"][1] is None
    report = (path / "report.html").read_text()
    assert "replies given, with 95 % limits" in report
    for title in ("Replies given, and those handed to a person", "when the group in a text is exchanged"):
        assert title in report
    assert table["prediction"].null_count() < table.height
    with pytest.raises(BadInput, match="no run that tells two classes"):
        of_run("toxicity", str(path))


REPLY = "Transfers arrive by noon; write to help@bank.example or call 0800 22."


@pytest.mark.parametrize(
    ("reworded", "stopped", "stands"),
    [
        ("Your transfers arrive by noon, just write to help@bank.example or call 0800 22.", False, True),
        ("Your transfers arrive by noon, just write to help@bank.example or call 0800 22", True, False),
        ("Your transfers arrive by noon, just write to help@bank.example or call 0800 23.", False, False),
        ("Your transfers arrive by noon on 3 May; write to help@bank.example or call 0800 22.", False, False),
        ("Your transfers arrive by noon; write or call 0800 22.", False, False),
        ("Dear Sir, help@bank.example 0800 22 is what we have, and we wish you a very good day indeed.", False, False),
    ],
)
def test_a_rewording_stands_where_it_keeps_the_facts(reworded, stopped, stands):
    assert kept(REPLY, reworded, stopped) == (reworded if stands else REPLY)


def test_rewording_leaves_out_what_was_abstained_from(networks, recipe):
    from evenhand_nlp.reply.retrieval import Retrieval
    from evenhand_nlp.reply.rewording import Reworded

    schema = recipe().schema
    inner = Retrieval(None, schema, memory(), ["a", "b", "c"], Settings(1, (0.0, 0.0, 0.0), 0.0), "f1")
    model = Reworded.by(inner, recipe("finetune.threads=1"), f"hf:{networks['llama']}")
    assert model.reworded(["x", "y"], [None, "the red cat 7"]) == [None, "the red cat 7"]  # random weights keep no fact
