"""Ways to make a model depend less on which group a text names; each changes what is learnt from, not how it is judged.

augment     every training text that names one group is learnt again with every other group in its place (counterfactual
            data augmentation; Lu et al. 2020, arXiv 1807.11714)
reweight    texts are drawn so that label and group are independent (Kamiran & Calders 2012, Knowledge and Information
            Systems 33); drawn again instead of weighted, so that any strategy can learn from them
dfr         the head is fitted on texts with as many of one label as of the other of each group (last-layer retraining;
            Kirichenko, Izmailov & Wilson 2023, ICLR)
reductions  fairlearn's exponentiated gradient over heads on the frozen backbone (Agarwal et al. 2018, ICML)
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from evenhand import Adapted, BadInput, Recipe, Splits, finetune
from evenhand_nlp.identity.lexicon import NONE, Lexicon
from evenhand_nlp.support import as_text

METHODS = ("none", "augment", "reweight", "dfr", "reductions")
HEADS = ("dfr", "reductions")  # of a head on the frozen backbone
MOST_ADDED = 2.0  # times as many texts as there are


def method_of(recipe: Recipe) -> str:
    """options.mitigation, checked."""
    name = recipe.options.get("mitigation", "none")
    if name not in METHODS:
        raise BadInput(f"options.mitigation is {name!r}; it is one of {', '.join(METHODS)}")
    return str(name)


def mitigated(recipe: Recipe, splits: Splits, backbone: Any, run: Any, words: Lexicon) -> Adapted:
    """The model that the method of the recipe leads to."""
    method, axes = method_of(recipe), columns_of(recipe, splits, words)
    if method in HEADS and recipe.finetune.strategy != "probe":
        raise BadInput(
            f"options.mitigation = '{method}' fits the head alone, and finetune.strategy is"
            f" '{recipe.finetune.strategy}'; use the strategy probe, or the mitigation augment or reweight"
        )
    if method == "reductions":
        from evenhand_nlp.identity.reduced import reduced

        return reduced(recipe, splits, backbone, axes)
    changed = {"augment": augmented, "reweight": reweighted, "dfr": balanced}[method](recipe, splits, words, axes)
    adapted = finetune(recipe, changed, backbone, run)
    note = f"mitigation {method}: learnt from {len(changed.train):,} texts made of {len(splits.train):,}"
    return replace(adapted, notes=(*adapted.notes, note))


def columns_of(recipe: Recipe, splits: Splits, words: Lexicon) -> list[str]:
    """The columns whose groups are made alike: options.balance, else the audited axes of the term list."""
    method, audited = method_of(recipe), list(splits.schema.sensitive)
    axes, wanted = [name for name in audited if name in words.axes], recipe.options.get("balance", [])
    if not isinstance(wanted, list) or not all(name in audited for name in wanted):
        raise BadInput(
            f"options.balance is {wanted!r}; give a list of columns of schema.sensitive: {', '.join(audited)}"
        )
    found = [str(name) for name in wanted] or axes
    if method == "augment":
        found = [name for name in found if name in words.axes]
    if not found:
        raise BadInput(
            f"options.mitigation = '{method}' needs an axis of the term list in schema.sensitive"
            + ("" if method == "augment" else ", or columns in options.balance")
        )
    return found


def augmented(recipe: Recipe, splits: Splits, words: Lexicon, axes: list[str]) -> Splits:
    """Train and validation with every text also about the other groups of its axis."""
    rng = np.random.default_rng([recipe.seed, 7])
    return replace(
        splits,
        train=_with_swaps(splits.train, splits.schema.input[0], words, axes, rng),
        validation=_with_swaps(splits.validation, splits.schema.input[0], words, axes, rng),
    )


def _with_swaps(rows: Any, text: str, words: Lexicon, axes: list[str], rng: np.random.Generator) -> Any:
    texts = [as_text(value) for value in rows[text]]
    made = [(i, swap.text) for i, value in enumerate(texts) for name in axes for swap in words.axes[name].swaps(value)]
    most = int(MOST_ADDED * len(rows))
    if len(made) > most:
        made = [made[i] for i in np.sort(rng.permutation(len(made))[:most])]
    places = [*range(len(rows)), *(i for i, _ in made)]
    changed = rows.select(places)
    return changed.remove_columns(text).add_column(text, [*texts, *(value for _, value in made)])


def cells(rows: Any, axes: list[str], label: str) -> list[tuple[tuple[str, ...], str]]:
    """(what a text names on all axes, its label) of each row."""
    named = zip(*(rows[name] for name in axes), strict=True)
    return [(tuple(map(str, groups)), str(value)) for groups, value in zip(named, rows[label], strict=True)]


def reweighted(recipe: Recipe, splits: Splits, words: Lexicon, axes: list[str]) -> Splits:
    """Train and validation drawn with replacement so that label and group are independent in each."""
    label, rng = splits.schema.require("label", "reweighting"), np.random.default_rng([recipe.seed, 8])
    train, validation = (_independent(rows, axes, label, rng) for rows in (splits.train, splits.validation))
    return replace(splits, train=train, validation=validation)


def _independent(rows: Any, axes: list[str], label: str, rng: np.random.Generator) -> Any:
    found = cells(rows, axes, label)
    if not found:
        return rows
    both, groups, labels = Counter(found), Counter(g for g, _ in found), Counter(y for _, y in found)
    weight = np.array([groups[g] * labels[y] / both[g, y] for g, y in found], dtype=float)
    return rows.select(_drawn(weight, rng))


def _drawn(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each row as often as its weight says, the rest of it by chance; as many in all as there are rows."""
    share = weight / weight.sum() * len(weight)
    whole = np.floor(share).astype(int)
    more = rng.random(len(share)) < share - whole
    return np.repeat(np.arange(len(weight)), whole + more)


def balanced(recipe: Recipe, splits: Splits, words: Lexicon, axes: list[str]) -> Splits:
    """Of every named group as many texts of one label as of the other; texts that name nobody stay.

    Validation too: a strength that is chosen by what groups' labels say keeps what was to be forgotten, and the last
    fit takes both parts. A validation part that would lose a label stays as it is.
    """
    label, rng = splits.schema.require("label", "balancing"), np.random.default_rng([recipe.seed, 9])
    train, validation = (_as_many(rows, axes, label, rng) for rows in (splits.train, splits.validation))
    if len(set(train[label])) < 2:
        raise BadInput("mitigation 'dfr' leaves texts of one label alone; give more data, or choose reweight")
    if set(validation[label]) != set(splits.validation[label]):
        validation = splits.validation
    return replace(splits, train=train, validation=validation)


def _as_many(rows: Any, axes: list[str], label: str, rng: np.random.Generator) -> Any:
    places: dict[tuple[str, ...], dict[str, list[int]]] = {}
    for place, (groups, value) in enumerate(cells(rows, axes, label)):
        places.setdefault(groups, {}).setdefault(value, []).append(place)
    kept: list[int] = []
    for groups, by_label in places.items():
        named = any(one != NONE for one in groups)
        fewest = min(map(len, by_label.values())) if len(by_label) > 1 else 0
        for some in by_label.values():
            kept += sorted(rng.permutation(some)[:fewest].tolist()) if named else some
    return rows.select(sorted(kept))
