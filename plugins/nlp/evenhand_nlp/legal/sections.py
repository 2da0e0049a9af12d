"""The report of legal-clauses: from which score each label is given, which sentences decided, how wording is told."""

from __future__ import annotations

import json
from typing import Any

from evenhand import Section
from evenhand_nlp.legal.deciding import FACTS
from evenhand_nlp.legal.wording import ABOUT

SHOWN = 400  # characters of a sentence
KINDS = {"found": "has it", "lowest": "has it, scores low", "alarm": "lacks it"}


def sections(run: Any) -> list[Section]:
    """Every section that the run's files give."""
    about = json.loads((run.path / "model" / "model.json").read_text("utf-8")).get("labelled")
    thresholds = dict(zip(about["labels"], about["thresholds"], strict=True)) if about else {}
    made = [_thresholds(about)] if about else []
    file = run.path / "model" / "exhibits" / FACTS
    if file.is_file():
        made.append(_deciding(json.loads(file.read_text("utf-8")), thresholds))
    return [*made, Section("How wording is told", *ABOUT)]


def _thresholds(about: dict[str, Any]) -> Section:
    shared = set(about["shared"])
    rows = tuple(
        (label, f"{threshold:.3g}", f"{reached:.2f}", positives, "shared" if label in shared else "its own")
        for label, threshold, reached, positives in zip(
            about["labels"], about["thresholds"], about["reached"], about["positives"], strict=True
        )
    )
    return Section(
        "From which score a label is given",
        f"Chosen by {about['rule']}, on {about['rows']:,} rows that the model which was asked had not seen. Labels that"
        " few of those rows have share one threshold.",
        ("label", "threshold", "figure on validation", "validation rows with it", "it is"),
        rows,
    )


def _deciding(found: list[dict[str, Any]], thresholds: dict[str, float]) -> Section:
    rows = []
    for one in found:
        given = one["score"] >= thresholds.get(one["label"], 0.5)
        verdict = f"{'given' if given else 'not given'} ({one['score']:.2f})"
        long = f" (of {one['sentences']} sentences)" if one["sentences"] > 1 else ""
        rows.append((one["label"], f"{KINDS[one['kind']]}{long}", verdict, _shown(one["sentence"])))
    return Section(
        "The sentences that decided",
        "Of each label: test texts that have it and score highest, texts that have it and score lowest, and texts"
        " without it that score highest. Of a text of several sentences the one is shown that scores highest by itself."
        " Whether a text lacks a label is the annotators' word, who may be wrong.",
        ("label", "the text", "decision (score)", "sentence"),
        tuple(rows),
    )


def _shown(sentence: str) -> str:
    return sentence if len(sentence) <= SHOWN else sentence[: SHOWN - 1] + "…"
