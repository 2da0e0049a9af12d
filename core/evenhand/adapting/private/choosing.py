"""Which recipes can be fitted with privacy, and the fit; what would read training rows beside is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.features import FeatureCache
from evenhand.adapting.labels import Labels, read_labels
from evenhand.adapting.models import ProbeModel, SimpleModel
from evenhand.adapting.private.linear import private_head
from evenhand.adapting.probe import probabilities, quality
from evenhand.adapting.probing import cache_of
from evenhand.adapting.setting import Setting
from evenhand.adapting.tables.members import MOST_INDICATORS, Linear, design
from evenhand.adapting.tables.model import TableModel, inputs_of
from evenhand.errors import BadInput
from evenhand.pretrained import load_encoder
from evenhand.pretrained.processor import seed_and_threads, silence_transformers
from evenhand.pretrained.tabular.columns import CATEGORY, NUMBER, Columns, Feature, as_frame
from evenhand.privacy.budget import Spent, opacus_here
from evenhand.privacy.secret import Noise, noise_of
from evenhand.values import Adapted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.values import Backbone, Splits

LEAST = 20  # validation rows: they choose the head, and say how columns are measured


def adapt_privately(recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Run) -> Adapted:
    """The recipe's strategy with privacy; BadInput, in a sentence, where it cannot be kept."""
    check(recipe, run)
    labels = read_labels(recipe, splits)
    if len(labels.validation) < LEAST:
        raise BadInput(
            f"a private fit chooses on validation rows alone, and there are {len(labels.validation)}; give"
            f" {LEAST} at least (a larger split.validation)"
        )
    seed_and_threads(recipe)
    noise = noise_of(run, splits.fingerprint, recipe.model_dump_json())
    return _told(recipe, splits, _fitted(recipe, splits, backbone, run, labels, noise))


def adapt_twin(recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Run) -> Adapted:
    """The same fit without clipping and noise: not private, to be compared with and not to be stored."""
    seed_and_threads(recipe)
    return _fitted(recipe, splits, backbone, run, read_labels(recipe, splits), None)


def _fitted(
    recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Run, labels: Labels, noise: Noise | None
) -> Adapted:
    baselines = _baselines(splits, labels)
    if recipe.modality == "table":
        return _table(recipe, splits, labels, noise, baselines)
    assert backbone is not None
    encoder = load_encoder(backbone, recipe)
    silence_transformers()
    setting = Setting(recipe, splits, run, encoder, labels)
    if recipe.finetune.strategy == "full":
        from evenhand.adapting.private.network import private_network

        return private_network(setting, noise, baselines)
    return _probe(setting, noise, baselines)


def check(recipe: Recipe, run: Run) -> None:
    """BadInput where a part of the recipe would read training rows outside the budget, with what to do."""
    rule, table = recipe.finetune, recipe.modality == "table"
    ways = ("linear",) if table else ("probe", "full")
    if rule.strategy not in ways:
        raise BadInput(
            f"finetune.privacy cannot be kept with strategy '{rule.strategy}', which reads training rows in ways that"
            f" no budget covers; use --set finetune.strategy={' or '.join(ways)}"
        )
    if recipe.task == "regression" or (table and recipe.task == "multilabel"):
        raise BadInput(
            f"finetune.privacy is for classes, and recipe '{recipe.full_name}' is a {recipe.task} task"
            f"{' about a table: fit one label at a time (--set task=binary)' if table else ''}; a number can be cut"
            " into classes"
        )
    if rule.words != "never":
        raise BadInput(
            "finetune.privacy cannot be kept with finetune.words, whose TF-IDF is made of the training texts; use --set"
            " finetune.words=never"
        )
    if rule.layers == "auto":
        raise BadInput(
            "finetune.layers = auto fits a head for each layer, and each would cost a budget; name one with --set"
            " finetune.layers=head"
        )
    if run.world_size > 1:
        raise BadInput("a private fit runs in one process; start it without torchrun")
    if rule.strategy == "full":
        opacus_here()


def _baselines(splits: Splits, labels: Labels) -> dict[str, SimpleModel]:
    """The commonest class, of validation rows: a baseline of training rows would be stored without any protection."""
    from sklearn.dummy import DummyClassifier

    prior = DummyClassifier(strategy="prior")
    seen = set(np.unique(labels.validation).tolist())
    if labels.task == "multilabel" or len(seen) < labels.n_out:
        return {}
    model = prior.fit(np.zeros((len(labels.validation), 1)), labels.validation)
    return {"majority": SimpleModel(model, "constant", splits.schema)}


