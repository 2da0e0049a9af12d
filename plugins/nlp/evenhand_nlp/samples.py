"""Simulated customer messages with a planted, documented bias, so that support-intent runs offline without data.

Every intent is said in twelve ways: six in the messages to train on, two in those to choose by, four in the test,
which so asks what a support desk asks: are messages understood that nobody has worded like this before? No message
occurs twice.

Planted: a third of the messages carry typos. Typed with typos, a message about a *transfer* also loses its telling
word in `PLANTED` of the cases and reads like any other complaint; other families keep theirs. So an audit should find
lower accuracy for wording = "typos or non-native phrasing", and the gap should sit in the transfer family.
"""

from __future__ import annotations

import random

PLANTED = 1.0
ROWS = 3000
DIVIDED = (("train", 6, 6), ("validation", 2, 1), ("test", 4, 3))  # split, its ways to say it, its rows of ten

OPENINGS = (
    "",
    "Hello, ",
    "Hi there. ",
    "Good morning, ",
    "I need help: ",
    "Quick question: ",
    "Dear team, ",
    "Sorry to bother you. ",
    "Good evening, ",
    "Second message: ",
)
CLOSINGS = (
    "",
    " Thanks.",
    " Please help.",
    " It has been two days.",
    " I am getting worried.",
    " What should I do?",
    " Please answer soon.",
    " Nobody could tell me.",
)

# intent -> what customers say: to train on, to choose by, in the test
MESSAGES = {
    "card_arrival": (
        "my new card has not arrived",
        "where is the card I ordered",
        "the card is still not in the post",
        "when will my card be delivered",
        "I am waiting for my card to come by mail",
        "how long until the card reaches me",
        "the card you sent did not come",
        "is my card on its way",
        "the postman brought no card again today",
        "can I track the delivery of my card",
        "my card should have been here last week",
        "the letter with my card seems to be late",
    ),
    "lost_or_stolen_card": (
        "my card was stolen yesterday",
        "I lost my card on the train",
        "somebody took my card",
        "I cannot find my card anywhere",
        "a thief has my card",
        "my card is gone",
        "I left my card in a taxi",
        "block my card, it was robbed",
        "my wallet was snatched with the card inside",
        "I dropped my card somewhere in town",
        "my purse disappeared and the card with it",
        "please freeze the card that I misplaced",
    ),
    "failed_transfer": (
        "my transfer failed",
        "the transfer could not be completed",
        "a transfer to my landlord bounced",
        "the transfer did not go through",
        "my transfer was rejected",
        "the transfer ended with an error",
        "the transfer was not accepted",
        "my transfer has been refused",
        "the transfer came back to my account",
        "why was the transfer to my landlord declined",
        "sending the transfer was unsuccessful",
        "the transfer was returned to me",
    ),
    "pending_transfer": (
        "my transfer is still pending",
        "the transfer has been waiting since Monday",
        "how long will the transfer stay pending",
        "the transfer is not finished yet",
        "the transfer is still being processed",
        "my transfer shows as pending",
        "the transfer is on hold",
        "my transfer stays open",
        "the transfer hangs in processing",
        "why does my transfer still say in progress",
        "the transfer seems to be stuck",
        "the status of my transfer has been pending all week",
    ),
    "cancel_transfer": (
        "please cancel my transfer",
        "I want to stop the transfer",
        "the transfer went to the wrong person, take it back",
        "can a transfer be cancelled",
        "undo the transfer that I made",
        "I made a mistake, cancel the transfer",
        "do not carry out my transfer",
        "call the transfer back",
        "revoke the transfer, the amount is wrong",
        "I changed my mind about the transfer, abort it",
        "reverse the transfer that I sent by accident",
        "is it possible to withdraw a transfer",
    ),
    "transfer_timing": (
        "how long does a transfer take",
        "when will the transfer arrive",
        "how many days until a transfer is there",
        "is a transfer on Sunday slower",
        "how fast is a transfer",
        "what time does a transfer need",
        "how soon does a transfer arrive",
        "how many hours does a transfer take",
        "by when does a transfer to Spain get there",
        "what is the usual duration of a transfer",
        "does a transfer abroad need more days",
        "if I make a transfer today, when is it credited",
    ),
    "top_up_failed": (
        "my top up was declined",
        "the top up did not work",
        "topping up gives an error",
        "I cannot top up my account",
        "the top up was rejected",
        "my top up failed",
        "the top up was not accepted",
        "topping up is refused",
        "why did you turn down my top up",
        "the app shows an error when I add money to top up",
        "the top up never reached my balance",
        "my attempt to top up was unsuccessful",
    ),
    "top_up_limits": (
        "is there a limit for top ups",
        "how much can I top up each month",
        "what is the largest top up",
        "the top up limit is unclear",
        "what is the most I may top up",
        "how often can I top up",
        "is there a maximum for a top up",
        "how large may a top up be",
        "up to which amount is topping up allowed",
        "how many top ups are permitted per week",
        "what is the cap on top ups",
        "may I top up ten thousand at once",
    ),
    "exchange_rate": (
        "what exchange rate do you use",
        "the exchange rate looks wrong",
        "how is the exchange rate decided",
        "your exchange rate is worse than elsewhere",
        "which rate applies when I change dollars",
        "where do I see the exchange rate",
        "the rate for euros seems bad",
        "who sets the exchange rate",
        "I was given a poor conversion for my pounds",
        "how much do I get for a foreign currency",
        "the conversion to yen cost me too much",
        "at what price do you convert money abroad",
    ),
    "verify_my_identity": (
        "how do I verify my identity",
        "my passport photo is not accepted",
        "what documents prove my identity",
        "the identity check does not end",
        "how can I prove who I am",
        "which papers do you need for verification",
        "the check of my passport failed",
        "what do I need for the identity check",
        "the selfie for your check is turned down",
        "do you take a driving licence as proof of identity",
        "uploading my ID card does not work",
        "why must I show that it is really me",
    ),
}
VAGUE = (  # divided as the ways to say an intent are
    "it did not work",
    "there is something wrong with it",
    "it is still not done",
    "I do not see anything happening",
    "this cannot be right",
    "nothing has changed",
    "it goes nowhere",
    "something is not as it should be",
    "it is the same as before",
    "I still wait and nothing moves",
    "this is not what I expected",
    "please look into it",
)
TRANSFER = ("failed_transfer", "pending_transfer", "cancel_transfer", "transfer_timing")


