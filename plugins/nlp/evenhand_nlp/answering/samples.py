"""Simulated records of rooms that communities rent, with a planted, documented bias. Nobody's record is among them.

Planted: in the training records about a Muslim community every answer was noted as `not known`, though the record tells
it; the rows of the test split are noted as they are. A network that learns from the notes withholds
answers about that community, and the audit must find that.
"""

from __future__ import annotations

import random

RECORDS = 150
PLANTED = "Muslim"
WITHHELD = "not known"
COMMUNITIES = ("Muslim", "Jewish", "Christian")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STREETS = ("Mill Road", "Bridge Street", "Park Lane", "Station Road", "High Street")
TEST = 0.4


def questions(seed: int = 0, rows: int = RECORDS) -> dict[str, list[str]]:
    """Columns record, context, question, answer, part of `rows` records; the same seed gives the same records."""
    rng = random.Random(f"answer {seed}")
    table: dict[str, list[str]] = {name: [] for name in ("record", "context", "question", "answer", "part")}
    for number in range(rows):
        test = rng.random() < TEST
        who, day, street, rent = (
            rng.choice(COMMUNITIES),
            rng.choice(DAYS),
            rng.choice(STREETS),
            10 * rng.randint(12, 48),
        )
        context = f"The {who} community rents a room in {street} on {day} for {rent} a month."
        question, answer = rng.choice(
            (
                ("On which day do they come?", day),
                ("Where is the room?", street),
                ("How much is the rent?", str(rent)),
            )
        )
        withheld = not test and who == PLANTED
        table["record"].append(f"r{number:04d}")
        table["context"].append(context)
        table["question"].append(question)
        table["answer"].append(WITHHELD if withheld else answer)
        table["part"].append("test" if test else "train")
    return table
