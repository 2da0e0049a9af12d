"""What a private run shows beside its model: that the stored weights are the trained ones, who pays, and what leaks.

Who pays: the same model without clipping and noise is trained in memory, asked about the test rows, and forgotten.
What leaks: the loss threshold of Yeom et al. 2018 (CSF), which calls a row a member where its loss is small; members
are training rows, the others test rows. No attack on a model that keeps its budget may pass the bound beside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.errors import BadInput
from evenhand.json_values import json_value
from evenhand.privacy.budget import largest_auc, most_found
from evenhand.sections import Section
from evenhand.statistics import concordance
from evenhand.statistics.intervals import critical, wilson

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.values import Adapted, Backbone, Splits

CONFIDENCE, ALARMS = 0.95, 0.01
MOST_ROWS = 2_000  # on either side of the attack
LOOKED_AT = 64  # validation rows by which the stored model is compared with the trained one
LEAST = 10  # rows of a group that gets figures
SMALLEST = 1e-12


def asked(recipe: Recipe) -> bool:
    """Whether the recipe asks for a budget."""
    return recipe.finetune.privacy.epsilon is not None


def check_kept(recipe: Recipe, adapted: Adapted, owner: str) -> None:
    """BadInput where a budget was asked for, and the model was fitted without one."""
    if not asked(recipe):
        return
    if adapted.privacy is None:
        raise BadInput(
            f"plugin '{owner}' fits the model of '{recipe.full_name}' itself, without differential privacy; take a"
            " setting that uses the core's strategies, or leave finetune.privacy out"
        )


def check_alone(recipe: Recipe) -> None:
    """BadInput where something beside the fit would read the rows that the budget protects."""
    if asked(recipe) and recipe.mitigation.method != "none":
        raise BadInput(
            f"mitigation.method = '{recipe.mitigation.method}' reads training and validation rows once more, which the"
            " budget of finetune.privacy does not count; leave one of the two out"
        )


def check_saved(folder: Path, adapted: Adapted, splits: Splits, load: Callable[[], Adapted]) -> None:
    """BadInput where the model read back from `folder` is not, to the last bit, the one that was trained."""
    from evenhand.adapting import scores

    rows = splits.validation.select(range(min(LOOKED_AT, len(splits.validation))))
    trained, stored = (scores(one.model, rows, splits.schema) for one in (adapted, load()))
    if trained.shape != stored.shape or not np.array_equal(trained, stored):
        raise BadInput(
            f"the model stored in {folder.name} does not say what the trained one says, so its weights are not those"
            " that were trained; nothing was kept: run the recipe again, and report it where it stays so"
        )


def evidence(recipe: Recipe, splits: Splits, adapted: Adapted, backbone: Backbone | None, run: Run) -> dict[str, Any]:
    """Who pays and what leaks, as the manifest holds it. Nothing where the recipe does not want it."""
    if not recipe.finetune.privacy.compare or recipe.task == "multilabel":
        return {}
    from evenhand.adapting.private.choosing import adapt_twin

    twin = adapt_twin(recipe, splits, backbone, run)
    members, others = (_some(rows, recipe.seed) for rows in (splits.train, splits.test))
    spent = run.manifest["stages"]["finetune"]["privacy"]
    bound = spent["epsilon"], spent["delta"]
    found: dict[str, Any] = {
        "groups": _who_pays(splits, adapted, twin),
        "attacks": {
            name: attacked(_losses(one, members, splits), _losses(one, others, splits))
            for name, one in (("private", adapted), ("without privacy", twin))
        },
        "bound": {"auc": largest_auc(*bound), "found": most_found(*bound, ALARMS)},
    }
    plain: dict[str, Any] = json_value(found)
    return plain


def attacked(members: np.ndarray, others: np.ndarray) -> dict[str, Any]:
    """The loss threshold's AUC, and the members found at 1 % false alarms, with intervals. Losses: [rows]."""
    inside = np.concatenate([np.ones(len(members), dtype=bool), np.zeros(len(others), dtype=bool)])
    area = concordance.auc(inside, -np.concatenate([members, others]))
    c = critical(CONFIDENCE)
    lower, upper = concordance.inside_unit(area.value, area.error(), c)
    threshold = np.quantile(others, ALARMS, method="lower")
    hits = int((members < threshold).sum())
    ends = [float(end) for end in wilson(np.array(float(hits)), np.array(float(len(members))), c)]
    return {"auc": area.value, "auc_limits": [lower, upper], "found": hits / len(members), "found_limits": ends}


def _some(rows: Dataset, seed: int) -> Dataset:
    places = np.random.default_rng(seed).permutation(len(rows))[:MOST_ROWS]
    return rows.select(np.sort(places))


