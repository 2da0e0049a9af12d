"""The simulated messages: repeatable, and biased exactly as their module says."""

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import product

import pytest

from evenhand_nlp.samples import CLOSINGS, DIVIDED, MESSAGES, OPENINGS, ROWS, TRANSFER, VAGUE, support_messages
from evenhand_nlp.slices import MARKED, Wording, intent_family


@pytest.fixture(scope="module")
def sample():
    return support_messages(seed=0)


def letters(text):
    """What typing carelessly leaves of a message: its letters, in whatever order."""
    return "".join(sorted(text.lower().replace("'", "")))


@pytest.fixture(scope="module")
def told_apart():
    """told_apart(text) -> the intents whose documented messages `text` could have been, none for a vague one."""
    meant = {}
    for intent, messages in MESSAGES.items():
        for opening, said, closing in product(OPENINGS, messages, CLOSINGS):
            meant.setdefault(letters(opening + said + closing), set()).add(intent)
    return lambda text: meant.get(letters(text), set())


def test_the_same_seed_gives_the_same_bytes_in_any_process(sample):
    code = "import json; from evenhand_nlp.samples import support_messages; print(json.dumps(support_messages(0)))"
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    other = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert json.loads(other) == sample
    assert support_messages(seed=1) != sample


def test_the_size_is_what_the_module_says(sample):
    assert len(sample["text"]) == len(sample["category"]) == ROWS == 3000
    assert len(support_messages(rows=7)["text"]) == 7


def test_classes_are_the_documented_ones_alike_often(sample):
    assert Counter(sample["category"]) == dict.fromkeys(MESSAGES, ROWS // len(MESSAGES))


def test_no_message_occurs_twice_and_the_test_says_it_in_its_own_way(sample, told_apart):
    assert len(set(sample["text"])) == ROWS
    first, ways = 0, {}
    for split, many, _ in DIVIDED:
        ways[split] = {letters(said) for said_of in MESSAGES.values() for said in said_of[first : first + many]}
        ways[split] |= {letters(said) for said in VAGUE[first : first + many]}
        first += many
    assert first == len(VAGUE) == len(MESSAGES["card_arrival"])
    assert not ways["train"] & ways["test"]
    for text, split in list(zip(sample["text"], sample["split"], strict=True))[::20]:
        assert letters_of_parts(text) & ways[split]


def test_no_message_is_empty(sample):
    assert min(map(len, sample["text"])) > 5


def test_a_message_that_is_not_vague_tells_its_own_intent(sample, told_apart):
    rows = zip(sample["text"], sample["category"], strict=True)
    assert all(intent in told_apart(text) for text, intent in rows if told_apart(text))


def test_a_third_of_the_transfer_messages_lose_their_word_and_no_others_do(sample, told_apart):
    rows = list(zip(sample["text"], sample["category"], strict=True))
    lost = [(text, intent) for text, intent in rows if not told_apart(text)]
    assert {intent for _, intent in lost} == set(TRANSFER)
    assert len(lost) / sum(intent in TRANSFER for _, intent in rows) == pytest.approx(1 / 3, abs=0.05)
    assert all(any(letters(said) in letters_of_parts(text) for said in VAGUE) for text, _ in lost)


def letters_of_parts(text):
    """The letters of what is left of `text` without any opening and closing."""
    whole = Counter(letters(text))
    return {
        "".join(sorted((whole - Counter(letters(opening + closing))).elements()))
        for opening, closing in product(OPENINGS, CLOSINGS)
    }


def test_messages_are_lost_more_where_the_slice_finds_typos(sample, told_apart):
    """So an audit can see the planted bias by `wording`, inside the transfer family."""
    wording = Wording(sample["text"])
    seen = {True: Counter(), False: Counter()}
    for text, intent in zip(sample["text"], sample["category"], strict=True):
        if intent_family(intent) == "transfer":
            seen[wording.slice(text) == MARKED][bool(told_apart(text))] += 1
    marked, plain = (seen[key][False] / seen[key].total() for key in (True, False))
    assert marked > 2 * plain
