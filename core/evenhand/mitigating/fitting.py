"""The recipe's mitigation around whatever fits its model: before, while or after; the model without it stays beside.

Fitted on train, chosen on validation, never on test rows. Where the model needs validation rows and the method does
too, they are divided in two: the model chooses on the first half, the method on the second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.labels import read_labels
from evenhand.errors import BadInput
from evenhand.mitigating.augmenting import Augment, augmented
from evenhand.mitigating.constraints import OPTIMISED, Constraint, constraint_of
from evenhand.mitigating.deciding import UNMITIGATED, Deciding, Mixture, Step
from evenhand.mitigating.groups import OTHERS, Grouping, group_columns, worth_comparing
from evenhand.mitigating.weights import as_classes, row_weights
from evenhand.predicting.classes import positive_class
from evenhand.values import Adapted, Splits

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run

IMPORTANCE = "row_importance"
LEAST_HELD = 20  # validation rows of each half
ONLY_BINARY = ("thresholds", "postprocess", "reductions")
BY_GROUP = (
    "who is selected depends on the group itself, which the law forbids in many decisions about people (such as credit"
    " in the US under the Equal Credit Opportunity Act): have counsel read this before anybody is decided on"
)


@dataclass(frozen=True, slots=True)
class Fitter:
    """What fits the recipe's model. fit: the hook; settled: thresholds and the like; augment: the hook."""

    recipe: Recipe
    splits: Splits
    run: Run
    fit: Callable[[Recipe, Splits], Adapted]
    settled: Callable[[Splits, Adapted], Adapted]
    augment: Augment

    @property
    def method(self) -> str:
        """The recipe's."""
        return self.recipe.mitigation.method

    @property
    def columns(self) -> list[str]:
        """Whose groups are made alike."""
        schema = self.splits.schema
        names = self.splits.train.column_names
        return group_columns(self.recipe.mitigation.columns, schema.sensitive, names, self.method)

    def grouping(self, rows: Dataset) -> Grouping:
        """How rows are told apart, learnt from `rows`."""
        rule, bins = self.recipe.mitigation, self.recipe.audit.bins
        found = Grouping.learn(rows, self.columns, bins, rule.least_rows)
        if len(set(found.of(rows))) < 2:
            raise BadInput(
                f"mitigation.method = '{self.method}' makes groups of {' and '.join(self.columns)} alike, and of the"
                f" {len(rows):,} rows to learn that from no two groups have {rule.least_rows}; give more rows, a larger"
                " split.validation, other columns (mitigation.columns), or ask for fewer (mitigation.least_rows)"
            )
        return found


def mitigated(fitter: Fitter) -> Adapted:
    """The adapted model as the recipe's [mitigation] has it; BadInput where it cannot be, in a sentence."""
    if fitter.method == "none":
        return fitter.settled(fitter.splits, fitter.fit(fitter.recipe, fitter.splits))
    _check(fitter)
    how = {
        "reweight": _reweighted,
        "augment": _augmented,
        "dfr": _last_layer,
        "reductions": _reduced,
        "thresholds": _decided,
        "postprocess": _decided,
    }
    return how[fitter.method](fitter)


def _check(fitter: Fitter) -> None:
    """BadInput where the method does not do the task, or contradicts another part of the recipe; before any fit."""
    recipe, method = fitter.recipe, fitter.method
    if recipe.task == "generate":
        raise BadInput(f"mitigation.method = '{method}' is for labels, and recipe '{recipe.full_name}' writes texts")
    regression = recipe.task == "regression" and method == "reductions"
    if method in ONLY_BINARY and recipe.task != "binary" and not regression:
        raise BadInput(
            f"mitigation.method = '{method}' is for one of two classes, and this task is {recipe.task}; use reweight,"
            " dfr or augment" + (", or reductions" if recipe.task == "regression" else "")
        )
    if method in ("thresholds", "postprocess") and (recipe.audit.operating_point or recipe.audit.top is not None):
        part = "audit.top" if recipe.audit.top is not None else "audit.operating_point"
        raise BadInput(f"mitigation.method = '{method}' chooses who is selected, and so does {part}; keep one of them")
    if method in ("thresholds", "postprocess") and recipe.abstain.keep is not None:
        raise BadInput(f"mitigation.method = '{method}' decides every row, and abstain.keep leaves some open; keep one")
    _ = fitter.columns
    if method in ONLY_BINARY:
        asked = constraint_of(recipe)
        if method == "postprocess" and asked.name not in OPTIMISED:
            raise BadInput(
                f"fairlearn's threshold optimizer knows no constraint '{asked.name}'; use mitigation.method ="
                f" 'thresholds', or one of {', '.join(OPTIMISED)} (mitigation.constraint)"
            )


