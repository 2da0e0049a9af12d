"""Reads a place's rows as the run's model reads them, and the run's old rows where they are still at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenhand.adapting import scores
from evenhand.adapting.features import FeatureCache
from evenhand.adapting.models import ProbeModel
from evenhand.adapting.tables.model import inputs_of
from evenhand.data.reading import to_rows
from evenhand.errors import BadInput, did_you_mean
from evenhand.living.sites.ground import UNKNOWN, Ground, Home, home_of, numbered
from evenhand.living.sites.views import Views, embedded_views, kinds_of, table_views
from evenhand.pretrained.tabular.columns import as_frame
from evenhand.recorded.finished import FinishedRun
from evenhand.recorded.run_folder import cache_folder
from evenhand.scoring.new_rows import open_rows
from evenhand.scoring.scorer import Scorer
from evenhand.values import Adapted, Splits


@dataclass(frozen=True, slots=True)
class Place:
    """A place's rows, prepared. targets: class numbers, UNKNOWN without a label; held: those kept back by `k`."""

    frame: pl.DataFrame
    source: str
    label: str
    targets: np.ndarray
    held: np.ndarray
    clusters: np.ndarray
    groups: Mapping[str, np.ndarray]


def read_place(scorer: Scorer, data: Any, labels: str | None, k: int | None) -> Place:
    """The rows of `data`; BadInput for what the model cannot read, and for labels that it does not know."""
    recipe, classes = scorer.recipe, scorer.adapted.classes
    if recipe.task in ("regression", "generate"):
        raise BadInput(f"{scorer.path} tells no classes apart; adapting to a place compares probabilities of classes")
    lazy, where = open_rows(data, recipe, scorer.types, scorer.plugins)
    frame = lazy.collect()
    if not frame.height:
        raise BadInput(f"{where} has no rows; there is no place to adapt to")
    label = labels or recipe.schema.require("label", "adapting")
    if labels is not None and labels not in frame.columns:
        hint = did_you_mean(labels, frame.columns)
        raise BadInput(f"column '{labels}' is not in {where}; it has: {', '.join(frame.columns)}.{hint} (--labels)")
    values = frame[label].to_list() if label in frame.columns else [None] * frame.height
    targets = numbered(values, classes, where)
    clusters = clusters_of(frame, recipe.schema.group_id)
    used, held = _divided(targets, clusters, k, recipe.seed, where)
    groups = {
        column: frame[column].cast(pl.String).fill_null("(missing)").to_numpy()
        for column in recipe.schema.sensitive
        if column in frame.columns
    }
    return Place(frame, where, label, used, held, clusters, groups)


def clusters_of(frame: pl.DataFrame, column: str | None) -> np.ndarray:
    """Which rows belong together, as numbers; a row without a group is its own."""
    if column is None or column not in frame.columns:
        return np.arange(frame.height)
    values = frame[column].cast(pl.String).to_list()
    return np.unique([f"={v}" if v is not None else f"#{i}" for i, v in enumerate(values)], return_inverse=True)[1]


def _divided(
    targets: np.ndarray, clusters: np.ndarray, k: int | None, seed: int, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """(targets to use, targets to check by): of about k labelled rows, whole clusters, and of the others."""
    known = np.flatnonzero(targets != UNKNOWN)
    nobody = np.full(len(targets), UNKNOWN)
    if k is None:
        return targets, nobody
    if not 0 <= k <= len(known):
        raise BadInput(f"--k {k} labels are asked for, and {where} has {len(known)}; ask for 0 to {len(known)}")
    order = np.random.default_rng(seed).permutation(int(clusters.max()) + 1)
    ranked = known[np.argsort(order[clusters[known]], kind="stable")]
    last = clusters[ranked[k - 1]] if k else -1
    taken = [row for place, row in enumerate(ranked) if place < k or clusters[row] == last]
    used = nobody.copy()
    used[taken] = targets[taken]
    return used, np.where(used == UNKNOWN, targets, UNKNOWN)


def ground_of(scorer: Scorer, place: Place, old: Splits | None) -> Ground:
    """What candidates are fitted from; without the old rows those that need them are left out."""
    recipe, adapted = scorer.recipe, _caching(scorer.adapted)
    rows = to_rows(place.frame.select(recipe.schema.input))
    said = np.asarray(scores(adapted.model, rows, recipe.schema), dtype=np.float64)
    home: Home | None = None if old is None else home_of(old, adapted.classes)
    inputs = place.frame.select(recipe.schema.input)
    views: Views | None = None
    if recipe.modality == "image":
        inputs = _as_stored(inputs)
    if recipe.modality == "table":
        kinds, rounds = kinds_of(adapted.model)
        made_of = {"kinds": kinds, "rounds": rounds, "network": _network(scorer), "schema": recipe.schema}
        made_of |= {"classes": tuple(adapted.classes), "seed": recipe.seed}
        test = None if home is None or home.test is None else as_frame(inputs_of(home.test, recipe.schema))
        views = table_views(inputs, None if home is None else home.frame, test, **made_of)
    elif isinstance(adapted.model, ProbeModel):
        there = [] if old is None else [old.train, old.validation]
        known, test = (np.empty(0, dtype=np.int64), None) if home is None else (home.known, home.test)
        views = embedded_views(adapted.model, rows, there, known, test)
    fixed = adapted, recipe.schema, inputs, said, place.targets, place.clusters
    return Ground(*fixed, home, views, recipe.seed)


def _as_stored(inputs: pl.DataFrame) -> pl.DataFrame:
    """Paths of images as old rows hold them, so that both can be learned from together."""
    paths = [name for name, kind in inputs.schema.items() if kind == pl.String]
    nothing = pl.lit(None, dtype=pl.Binary).alias("bytes")
    return inputs.with_columns(pl.struct(nothing, pl.col(name).alias("path")).alias(name) for name in paths)


def _caching(adapted: Adapted) -> Adapted:
    """A probe's features are asked for by every candidate: they are kept where runs keep theirs."""
    model = adapted.model
    return (
        replace(adapted, model=replace(model, cache=FeatureCache(cache_folder())))
        if isinstance(model, ProbeModel)
        else adapted
    )


def _network(scorer: Scorer) -> Path:
    from evenhand.pretrained.locate import locate
    from evenhand.pretrained.tabular.weights_file import EMBEDDED  # which imports torch

    backbone = scorer.plugins.backbone(scorer.recipe.backbone) if scorer.recipe.backbone else None
    return EMBEDDED if backbone is None or backbone.modality != "table" else locate(backbone)


def old_rows(scorer: Scorer, found: FinishedRun, source: str | Path | None) -> tuple[Splits | None, str]:
    """(the run's own splits, why there are none): read again, and only taken if they are the same rows."""
    recipe, inputs = scorer.recipe, found.manifest.get("inputs", {})
    named = source if source is not None else inputs.get("source")
    path: Path | str | None = None if named == "the recipe's sample" else named
    if path is not None and source is None and not Path(path).exists():
        return None, f"the run's data ({path}) is not there any more; name it with --source to compare more candidates"
    if path is not None and Path(path).exists():
        path = Path(path)
    splits = scorer.plugins.first(recipe, "load_data", recipe=recipe, source=path)
    if splits.fingerprint != inputs.get("sha256"):
        if source is not None:
            raise BadInput(f"{source} is not the data that {found.path} was made from; name that, or none (--source)")
        return None, f"the run's data ({named}) has changed since; candidates that need old rows are left out"
    return splits, ""
