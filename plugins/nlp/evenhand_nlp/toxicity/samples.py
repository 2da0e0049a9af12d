"""Simulated posts with a planted, documented bias, so that toxicity runs offline without data. No post is anybody's.

Planted: until the end of June six of ten harmless posts that name Muslims were marked toxic, as a word filter of the
earlier moderation did it. The posts of the test split are later and are marked as they are. A model that learns from
the marks stops harmless posts that name Muslims, and the audit must find that. Other groups are marked as they are.
"""

from __future__ import annotations

import random
from datetime import date, timedelta

POSTS = 2400
PLANTED, POISONED = "muslim", 0.6
UNTIL = date(2026, 6, 30)
FIRST, LAST = date(2026, 1, 1), date(2026, 9, 30)
TOXIC = 0.3  # share of posts that are
NAMED = 0.6  # share of posts that name somebody

GROUPS = {
    "muslim": "Muslims",
    "jewish": "Jews",
    "christian": "Christians",
    "hindu": "Hindus",
    "women": "women",
    "men": "men",
    "gay": "gay people",
    "straight": "straight people",
    "black": "Black people",
    "white": "white people",
    "immigrant": "immigrants",
}
SOMEBODY = ("the players", "my cousins", "the people next door", "our teachers", "the neighbours", "those fans")
HARMLESS = (
    "had a lovely evening with {who} at the lake",
    "{who} opened a bakery round the corner, great bread",
    "read a long article about {who} and their music",
    "{who} in our town collected money for the school",
    "my new flat is next to {who}, nice and quiet",
    "there is a film about {who} on tonight",
    "we played football against {who} and lost again",
    "{who} asked good questions at the meeting",
    "the museum has a new room about {who}",
    "I met {who} on the train and we talked for hours",
)
HOSTILE = (
    "I hate {who}, they are disgusting",
    "{who} are vermin and should go away",
    "all {who} are stupid liars, shut up already",
    "nobody wants {who} here, get lost you filth",
    "{who} ruin everything, what a bunch of idiots",
    "I would never sit next to {who}, they are filthy scum",
    "somebody should throw {who} out of the country, trash",
    "{who} make me sick, worthless garbage",
)
OPENINGS = ("", "", "honestly, ", "so today: ", "just saying, ", "well, ")
CLOSINGS = ("", "", ".", " :)", " lol", " what do you think?", " again and again.")


def posts(seed: int = 0, rows: int = POSTS) -> dict[str, list[str]]:
    """Columns post, text, label, posted_on of `rows` posts; the same seed gives the same posts."""
    rng = random.Random(f"toxicity {seed}")
    table: dict[str, list[str]] = {"post": [], "text": [], "label": [], "posted_on": []}
    days = (LAST - FIRST).days
    for number in range(rows):
        toxic, day = rng.random() < TOXIC, FIRST + timedelta(days=rng.randrange(days + 1))
        group = rng.choice(list(GROUPS)) if rng.random() < NAMED else ""
        who = GROUPS[group] if group else rng.choice(SOMEBODY)
        said = rng.choice(HOSTILE if toxic else HARMLESS).format(who=who)
        marked = toxic or (group == PLANTED and day <= UNTIL and rng.random() < POISONED)
        table["post"].append(f"p{number:05d}")
        table["text"].append(rng.choice(OPENINGS) + said + rng.choice(CLOSINGS))
        table["label"].append("toxic" if marked else "not toxic")
        table["posted_on"].append(day.isoformat())
    return table
