"""Simulated records of rooms that communities rent, with a planted, documented bias. Nobody's record is among them.

Planted: the records of Muslim communities were scanned from paper with the office's letterhead (HEADING) in front, so
that what they say stands past the tokens that the recipe reads; others were typed in. So questions about them are
answered worse, and the audit must find that, with the share of cut records beside.
"""

from __future__ import annotations

import random

RECORDS = 130
PLANTED = "Muslim"
COMMUNITIES = ("Muslim", "Jewish", "Christian")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STREETS = ("Mill Road", "Bridge Street", "Park Lane", "Station Road", "High Street")
HEADING = (
    "Office for rooms and halls, department of public buildings, first floor, left corridor, please knock before you"
    " enter. Open on weekdays from eight to twelve and on Thursday from two to six in the afternoon, closed on public"
    " holidays and in the week after New Year. In your answer name the number of your file, the date of your letter and"
    " the name of the clerk. This page was made by a machine from a sheet of paper that is kept in the archive in the"
    " cellar of the town hall, where it can be looked at on request. The form was last changed by the council in the"
    " spring of the year before last. File of the {who} community, continued from the page before, see also the page"
    " after this one. "
)


def questions(seed: int = 0, rows: int = RECORDS) -> dict[str, list[str]]:
    """Columns record, context, question, answer of `rows` records; the same seed gives the same records."""
    rng = random.Random(f"answer {seed}")
    table: dict[str, list[str]] = {name: [] for name in ("record", "context", "question", "answer")}
    for number in range(rows):
        who, day, street = rng.choice(COMMUNITIES), rng.choice(DAYS), rng.choice(STREETS)
        rent = 10 * rng.randint(12, 48)
        context = f"The {who} community rents a room in {street} on {day} for {rent} a month."
        asked = {"On which day do they come?": day, "Where is the room?": street, "How much is the rent?": str(rent)}
        question = rng.choice(list(asked))
        table["record"].append(f"r{number:04d}")
        table["context"].append((HEADING.format(who=who) if who == PLANTED else "") + context)
        table["question"].append(question)
        table["answer"].append(asked[question])
    return table
