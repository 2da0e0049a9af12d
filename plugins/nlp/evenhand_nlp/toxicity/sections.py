"""The identity audit in the report: exchanged groups, sentences in pairs, power means, functional tests, mitigation."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import Recipe, Section, audit_into, compare, holm
from evenhand_nlp.identity.lexicon import NONE, SEVERAL
from evenhand_nlp.identity.ranking import KINDS, ranked
from evenhand_nlp.toxicity.fitting import FACTS, UNMITIGATED

MOST_ROWS = 24
SURE = 0.05
SHOWN = 160  # characters of an example


def sections(run: Any) -> list[Section]:
    """Every section that the run's files give."""
    file = run.path / "model" / "exhibits" / FACTS
    made = [*_power_means(run), *_before_and_after(run)]
    if not file.is_file():
        return made
    facts = json.loads(file.read_text("utf-8"))
    models = facts["models"]
    before = models.get(UNMITIGATED)
    made = [_swaps(models["final"], before, facts), *_examples(models["final"]), _sentences(models["final"]), *made]
    if "functional" in models["final"]:
        made += _functional(models["final"]["functional"])
    return [*made, _limits(facts)]


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
            _share(pair["flips"]),
            f"{pair['up']:.0%}",
            _signed(pair["shift"]),
            f"{adjusted[i]:.2g}",
        ]
        if before:
            row.append(_share(earlier[_key(pair)]["flips"]) if _key(pair) in earlier else "–")
        rows.append(tuple(row))
    if sure:
        worst = pairs[sure[0]]
        text = (
            f"The score depends on which group is named: of {worst['texts']} texts that name {worst['source']}, written"
            f" for {worst['target']} instead, it moves by {_signed(worst['shift'])} on average, and"
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
            found[i]["one"],
            found[i]["other"],
            found[i]["sentences"],
            _signed(found[i]["shift"]),
            f"{adjusted[i]:.2g}",
        )
        for i in order[:MOST_ROWS]
    )
    text = (
        f"The same sentences with one group after the other: {sure} of {len(found)} pairs of groups are proven to be"
        " scored apart (paired by sentence, Holm over all). The sentences come with the plugin and are few; kind ones"
        " say nothing bad of anybody, unkind ones do."
    )
    header = ("axis", "sentences", "group", "against", "how many", "score higher by", "p, all pairs")
    return Section("The same sentence about two groups", text, header, rows)


def _power_means(run: Any) -> list[Section]:
    """Subgroup, BPSN and BNSP AUC brought together."""
    found = _scored(run)
    if found is None:
        return []
    table, score, truth = found
    rows = []
    for axis in run.recipe.schema.sensitive:
        if axis not in table.columns:
            continue
        one = ranked(score, truth, [str(v) for v in table[axis].to_list()], (NONE, SEVERAL), run.recipe.seed)
        if one is not None:
            rows.append((axis, ", ".join(one.groups), *(_limits_of(one.means[kind]) for kind in KINDS)))
    if not rows:
        return []
    text = (
        "Power means (-5; Borkan et al. 2019) over the groups of an axis, near the lowest of them: AUC among the texts"
        " of a group; its harmless texts among all other toxic ones (BPSN); its toxic texts among all other harmless"
        " ones (BNSP). A low BPSN says that naming the group is enough to score high. Limits draw texts again."
    )
    header = ("axis", "groups with enough texts", "subgroup AUC", "BPSN AUC", "BNSP AUC")
    return [Section("Ranking within groups and across them", text, header, tuple(rows))]


def _scored(run: Any) -> tuple[Any, np.ndarray, np.ndarray] | None:
    """(the predictions, scores, whether each is of the positive class) of rows with a label; None without scores."""
    import polars as pl

    file = run.path / "predictions.parquet"
    table = pl.read_parquet(file) if file.is_file() else pl.DataFrame()
    label = run.recipe.schema.label
    if "score" not in table.columns or label not in table.columns:
        return None
    table = table.filter(pl.col(label).is_not_null())
    truth = np.array([str(value) == str(run.recipe.schema.positive) for value in table[label].to_list()])
    return table, table["score"].to_numpy(), truth


def _before_and_after(run: Any) -> list[Section]:
    """The paired comparison of the model without and with mitigation, by the core's own compare."""
    found = _scored(run)
    column = f"baseline_{UNMITIGATED}_score"
    if found is None or column not in found[0].columns:
        return []
    comparison = compared_runs(run.recipe, found[0], column)
    rows = [
        (
            change.attribute,
            change.metric,
            f"{change.first:.3f}",
            f"{change.second:.3f}",
            _signed([float("nan") if v is None else v for v in (change.change, change.lower, change.upper)]),
            change.verdict,
        )
        for change in comparison.gaps
        if change.kind == "largest"
    ]
    better, worse = (sum(change.verdict == word for change in comparison.gaps) for word in ("better", "worse"))
    text = (
        f"The largest gap of each column without mitigation and with {run.recipe.options['mitigation']}, paired text by"
        f" text: {better} smaller for sure, {worse} larger for sure, of {len(rows)}. {comparison.how}"
    )
    header = ("groups by", "metric", "gap before", "gap after", "change", "verdict")
    return [Section("Before and after mitigation", text, header, tuple(rows))]


def compared_runs(recipe: Recipe, table: Any, column: str) -> Any:
    """`evenhand compare` of two audits of one table, which differ in the column of scores."""
    threshold = recipe.audit.threshold
    asked: dict[str, Any] = {
        "label": recipe.schema.label,
        "positive": recipe.schema.positive,
        "sensitive": [name for name in recipe.schema.sensitive if name in table.columns],
        "metrics": ["fpr", "fnr", "auc"],
        "threshold": threshold if isinstance(threshold, int | float) else 0.5,
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, score in (("before", column), ("after", "score")):
            table.write_parquet(Path(folder) / f"{name}.parquet")
            audit_into(Path(folder) / name, Path(folder) / f"{name}.parquet", score=score, **asked)
        return compare(Path(folder) / "before", Path(folder) / "after")


def _functional(found: Sequence[dict[str, Any]]) -> list[Section]:
    """Pass rates by what is tested, and by target group."""
    targets = list(dict.fromkeys(target for one in found for target in one["by_target"]))
    header = ("what is tested", "right answer", "cases", "passed", *targets)
    rows = tuple(
        (
            one["functionality"],
            one["gold"],
            one["cases"],
            _share(one["rate"]),
            *(f"{one['by_target'][t][0]:.0%}" if t in one["by_target"] else "–" for t in targets),
        )
        for one in found
    )
    cases = sum(one["cases"] for one in found)
    right = sum(one["rate"][0] * one["cases"] for one in found)
    text = f"{right / cases:.1%} of {cases:,} cases get the right answer; below half, the model does the opposite."
    return [Section("Functional tests", text, header, rows)]


def _limits(facts: dict[str, Any]) -> Section:
    rows = tuple((limit,) for limit in facts["limits"])
    text = f"Groups are found by the term lists of version {facts['version']}. What they cannot see:"
    return Section("What the word lists miss", text, ("limit",), rows)


def _share(three: Sequence[float]) -> str:
    return f"{three[0]:.0%} [{three[1]:.0%}, {three[2]:.0%}]"


def _signed(three: Sequence[float]) -> str:
    return f"{three[0]:+.3f} [{three[1]:+.3f}, {three[2]:+.3f}]"


def _limits_of(three: Sequence[float]) -> str:
    return f"{three[0]:.3f} [{three[1]:.3f}, {three[2]:.3f}]"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
