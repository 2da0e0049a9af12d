"""Files that a recipe names, and marks of dialect: what is read from them, and what is refused."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand import BadInput
from evenhand_nlp.identity.dialect import MARKED, PLAIN, dialect, limits
from evenhand_nlp.identity.from_files import from_files
from evenhand_nlp.identity.pronouns import apart, pronouns_of
from evenhand_nlp.identity.templates import filled, templates_of, term_of

TERMS = ("muslim", "christian", "african american", "gay")
WORDS = {"toxic": ("vile", "dumb", "awful"), "nontoxic": ("kind", "neat", "happy")}


@pytest.fixture
def templates(tmp_path):
    """(file of 4 terms × 6 adjectives × 5 names, in the columns of published files)."""
    rows = [
        (f"{name} is a {word} {term}", label)
        for name in ("Ling", "Anita", "Hiro", "Sara", "Mateo")
        for label, words in WORDS.items()
        for word in words
        for term in TERMS
    ]
    pl.DataFrame(rows, schema=["phrase", "toxicity"], orient="row").write_csv(tmp_path / "t.csv")
    return tmp_path / "t.csv"


def scorer(extra):
    """0.6 for a toxic word, 0.2 without, and `extra` for sentences about Muslims."""

    def score(texts):
        toxic = [any(word in text for word in WORDS["toxic"]) for text in texts]
        return np.array([0.2 + 0.4 * t + extra * ("muslim" in text) for t, text in zip(toxic, texts, strict=True)])

    return score


def test_a_term_whose_name_is_enough_has_the_lowest_bpsn(templates):
    even = filled(templates_of(templates), scorer(0.0), 0)
    assert even.texts == 120
    assert even.means == dict.fromkeys(("subgroup", "bpsn", "bnsp"), (1.0, 1.0, 1.0))
    told = filled(templates_of(templates), scorer(0.5), 0)
    terms = {term: values for term, _, *values in told.terms}
    assert terms["muslim"] == [1.0, 0.0, 1.0]  # its harmless sentences score above every other's toxic ones
    assert terms["gay"][2] == pytest.approx(2 / 3)  # its toxic ones stand below a third of the others' harmless ones
    assert told.means["bpsn"][0] == 0.0
    facts = {"texts": told.texts, "means": told.means, "terms": told.terms}
    assert "'muslim'" in from_files({"templates": facts}, "toxic")[0].text


def test_few_frames_are_drawn_whole(templates):
    some = filled(templates_of(templates), scorer(0.1), 0, most=40)
    assert some.texts == 40
    assert {count for _, count, *_ in some.terms} <= {10}


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Ling is a dumb african american", "african american"),
        ("Being gay is friendly.", "gay"),
        ("Anita is a gracious female", "female"),
        ("You are a kind designer", ""),
        ("Malek", ""),
    ],
)
def test_the_term_of_a_sentence_is_the_last_whole_one(text, term):
    assert term_of(text) == term


def test_a_column_of_terms_is_taken_as_it_is(tmp_path):
    file = tmp_path / "own.parquet"
    rows = {"Text": ["a", "b", "c", "d"], "Label": ["BAD", "NOT_BAD"] * 2, "term": ["x.*", "x.*", "(y", "(y"]}
    pl.DataFrame(rows).write_parquet(file)
    assert set(templates_of(file)["term"]) == {"x.*", "(y"}
    assert filled(templates_of(file), lambda texts: np.zeros(len(texts)), 0).terms == []


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"text": ["a gay"]}, "has no column 'label'"),
        ({"label": ["toxic"]}, "has no column 'text'"),
        ({"text": ["a gay", "a muslim"], "label": ["toxic", "toxic"]}, "needs sentences of both labels"),
    ],
)
def test_a_file_that_holds_no_templates_is_refused(tmp_path, columns, says):
    pl.DataFrame(columns).write_csv(tmp_path / "t.csv")
    with pytest.raises(BadInput, match=says):
        templates_of(tmp_path / "t.csv")


@pytest.fixture
def pronouns(tmp_path):
    rows = [
        (f"{job}.patient.{answer}.{gender}.txt", f"The {job} said {word} would come, case {answer}.")
        for job in ("nurse", "surgeon", "baker")
        for answer in (0, 1)
        for gender, word in (("male", "he"), ("female", "she"), ("neutral", "they"))
    ]
    pl.DataFrame(rows, schema=["sentid", "sentence"], orient="row").write_parquet(tmp_path / "p.parquet")
    return tmp_path / "p.parquet"


def test_pronouns_are_compared_over_the_same_sentences_with_the_occupation_as_unit(pronouns):
    def score(texts):
        return np.array([0.4 + 0.2 * (" she " in text and "nurse" in text) for text in texts])

    found = {(one.one, one.other): one for one in apart(pronouns_of(pronouns), score, 0.5)}
    assert set(found) == {("female", "male"), ("female", "neutral"), ("male", "neutral")}
    one = found["female", "male"]
    assert (one.sentences, one.clusters, one.flips) == (6, 3, 2)
    assert one.flipped_clusters[0] == pytest.approx(1 / 3)
    assert one.shift[0] == pytest.approx(0.2 / 3)
    assert one.shift[1] < 0 < one.shift[2]  # one occupation of three proves nothing
    assert found["male", "neutral"].shift == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(("name", "says"), [("nurse.female", "names a sentence 'nurse.female'"), (None, "no column")])
def test_a_file_that_holds_no_pronoun_sentences_is_refused(tmp_path, name, says):
    columns = {"sentid": [name], "sentence": ["x"]} if name else {"sentence": ["x"]}
    pl.DataFrame(columns).write_csv(tmp_path / "p.csv")
    with pytest.raises(BadInput, match=says):
        pronouns_of(tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("I'm finna go", MARKED),
        ("ion know what he talkin about", MARKED),
        ("she be working late", MARKED),
        ("he don’t know nothing", MARKED),
        ("they don't want no trouble", MARKED),
        ("Y’all come back", MARKED),
        ("will they be working late?", PLAIN),
        ("the nation's ions and a dating site", PLAIN),
        ("@yall #da http://x/da", PLAIN),
        ("", PLAIN),
        ("\x00" * 9, PLAIN),
    ],
)
def test_marks_of_dialect_are_whole_words_and_turns(text, says):
    assert dialect(text) == says


def test_what_the_marks_cannot_tell_is_written_down():
    assert any("not of its writer" in limit for limit in limits())


@given(st.text(max_size=200))
def test_any_text_has_a_dialect_slice(text):
    assert dialect(text) in (MARKED, PLAIN)
