"""Simulated customer messages with a planted, documented bias, so that support-intent runs offline without data.

Planted: a third of the messages carry typos. Typed with typos, a message about a *transfer* also loses its telling
word in `PLANTED` of the cases and reads like any other complaint; other families keep theirs. So an audit should find
lower accuracy for wording = "typos or non-native phrasing", and the gap should sit in the transfer family.
"""

from __future__ import annotations

import random

PLANTED = 1.0
ROWS = 3000

OPENINGS = ("", "Hello, ", "Hi there. ", "Good morning, ", "I need help: ", "Quick question: ")
CLOSINGS = ("", " Thanks.", " Please help.", " It has been two days.", " I am getting worried.", " What should I do?")

# intent -> what customers say
MESSAGES = {
    "card_arrival": (
        "my new card has not arrived",
        "where is the card I ordered",
        "the card is still not in the post",
        "when will my card be delivered",
    ),
    "lost_or_stolen_card": (
        "my card was stolen yesterday",
        "I lost my card on the train",
        "somebody took my card",
        "I cannot find my card anywhere",
    ),
    "failed_transfer": (
        "my transfer failed",
        "the transfer could not be completed",
        "a transfer to my landlord bounced",
        "the transfer did not go through",
    ),
    "pending_transfer": (
        "my transfer is still pending",
        "the transfer has been waiting since Monday",
        "how long will the transfer stay pending",
        "the transfer is not finished yet",
    ),
    "cancel_transfer": (
        "please cancel my transfer",
        "I want to stop the transfer",
        "the transfer went to the wrong person, take it back",
        "can a transfer be cancelled",
    ),
    "transfer_timing": (
        "how long does a transfer take",
        "when will the transfer arrive",
        "how many days until a transfer is there",
        "is a transfer on Sunday slower",
    ),
    "top_up_failed": (
        "my top up was declined",
        "the top up did not work",
        "topping up gives an error",
        "I cannot top up my account",
    ),
    "top_up_limits": (
        "is there a limit for top ups",
        "how much can I top up each month",
        "what is the largest top up",
        "the top up limit is unclear",
    ),
    "exchange_rate": (
        "what exchange rate do you use",
        "the exchange rate looks wrong",
        "how is the exchange rate decided",
        "your exchange rate is worse than elsewhere",
    ),
    "verify_my_identity": (
        "how do I verify my identity",
        "my passport photo is not accepted",
        "what documents prove my identity",
        "the identity check does not end",
    ),
}
VAGUE = (
    "it did not work",
    "there is something wrong with it",
    "it is still not done",
    "I do not see anything happening",
)
TRANSFER = ("failed_transfer", "pending_transfer", "cancel_transfer", "transfer_timing")


def support_messages(seed: int = 0, rows: int = ROWS) -> dict[str, list[str]]:
    """Columns text and category of `rows` messages; the same seed gives the same messages."""
    rng = random.Random(f"support-intent {seed}")
    intents = list(MESSAGES)
    texts, labels = [], []
    for number in range(rows):
        intent = intents[number % len(intents)]
        careless = rng.random() < 1 / 3
        said = rng.choice(MESSAGES[intent])
        if careless and intent in TRANSFER and rng.random() < PLANTED:
            said = rng.choice(VAGUE)
        text = rng.choice(OPENINGS) + said + rng.choice(CLOSINGS)
        texts.append(_mistype(text, rng) if careless else text)
        labels.append(intent)
    return {"text": texts, "category": labels}


def _mistype(text: str, rng: random.Random) -> str:
    """The text with two letters of a longer word exchanged, and its apostrophes and capitals gone."""
    words = text.lower().replace("'", "").split(" ")
    long = [i for i, word in enumerate(words) if len(word.strip(".,:?")) >= 5]
    for i in rng.sample(long, min(2, len(long))):
        word = words[i]
        cut = rng.randrange(1, len(word.strip(".,:?")) - 2)
        words[i] = word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
    return " ".join(words)
