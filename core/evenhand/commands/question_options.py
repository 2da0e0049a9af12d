"""The options that ask the question of an audit: one for each part of a Question, read from what was typed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args

import typer

from evenhand.asking.question import HINTS, PARTS, Question
from evenhand.commands import completing
from evenhand.errors import BadInput

Command = Callable[..., None]
OFFERED = {"policy": completing.policies, "metrics": completing.metrics}


def asks_a_question(command: Command) -> Command:
    """The command with an option for each part of a Question, after its first parameter, in the place of `**asked`."""
    signature = inspect.signature(command, eval_str=True)
    first, *own, _ = signature.parameters.values()
    named = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    parameters = [first, *(_option(name) for name in PARTS), *named]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return command


def _option(name: str) -> inspect.Parameter:
    """An option that is None where it was not typed, so that it can stand in for what a file says."""
    default = getattr(Question(), name)
    shown = f" [default: {default}]" if isinstance(default, str | float | int) and default is not False else ""
    option = typer.Option(help=PARTS[name].says + shown, show_default=False, autocompletion=OFFERED.get(name))
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[_typed(name), option]
    )


def _typed(name: str) -> Any:
    if name in TABLES:
        return list[str] | None
    kind = get_args(HINTS[name])[0]
    return next((plain | None for plain in (bool, int, float) if kind in (plain, plain | None)), str | None)


def question_of(typed: Mapping[str, Any], asked: Question | None = None) -> Question:
    """The Question of these options, each in the place of that part of `asked`; None is one that was not typed."""
    given = {name: text for name, text in typed.items() if text not in (None, [])}
    parts = {name: READ[name](text) if name in READ else text for name, text in given.items()}
    return (asked or Question()).but(**parts)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _pairs(texts: list[str], option: str, example: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"{option} {text} has no '='; write it as {option} {example}")
        pairs[key.strip()] = value.strip()
    return pairs


def _references(texts: list[str]) -> dict[str, str]:
    return _pairs(texts, "--reference", "sex=male")


def _operating_point(texts: list[str]) -> dict[str, float]:
    try:
        return {key: float(value) for key, value in _pairs(texts, "--operating-point", "sensitivity=0.9").items()}
    except ValueError:
        raise BadInput(
            f"--operating-point {' '.join(texts)} is not a number; write it as --operating-point sensitivity=0.9"
        ) from None


def _tolerances(texts: list[str]) -> dict[str, float] | float:
    try:
        if len(texts) == 1 and "=" not in texts[0]:
            return float(texts[0])
        return {key: float(value) for key, value in _pairs(texts, "--tolerance", "tpr=0.05").items()}
    except ValueError:
        raise BadInput(f"--tolerance {' '.join(texts)} is not a number; write it as --tolerance tpr=0.05") from None


def _bins(texts: list[str]) -> dict[str, Any]:
    """age=4 is a number of groups, age=30,50 and age=30, are edges, age=each a group per value."""
    return {column: _cut(column, text) for column, text in _pairs(texts, "--bins", "age=4 or age=30,50,65").items()}


def _called(texts: list[str]) -> dict[str, str]:
    return _pairs(texts, "--names", "afam.yes='African American'")


def _cut(column: str, text: str) -> int | str | list[float]:
    try:
        if text == "each":
            return text
        return [float(edge) for edge in _names(text)] if "," in text else int(text)
    except ValueError:
        raise BadInput(
            f"--bins {column}={text} is neither a number of groups nor edges; "
            f"write it as {column}=4 or {column}=30,50,65"
        ) from None


def _top(text: str) -> int | float:
    """100 rows, or a share of them: 10% or 0.1."""
    try:
        if text.endswith("%"):
            return float(text[:-1]) / 100
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise BadInput(f"--top {text} is neither a number of rows nor a share; write it as 100 or as 10%") from None


TABLES = {
    "operating_point": _operating_point,
    "tolerance": _tolerances,
    "reference": _references,
    "bins": _bins,
    "names": _called,
}
READ: dict[str, Callable[..., Any]] = {
    **TABLES,
    **dict.fromkeys(("sensitive", "labels", "metrics", "slices"), _names),
    "top": _top,
}
