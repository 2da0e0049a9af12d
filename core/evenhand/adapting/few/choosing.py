"""Chooses by cross-validation on the labelled few alone, then fits what was chosen on all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.few.labelled import Few, labelled_few
from evenhand.adapting.few.methods import (
    ByContrast,
    ByCoTraining,
    ByProbe,
    Continued,
    Method,
    needs_messages,
)
from evenhand.errors import BadInput
from evenhand.values import Adapted

if TYPE_CHECKING:
    from evenhand.adapting.models import SimpleModel
    from evenhand.adapting.setting import Setting

MANY = 50  # labels of a class; with more, one validation split tells enough and the network is trained as a whole
FOLDS = 3
IN_FOLDS = 3000  # messages without a label from which a fold learns; the final fit learns from all of them
STRENGTHS = (0.03, 0.1, 0.3, 1.0)  # of heads, as logistic regression's C on features of unit spread
STRATEGIES = ("contrastive", "co-trained", "continued")
OTHER_TASKS = ("regression", "multilabel", "generate")  # no classes of which each row has one
Fold = tuple[np.ndarray, np.ndarray]  # (rows to fit on, rows held out)


def are_few(setting: Setting) -> bool:
    """Whether classes of text are to be told apart with MANY labels of each or fewer, on average."""
    labels = setting.labels
    classes = labels.task not in OTHER_TASKS and setting.encoder.modality == "text"
    return classes and len(labels.train) + len(labels.validation) <= MANY * len(labels.classes)


def adapt_few(setting: Setting, baselines: Mapping[str, SimpleModel]) -> Adapted:
    """The strategy that the recipe names, or the best of all by cross-validation where it says `auto`."""
    _check(setting)
    few = labelled_few(setting)
    few = _headed(few)
    methods = _methods(few)
    folds = divided(few) if len(methods) > 1 else validated(few)
    found = _unseen(methods, _lighter(few), folds)
    measured = {name: _measures(chances, few) for name, chances in found.items()}
    best = max(methods, key=lambda method: _merit(measured[method.name]))
    for name, measures in measured.items():
        setting.run.log("cross-validation", strategy=name, **measures)
    every = np.arange(few.size)
    model = best.fit(few, every, f"{best.name} on all labelled rows").model()
    unseen = found[best.name][len(setting.labels.train) :] if len(setting.labels.validation) else None
    return Adapted(
        model,
        setting.labels.classes,
        best.name,
        baselines,
        {name: value for name, value in measured[best.name].items() if np.isfinite(value)},
        (*setting.labels.notes, *few.notes, *_told(few, measured, best.name, len(folds))),
        setting.of_all_validation(unseen),
    )


def _told(few: Few, measured: Mapping[str, Mapping[str, float]], best: str, folds: int) -> list[str]:
    """What was chosen, between what, and what else was learnt from."""
    each = ", ".join(f"{name} {measures.get('accuracy', np.nan):.4f}" for name, measures in measured.items())
    how = f"{folds}-fold cross-validation on the {few.size} labelled rows" if folds > 1 else "the validation rows"
    said = f"accuracy by {how}: {each}" + (f"; {best} was chosen" if len(measured) > 1 else "")
    names = "the names of the classes were learnt from as one more text each" if few.named else ""
    fitted = "what was chosen was fitted again on train and validation together"
    return [said, *([names] if names else []), fitted]


def validated(few: Few) -> list[Fold]:
    """Train and validation, once: enough to say how good a strategy is that needs not be chosen."""
    first, every = len(few.setting.labels.train), np.arange(few.size)
    return [(every[:first], every[first:])] if first < few.size else divided(few)


def divided(few: Few) -> list[Fold]:
    """(rows to fit on, rows held out) FOLDS times; where labels are many, once: train and validation."""
    every = np.arange(few.size)
    if not are_few(few.setting) and len(few.setting.labels.train) < few.size:
        return validated(few)
    fold = folds_of(few.targets[: few.size], FOLDS, few.setting.recipe.seed)
    return [(every[fold != k], every[fold == k]) for k in range(FOLDS)]


def folds_of(targets: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold of each row, classes spread evenly; -1 for a class's only row, which is always fitted on."""
    rng = np.random.default_rng([seed, 7])
    found = np.full(len(targets), -1)
    start = 0
    for one in np.unique(targets):
        rows = rng.permutation(np.flatnonzero(targets == one))
        if len(rows) > 1:
            found[rows] = (start + np.arange(len(rows))) % folds
            start += len(rows)
    return found


