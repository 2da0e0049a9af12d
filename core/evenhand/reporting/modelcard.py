"""The model card: Markdown with a YAML head, as model hubs read it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from evenhand.reporting import formatting as words


def model_card(
    audit: dict[str, Any] | None,
    evaluation: Sequence[dict[str, Any]],
    manifest: dict[str, Any],
    sections: Sequence[dict[str, Any]],
    recipe_rows: Sequence[tuple[str, Any, str]],
    notes: Sequence[str] = (),
) -> str:
    """What the model is for, how well it does beside simple baselines, for whom it does worse, where it comes from."""
    audit, evaluation, manifest, sections, recipe_rows, notes = words.clean(
        [audit, evaluation, manifest, sections, recipe_rows, notes]
    )
    title = str((audit or {}).get("title") or manifest.get("recipe") or "Model")
    settings = {key: value for key, value, _ in recipe_rows}
    lines = [*_head(title, settings, evaluation), f"# {_text(title)}", "", _text(settings.get("about") or ""), ""]
    lines += ["## Performance", "", words.helps(list(evaluation)), ""]
    lines += _table(
        ("model", "metric", "value", "interval", "rows"),
        [(m["model"], m["name"], words.number(m["value"]), words.interval(m), m["n"]) for m in evaluation],
    )
    if audit:
        lines += ["", "## Groups of people", "", words.verdict(audit["verdict"])[1] + ". " + words.next_step(audit), ""]
        if audit["verdicts"] and words.selected_means(audit):
            lines += [_text(words.selected_means(audit)), ""]
        lines += [f"- {_text(v['attribute'])}: {_text(v['says'])}" for v in audit["verdicts"]]
    for section in sections:
        lines += [
            "",
            f"## {_text(section['title'])}",
            "",
            _text(section.get("text", "")),
            "",
            *_table(section.get("header", ()), section.get("rows", ())),
        ]
    lines += [
        "",
        "## Where it comes from",
        "",
        *_table(("setting", "value", "origin"), [(k, words.plain(v), o) for k, v, o in recipe_rows]),
    ]
    lines += [
        "",
        *[f"- {_text(note)}" for note in notes],
        "",
        f"Made by `{_text(manifest.get('command', 'evenhand'))}`. Statistics, not legal advice.",
        "",
    ]
    return "\n".join(lines)


def _head(title: str, settings: dict[str, Any], evaluation: Sequence[dict[str, Any]]) -> list[str]:
    """JSON is YAML: quoting by json.dumps holds for any name."""
    metrics = sorted({m["name"] for m in evaluation})
    tags = ["evenhand", str(settings.get("domain", "")), str(settings.get("task", ""))]
    return [
        "---",
        f"model_name: {json.dumps(title, ensure_ascii=False)}",  # else an emoji is two surrogates, which YAML refuses
        f"tags: {json.dumps(tags, ensure_ascii=False)}",
        f"metrics: {json.dumps(metrics, ensure_ascii=False)}",
        "---",
        "",
    ]


def _table(header: Sequence[Any], rows: Sequence[Sequence[Any]]) -> list[str]:
    if not header:
        return []
    lines = ["| " + " | ".join(map(_cell, header)) + " |", "|" + " --- |" * len(header)]
    return lines + ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]


def _cell(value: Any) -> str:
    return _text(words.number(value) if isinstance(value, float) else value)


def _text(value: Any) -> str:
    """One line in which no mark-up of Markdown or HTML takes effect."""
    line = " ".join(words.readable("–" if value is None else value).split())
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", line).replace("\\<", "&lt;").replace("\\>", "&gt;")