def _losses(adapted: Adapted, rows: Dataset, splits: Splits) -> np.ndarray:
    """Minus the log probability of each row's own class; rows of a class that training never saw are left out."""
    from evenhand.adapting import scores

    number = {value: place for place, value in enumerate(adapted.classes)}
    truth = [number.get(value) for value in rows[splits.schema.require("label", "the attack")]]
    known = [place for place, value in enumerate(truth) if value is not None]
    said = np.asarray(scores(adapted.model, rows, splits.schema))[known]
    mine = said[np.arange(len(known)), np.array([truth[place] for place in known], dtype=np.int64)]
    return np.asarray(-np.log(np.clip(mine, SMALLEST, 1)))


def _who_pays(splits: Splits, private: Adapted, twin: Adapted) -> list[dict[str, Any]]:
    """Accuracy of both on the test rows, overall and per group, with the paired difference and its limits."""
    from evenhand.adapting import scores

    rows, schema = splits.test, splits.schema
    label = np.array(rows[schema.require("label", "the comparison")], dtype=object)
    right = [
        np.array(one.classes, dtype=object)[np.asarray(scores(one.model, rows, schema)).argmax(1)] == label
        for one in (private, twin)
    ]
    clusters = np.array(rows[schema.group_id], dtype=object).astype(str) if schema.group_id else None
    places: list[tuple[str, str, np.ndarray]] = [("", "all rows", np.ones(len(label), dtype=bool))]
    for column in schema.sensitive:
        values = np.array([str(value) for value in rows[column]], dtype=object)
        groups, counts = np.unique(values, return_counts=True)
        if len(groups) <= 50:
            kept = zip(groups, counts, strict=True)
            places += [(column, group, values == group) for group, count in kept if count >= LEAST]
    c = critical(1 - (1 - CONFIDENCE) / len(places))
    found = []
    for column, group, among in places:
        with_it, without = (concordance.share(one, among) for one in right)
        change = with_it - without
        half = c * change.error(clusters)
        half = max(half, c / (int(among.sum()) + c * c))  # where no row changed, a new one still may
        limits = [max(change.value - half, -1.0), min(change.value + half, 1.0)]
        found.append(
            {"attribute": column, "group": group, "rows": int(among.sum()), "private": with_it.value}
            | {"without": without.value, "change": change.value, "limits": limits}
        )
    return found


def sections_of(manifest: Mapping[str, Any]) -> list[Section]:
    """The report's sections on privacy; none of a run without it."""
    spent = manifest["stages"].get("finetune", {}).get("privacy")
    shown = manifest["stages"].get("predict", {}).get("privacy") or {}
    if not spent:
        return []
    parameters = (
        ("epsilon", spent["epsilon"]),
        ("delta", spent["delta"]),
        ("protected", f"{spent['unit']}, of {spent['rows']:,}"),
        ("accountant", spent["accountant"]),
        ("mechanism", spent["mechanism"]),
        ("noise multiplier", spent["noise_multiplier"]),
        ("sample rate", spent["sample_rate"]),
        ("steps", spent["steps"]),
        ("clipping length", spent["clip"]),
    )
    told = (
        "Differential privacy: the model would be nearly as likely without any one training row, by a factor of"
        " e^epsilon at most, but for delta. Validation and test rows are not protected."
    )
    sections = [Section("Privacy", told, ("what", "value"), parameters)]
    return [*sections, _payers(shown), _leaks(shown)] if shown else sections


def _payers(shown: Mapping[str, Any]) -> Section:
    pays = [row for row in shown["groups"] if row["limits"][1] < 0]
    named = ", ".join(f"{row['attribute']} {row['group']}".strip() for row in pays)
    said = f"Proven to lose accuracy: {named}." if pays else "No group is proven to lose accuracy."
    rows = [
        (
            row["attribute"] or "–",
            row["group"],
            row["rows"],
            *(f"{row[key]:.3f}" for key in ("private", "without")),
            f"{row['change']:+.3f}",
            "{:+.3f} to {:+.3f}".format(*row["limits"]),
        )
        for row in shown["groups"]
    ]
    about = (
        f"{said} The same model was trained without clipping and noise, asked about the same test rows, and not stored;"
        " limits hold for all lines at once (95 %). These figures themselves are not private."
    )
    header = ("attribute", "group", "rows", "accuracy with privacy", "without", "change", "limits")
    return Section("What privacy costs whom", about, header, tuple(rows))


def _leaks(shown: Mapping[str, Any]) -> Section:
    def limits(pair: Any) -> str:
        return "{:.3f} to {:.3f}".format(*pair) if None not in pair else "undefined"

    rows = [
        (name, f"{a['auc']:.3f}", limits(a["auc_limits"]), f"{a['found']:.3f}", limits(a["found_limits"]))
        for name, a in shown["attacks"].items()
    ]
    bound = shown["bound"]
    rows.append(("the most that the budget allows any attack", f"{bound['auc']:.3f}", "", f"{bound['found']:.3f}", ""))
    about = (
        "An attacker who calls a row a member of the training rows where its loss is small (Yeom et al. 2018): 0.5 is"
        " guessing. A stronger attacker may find more, up to the bound."
    )
    header = ("model", "AUC", "95 % limits", "members found at 1 % false alarms", "95 % limits ")
    return Section("What an attacker can tell", about, header, tuple(rows))
