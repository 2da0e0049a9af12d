"""An audit as text: the verdict first, then the groups; as wide as the terminal, and no word that it would obey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evenhand.console import visible
from evenhand.figures import count, figure, span
from evenhand.reporting.formatting import verdict
from evenhand.reporting.ranking import ranked

SHOWN_METRICS = 6
SHOWN_SLICES = 5
SHOWN_GROUPS = 15  # of many
LONGEST = 40  # characters of a group's name


class Part(NamedTuple):
    """A line, or several; kind: "title", "exceeded", "within", "unsure", "table", "text" or "soft"."""

    kind: str
    text: str


def told(data: dict[str, Any], width: int | None = None) -> list[Part]:
    """What an audit says. width: of the terminal, which the tables then fit; None: as wide as they are."""
    used, rows = data["data"]["rows_used"], data["data"]["rows"]
    size = f"{used:,} of {rows:,} rows" if used != rows else f"{rows:,} rows"
    favourable = data["question"].get("favourable")
    selected = [Part("text", favourable["says"])] if favourable else []
    parts = [Part("title", f"{data['title']}: {size}"), _answer(data), *selected, *_verdicts(data)]
    metrics = shown_metrics(data)
    for attribute in data["attributes"]:
        parts += [Part("table", f"\n{one}") for one in _tables(data, attribute, metrics, width)]
    slices = [found["says"] for found in (data.get("slices") or {}).get("found", [])[:SHOWN_SLICES]]
    parts += [Part("text", f"\nWorse: {says}" if not i else f"Worse: {says}") for i, says in enumerate(slices)]
    parts += [Part("soft", f"\nNote: {note}" if not i else f"Note: {note}") for i, note in enumerate(data["notes"])]
    return [Part(kind, "\n".join(map(visible, text.split("\n")))) for kind, text in parts]


def _answer(data: dict[str, Any]) -> Part:
    """The verdict in a line."""
    found, policy = data["verdict"], data["question"]["policy"]
    if not found:
        why = f"the policy {policy['name']} sets no limit" if policy else "no tolerance was given"
        return Part("text", f"Verdict: none, because {why}.")
    look = data["question"]["error_budget"]["look"]
    seen = "one look; --ledger counts looks" if look is None else f"look {look} at this question"
    return Part(verdict(found)[0], f"Verdict: {found} ({seen})")


def _verdicts(data: dict[str, Any]) -> list[Part]:
    order = ("exceeded", "not enough evidence", "within")
    found = sorted(data["verdicts"], key=lambda one: order.index(one["verdict"]))
    lines = [
        (verdict(one["verdict"])[0], f"{one['verdict'].upper()}  {one['attribute']}: {one['says']}") for one in found
    ]
    return [Part(kind, f"\n{text}" if not i else text) for i, (kind, text) in enumerate(lines)]


def shown_metrics(data: dict[str, Any]) -> list[dict[str, Any]]:
    """What is judged first, then the others, as far as a table takes them."""
    defined = [m for m in data["metrics"] if m["defined"]]
    judged = [m for name in data["question"]["tolerances"] for m in defined if m["name"] == name]
    return (judged + [m for m in defined if m not in judged])[:SHOWN_METRICS]


def _tables(
    data: dict[str, Any], attribute: dict[str, Any], metrics: Sequence[dict[str, Any]], width: int | None
) -> list[str]:
    """The groups of an attribute, in as many tables as the width asks for."""
    order = ranked(attribute, data["question"]["tolerances"])
    every = [*order.large, *order.small]
    groups = every[:SHOWN_GROUPS] if order.sorted else every
    names = [attribute["name"], *(_name(group, attribute["reference"]) for group in groups)]
    columns = [["rows", *(count(group["rows"]) for group in groups)]]
    for metric in metrics:
        if metric["name"] not in attribute.get("undefined", ()):
            columns.append([metric["name"], *(_cell(group["metrics"][metric["name"]], metric) for group in groups)])
    tables = [_table(names, block) for block in _blocks(names, columns, width)]
    if len(groups) < len(every):
        small = f", {len(order.small)} of them with fewer than 30 rows" if order.small else ""
        tables[-1] += f"\n{len(every) - len(groups)} more groups{small}: --out DIR shows all"
    return tables


def _blocks(names: list[str], columns: list[list[str]], width: int | None) -> list[list[list[str]]]:
    """The columns in blocks that fit beside the names; rows stay in the first."""
    if width is None:
        return [columns]
    room = width - max(map(len, names))
    blocks: list[list[list[str]]] = [[]]
    left = room
    for column in columns:
        needed = 2 + max(map(len, column))
        if needed > left and blocks[-1]:
            blocks.append([])
            left = room
        blocks[-1].append(column)
        left -= needed
    return blocks


def _table(names: list[str], columns: list[list[str]]) -> str:
    first = max(map(len, names))
    wide = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join([name.ljust(first), *(c[i].rjust(w) for c, w in zip(columns, wide, strict=True))]).rstrip()
        for i, name in enumerate(names)
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def _name(group: dict[str, Any], reference: str) -> str:
    one_line = visible(" ".join(group["name"].split()))
    short = one_line if len(one_line) <= LONGEST else one_line[: LONGEST - 1] + "…"
    return short + (" *" if group["name"] == reference else "")


def _cell(entry: dict[str, Any], metric: dict[str, Any]) -> str:
    share = bool(metric.get("percentage"))
    if entry["value"] is None:
        return "undefined"
    if entry["lower"] is None or entry["upper"] is None:
        return figure(entry["value"], share)
    return f"{figure(entry['value'], share)} ({span(entry['lower'], entry['upper'], share, '')})"


STYLES = {
    "title": "bold",
    "exceeded": "bold red",
    "within": "bold green",
    "unsure": "bold yellow",
    "soft": "dim",
}


def print_coloured(data: dict[str, Any]) -> None:
    """Print the audit to a terminal, in colours and at its width."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=False)
    for kind, text in told(data, console.width):
        line = Text(text)
        if kind in ("exceeded", "within", "unsure"):
            head = text.lstrip("\n")
            end = text.index(head) + (len(head) if head.startswith("Verdict:") else head.index("  "))
            line.stylize(STYLES[kind], 0, end)
        elif kind in STYLES:
            line.stylize(STYLES[kind])
        console.print(line, no_wrap=kind == "table", overflow="ellipsis" if kind == "table" else "fold")
