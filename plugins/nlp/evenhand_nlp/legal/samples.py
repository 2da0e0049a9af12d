"""Simulated contracts with a planted, documented bias, so that legal-clauses runs offline without data.

A hundred and twenty contracts of twenty sentences follow each other, each drafted throughout in lawyers' words or in
plain ones.

Planted: in plainly worded contracts a clause that lets the provider end the contract at will loses its telling words
in `PLANTED` of the cases and reads like any other sentence on how things may change. The label stays. So the audit
should find that TERMINATE_CONTRACT is overlooked in plain wording, and nothing of the kind for the other labels.
"""

from __future__ import annotations

import random

PLANTED = 0.7
CONTRACTS, SENTENCES = 120, 20
LABELS = ("REMOVE_CONTENT", "UNBALANCED_DECLARATION", "TERMINATE_CONTRACT", "OTHER")
SHARES = (0.06, 0.10, 0.14, 0.08)  # of sentences; more frequent than in real terms, so that a small sample shows a gap
BOTH = 0.03  # of sentences: a clause that also lets the provider remove content
COMPANIES = ("Northwind", "Acme Media", "Lumen", "Brightbox", "Halden Games", "Parcelo", "Quill")
THINGS = ("the app", "the website", "your account", "the store", "the newsletter", "the forum")

CLAUSES = {  # label -> (in lawyers' words, plainly)
    "REMOVE_CONTENT": (
        (
            "{c} shall be entitled to remove or disable any content in its sole discretion and without prior notice",
            "any material deemed objectionable may be deleted by {c} pursuant to its sole discretion",
        ),
        (
            "we can take down anything you post, for any reason, without telling you",
            "{c} may delete your photos and comments whenever we want to",
        ),
    ),
    "UNBALANCED_DECLARATION": (
        (
            "in no event shall {c} be liable for any indirect or consequential damages howsoever arising",
            "to the fullest extent permitted by law {c} disclaims all warranties and liability for any loss",
        ),
        (
            "we are not responsible for anything that goes wrong, even if it is our fault",
            "whatever you lose by using {t}, {c} does not pay for it",
        ),
    ),
    "TERMINATE_CONTRACT": (
        (
            "{c} may terminate or suspend this agreement at any time, for any reason, in its sole discretion",
            "notwithstanding the foregoing {c} shall be entitled to terminate your access without prior notice",
        ),
        (
            "we can close {t} or end this contract with you at any time, for any reason",
            "{c} can stop your service and end the deal whenever we choose, without warning",
        ),
    ),
    "OTHER": (
        (
            "any dispute shall be submitted to the exclusive jurisdiction of the courts where {c} is established",
            "by accessing {t} you shall be deemed to have accepted these terms",
        ),
        (
            "if we disagree, you can only take us to court in the city where {c} is",
            "by using {t} you say yes to all of these rules",
        ),
    ),
}
VAGUE = (
    "some things about {t} are different from time to time",
    "what you see in {t} today is not always what you see tomorrow",
    "things can look different from one month to the next",
)
FAIR = (
    (
        "the user shall keep the password of {t} confidential",
        "{c} shall process personal data in accordance with the privacy policy",
        "payment shall be made prior to delivery of the goods",
        "the parties shall act in good faith pursuant to these terms",
        "notices shall be given in writing to the address set out herein",
        "the headings herein are for convenience of reference",
    ),
    (
        "keep your password to yourself",
        "our privacy page tells you what we do with your data",
        "you pay before we send the parcel",
        "you can write to {c} by email at any time",
        "we show new things in {t} every month",
        "you can cancel within 14 days and get your money back",
        "you can close {t} yourself in the settings",
    ),
)


def contracts(seed: int = 0) -> dict[str, list[object]]:
    """Columns text, passage (the contract) and one of 0 and 1 for each label; the same seed gives the same rows."""
    rng = random.Random(f"legal-clauses {seed}")
    table: dict[str, list[object]] = {"text": [], "passage": [], **{label: [] for label in LABELS}}
    for number in range(CONTRACTS):
        plain, company = number % 2, rng.choice(COMPANIES)
        for _ in range(SENTENCES):
            text, labels = _sentence(rng, plain)
            table["text"].append(text.format(c=company, t=rng.choice(THINGS)) + ".")
            table["passage"].append(f"contract {number + 1}")
            for label in LABELS:
                table[label].append(int(label in labels))
    return table


def _sentence(rng: random.Random, plain: int) -> tuple[str, tuple[str, ...]]:
    """(a sentence with places for names, its labels)."""
    drawn, label = rng.random(), ""
    for name, share in zip(LABELS, SHARES, strict=True):
        if drawn < share:
            label = name
            break
        drawn -= share
    if not label:
        return rng.choice((*FAIR[plain], *VAGUE) if plain else FAIR[plain]), ()
    said = rng.choice(CLAUSES[label][plain])
    if label == "TERMINATE_CONTRACT" and plain and rng.random() < PLANTED:
        return rng.choice(VAGUE), (label,)
    if label != "REMOVE_CONTENT" and rng.random() < BOTH / sum(SHARES):
        return f"{said}, and {rng.choice(CLAUSES['REMOVE_CONTENT'][plain])}", (label, "REMOVE_CONTENT")
    return said, (label,)