def _probe(setting: Setting, noise: Noise | None, baselines: Mapping[str, SimpleModel]) -> Adapted:
    """The features of the frozen backbone, and a private head on them."""
    run, schema, labels = setting.run, setting.splits.schema, setting.labels
    cache = cache_of(run)
    train = cache.features(setting.encoder, setting.splits.train, schema, "features of train")
    held = cache.features(setting.encoder, setting.validation, schema, "features of validation")
    head, spent = private_head(train, held, labels, setting.recipe.finetune.privacy, noise)
    logits = head.logits(held)
    measured = {key: value for key, value in quality(logits, labels).items() if key != "selection"}
    model = ProbeModel(setting.encoder, head, schema, labels.task, FeatureCache(run.cache, run.progress))
    scores = setting.of_all_validation(probabilities(logits, labels.task))
    return Adapted(model, labels.classes, "probe", baselines, measured, labels.notes, scores, privacy=spent)


def _table(
    recipe: Recipe, splits: Splits, labels: Labels, noise: Noise | None, baselines: Mapping[str, SimpleModel]
) -> Adapted:
    """A private linear model of a table, whose columns are read from validation rows or as everyone may know them."""
    frames = [as_frame(inputs_of(rows, splits.schema)) for rows in (splits.train, splits.validation)]
    frames[1] = frames[1][labels.validation_rows]
    columns = public_columns(frames[1], recipe.finetune.privacy.bounds)
    levels = np.array([min(len(f.levels), MOST_INDICATORS) if f.kind == CATEGORY else 0 for f in columns.features])
    train, held = (design(columns.matrix(frame), levels) for frame in frames)
    spread = np.where(held.std(0) > 0, held.std(0), 1.0).astype(np.float32)
    head, spent = private_head(train / spread, held / spread, labels, recipe.finetune.privacy, noise)
    logits = head.logits(held / spread)
    measured = {key: value for key, value in quality(logits, labels).items() if key != "selection"}
    model = TableModel((Linear(head, levels, spread, np.arange(labels.n_out)),), columns, splits.schema, labels.n_out)
    scores = probabilities(logits, labels.task) if len(logits) == len(splits.validation) else None
    return Adapted(model, labels.classes, "linear", baselines, measured, labels.notes, scores, privacy=spent)


def public_columns(held: Any, bounds: Mapping[str, Any]) -> Columns:
    """How columns become numbers: by bounds that everyone may know, the others by validation rows.

    BadInput where a bound names no input, or its end lies before its start.
    """
    found = []
    for name in bounds:
        if name not in held.columns:
            raise BadInput(
                f"finetune.privacy.bounds names '{name}', which is no input; the inputs are {', '.join(held.columns)}"
            )
    for name in held.columns:
        known = bounds.get(name)
        if known is None:
            continue
        if isinstance(known[0], str):
            found.append(Feature(name, CATEGORY, "code", levels=tuple(known)))
            continue
        low, high = known
        if not low < high:
            raise BadInput(f"finetune.privacy.bounds.{name} = {list(known)} ends before it starts; write [low, high]")
        found.append(Feature(name, NUMBER, "value", (low + high) / 2, (high - low) / 4))
    rest = [name for name in held.columns if name not in bounds]
    learnt = Columns.fit(held[rest]).features if rest else ()
    return Columns((*found, *learnt))


def _told(recipe: Recipe, splits: Splits, adapted: Adapted) -> Adapted:
    """The model with sentences: what was spent, on whom, and what is not protected."""
    spent: Any = adapted.privacy
    assert isinstance(spent, Spent)
    facts = as_facts(spent)
    notes = [
        f"the model was trained with differential privacy: epsilon {spent.epsilon:.4g} at delta {spent.delta:.3g} for"
        f" each of {spent.rows:,} training rows (accountant {spent.accountant}: noise {spent.noise_multiplier:.4g}"
        f" times the clipping length {spent.clip:g}, sample rate {spent.sample_rate:.4g}, {spent.steps:,} steps)",
        "not protected: validation rows (they choose the head, the thresholds and how columns are measured), test rows,"
        " the number of training rows, the list of classes, the counts in data.json, and the comparison with a model"
        " without privacy",
    ]
    if splits.schema.group_id:
        most = _most_rows(splits)
        notes.append(
            f"a row is protected, not a whole '{splits.schema.group_id}': one with {most} rows, the most there are, has"
            f" an epsilon of about {most} × {spent.epsilon:.4g}"
        )
    if recipe.abstain.keep is not None:
        notes.append(
            "no row is left open, though [abstain] asks for it: the centres of the classes would be means of training"
            " rows"
        )
    return replace(adapted, privacy=facts, notes=(*adapted.notes, *notes))


def as_facts(spent: Spent) -> dict[str, Any]:
    """What the manifest tells of the budget."""
    from dataclasses import asdict

    return {**asdict(spent), "unit": "one training row, added or taken away"}


def _most_rows(splits: Splits) -> int:
    from collections import Counter

    return max(Counter(splits.train[splits.schema.group_id]).values())
