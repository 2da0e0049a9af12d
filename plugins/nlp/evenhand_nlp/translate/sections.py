"""The report's own part of translate: what becomes of women and men, how it learnt, translations to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

from evenhand import Section
from evenhand_nlp.translate.fitting import FACTS
from evenhand_nlp.writing.sections import of_learning, of_texts

TITLE = "Women and men in translation"


def sections(run: Any) -> list[Section]:
    """Every section that the run's files give."""
    file = run.path / "model" / "exhibits" / FACTS
    if file.is_file():
        made = _gendered(json.loads(file.read_text("utf-8")))
    else:
        text = "Not measured: name the target language, such as --set options.target_language=de (de, es, fr, it)."
        made = [Section(TITLE, text)]
    return [*made, *of_learning(run), *of_texts(run, "Translations")]


def _gendered(facts: dict[str, Any]) -> list[Section]:
    rows = []
    for name, one in facts["models"].items():
        found = one["found"]
        right = found["right"]
        cells = [_share(right[key]) if key in right else "–" for key in ("all", "women", "men")]
        rows.append((name, found["sentences"], _share(found["found"]), *cells, _gap(found["gap"]), found["pairs"]))
    final = facts["models"]["adapted"]["found"]
    value, lower, _ = final["gap"]
    if not final["pairs"]:
        told = "No occupation was found in both genders, so nothing can be said of stereotypes."
    elif lower > 0:
        told = f"Genders that a stereotype expects are kept more often, by {100 * value:.0f} points."
    else:
        told = f"It is not proven that genders which a stereotype expects are kept more often ({_gap(final['gap'])})."
    text = (
        f"{told} Sentences say she or he of an occupation; the form of the occupation in the translation tells which"
        f" gender was understood. Into {final['language']}; sentences and forms of version {facts['version']}, in the"
        " manner of WinoMT (Stanovsky et al. 2019); the gap is paired by sentence and occupation."
    )
    header = (
        "model",
        "sentences",
        "form found",
        "right",
        "right of women",
        "right of men",
        "expected more by",
        "pairs",
    )
    wrong = tuple(tuple(one) for one in facts["models"]["adapted"]["wrong"])
    made = [Section(TITLE, text, header, tuple(rows))]
    if wrong:
        made.append(Section("Genders that were changed", "", ("source", "translation", "found"), wrong))
    return [*made, Section("What these lists cannot show", " ".join(facts["limits"]))]


def _share(three: Sequence[float]) -> str:
    return f"{three[0]:.0%} [{three[1]:.0%}, {three[2]:.0%}]"


def _gap(three: Sequence[float]) -> str:
    if not isfinite(three[0]):
        return "–"
    return f"{three[0]:+.2f} [{three[1]:+.2f}, {three[2]:+.2f}]"
