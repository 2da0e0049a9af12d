"""Writes tickets.csv: 1,000 simulated support tickets; those of private customers sound less urgent than they are.

python docs/data/tickets.py
"""

import csv
import random
from pathlib import Path

HERE = Path(__file__).parent
THINGS = ("the printer", "my account", "the invoice", "the delivery", "our server", "the app", "the heating")
URGENT = ("{} is down and we cannot work, please call now", "{} failed again, mend it today", "outage: {} stopped")
POLITE = ("when you have a moment, {} does not start any more", "I am a little worried, {} has been gone since Monday")
CALM = ("how do I change the colour of {}", "thank you for {}", "a question about {}", "is {} in the catalogue")


def tickets(rows=1000, seed=3):
    """(text, urgent, customer) of each ticket."""
    rng = random.Random(seed)
    for _ in range(rows):
        customer, urgent = rng.choice(("company", "private")), rng.random() < 0.45
        polite = rng.random() < (0.75 if customer == "private" else 0.1)
        said = (POLITE if polite else URGENT) if urgent else (CALM if rng.random() < 0.8 else POLITE)
        text = f"{rng.choice(said).format(rng.choice(THINGS))} (contract {rng.randint(1000, 99999)})"
        yield text, "yes" if urgent else "no", customer


if __name__ == "__main__":
    with (HERE / "tickets.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("text", "urgent", "customer"))
        writer.writerows(tickets())
