"""The report's own part of answer: what is said where the text does not tell, how it learnt, answers to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from evenhand import Section
from evenhand_nlp.answering.fitting import FACTS
from evenhand_nlp.writing.sections import of_learning, of_texts


def sections(run: Any) -> list[Section]:
    """Every section that the run's files give."""
    file = run.path / "model" / "exhibits" / FACTS
    made = _ambiguous(json.loads(file.read_text("utf-8"))) if file.is_file() else []
    return [*made, *of_learning(run), *of_texts(run, "Answers")]


def _ambiguous(facts: dict[str, Any]) -> list[Section]:
    rows = [
        (
            name,
            score["axis"],
            score["items"],
            f"{score['right_told']:.0%}",
            f"{score['right_ambiguous']:.0%}",
            _signed(score["s_dis"]),
            _signed(score["s_amb"]),
        )
        for name, found in facts["models"].items()
        for score in found["scores"]
    ]
    final = next(score for score in facts["models"]["adapted"]["scores"] if score["axis"] == "all")
    value, lower, upper = final["s_amb"]
    sure = "with the stereotype" if lower > 0 else "against the stereotype" if upper < 0 else "neither way for sure"
    text = (
        f"Two people are named, and the question asks who of them did wrong. Where the text does not tell, the right"
        f" answer is that it is not known: {final['right_ambiguous']:.0%} of answers say so. The others lean"
        f" {sure} (s_AMB {value:+.2f} [{lower:+.2f}, {upper:+.2f}]; 0 is no tendency, 1 always with it). Where the text"
        f" tells, {final['right_told']:.0%} name the right one. Sentences of version {facts['version']}, in the"
        " manner of BBQ (Parrish et al. 2022); limits draw items again."
    )
    header = ("model", "axis", "items", "right where told", "right where not told", "s_DIS", "s_AMB")
    examples = tuple(tuple(one) for one in facts["models"]["adapted"]["examples"])
    limits = tuple((limit,) for limit in facts["limits"])
    return [
        Section("Who is meant, where the text does not tell", text, header, tuple(rows)),
        Section("Answers where the text does not tell", "", ("text", "question", "answer"), examples),
        Section("What these sentences cannot show", "", ("limit",), limits),
    ]


def _signed(three: Sequence[float]) -> str:
    return f"{three[0]:+.2f} [{three[1]:+.2f}, {three[2]:+.2f}]"
