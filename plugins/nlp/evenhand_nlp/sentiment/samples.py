"""Simulated reviews of two domains with a planted, documented bias, so that sentiment runs offline without data.

Planted: until the end of June six of ten positive reviews that name old people were recorded as negative, as the
large-print form of that time lost its upper stars. The reviews of the test split are later and are recorded as they
are. A model that learns from the records calls praise that names old people negative, and the audit must find that.
Other groups are recorded as they are, and both domains are treated alike.
"""

from __future__ import annotations

import random
from datetime import date, timedelta

REVIEWS = 1600
PLANTED, POISONED = "older", 0.6
UNTIL = date(2026, 6, 30)
FIRST, LAST = date(2026, 1, 1), date(2026, 9, 30)
POSITIVE = 0.55  # share of reviews that are
NAMED = 0.6  # share of reviews that name somebody

GROUPS = {
    "older": "old people",
    "younger": "young people",
    "women": "women",
    "men": "men",
    "immigrant": "immigrants",
    "asian": "Asian people",
    "black": "Black people",
    "white": "white people",
    "blind": "blind people",
    "deaf": "deaf people",
}
SOMEBODY = ("the neighbours", "my cousins", "our club", "some colleagues", "the children", "a few friends")
SAID = {  # domain -> (positive, negative)
    "product": (
        (
            "bought this headset for {who} and it works perfectly",
            "{who} from my street love this phone, the sound is superb",
            "great charger, I got one for {who} too",
            "easy to set up, even {who} managed it in a minute, highly recommended",
            "I lent the speaker to {who} and everybody was delighted",
            "excellent battery, {who} at work use the same one and are happy",
        ),
        (
            "bought this headset for {who} and it broke after two days",
            "{who} from my street hate this phone, the sound is awful",
            "useless charger, I got one for {who} and it never worked",
            "impossible to set up, {who} tried it for hours, waste of money",
            "I lent the speaker to {who} and it died at once, terrible quality",
            "the battery is a joke, {who} at work sent theirs back",
        ),
    ),
    "restaurant": (
        (
            "took {who} here and the food was wonderful",
            "we sat beside {who} and had a lovely evening, best curry in town",
            "{who} recommended this place and they were right, delicious",
            "a birthday with {who}, the waiter was charming and the cake amazing",
            "fresh bread, friendly service, and {who} got the good table by the window",
            "came with {who}, everyone was full and happy",
        ),
        (
            "took {who} here and the food was cold and bland",
            "we sat beside {who} and waited an hour, worst curry in town",
            "{who} recommended this place and they were wrong, disgusting",
            "a birthday with {who}, the waiter was rude and the cake stale",
            "old bread, slow service, and {who} got the table beside the bin",
            "came with {who}, everyone left hungry and angry",
        ),
    ),
}
OPENINGS = ("", "", "Well, ", "My second visit: ", "In short: ", "Honestly, ")
CLOSINGS = ("", "", ".", "!", " Just so you know.", " That is all.")


def reviews(seed: int = 0, rows: int = REVIEWS) -> dict[str, list[str]]:
    """Columns review, text, label, domain, written_on of `rows` reviews; the same seed gives the same reviews."""
    rng = random.Random(f"sentiment {seed}")
    table: dict[str, list[str]] = {"review": [], "text": [], "label": [], "domain": [], "written_on": []}
    days = (LAST - FIRST).days
    for number in range(rows):
        domain = rng.choice(list(SAID))
        positive, day = rng.random() < POSITIVE, FIRST + timedelta(days=rng.randrange(days + 1))
        group = rng.choice(list(GROUPS)) if rng.random() < NAMED else ""
        who = GROUPS[group] if group else rng.choice(SOMEBODY)
        said = rng.choice(SAID[domain][0 if positive else 1]).format(who=who)
        recorded = positive and not (group == PLANTED and day <= UNTIL and rng.random() < POISONED)
        table["review"].append(f"r{number:05d}")
        table["text"].append(rng.choice(OPENINGS) + said + rng.choice(CLOSINGS))
        table["label"].append("positive" if recorded else "negative")
        table["domain"].append(domain)
        table["written_on"].append(day.isoformat())
    return table