def _beside(before: Adapted, after: Adapted, notes: tuple[str, ...]) -> Adapted:
    """The mitigated model, with the one before among its baselines; each by thresholds chosen by the same rule."""
    operating, labelled = after.operating, after.labelled
    if operating is not None and before.operating is not None:
        own = {**operating.baselines, UNMITIGATED: before.operating.threshold}
        operating = replace(operating, baselines=own)
    if labelled is not None and before.labelled is not None:
        labelled = replace(labelled, baselines={**labelled.baselines, UNMITIGATED: before.labelled.thresholds})
    baselines = {**before.baselines, **after.baselines, UNMITIGATED: before.model}
    exhibits = {**before.exhibits, **after.exhibits}
    return replace(
        after,
        baselines=baselines,
        operating=operating,
        labelled=labelled,
        exhibits=exhibits,
        notes=(*notes, *after.notes),
    )


def _told(fitter: Fitter, grouping: Grouping | None = None) -> str:
    groups = f" ({', '.join(grouping.known)})" if grouping is not None and 0 < len(grouping.known) <= 12 else ""
    return f"mitigation: {fitter.method} by {' and '.join(fitter.columns)}{groups}"


def _reweighted(fitter: Fitter) -> Adapted:
    splits, recipe = fitter.splits, fitter.recipe
    before = fitter.settled(splits, fitter.fit(recipe, splits))
    grouping = fitter.grouping(splits.train)
    groups = np.concatenate([grouping.of(rows) for rows in (splits.train, splits.validation)])
    weights = row_weights(groups, _targets(recipe, splits), recipe.mitigation.weights)
    cut = len(splits.train)
    changed = replace(
        splits,
        train=splits.train.add_column(IMPORTANCE, weights[:cut].tolist()),
        validation=splits.validation.add_column(IMPORTANCE, weights[cut:].tolist()),
        importance=IMPORTANCE,
    )
    after = fitter.fit(recipe, changed)
    if not after.weighted:
        raise BadInput(
            f"mitigation.method = 'reweight' weighs rows, and the model of recipe '{recipe.full_name}'"
            f" ({after.strategy}) is its plugin's own and takes no weights; use thresholds, postprocess or augment"
        )
    after = replace(fitter.settled(changed, after), weighted=False)
    least, most = float(weights.min()), float(weights.max())
    rule = {
        "independent": "group and label are independent (Kamiran & Calders 2012)",
        "balanced": "every class of every group counts the same",
    }[recipe.mitigation.weights]
    note = f"{_told(fitter, grouping)}; rows count {least:.2g} to {most:.2g} times, so that {rule}"
    return _beside(before, after, (note,))


def _targets(recipe: Recipe, splits: Splits) -> np.ndarray:
    """Labels of train and validation as weights need them: names of classes, flags, or parts of a number's range."""
    both = splits.train, splits.validation
    if recipe.task == "multilabel":
        flags = [[value for rows in both for value in rows[name]] for name in splits.schema.labels]
        return np.array(flags, dtype=int).T
    label = splits.schema.require("label", "reweighting")
    values = [value for rows in both for value in rows[label]]
    if recipe.task == "regression":
        return as_classes(np.array(values, dtype=float))
    return np.array([str(value) for value in values])


def _augmented(fitter: Fitter) -> Adapted:
    splits, recipe = fitter.splits, fitter.recipe
    changed = augmented(splits, fitter.columns, fitter.augment, recipe.seed)
    before = fitter.settled(splits, fitter.fit(recipe, splits))
    after = fitter.fit(recipe, changed)
    if after.validation_scores is not None:  # those of the rows themselves, which stand first
        after = replace(after, validation_scores=after.validation_scores[: len(splits.validation)])
    after = fitter.settled(splits, after)
    made = len(changed.train) - len(splits.train)
    note = f"{_told(fitter)}; {made:,} training rows were added that are {len(splits.train):,} ones about other groups"
    return _beside(before, after, (note,))


