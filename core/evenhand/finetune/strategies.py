"""From a recipe to an adapted model: labels, features, the probe, and what the strategy does with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenhand.finetune.baselines import fit_baselines
from evenhand.finetune.distributed import join
from evenhand.finetune.features import FeatureCache
from evenhand.finetune.labels import Labels, read_labels
from evenhand.finetune.models import ProbeModel, SimpleModel
from evenhand.finetune.probe import Probe, fit_probe
from evenhand.pretrained import Encoder, load_encoder
from evenhand.pretrained.processor import hush, settle
from evenhand.values import Adapted

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.rundir import Run
    from evenhand.values import Backbone, Splits

REFITTED = "after selection on validation the head was fitted again on train and validation together"


@dataclass(frozen=True, slots=True)
class Setting:
    """What every strategy starts from."""

    recipe: Recipe
    splits: Splits
    run: Run
    encoder: Encoder
    labels: Labels

    @property
    def validation(self) -> Dataset:
        """The validation rows whose class training has seen."""
        return self.splits.validation.select(self.labels.validation_rows)


def adapt(recipe: Recipe, splits: Splits, backbone: Backbone, run: Run) -> Adapted:
    """See `evenhand.finetune.finetune`."""
    labels = read_labels(recipe, splits)
    join()
    settle(recipe)
    encoder = load_encoder(backbone, recipe)
    hush()
    setting = Setting(recipe, splits, run, encoder, labels)
    baselines = fit_baselines(recipe, splits, labels)
    if recipe.finetune.strategy == "probe":
        return _probe(setting, baselines)
    from evenhand.finetune.training import train

    return train(setting, baselines)


def _probe(setting: Setting, baselines: Mapping[str, SimpleModel]) -> Adapted:
    probe = probe_of(setting)
    labels = setting.labels
    return Adapted(
        probe_model(setting, probe),
        labels.classes,
        "probe",
        baselines,
        probe.validation,
        (*labels.notes, f"{REFITTED} (strength {probe.selected.strength:g})"),
    )


def probe_of(setting: Setting) -> Probe:
    """Features of train and validation, and the probe on them."""
    run, schema = setting.run, setting.splits.schema
    cache = cache_of(run)
    rows = {"train": setting.splits.train, "validation": setting.validation}
    seen = {name: cache.features(setting.encoder, part, schema, f"features of {name}") for name, part in rows.items()}
    finite = all(np.isfinite(part).all() for part in seen.values())
    run.log("features", rows={name: len(part) for name, part in rows.items()}, finite=finite)
    probe = fit_probe(seen["train"], seen["validation"], setting.labels, run.progress)
    run.log("probe", strength=probe.selected.strength, **probe.validation)
    return probe


def probe_model(setting: Setting, probe: Probe) -> ProbeModel:
    """The probe, fitted on train and validation, as a model."""
    cache = FeatureCache(setting.run.cache, setting.run.progress)
    return ProbeModel(setting.encoder, probe.final, setting.splits.schema, setting.labels.task, cache)


def cache_of(run: Run) -> FeatureCache:
    """The feature cache of a run, shared by its processes."""
    return FeatureCache(run.cache, run.progress, run.rank, run.world_size)
