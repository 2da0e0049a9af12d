"""Slices of messages: each message gets one value of each, by the rules that the report tells."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_nlp.slices import FAMILIES, LENGTHS, MARKED, PLAIN, Wording, intent_family, message_length, slice_columns

TRAINING = ["please send the money to my account", "where is my card", "the payment was declined today"] * 20
WORDING = Wording(TRAINING)
LENGTH_NAMES = {*(name for _, name in LENGTHS), "25 words or more"}
FAMILY_NAMES = {*(name for name, _ in FAMILIES), "other"}


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (0, "1-7 words"),
        (1, "1-7 words"),
        (7, "1-7 words"),
        (8, "8-12 words"),
        (12, "8-12 words"),
        (13, "13-24 words"),
        (24, "13-24 words"),
        (25, "25 words or more"),
        (5000, "25 words or more"),
    ],
)
def test_a_length_belongs_to_the_bin_that_its_name_tells(words, name):
    assert message_length(" \n".join(["word"] * words)) == name


@pytest.mark.parametrize(
    "text",
    [
        "where is my crad",  # exchanged
        "the paymnt was declined",  # a letter lost
        "the payyment was declined",  # a letter doubled
        "please semd the money",  # another letter
        "PLEASE SEMD THE MONEY",
        "I cant find it",  # a contraction without its apostrophe
        "how i can get a refund?",  # a question without inversion
        "how to close my account",
        "I did not received it",  # a past marked twice
        "please give me informations",
        "it is pending since three days",
        "kindly do the needful",
    ],
)
def test_typos_and_marked_phrasing_are_found(text):
    assert WORDING.slice(text) == MARKED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "where is my card",
        "where are my cards",  # an ending is no typo
        "the payments were declined",
        "how can I get a refund?",
        "do you know how I can get a refund?",
        "I did not receive it",
        "it's pending since Monday",
        "its colour is wrong and we were told so",  # also words without an apostrophe
        "Kowalczyk sent £20 to Zürich",  # a name is not near any frequent word
        "moneyed",  # in the vocabulary, so no misspelling
        "12345 ??? !!!",
    ],
)
def test_what_is_well_written_is_left_alone(text):
    assert WORDING.slice(text) == PLAIN


def test_typos_are_judged_by_the_training_messages_alone():
    assert Wording(["my flarb is late"] * 20).slice("my flatb is late") == MARKED
    assert Wording(["my card is late"] * 20).slice("my flatb is late") == PLAIN


@pytest.mark.parametrize(
    ("intent", "family"),
    [
        ("top_up_by_bank_transfer_charge", "top-up"),  # the narrower business wins
        ("verify_my_identity", "identity"),
        ("card_payment_wrong_exchange_rate", "exchange"),
        ("cash withdrawal", "cash"),
        ("Failed-Transfer", "transfer"),
        ("request_refund", "payment"),
        ("lost_or_stolen_card", "card"),
        ("something_else", "other"),
        ("", "other"),
        (3, "other"),
        (None, "other"),
    ],
)
def test_an_intent_belongs_to_one_family(intent, family):
    assert intent_family(intent) == family


def test_every_family_can_be_reached():
    assert {intent_family(words[0]) for _, words in FAMILIES} == FAMILY_NAMES - {"other"}


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
@settings(max_examples=300, deadline=None)
def test_any_message_gets_one_value_of_each_and_the_same_again(messages):
    texts, labels = [text for text, _ in messages], [label for _, label in messages]
    made = slice_columns(texts, labels, WORDING)
    assert list(made) == ["message_length", "wording", "intent_family"]
    for name, known in (
        ("message_length", LENGTH_NAMES),
        ("wording", {MARKED, PLAIN}),
        ("intent_family", FAMILY_NAMES),
    ):
        assert len(made[name]) == len(texts)
        assert set(made[name]) <= known
    assert made == slice_columns(texts, labels, Wording(TRAINING))


@pytest.mark.parametrize(
    "text",
    ["a" * 10_000, "card " * 2000, "crad " * 2000, "how " * 2500, ("how i " * 1600) + "?", "'" * 10_000, "\n" * 10_000],
    ids=["one word", "words", "typos", "how", "questions", "apostrophes", "empty lines"],
)
def test_ten_thousand_characters_take_no_time(text):
    start = time.process_time()
    assert WORDING.slice(text) in (MARKED, PLAIN)
    assert message_length(text) in LENGTH_NAMES
    assert time.process_time() - start < 1
