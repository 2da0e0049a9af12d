"""The model card: Markdown with the head that Hugging Face's hub reads; README.md of a run's folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from evenhand.reporting import formatting as words
from evenhand.reporting.card_data import LIBRARIES, card_data
from evenhand.reporting.helping import helps

OPENS = {  # how a trained network is opened without evenhand
    "text": 'transformers.AutoModel.from_pretrained("RUN/model")      # its tokens\' vectors\n'
    'sentence_transformers.SentenceTransformer("RUN/model")    # one vector per text',
    "image": 'timm.create_model("local-dir:RUN/model", pretrained=True)',
}


def model_card(
    audit: dict[str, Any] | None,
    evaluation: Sequence[dict[str, Any]],
    manifest: dict[str, Any],
    sections: Sequence[dict[str, Any]],
    recipe_rows: Sequence[tuple[str, Any, str]],
    notes: Sequence[str] = (),
    backbone: Mapping[str, Any] | None = None,
    network: bool = False,
) -> str:
    """What the model is for, how well it does beside simple baselines, for whom it does worse, where it comes from.

    backbone: name, source, licence, url, known_bias and pretrained_on of what was adapted. network: the model is a
    trained network, which opens in its modality's library too.
    """
    audit, evaluation, manifest, sections, recipe_rows, notes, backbone = words.clean(
        [audit, evaluation, manifest, sections, recipe_rows, notes, backbone]
    )
    title = str((audit or {}).get("title") or manifest.get("recipe") or "Model")
    settings = {key: value for key, value, _ in recipe_rows}
    inputs = manifest.get("inputs") or {}
    hub_data = inputs.get("hub")
    source = str(hub_data or PurePath(str(inputs.get("source") or "data")).name)
    head = card_data(title, settings, evaluation, audit, source, hub_data, backbone, network)
    lines = ["---", head.to_yaml(), "---", "", f"# {text(title)}", "", text(settings.get("about") or ""), ""]
    lines += _use(settings, backbone or {})
    lines += _opening(str(settings.get("modality", "")), network)
    lines += ["## Performance", "", text(helps(list(evaluation))), ""]
    lines += table(
        ("model", "metric", "value", "interval", "rows"),
        [(m["model"], m["name"], words.number(m["value"]), words.interval(m), m["n"]) for m in evaluation],
    )
    lines += _groups(audit)
    for section in sections:
        lines += ["", f"## {text(section['title'])}", "", text(section.get("text", "")), ""]
        lines += table(section.get("header", ()), section.get("rows", ()))
    return "\n".join([*lines, *_origin(recipe_rows, backbone or {}, notes, manifest)])


def _use(settings: Mapping[str, Any], backbone: Mapping[str, Any]) -> list[str]:
    """What the recipe states; and that it states nothing, where it does not."""
    limits = [str(limit) for limit in settings.get("limits") or ()]
    if backbone.get("known_bias"):
        limits.append(f"Known of the backbone {backbone.get('name', '')}: {backbone['known_bias']}")
    intended = settings.get("intended_use") or "The recipe states none (its key intended_use)."
    none = "The recipe states none (its key limits), which does not mean that there are none."
    return [
        *("## Intended use", "", text(intended), ""),
        *("## Limits", "", *(f"- {text(limit)}" for limit in limits or [none]), ""),
    ]


def _opening(modality: str, network: bool) -> list[str]:
    """The lines of Python that score rows with it."""
    lines = ["## How to use it", "", "```python", "import evenhand", "", 'evenhand.load("RUN").predict(frame)']
    if network and modality in LIBRARIES:
        lines += [
            "",
            f"# the network alone, without evenhand; model/head.safetensors holds its head\n{OPENS[modality]}",
        ]
    return [*lines, "```", ""]


def _groups(audit: dict[str, Any] | None) -> list[str]:
    if not audit:
        return []
    lines = [
        "",
        "## Groups of people",
        "",
        text(f"{words.verdict(audit['verdict'])[1]}. {words.next_step(audit)}"),
        "",
    ]
    if audit["verdicts"] and words.selected_means(audit):
        lines += [text(words.selected_means(audit)), ""]
    return [*lines, *(f"- {text(v['attribute'])}: {text(v['says'])}" for v in audit["verdicts"])]


def _origin(
    recipe_rows: Sequence[tuple[str, Any, str]],
    backbone: Mapping[str, Any],
    notes: Sequence[str],
    manifest: Mapping[str, Any],
) -> list[str]:
    lines = ["", "## Where it comes from", ""]
    if backbone:
        kind, _, place = str(backbone.get("source", "")).partition(":")
        place = PurePath(place).name if kind == "local" else place  # where it lies on this machine is nobody's business
        lines += [
            f"Adapted from {text(backbone.get('name', ''))} ({text(f'{kind}:{place}')}), licence "
            f"{text(backbone.get('licence') or 'not stated')}, pretrained on "
            f"{text(backbone.get('pretrained_on') or 'not stated')}.",
            "",
        ]
    lines += table(("setting", "value", "origin"), [(k, words.plain(v), o) for k, v, o in recipe_rows])
    place = str((manifest.get("inputs") or {}).get("source") or "")
    made = text(str(manifest.get("command", "evenhand")).replace(place, PurePath(place).name) if place else "evenhand")
    said = [f"- {text(note)}" for note in notes]
    return [*lines, "", *said, "", f"Made by `{made}`. Statistics, not legal advice.", ""]


def table(header: Sequence[Any], rows: Sequence[Sequence[Any]]) -> list[str]:
    """The lines of a table of Markdown."""
    if not header:
        return []
    lines = ["| " + " | ".join(map(_cell, header)) + " |", "|" + " --- |" * len(header)]
    return lines + ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]


def _cell(value: Any) -> str:
    return text(words.number(value) if isinstance(value, float) else value)


def text(value: Any) -> str:
    """One line in which no mark-up of Markdown or HTML takes effect."""
    line = " ".join(words.readable("–" if value is None else value).split())
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", line).replace("\\<", "&lt;").replace("\\>", "&gt;")
