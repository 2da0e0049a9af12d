"""The identity audit in the report: what naming a group does, and everything that this is seen by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from evenhand import Section, holm
from evenhand_nlp.identity.dialect import limits as dialect_limits
from evenhand_nlp.identity.finding import SURE, lead
from evenhand_nlp.identity.fitting import FACTS, UNMITIGATED
from evenhand_nlp.identity.from_files import from_files
from evenhand_nlp.identity.lexicon import NONE, SEVERAL
from evenhand_nlp.identity.numbers import limited, share, signed
from evenhand_nlp.identity.ranking import KINDS, ranked, scored

MOST_ROWS = 24
SHOWN = 160  # characters of an example


def sections(run: Any) -> list[Section]:
    """Every section that the run's files give; the finding leads the report."""
    file = run.path / "model" / "exhibits" / FACTS
    ranking = _power_means(run)
    if not file.is_file():
        return ranking
    facts = json.loads(file.read_text("utf-8"))
    final, before = facts["models"]["final"], facts["models"].get(UNMITIGATED)
    positive = str(run.recipe.schema.positive)
    made = [lead(final, before, positive), _named(final, before, facts), *ranking]
    made += [_swaps(final, before, facts), *_examples(final), _sentences(final), *from_files(final, positive)]
    return [*made, _limits(facts, run.recipe.schema.sensitive)]


def _named(final: dict[str, Any], before: dict[str, Any] | None, facts: dict[str, Any]) -> Section:
    """The finding: of each group, how often the decision hangs on its being that group."""
    title = "What naming a group does to the score"
    found = final["named"]
    if not found:
        return Section(title, "Too few test texts mention exactly one group of an axis for anything to be exchanged.")
    adjusted = holm(np.array([one["p"] for one in found]))
    order = sorted(range(len(found)), key=lambda i: -found[i]["shift"][0])
    earlier = {(one["axis"], one["source"]): one for one in before["named"]} if before else {}
    header = ("group (axis)", "texts", "decision hangs on it", "its name adds", "p, all groups")
    header += ("hung on it, unmitigated", "added, unmitigated") if before else ()
    rows = []
    for i in order:
        one = found[i]
        row: list[Any] = [f"{one['source']} ({one['axis']})", one["texts"], share(one["turned"])]
        row += [signed(one["shift"]), f"{adjusted[i]:.2g}"]
        if before:
            was = earlier.get((one["axis"], one["source"]))
            row += [share(was["turned"]), signed(was["shift"])] if was else ["–", "–"]
        rows.append(tuple(row))
    how = (
        "Every test text that names one group of an axis was rewritten for each other group of it. A decision hangs on"
        " the group where some other group turns it; what the name adds is the text's score less the mean of its"
        f" rewritings. The text is the unit, limits are 95 %, decisions are made at {facts['threshold']:g}."
    )
    return Section(title, how, header, tuple(rows))


def _swaps(final: dict[str, Any], before: dict[str, Any] | None, facts: dict[str, Any]) -> Section:
    """How often a decision turns, and how far the score moves, when the group is exchanged."""
    title = "When the group in a text is exchanged"
    pairs = final["swaps"]
    if not pairs:
        return Section(title, "No test text mentions exactly one group of an axis, so nothing could be exchanged.")
    adjusted = holm(np.array([pair["p"] for pair in pairs]))
    order = sorted(range(len(pairs)), key=lambda i: -abs(pairs[i]["shift"][0]))
    sure = [i for i in order if adjusted[i] < SURE]
    earlier = {_key(pair): pair for pair in before["swaps"]} if before else {}
    header = ("text names", "exchanged for", "texts", "decision turns", "to positive", "score moves by")
    header += ("p, all pairs",) + (("turned before mitigation",) if before else ())
    rows = []
    for i in order[:MOST_ROWS]:
        pair = pairs[i]
        row = [
            f"{pair['source']} ({pair['axis']})",
            pair["target"],
            pair["texts"],
            share(pair["flips"]),
            f"{pair['up']:.0%}",
            signed(pair["shift"]),
            f"{adjusted[i]:.2g}",
        ]
        if before:
            row.append(share(earlier[_key(pair)]["flips"]) if _key(pair) in earlier else "–")
        rows.append(tuple(row))
    if sure:
        worst = pairs[sure[0]]
        text = (
            f"The score depends on which group is named: of {worst['texts']} texts that name {worst['source']}, written"
            f" for {worst['target']} instead, it moves by {signed(worst['shift'])} on average, and"
            f" {worst['flips'][0]:.0%} of decisions turn. {len(sure)} of {len(pairs)} pairs are proven to move it, all"
            " of them allowed for (Holm)."
        )
    else:
        text = f"For none of {len(pairs)} pairs of groups is it proven that exchanging them moves the score."
    return Section(
        title,
        f"{text} Test texts that name one group of an axis, every mention exchanged by role; the text is the unit, with"
        f" 95 % limits. Decisions at {facts['threshold']:g}.",
        header,
        tuple(rows),
    )