def _last_layer(fitter: Fitter) -> Adapted:
    from evenhand.mitigating.last_layer import learns_from_held, refitted, refuse_without

    recipe, splits = fitter.recipe, fitter.splits
    first, second = _halves(fitter)
    base = fitter.fit(_whole(recipe, refit="never"), replace(splits, validation=first))
    refuse_without(base.model, base.strategy)
    held = learns_from_held(base.model)
    learnt = replace(splits, validation=second)
    grouping = fitter.grouping(second if held else splits.train)
    model, rows = refitted(base.model, recipe, learnt, grouping.of, fitter.run)
    apart = replace(splits, validation=first)
    before = fitter.settled(apart, base)
    after = fitter.settled(apart, replace(base, model=model, validation_scores=None, notes=()))
    how = (
        f"validation rows that the network had not seen ({len(second):,}; it chose on the other {len(first):,})"
        if held
        else f"rows of train and of half of validation ({len(second):,} rows; thresholds are chosen on the other half)"
    )
    note = f"{_told(fitter, grouping)}; the last layer was fitted again on {rows:,} {how}, groups balanced"
    return _beside(before, after, (note,))


def _reduced(fitter: Fitter) -> Adapted:
    from evenhand.mitigating.reducing import reduced

    recipe, splits = fitter.recipe, fitter.splits
    before = fitter.settled(splits, fitter.fit(_whole(recipe), splits))
    constraint, grouping = constraint_of(recipe), fitter.grouping(splits.train)
    found = reduced(before.model, recipe, splits, constraint, grouping.of, fitter.run)
    labels = read_labels(recipe, splits)
    whole = len(labels.validation_rows) == len(splits.validation) and recipe.task != "regression"
    after = replace(
        before,
        model=found.model,
        strategy="reductions",
        validation={"gap": found.gap},
        validation_scores=found.scores if whole else None,
        operating=None,
        scope=None,
    )
    after = fitter.settled(splits, after)
    what = (
        f"a mean squared error of at most {found.bound:.4g} in each group (the worst on validation: {found.gap:.4g})"
        if recipe.task == "regression"
        else f"{constraint.name} even within {found.bound:.3g} on train (on validation: {found.gap:.3f} apart)"
    )
    note = (
        f"{_told(fitter, grouping)}; fairlearn's {recipe.mitigation.search} search, {found.models} models, {what};"
        " their scores are averaged where fairlearn draws one of them by chance"
    )
    return _beside(before, after, (note,))


def _whole(recipe: Recipe, **rule: Any) -> Recipe:
    """The recipe without windows: a text longer than the backbone reads is cut, so that it has one row of features."""
    windows = recipe.finetune.windows.model_copy(update={"use": "never"})
    return recipe.model_copy(update={"finetune": recipe.finetune.model_copy(update={"windows": windows, **rule})})


def _decided(fitter: Fitter) -> Adapted:
    from evenhand.adapting import scores
    from evenhand.mitigating.thresholds import between_two, one_for_all, one_for_each

    recipe, splits, rule = fitter.recipe, fitter.splits, fitter.recipe.mitigation
    first, second = _halves(fitter)
    base = fitter.fit(recipe, replace(splits, validation=first))
    column = positive_class(splits.schema, base.classes)
    said = np.clip(np.asarray(scores(base.model, second, splits.schema), dtype=float)[:, column], 0, 1)
    label = splits.schema.require("label", "mitigating")
    positive = np.array([value == base.classes[column] for value in second[label]])
    grouping, constraint = fitter.grouping(second), constraint_of(recipe)
    usual = 0.5 if recipe.audit.threshold is None else float(recipe.audit.threshold)
    named = grouping.of(second)
    judged, left = _judged(named, positive, fitter)
    asked = said[judged], positive[judged], named[judged], constraint, usual
    even = constraint.gap(positive[judged], said[judged] >= usual, named[judged]) <= constraint.most
    if fitter.method == "thresholds" and even:  # nothing to mend, and any other threshold would follow noise
        deciding = Deciding("thresholds", usual)
    elif fitter.method == "thresholds" and not rule.per_group:
        deciding = Deciding("thresholds", one_for_all(*asked))
    elif fitter.method == "thresholds":
        each = one_for_each(*asked)
        rules = {name: Mixture(((1.0, Step(at)),)) for name, at in each.items()}
        deciding = Deciding("thresholds", usual, grouping, rules)
    else:
        deciding = Deciding(
            "postprocess", usual, grouping, between_two(*asked), tuple(splits.schema.input), recipe.seed
        )
    held = said[judged], positive[judged], named[judged], second.select(np.flatnonzero(judged))
    notes = (*_notes(fitter, deciding, constraint, held, usual, len(first)), *left)
    return replace(base, deciding=deciding, notes=(*notes, *base.notes))


