"""Adapts a backbone to texts longer than it reads: which windows get a label, and how their scores become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.labels import read_labels
from evenhand.adapting.models import SimpleModel, as_logits
from evenhand.adapting.probe import quality
from evenhand.adapting.probing import probe_of, probed
from evenhand.adapting.setting import Setting
from evenhand.adapting.windows import (
    Cutter,
    Windowed,
    expanded,
    pooled,
    positive_place,
    speaking,
    whole_of,
    windows_schema,
)
from evenhand.pretrained.text import texts_of
from evenhand.values import Adapted

if TYPE_CHECKING:
    from evenhand.adapting.probe import Probe


@dataclass(frozen=True, slots=True)
class Way:
    """One way to learn from windows: their labels, and how their scores become the text's."""

    name: str
    pool: str
    setting: Setting
    probe: Probe


def too_long(setting: Setting) -> tuple[float, str]:
    """(the share of texts that are longer than the backbone reads, what is said where they are cut)."""
    if setting.encoder.modality != "text":
        return 0.0, ""
    splits = setting.splits
    texts = [text for part in (splits.train, splits.validation, splits.test) for text in texts_of(part, splits.schema)]
    cutter = whole_of(setting.encoder)
    found = cutter.unread(texts, False)
    return found.long / max(found.texts, 1), found.says(cutter.length)


def adapt_windows(setting: Setting, baselines: Mapping[str, SimpleModel], said: str) -> Adapted:
    """The recipe's strategy on windows. said: how many texts are longer, in words. Baselines read whole texts."""
    recipe, labels, splits = setting.recipe, setting.labels, setting.splits
    rule = recipe.finetune.windows
    cutter = Cutter.of(setting.encoder, rule)
    columns = list(splits.schema.labels) or [splits.schema.require("label", "training")]
    columns += [splits.importance] if splits.importance else []
    train, owner = expanded(cutter, splits.train, splits.schema, columns)
    held, held_owner = expanded(cutter, splits.validation, splits.schema, columns)
    wide = replace(splits, train=train, validation=held, schema=windows_schema(splits.schema))
    first = replace(setting, splits=wide, labels=read_labels(recipe, wide))
    positive = positive_place(labels.classes, splits.schema)
    best, measured = _chosen(_ways(first, owner, held_owner, rule.pool), setting, held_owner, positive)
    if recipe.finetune.strategy in ("auto", "probe"):
        found = probed(best.setting, baselines)
    else:
        from evenhand.adapting.training import train as trained

        found = trained(best.setting, baselines)
    model: Any = Windowed(found.model, cutter, best.pool, splits.schema, positive)
    unseen = found.validation_scores
    whole = None
    if unseen is not None:
        whole = pooled(unseen, held_owner, len(splits.validation), best.pool, labels.task, positive)
        figures = quality(as_logits(whole, labels.task), labels)
        measured = {name: value for name, value in figures.items() if name != "selection"}
    return replace(
        found,
        model=model,
        validation=measured or found.validation,
        validation_scores=whole,
        notes=(*_told(said, cutter, setting, best, len(train) + len(held)), *found.notes),
    )


def _ways(setting: Setting, owner: np.ndarray, held_owner: np.ndarray, pool: str) -> list[Way]:
    """The ways to choose among: every window has its text's labels, or those that speak most for one keep it."""
    pools = ("mean", "max") if pool == "auto" and setting.labels.task != "regression" else (pool,)
    pools = ("mean",) if setting.labels.task == "regression" else pools
    first = probe_of(setting)
    ways = [Way(f"every window labelled, {name} of their scores", name, setting, first) for name in pools]
    if "max" not in pools or setting.labels.task != "multilabel":
        return ways
    labels = setting.labels
    features = {
        name: _scores(setting, first, part)
        for name, part in (("train", setting.splits.train), ("held", setting.validation))
    }
    kept = replace(
        labels,
        train=speaking(features["train"], owner, labels.train).astype(np.int64),
        validation=speaking(features["held"], held_owner, labels.validation).astype(np.int64),
    )
    again = replace(setting, labels=kept)
    return [
        *ways,
        Way("labels on the windows that speak most for them, max of their scores", "max", again, probe_of(again)),
    ]


def _scores(setting: Setting, probe: Probe, rows: Any) -> np.ndarray:
    from evenhand.adapting.models import as_scores
    from evenhand.adapting.probing import cache_of

    features = cache_of(setting.run).features(setting.encoder, rows, setting.splits.schema)
    return as_scores(probe.selected.logits(features), setting.labels.task)


def _chosen(ways: list[Way], setting: Setting, owner: np.ndarray, positive: int) -> tuple[Way, dict[str, float]]:
    """The way whose scores of validation texts are best by the probe alone; the first where that cannot be told."""
    labels, rows = setting.labels, len(setting.splits.validation)
    known = len(labels.validation_rows) == rows and rows > 0 and labels.task != "regression"
    if len(ways) == 1 or not known:
        return ways[0], {}
    merits = []
    for way in ways:
        if way.probe.unseen is None:
            return ways[0], {}
        scores = pooled(way.probe.unseen, owner, rows, way.pool, labels.task, positive)
        merits.append(quality(as_logits(scores, labels.task), labels))
    best = max(range(len(ways)), key=lambda i: merits[i]["selection"])
    return ways[best], {name: value for name, value in merits[best].items() if name != "selection"}


def _told(said: str, cutter: Cutter, setting: Setting, way: Way, windows: int) -> list[str]:
    splits = setting.splits
    texts = [text for part in (splits.train, splits.validation, splits.test) for text in texts_of(part, splits.schema)]
    found = cutter.unread(texts, True)
    notes = [
        f"{found.long:,} of {found.texts:,} texts ({found.long / max(found.texts, 1):.1%}) are longer than the"
        f" {cutter.length} tokens that the backbone reads at once; they are read in windows that overlap by"
        f" {cutter.overlap} tokens ({windows:,} windows of the texts to learn from), and validation chose: {way.name}"
    ]
    left = found.says(cutter.length + (cutter.most - 1) * (cutter.length - cutter.overlap))
    return [*notes, f"at most {cutter.most} windows of a text are read: {left}"] if left else notes
