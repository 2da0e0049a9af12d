"""The probe strategy: features of the frozen backbone, a head on them, fitted again on train and validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from evenhand.adapting.features import FeatureCache
from evenhand.adapting.models import ProbeModel, SimpleModel
from evenhand.adapting.probe import Probe, fit_probe
from evenhand.adapting.setting import Setting
from evenhand.values import Adapted

if TYPE_CHECKING:
    from evenhand.pretrained import Encoder
    from evenhand.recorded.run_folder import Run

REFITTED = "after selection on validation the head was fitted again on train and validation together"


def probed(setting: Setting, baselines: Mapping[str, SimpleModel]) -> Adapted:
    """The strategy "probe"; where the encoder comes in variants, the one that is best on validation."""
    setting, probe, chosen = _best_variant(setting)
    labels = setting.labels
    return Adapted(
        probe_model(setting, probe),
        labels.classes,
        "probe",
        baselines,
        probe.validation,
        (*labels.notes, *chosen, f"{REFITTED} (strength {probe.selected.strength:g})"),
        setting.of_all_validation(probe.unseen),
    )


def _best_variant(setting: Setting) -> tuple[Setting, Probe, tuple[str, ...]]:
    """(the setting with the encoder that validation chose, its probe, what the choice was between)."""
    variants = setting.encoder.variants()
    each = [replace(setting, encoder=encoder) for encoder in variants]
    found = [(one, probe_of(one, variants)) for one in each]
    best = max(range(len(found)), key=lambda i: found[i][1].selection)
    if len(found) == 1:
        return (*found[0], ())
    measured = ", ".join(
        f"{encoder.variant} {probe.selection:.4f}" for encoder, (_, probe) in zip(variants, found, strict=True)
    )
    said = f"validation chose the layer {variants[best].variant} (selection measure of each: {measured})"
    return (*found[best], (said,))


def probe_of(setting: Setting, variants: Sequence[Encoder] = ()) -> Probe:
    """Features of train and validation, and the probe on them; those of other `variants` come from the same pass."""
    run, schema = setting.run, setting.splits.schema
    cache = cache_of(run)
    rows = {"train": setting.splits.train, "validation": setting.validation}
    seen = {
        name: cache.features(setting.encoder, part, schema, f"features of {name}", variants)
        for name, part in rows.items()
    }
    finite = all(np.isfinite(part).all() for part in seen.values())
    run.log("features", rows={name: len(part) for name, part in rows.items()}, finite=finite)
    weighing = setting.recipe.finetune.positive_weight
    probe = fit_probe(seen["train"], seen["validation"], setting.labels, run.progress, weighing)
    run.log("probe", strength=probe.selected.strength, **probe.validation)
    return probe


def probe_model(setting: Setting, probe: Probe) -> ProbeModel:
    """The probe, fitted on train and validation, as a model."""
    cache = FeatureCache(setting.run.cache, setting.run.progress)
    return ProbeModel(setting.encoder, probe.final, setting.splits.schema, setting.labels.task, cache)


def cache_of(run: Run) -> FeatureCache:
    """The feature cache of a run, shared by its processes."""
    return FeatureCache(run.cache, run.progress, run.rank, run.world_size)