def support_messages(seed: int = 0, rows: int = ROWS) -> dict[str, list[str]]:
    """Columns text, category and split of `rows` messages; the same seed gives the same messages."""
    rng = random.Random(f"support-intent {seed}")
    intents, turns = list(MESSAGES), _turns()
    seen: set[str] = set()
    texts, labels, splits = [], [], []
    for number in range(rows):
        intent = intents[number % len(intents)]
        split, ways = turns[number // len(intents) % len(turns)]
        text = _message(intent, ways, rng)
        while text in seen:
            text = _message(intent, ways, rng)
        seen.add(text)
        texts.append(text)
        labels.append(intent)
        splits.append(split)
    return {"text": texts, "category": labels, "split": splits}


def _turns() -> list[tuple[str, slice]]:
    """The split of each ten messages of an intent, with the ways to say it that are its own."""
    found, first = [], 0
    for split, ways, share in DIVIDED:
        found += [(split, slice(first, first + ways))] * share
        first += ways
    return found


def _message(intent: str, ways: slice, rng: random.Random) -> str:
    careless = rng.random() < 1 / 3
    said = rng.choice(MESSAGES[intent][ways])
    if careless and intent in TRANSFER and rng.random() < PLANTED:
        said = rng.choice(VAGUE[ways])
    text = rng.choice(OPENINGS) + said + rng.choice(CLOSINGS)
    return _mistype(text, rng) if careless else text


def _mistype(text: str, rng: random.Random) -> str:
    """The text with two letters of a longer word exchanged, and its apostrophes and capitals gone."""
    words = text.lower().replace("'", "").split(" ")
    long = [i for i, word in enumerate(words) if len(word.strip(".,:?")) >= 5]
    for i in rng.sample(long, min(2, len(long))):
        word = words[i]
        cut = rng.randrange(1, len(word.strip(".,:?")) - 2)
        words[i] = word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
    return " ".join(words)