def _lighter(few: Few) -> Few:
    """The few with at most IN_FOLDS messages without a label, drawn by chance: enough to choose by."""
    if few.unlabelled is None or len(few.unlabelled) <= IN_FOLDS:
        return few
    drawn = np.random.default_rng([few.setting.recipe.seed, 17]).permutation(len(few.unlabelled))[:IN_FOLDS]
    return replace(few, unlabelled=few.unlabelled.select(np.sort(drawn)), cache={})


def _unseen(methods: Sequence[Method], few: Few, folds: Sequence[Fold]) -> dict[str, np.ndarray]:
    """Method -> probabilities of each labelled row by a fit that did not see it; NaN where every fit did.

    Fold by fold, since one method can begin with what another learnt on the same rows.
    """
    found = {method.name: np.full((few.size, few.setting.labels.n_out), np.nan) for method in methods}
    for number, (fitted, held) in enumerate(folds, start=1):
        for method in methods if len(held) else ():
            what = f"{method.name} {number} of {len(folds)}"
            found[method.name][held] = method.fit(few, fitted, what).scores(held)
    return found


def _measures(chances: np.ndarray, few: Few) -> dict[str, float]:
    seen = np.isfinite(chances).all(axis=1)
    targets = few.targets[: few.size][seen]
    mine = chances[seen][np.arange(len(targets)), targets]
    loss = -np.log(np.clip(mine, 1e-12, 1))
    hits = chances[seen].argmax(axis=1) == targets
    return {"accuracy": float(hits.mean()), "log_loss": float(loss.mean())} if len(targets) else {}


def _merit(measures: Mapping[str, float]) -> tuple[float, float]:
    """Accuracy first, then the log loss."""
    return measures.get("accuracy", -np.inf), -measures.get("log_loss", np.inf)


def _headed(few: Few) -> Few:
    """The few with the strength of heads, and with names or without, that leave the least log loss."""
    folds = divided(few)
    probe = ByProbe()
    names = (False, True) if len(few.targets) > few.size else (False,)

    def merit(choice: tuple[bool, float]) -> float:
        one = replace(few, named=choice[0], strength=choice[1])
        return _measures(_unseen([probe], one, folds)[probe.name], one).get("log_loss", np.inf)

    named, strength = min(product(names, STRENGTHS), key=merit)
    return replace(few, named=named, strength=strength)


def _methods(few: Few) -> list[Method]:
    """What the recipe names, or for `auto` all that the data allow."""
    rule = few.setting.recipe.finetune
    then: Method = ByContrast() if rule.then == "contrastive" else ByProbe()
    every: dict[str, Method] = {"contrastive": ByContrast(), "co-trained": ByCoTraining(), "continued": Continued(then)}
    if rule.strategy in every:
        if few.unlabelled is None and rule.strategy != "contrastive":
            raise needs_messages(rule.strategy)
        return [every[rule.strategy]]
    tried: list[Method] = [ByProbe()]
    if not lonely(few):
        tried.append(every["contrastive"])
    if few.unlabelled is not None:
        tried += [every["co-trained"], every["continued"]]
    return tried


def lonely(few: Few) -> list[Any]:
    """Classes with a single text, names counted: nothing of theirs makes a pair."""
    counts = np.bincount(few.targets if few.named else few.targets[: few.size], minlength=few.setting.labels.n_out)
    return [few.setting.labels.classes[i] for i in np.flatnonzero(counts < 2)]


def _check(setting: Setting) -> None:
    """BadInput where the strategy is not for this task or modality, or a class has nothing to make a pair of."""
    strategy, task = setting.recipe.finetune.strategy, setting.labels.task
    if strategy not in STRATEGIES:
        return
    if setting.encoder.modality != "text":
        raise BadInput(
            f"strategy '{strategy}' is for text, and recipe '{setting.recipe.full_name}' is about"
            f" {setting.encoder.modality}; use --set finetune.strategy=probe, lp-ft, full or lora"
        )
    if task == "regression":
        raise BadInput(f"strategy '{strategy}' tells classes apart, and the task is regression; use probe or lp-ft")
    counts = np.bincount(np.concatenate([setting.labels.train, setting.labels.validation]))
    alone = [str(setting.labels.classes[i]) for i in np.flatnonzero(counts < 2)]
    if alone and "contrastive" in (strategy, setting.recipe.finetune.then if strategy == "continued" else ""):
        more = f" ({len(alone)} such classes)" if len(alone) > 1 else ""
        raise BadInput(
            f"class '{alone[0]}' has a single labelled row{more}, and strategy '{strategy}' learns from pairs of one"
            " class; give it a second row, or use --set finetune.strategy=probe"
        )