def _key(pair: dict[str, Any]) -> tuple[str, str, str]:
    return pair["axis"], pair["source"], pair["target"]


def _examples(final: dict[str, Any]) -> list[Section]:
    rows = tuple(
        (axis, _cut(text), _cut(changed), f"{before:.2f}", f"{after:.2f}")
        for axis, text, changed, before, after in final["examples"]
    )
    if not rows:
        return []
    text = "The exchanged texts whose score moved most. Read whether the exchange left the sense as it was."
    return [Section("Exchanged texts that moved most", text, ("axis", "text", "exchanged", "before", "after"), rows)]


def _sentences(final: dict[str, Any]) -> Section:
    """The plugin's sentences, two groups at a time."""
    found = final["sentences"]
    adjusted = holm(np.array([one["p"] for one in found]))
    order = sorted(range(len(found)), key=lambda i: -abs(found[i]["shift"][0]))
    sure = sum(p < SURE for p in adjusted)
    rows = tuple(
        (
            found[i]["axis"],
            found[i]["kind"],
            *upwards(found[i]),
            f"{adjusted[i]:.2g}",
        )
        for i in order[:MOST_ROWS]
    )
    text = (
        f"The same sentences with one group after the other: {sure} of {len(found)} pairs of groups are proven to be"
        " scored apart (paired by sentence, Holm over all). The sentences come with the plugin and are few; kind ones"
        " say nothing bad of anybody, unkind ones do."
    )
    header = ("axis", "sentences", "group", "scores above", "by", "sentences", "p, all pairs")
    return Section("The same sentence about two groups", text, header, rows)


def upwards(one: dict[str, Any]) -> tuple[str, str, str, int]:
    """(the group that scores higher, the other, by how much, over how many sentences)."""
    value, lower, upper = one["shift"]
    if value < 0:
        return one["other"], one["one"], signed((-value, -upper, -lower)), one["sentences"]
    return one["one"], one["other"], signed(one["shift"]), one["sentences"]


def _power_means(run: Any) -> list[Section]:
    """Subgroup, BPSN and BNSP AUC brought together."""
    found = scored(run)
    if found is None:
        return []
    table, score, truth = found
    rows = []
    for axis in run.recipe.schema.sensitive:
        if axis not in table.columns:
            continue
        one = ranked(score, truth, [str(v) for v in table[axis].to_list()], (NONE, SEVERAL), run.recipe.seed)
        if one is not None:
            rows.append((axis, ", ".join(one.groups), *(limited(one.means[kind]) for kind in KINDS)))
    if not rows:
        return []
    said = run.recipe.schema.positive
    text = (
        "Power means (-5; Borkan et al. 2019) over the groups of an axis, near the lowest of them: AUC among the texts"
        f" of a group; its texts that are not {said} among all others that are (BPSN); those of it that are {said}"
        " among all others that are not (BNSP). A low BPSN says that naming the group is enough to score high, a low"
        " BNSP that it is enough to score low. Limits draw texts again."
    )
    header = ("axis", "groups with enough texts", "subgroup AUC", "BPSN AUC", "BNSP AUC")
    return [Section("Ranking within groups and across them", text, header, tuple(rows))]


def _limits(facts: dict[str, Any], audited: Sequence[str]) -> Section:
    told = [*facts["limits"], *(dialect_limits() if "dialect" in audited else ())]
    text = f"Groups are found by the term lists of version {facts['version']}. What they cannot see:"
    return Section("What the word lists miss", text, ("limit",), tuple((limit,) for limit in told))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
