"""Who is left to people: messages that the model says are none of the intents, by slice, in the report."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from evenhand import Section, holm, wilson

Z, SURE = 1.96, 0.05
FEWEST = 10  # messages; a smaller group is shown, and not tested


def sections(run: Any) -> list[Section]:
    """How messages of no intent are told, and who is left open; nothing where every message is decided."""
    import polars as pl

    file, model = run.path / "predictions.parquet", run.path / "model" / "model.json"
    table = pl.read_parquet(file) if file.is_file() else pl.DataFrame()
    scope = json.loads(model.read_text("utf-8")).get("scope") if model.is_file() else None
    facts = run.manifest["stages"].get("predict", {}).get("facts", {})
    if not scope or len(facts.get("abstaining", ())) != 2:
        return []
    left = table[facts["abstaining"][1]].to_numpy().astype(bool)
    label, said = table[facts["label"]].to_list(), table[facts["prediction"]].to_list()
    right = np.array([str(a) == str(b) for a, b in zip(label, said, strict=True)])
    columns = [name for name in run.recipe.schema.sensitive if name in table.columns]
    groups = {name: [str(value) for value in table[name].to_list()] for name in columns}
    return [_measured(scope), _who(left, right, groups)]


def _measured(scope: dict[str, Any]) -> Section:
    """The scores that were tried, with whole intents held out."""
    rows = tuple((name, f"{value:.3f}") for name, value in sorted(scope["aucs"].items(), key=lambda pair: -pair[1]))
    text = (
        f"The score is {scope['kind']}: a message above {scope['threshold']:.4g} is left to people. On the"
        f" {scope['rows']:,} validation messages that decides {scope['kept']:.1%}."
    )
    if rows:
        text += (
            " The scores were compared by holding a quarter of the intents out of training, five times: the table says"
            " how often a message of an intent that nobody taught scores above one of a known intent."
        )
    return Section("None of these: how it is told", text, ("score", "AUC, whole intents held out"), rows)


def _who(left: np.ndarray, right: np.ndarray, groups: dict[str, Sequence[str]]) -> Section:
    """The share of each slice that is left open, against all other messages, and what the decided ones reach."""
    rows, chances, more = [], [], []
    for column, values in groups.items():
        for name in sorted(set(values), key=_in_order):
            inside = np.array([value == name for value in values])
            chances.append(_chance(left, inside))
            more.append((name, bool((~inside).any() and left[inside].mean() > left[~inside].mean())))
            rows.append((f"{name} ({column})", int(inside.sum()), _share(left[inside]), _share(right[inside & ~left])))
    told = iter(holm(np.array([p for p in chances if p is not None])))
    adjusted = [None if p is None else float(next(told)) for p in chances]
    shown = [(*row, "–" if p is None else f"{p:.2g}") for row, p in zip(rows, adjusted, strict=True)]
    without = _share(right[~left]) if (~left).any() else "–"
    text = (
        f"{_share(left)} of the {len(left):,} test messages are left to people. Of those that are decided {without} are"
        f" right, of all {_share(right)}; of those left open {_share(right[left])} would have been."
        f" {_proven(more, adjusted)} 95 % limits are Wilson's."
    )
    header = ("slice", "messages", "left open", "right where decided", "p, all slices")
    return Section("Who is left to people", text, header, tuple(shown))


def _proven(more: Sequence[tuple[str, bool]], adjusted: Sequence[float | None]) -> str:
    """Which slices differ from all other messages beyond chance, by name and direction. more: (slice, above them?)."""
    sure = [pair for pair, p in zip(more, adjusted, strict=True) if p is not None and p < SURE]
    tested = sum(p is not None for p in adjusted)
    directions = (("more", True), ("less", False))
    named = [(word, ", ".join(name for name, above in sure if above is side)) for word, side in directions]
    which = "; ".join(f"{word} often: {names}" for word, names in named if names)
    return (
        f"For {len(sure)} of {tested} slices it is proven that they are left open more or less often than all other"
        f" messages (Fisher's exact test, Holm over all slices){'. ' if which else ''}"
        f"{which[:1].upper()}{which[1:]}."
    )


def _in_order(name: str) -> tuple[int, str]:
    """By the number that a slice's name begins with, where it does: 8-12 words come before 13-24 words."""
    digits = re.match(r"\d+", name)
    return (int(digits.group()) if digits else 0, name)


def _chance(left: np.ndarray, inside: np.ndarray) -> float | None:
    """How likely so unlike a share is by chance; None for a slice that is too small, or that is everybody."""
    from scipy.stats import fisher_exact

    if min(inside.sum(), (~inside).sum()) < FEWEST:
        return None
    table = [[int((left & side).sum()), int((~left & side).sum())] for side in (inside, ~inside)]
    return float(fisher_exact(table).pvalue)


def _share(hits: np.ndarray) -> str:
    if not len(hits):
        return "–"
    lower, upper = wilson(np.array(hits.sum()), np.array(len(hits)), Z)
    return f"{hits.mean():.1%} [{float(lower):.1%}, {float(upper):.1%}]"
