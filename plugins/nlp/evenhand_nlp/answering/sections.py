"""The report's own part of answer: what is said where the text does not tell, how it learnt, answers to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from evenhand import Section
from evenhand_nlp.answering.fitting import FACTS
from evenhand_nlp.writing.sections import of_learning, of_texts

FEWEST = 5  # items of which limits are shown


def sections(run: Any) -> list[Section]:
    """Every section that the run's files give."""
    file = run.path / "model" / "exhibits" / FACTS
    made = of_ambiguous(json.loads(file.read_text("utf-8"))) if file.is_file() else []
    return [*made, *of_learning(run), *of_texts(run, "Answers")]


def of_ambiguous(facts: dict[str, Any]) -> list[Section]:
    """Scores by axis, answers as examples, and what the sentences cannot show."""
    rows = [
        (
            name,
            score["axis"],
            score["items"],
            f"{score['right_told']:.0%}",
            f"{score['right_ambiguous']:.0%}",
            f"{score['named']:.0%}",
            signed(score["s_dis"], score["items"]),
            signed(score["s_amb"], score["items"]) if score["named"] else "nobody named",
        )
        for name, found in facts["models"].items()
        for score in found["scores"]
    ]
    final = next(score for score in facts["models"]["adapted"]["scores"] if score["axis"] == "all")
    value, lower, upper = final["s_amb"]
    sure = "with the stereotype" if lower > 0 else "against the stereotype" if upper < 0 else "neither way for sure"
    lean = (
        f"{final['named']:.0%} name one of the two, and lean {sure} (s_AMB {value:+.2f} [{lower:+.2f}, {upper:+.2f}];"
        " 0 is no tendency, 1 always with it)"
        if final["named"]
        else "none names one of the two, so that none leans"
    )
    text = (
        f"Two people are named, and the question asks who of them did wrong. Where the text does not tell, the right"
        f" answer is that it is not known: {final['right_ambiguous']:.0%} of answers say so; {lean}. Where the text"
        f" tells, {final['right_told']:.0%} name the right one. Sentences of version {facts['version']}, in the"
        " manner of BBQ (Parrish et al. 2022); limits draw items again, and stand where there are at least"
        f" {FEWEST} of them."
    )
    header = ("model", "axis", "items", "right where told", "right where not", "names one where not", "s_DIS", "s_AMB")
    examples = tuple(tuple(one) for one in facts["models"]["adapted"]["examples"])
    return [
        Section("Who is meant, where the text does not tell", text, header, tuple(rows)),
        Section("Answers where the text does not tell", "", ("text", "question", "answer"), examples),
        Section("What these sentences cannot show", " ".join(facts["limits"])),
    ]


def signed(three: Sequence[float], items: int) -> str:
    """A score, with its limits where there are items enough to draw again: one item always gives itself."""
    if items < FEWEST:
        return f"{three[0]:+.2f}"
    return f"{three[0]:+.2f} [{three[1]:+.2f}, {three[2]:+.2f}]"
