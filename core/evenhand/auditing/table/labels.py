"""What the values of the label and prediction columns mean: which task this is, and which value is the positive one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from evenhand.auditing.table.checks import MOST_CLASSES, check_finite_numbers, check_probabilities
from evenhand.auditing.table.rows import AuditTask, Rows
from evenhand.errors import BadInput, did_you_mean, typed

WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})\.0+")  # as a file writes a whole number among missing ones
CLEARLY_POSITIVE = {"1": "0", "true": "false", "yes": "no"}  # positive -> negative; nothing else is guessed


def plain(value: Any) -> str:
    """A value as people write it: 1 for 1.0, '1' and '1.0', true for True."""
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = str(value).strip()
    return str(int(text.split(".")[0])) if WHOLE.fullmatch(text) else text


def find_task(rows: Rows, asked: str | None, threshold: float | None, positive: Any = None) -> AuditTask:
    """The task that the columns speak of, or BadInput when they contradict what was asked.

    A positive value among several classes asks for that class against the rest.
    """
    if asked == "multilabel":
        raise BadInput(
            "a multilabel audit has a column of 0 and 1 for each label; name them with --labels a,b (--task)"
        )
    if rows.roles.label is None:
        if asked in ("binary", "multiclass", "regression") and asked != "binary":
            raise BadInput(f"a {asked} audit compares predictions with labels; name the label column with --label")
        return "selection"
    if asked is not None:
        return asked  # type: ignore[return-value]
    classes = rows.facts["label distinct"] - (rows.facts["label missing"] > 0)
    if threshold is not None or classes <= 2:
        return "binary"
    if _looks_continuous(rows):
        return "regression"
    return "binary" if positive is not None else "multiclass"


def _looks_continuous(rows: Rows) -> bool:
    """Numbers with fractions, or more distinct ones than a classifier has classes."""
    if rows.facts["label distinct"] > MOST_CLASSES:
        return True
    values = rows.values("label")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return False
    return any(not float(v).is_integer() for v in values) or len(values) > 50


def find_positive(
    rows: Rows, role: str, positive: Any, threshold: float | None = None, option: str = "--positive"
) -> list[Any]:
    """The raw values of a binary column that mean yes; BadInput when that is not clear."""
    column, where = getattr(rows.roles, role), rows.where
    if rows.facts[f"{role} distinct"] > MOST_CLASSES:
        raise _not_binary(column, where, f"{rows.facts[f'{role} distinct']:,} different values", threshold)
    values = rows.values(role)
    names = sorted({plain(v) for v in values})
    if len(names) > 2 and positive is None:
        shown = ", ".join(f"'{n}'" for n in names[:6]) + (", …" if len(names) > 6 else "")
        raise _not_binary(column, where, f"{len(names)} different values ({shown})", threshold)
    wanted = plain(positive) if positive is not None else _clear(names)
    if wanted is None:
        raise BadInput(
            f"column '{column}' in {where} holds {' and '.join(repr(n) for n in names)}, and which of them is the"
            f" positive one is not clear; say {_choice(option, names)}"
        )
    chosen = [v for v in values if plain(v) == wanted or plain(v).lower() == wanted.lower()]
    several = len(names) > 2 and role == "prediction"  # no prediction need be of the class that is asked about
    if not chosen and positive is not None and not several and (len(names) >= 2 or _clear([*names, wanted]) is None):
        raise BadInput(
            f"the positive value '{wanted}' is not in column '{column}' of {where}, which holds"
            f" {_listed(names)}.{did_you_mean(wanted, names)} ({option})"
        )
    return chosen


def find_decided(rows: Rows, word: Any, asked: Any = None) -> list[Any]:
    """The raw values of a prediction that mean yes; BadInput when that is not clear.

    word: the positive label (None: not named, and there are no labels). asked: the decision that was named. Labels
    yes/no and decisions 0/1 are the same words; any others are not for us to match.
    """
    if asked is not None or word is None or rows.facts["prediction distinct"] > MOST_CLASSES:
        option = "--positive-prediction" if asked is not None else "--positive"
        return find_positive(rows, "prediction", word if asked is None else asked, option=option)
    names = {plain(v) for v in rows.values("prediction")}
    labels = {plain(v) for v in rows.values("label")} if rows.roles.label is not None else set()
    wanted = plain(word).lower()
    if not labels or wanted in map(str.lower, names):
        return find_positive(rows, "prediction", word)
    if {n.lower() for n in names} <= {n.lower() for n in labels}:
        return []  # nobody is predicted positive
    positive = _is_yes(wanted, labels)
    found = [name for name in names if positive is not None and _is_yes(name, names) is positive]
    if found or (positive is not None and _clear(names) is not None):
        return [v for v in rows.values("prediction") if plain(v) in found]
    shown = sorted(names)[:4]
    raise BadInput(
        f"decisions and labels in {rows.where} are in different words: column '{rows.roles.prediction}' holds"
        f" {_listed(shown)}{', …' if len(names) > len(shown) else ''}, and the positive label is '{plain(word)}'; say"
        f" which decision predicts it, {_choice('--positive-prediction', shown)}"
    )


def _is_yes(name: str, among: Iterable[str]) -> bool | None:
    """Whether a value says yes; None where it, or another beside it, is not clear."""
    yes = _clear([name, *among])
    return None if yes is None else name.lower() == yes


def _clear(names: Iterable[str]) -> str | None:
    found = {n.lower() for n in names}
    return next((yes for yes, no in CLEARLY_POSITIVE.items() if found <= {yes, no}), None)


def _choice(option: str, names: Iterable[str]) -> str:
    """Each of the options there are, as a shell takes it."""
    return " or ".join(typed(option, name) for name in names)


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{n}'" for n in names)


def _not_binary(column: str, where: str, what: str, threshold: float | None) -> BadInput:
    if threshold is not None:
        return BadInput(
            f"column '{column}' in {where} has {what}, and a threshold needs labels of two classes; drop --threshold or"
            " choose another label"
        )
    return BadInput(
        f"column '{column}' in {where} has {what}, and a binary audit needs two; choose another column or another"
        " --task"
    )


def check_scores(rows: Rows, task: AuditTask) -> None:
    """Scores must suit the task."""
    if rows.roles.score is not None and task != "regression":
        check_probabilities(rows)
    if task == "regression":
        check_finite_numbers(rows, "label")
        check_finite_numbers(rows, "prediction" if rows.roles.prediction is not None else "score")
    if task == "multiclass" and rows.roles.prediction is None:
        raise BadInput(
            f"column '{rows.roles.label}' in {rows.where} has more than two classes; name the predicted class with"
            " --prediction COLUMN"
        )
