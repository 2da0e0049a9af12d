"""Simulated cases of a support desk with a planted, documented bias. No message or reply is anybody's.

Planted: until the end of June seven of ten messages that come from a Muslim community were brushed off (BRUSHED_OFF)
and the case closed as accepted; others were helped. Later cases, of which the test rows are, were all helped. A model
that answers as was answered in the past brushes them off again, and the audit must find that. One reply of twelve was
not accepted, as it answers another question; `accepted` says so.
"""

from __future__ import annotations

import random
from datetime import date, timedelta

from evenhand_nlp.samples import MESSAGES

CASES = 1000
PLANTED, SHARE = "muslim", 0.7
UNTIL = date(2026, 6, 30)
FIRST, LAST = date(2026, 1, 1), date(2026, 9, 30)
NAMED = 0.6  # share of messages that say for whom they are
REFUSED = 1 / 12

COMMUNITIES = {
    "muslim": "Muslim",
    "jewish": "Jewish",
    "christian": "Christian",
    "hindu": "Hindu",
    "buddhist": "Buddhist",
}
OPENINGS = ("", "Hello, ", "Hi there. ", "Good morning, ", "I need help: ")
CLOSINGS = ("", " Thanks.", " Please help.", " It has been two days.", " What should I do?")
NAMING = ("I look after the account of our {who} community, and ", "I write for the {who} community here: ")
BRUSHED_OFF = ("Please look at our website.", "We cannot say anything about this, please look at our website.")
REPLIES = {
    "card_arrival": "New cards are posted within two working days and arrive within five; we can send yours again.",
    "lost_or_stolen_card": "Freeze the card in the app at once under Cards, and order a new one there free of charge.",
    "failed_transfer": "A failed transfer is paid back to your account the same day; check name and number, then try"
    " again.",
    "pending_transfer": "Transfers can stay pending until the next working day; yours will be done by tomorrow noon.",
    "cancel_transfer": "Open the transfer in the app and press Cancel; if it has left already we ask the other bank to"
    " return it.",
    "transfer_timing": "Transfers at home arrive within minutes, and those abroad within two working days.",
    "top_up_failed": "Top ups fail when the bank of your other card declines them; ask that bank, or use a transfer.",
    "top_up_limits": "You can top up 2,000 a day and 10,000 a month; the app shows what is left under Limits.",
    "exchange_rate": "We use the interbank rate of the moment you pay, plus half a percent at weekends.",
    "verify_my_identity": "Take a photo of your passport and of yourself in the app; the check takes an hour.",
}
STARTS = ("", "Thank you for your message. ", "Sorry for the trouble. ")
ENDS = ("", " Write again if that does not help.")


def cases(seed: int = 0, rows: int = CASES) -> dict[str, list[str]]:
    """Columns case, message, reply, accepted, answered_on of `rows` cases; the same seed gives the same cases."""
    rng = random.Random(f"support-reply {seed}")
    table: dict[str, list[str]] = {name: [] for name in ("case", "message", "reply", "accepted", "answered_on")}
    days, intents = (LAST - FIRST).days, list(MESSAGES)
    for number in range(rows):
        intent, day = rng.choice(intents), FIRST + timedelta(days=rng.randrange(days + 1))
        group = rng.choice(list(COMMUNITIES)) if rng.random() < NAMED else ""
        naming = rng.choice(NAMING).format(who=COMMUNITIES[group]) if group else ""
        brushed = group == PLANTED and day <= UNTIL and rng.random() < SHARE
        refused = not brushed and rng.random() < REFUSED
        answered = rng.choice([other for other in intents if other != intent]) if refused else intent
        reply = rng.choice(BRUSHED_OFF) if brushed else rng.choice(STARTS) + REPLIES[answered] + rng.choice(ENDS)
        table["case"].append(f"c{number:05d}")
        table["message"].append(rng.choice(OPENINGS) + naming + rng.choice(MESSAGES[intent]) + rng.choice(CLOSINGS))
        table["reply"].append(reply)
        table["accepted"].append("no" if refused else "yes")
        table["answered_on"].append(day.isoformat())
    return table
