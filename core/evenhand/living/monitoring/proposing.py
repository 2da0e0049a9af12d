"""What to do about what was seen: nothing, recalibrate, update or adapt, with the gain that logged labels prove.

Labelled rows take turns: each candidate is fitted on some and judged on others, as `evenhand adapt` does.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenhand.adapting.corrected import platt
from evenhand.errors import BadInput
from evenhand.living.sites.candidates import Candidate
from evenhand.living.sites.choosing import ADAPT, UNDECIDED, Choice, choose
from evenhand.living.sites.evidence import LEAST, LEAST_OF_CLASS, Gain
from evenhand.living.sites.ground import UNKNOWN
from evenhand.living.sites.place import Place, clusters_of, ground_of, old_rows
from evenhand.predicting.classes import positive_class
from evenhand.predicting.predictions import threshold_of
from evenhand.recorded.finished import FinishedRun
from evenhand.scoring.scorer import Scorer

# what each candidate of `evenhand adapt` is in the life of a model
ACTIONS = {
    **dict.fromkeys(("recalibrate", "recalibrate-whole", "platt", "label-shift", "confusion"), "recalibrate"),
    **dict.fromkeys(("pool", "finetune"), "update"),
    **dict.fromkeys(("reweight", "align", "transport", "subspace", "statistics", "centre", "probe"), "adapt"),
}
MOST = 4_000  # labelled rows that a proof is made of: the latest
NO_LABELS = "no labels to prove it"


@dataclass(frozen=True, slots=True)
class Context:
    """What commands and recipe diffs are made from. classes: whether the task tells classes apart, which all but an
    update need; settings: what `new_threshold` found."""

    run: Path
    data: str
    classes: bool
    settings: Mapping[str, Any]


def proposal(alarms: Sequence[Mapping[str, Any]], proof: Choice | None, why: str, context: Context) -> dict[str, Any]:
    """The proposal. proof: what labelled rows say, None where there are none; why: why there is no proof."""
    gains = proof.gains if proof else {}
    if proof is not None and proof.verdict == ADAPT:
        says = _gained(proof.chosen, gains[proof.chosen.name])
        if not alarms:  # more rows of the same kind help as well
            return _made("nothing", True, f"nothing that was asked has changed; even so, {says}", gains, context)
        return _made(ACTIONS[proof.chosen.name], True, says, gains, context)
    settled = proof is not None and proof.verdict != UNDECIDED
    if settled and proof is not None:
        change = "something has changed, and" if alarms else "nothing that was asked has changed, and"
        return _made("nothing", True, f"{change} labels prove no gain worth it: {proof.says[0]}", gains, context)
    if not alarms:
        return _made("nothing", False, "nothing that was asked has changed", gains, context)
    if gains and proof is not None:
        return _made("nothing", False, f"something has changed, and no gain is proven: {proof.says[0]}", gains, context)
    if not context.classes:
        return _made("update", False, "labels of this task are not compared, so nothing is proven", gains, context)
    return _made(guess(alarms), False, why or (proof.says[0] if proof else NO_LABELS), gains, context)


def _gained(chosen: Candidate, gain: Gain) -> str:
    return (
        f"{chosen.name} ({chosen.says}) gains {gain.value:.4f} in log loss on rows that it has not seen, at least"
        f" {gain.lower:.4f}"
    )


def guess(alarms: Sequence[Mapping[str, Any]]) -> str:
    """What usually helps against such alarms, where nothing is proven.

    >>> guess([{"kind": "score"}]), guess([{"kind": "input"}]), guess([{"kind": "group"}])
    ('recalibrate', 'update', 'adapt')
    """
    kinds = {alarm["kind"] for alarm in alarms}
    if kinds & {"input", "performance", "group performance", "gap"}:
        return "update"
    return "recalibrate" if "score" in kinds else "adapt"


def _made(action: str, proven: bool, why: str, gains: Mapping[str, Gain], context: Context) -> dict[str, Any]:
    options = shlex.join([str(context.run), "--data", context.data])
    commands = {
        "nothing": "",
        "update": f"evenhand update {options}",
        "adapt": f"evenhand adapt {options}",
        "recalibrate": context.settings.get("command") or f"evenhand adapt {options}",
    }
    return {
        "action": action,
        "proven": proven,
        "why": why,
        "command": commands[action],
        "diff": context.settings.get("diff", []) if action == "recalibrate" else [],
        "gains": {
            name: asdict(gain) | {"proven": gain.proven, "action": ACTIONS[name]} for name, gain in gains.items()
        },
    }


def proved(scorer: Scorer, found: FinishedRun, rows: pl.DataFrame, targets: np.ndarray, where: str) -> Choice | None:
    """What the labelled rows prove of every candidate; None where they, or their inputs, are not there. rows: of this
    call; targets: their class numbers, UNKNOWN without a label."""
    schema = scorer.recipe.schema
    known = np.flatnonzero(targets != UNKNOWN)
    if not len(known) or not all(name in rows.columns for name in schema.input):
        return None
    kept = known[-MOST:]
    part = rows[kept]
    clusters = clusters_of(part, schema.group_id)
    groups = {
        name: part[name].cast(pl.String).fill_null("(missing)").to_numpy()
        for name in schema.sensitive
        if name in rows.columns
    }
    place = Place(part, where, schema.label or "label", targets[kept], np.full(len(kept), UNKNOWN), clusters, groups)
    try:
        old = old_rows(scorer, found, None)[0]
    except BadInput:
        old = None
    return choose(ground_of(scorer, place, old), groups)


def too_few(targets: np.ndarray, readable: bool) -> str:
    """Why labels prove nothing; empty where they may."""
    labelled = int((targets != UNKNOWN).sum())
    if not labelled:
        return NO_LABELS
    if not readable:
        return "the rows do not hold the model's inputs, so nothing can be fitted to their labels"
    return (
        ""
        if labelled >= LEAST
        else f"{labelled} labels are too few to prove it: at least {LEAST}, {LEAST_OF_CLASS} of each of two classes"
    )


def new_threshold(scorer: Scorer, score: np.ndarray, truly: np.ndarray) -> dict[str, Any]:
    """A binary recipe's threshold at which decisions are those of the recalibrated score: a recipe diff.

    With p' = expit(slope * logit p + bias), p' >= t is p >= expit((logit t - bias) / slope).
    """
    from scipy.special import expit, logit

    recipe = scorer.recipe
    if recipe.task != "binary" or recipe.audit.operating_point or len(np.unique(truly)) < 2:
        return {}
    positive = positive_class(recipe.schema, tuple(scorer.adapted.classes))
    p = np.clip(score, 1e-6, 1 - 1e-6)
    found = platt(np.log(np.column_stack([1 - p, p])), truly.astype(np.int64))
    before = threshold_of(recipe, scorer.adapted.operating)
    if found.slope <= 0:
        return {}
    bias = float(found.bias[1] - found.bias[0])
    after = round(float(expit((logit(np.clip(before, 1e-6, 1 - 1e-6)) - bias) / found.slope)), 4)
    setting = f"audit.threshold={after}"
    return {
        "command": f"evenhand run {recipe.full_name} --set {setting}",
        "diff": [f"- audit.threshold = {before:g}", f"+ audit.threshold = {after:g}"],
        "positive": positive,
    }
