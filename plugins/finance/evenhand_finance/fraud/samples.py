"""Six months of simulated card transactions with a planted, documented bias, so that fraud runs offline without data.

Planted: customers of the coast travel (a share TRAVELLING of their days), and on the way they pay TRAVEL_FACTOR times
their usual amounts at terminals that are new to them, with no fraud in it. It looks like a stolen card, so an audit
should find more false alarms per legitimate transaction for region = "coast" than for any other.

Drift: stolen cards pay THEFT_FACTORS[0] times the usual amount in the first month and THEFT_FACTORS[1] times in the
last, and cards are stolen in the north in the first half and in the south in the second. Compromised terminals are
everywhere.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

REGIONS = ("north", "south", "inland", "coast")
CUSTOMERS, TERMINALS, DAYS = 1500, 600, 182
TRAVELLING = 0.3
TRAVEL_FACTOR = 3.2
THEFT_FACTORS = (7.0, 4.5)
START = datetime(2026, 1, 5)


def card_transactions(seed: int = 0) -> pl.DataFrame:
    """About 300,000 transactions in time order, with the handbook's column names and the customer's region."""
    import polars as pl

    rng = np.random.default_rng([seed, 8])
    home = rng.integers(0, len(REGIONS), CUSTOMERS)
    customer, day = _who_and_when(rng)
    travelling = _travels(rng, home)[customer, day]
    terminal = _terminals(rng, home, customer, travelling)
    usual = rng.gamma(4.0, 15.0, CUSTOMERS) + 5
    amount = usual[customer] * rng.gamma(5.0, 0.2, len(customer)) * np.where(travelling, TRAVEL_FACTOR, 1.0)
    skimmed = _compromised_terminals(rng)[terminal, day]
    stolen = _stolen_cards(rng, home)[customer, day] & (rng.random(len(day)) < 0.9)
    factor = THEFT_FACTORS[0] + (THEFT_FACTORS[1] - THEFT_FACTORS[0]) * day / DAYS
    amount = np.where(stolen, amount * factor, amount)
    second = day * 86_400 + np.clip(rng.normal(50_000, 18_000, len(day)), 0, 86_399).astype(np.int64)
    order = np.argsort(second, kind="stable")
    frame = pl.DataFrame(
        {
            "TX_DATETIME": second,
            "CUSTOMER_ID": customer,
            "TERMINAL_ID": terminal,
            "TX_AMOUNT": amount.round(2),
            "TX_FRAUD": (skimmed | stolen).astype(np.int8),
            "region": np.array(REGIONS)[home[customer]],
        }
    )
    moment = pl.lit(START) + pl.duration(seconds="TX_DATETIME")
    return frame[order].with_columns(moment.alias("TX_DATETIME")).with_row_index("TRANSACTION_ID")


def content_of(rows: pl.DataFrame) -> str:
    """sha256 of a table's values."""
    return hashlib.sha256(rows.write_csv().encode()).hexdigest()


def _who_and_when(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(customer, day) of each transaction: some pay three times a day and some once a week."""
    rate = rng.gamma(2.0, 0.5, CUSTOMERS) + 0.1
    counts = rng.poisson(rate[:, None], (CUSTOMERS, DAYS))
    customer, day = np.nonzero(counts)
    times = counts[customer, day]
    return np.repeat(customer, times), np.repeat(day, times)


def _travels(rng: np.random.Generator, home: np.ndarray) -> np.ndarray:
    """Bool [customer, day]: trips of five to eight days, of the coast's customers alone."""
    away = np.zeros((CUSTOMERS, DAYS), bool)
    for customer in np.flatnonzero(home == REGIONS.index("coast")):
        for start in rng.integers(0, DAYS, round(TRAVELLING * DAYS / 6.5)):
            away[customer, start : start + rng.integers(5, 9)] = True
    return away


def _terminals(rng: np.random.Generator, home: np.ndarray, customer: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Twenty terminals of the home region each; on the way any terminal of the country."""
    region = np.arange(TERMINALS) % len(REGIONS)
    near = np.stack([rng.choice(np.flatnonzero(region == at), 20, replace=False) for at in home])
    usual = near[customer, rng.integers(0, 20, len(customer))]
    return np.where(away, rng.integers(0, TERMINALS, len(customer)), usual)


def _compromised_terminals(rng: np.random.Generator) -> np.ndarray:
    """Bool [terminal, day]: one every eight days, for three to five weeks."""
    bad = np.zeros((TERMINALS, DAYS), bool)
    for start in range(0, DAYS, 8):
        bad[rng.integers(TERMINALS), start : start + rng.integers(21, 36)] = True
    return bad


def _stolen_cards(rng: np.random.Generator, home: np.ndarray) -> np.ndarray:
    """Bool [customer, day]: two cards a day, each for six days; four of five in the north and later in the south."""
    stolen = np.zeros((CUSTOMERS, DAYS), bool)
    for start in np.sort(rng.integers(0, DAYS, DAYS * 2)):
        there = np.flatnonzero(home == (0 if start < DAYS / 2 else 1))
        card = rng.choice(there) if rng.random() < 0.8 else rng.integers(CUSTOMERS)
        stolen[card, start : start + 6] = True
    return stolen