def _notes(
    fitter: Fitter,
    deciding: Deciding,
    constraint: Constraint,
    held: tuple[np.ndarray, np.ndarray, np.ndarray, Any],
    usual: float,
    chosen_on: int,
) -> tuple[str, ...]:
    """What was chosen, on how many rows, what it reaches there, and what the law may say of it."""
    said, positive, named, rows = held
    gaps = [constraint.gap(positive, one, named) for one in (said >= usual, deciding.selects(said, rows))]
    known, few = deciding.groups, int((named == OTHERS).sum())
    together = f"; {few:,} of them are of groups with too few rows, which count as one" if few else ""
    chose = (
        f"{_told(fitter, known)}; chosen on {len(said):,} validation rows that the model had not seen (it chose on the"
        f" other {chosen_on:,}): {constraint.name} {gaps[0]:.3f} apart there at the usual threshold {usual:g}, and"
        f" {gaps[1]:.3f} by the new decisions{together}"
    )
    if known is None and deciding.shared == usual and gaps[0] <= constraint.most:
        return (f"{chose}; groups are as close as asked ({constraint.most:g}) there, so the usual threshold stays",)
    if known is None:
        return (f"{chose}; one threshold for all, {deciding.shared:.4g}",)
    rules = deciding.by_group or {}
    if deciding.method == "thresholds":
        each = ", ".join(f"{name} {rule.steps[0][1].threshold:.3g}" for name, rule in rules.items())
        return (f"{chose}; thresholds: {each}", BY_GROUP)
    chance = (
        "between two thresholds of a group chance decides, drawn from the row's inputs and the seed: the same row is"
        " always decided alike"
    )
    return (chose, chance, BY_GROUP)


def _judged(named: np.ndarray, positive: np.ndarray, fitter: Fitter) -> tuple[np.ndarray, tuple[str, ...]]:
    """(which rows to choose on, a sentence on groups that are left out): those of a group with rows of both classes.

    A group without one has no rates that could be made even; it stays at the usual threshold. BadInput where fewer than
    two groups are left.
    """
    judged = worth_comparing(named, fitter.recipe.mitigation.least_rows)
    left = []
    for group in np.unique(named[judged]):
        here = positive[named == group]
        if here.all() or not here.any():
            judged = judged & (named != group)
            left.append(f"{group} ({len(here):,} rows, all {'positive' if here.all() else 'negative'})")
    if len(np.unique(named[judged])) < 2:
        raise BadInput(
            f"mitigation.method = '{fitter.method}' chooses on {len(named):,} validation rows, of which fewer than two"
            f" groups have rows of both classes{': ' if left else ''}{', '.join(left)}; give more rows, a larger"
            " split.validation, or other columns (mitigation.columns)"
        )
    if not left:
        return judged, ()
    said = f"not judged, and by group left at the usual threshold, for want of both classes: {', '.join(left)}"
    return judged, (said,)


def _halves(fitter: Fitter) -> tuple[Dataset, Dataset]:
    """(validation rows for the model, those for the method): by chance, rows of one `group_id` on one side."""
    rows, column = fitter.splits.validation, fitter.splits.schema.group_id
    units = np.arange(len(rows))
    if column:
        units = np.unique([str(value) for value in rows[column]], return_inverse=True)[1]
    order = np.random.default_rng([fitter.recipe.seed, 13]).permutation(units.max() + 1 if len(units) else 0)
    mine = np.isin(units, order[: len(order) // 2])
    first, second = np.flatnonzero(mine), np.flatnonzero(~mine)
    if min(len(first), len(second)) < LEAST_HELD:
        raise BadInput(
            f"mitigation.method = '{fitter.method}' divides the {len(rows):,} validation rows between the model and"
            f" itself, and needs {LEAST_HELD} for each; give more rows or a larger split.validation"
        )
    return rows.select(first), rows.select(second)
