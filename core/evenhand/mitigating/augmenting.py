"""Rows learnt again as they would be of another group: a table's sensitive inputs exchanged, the rest by plugins.

Counterfactual augmentation (Lu et al. 2020, arXiv 1807.11714; of a table: Kusner et al. 2017, NeurIPS, without the
causal graph that would tell what else would be otherwise).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.errors import BadInput, PluginFault
from evenhand.mitigating.groups import FEW_VALUES

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.values import Splits

MOST_ADDED = 2.0  # times as many rows as there are
Augment = Callable[["Dataset", list[str]], "Dataset"]


def exchanged(recipe: Recipe, rows: Dataset, columns: Sequence[str]) -> Dataset:
    """Each row once for every other group of each of `columns` that is an input; the core's answer to the hook."""
    inputs = [name for name in columns if name in recipe.schema.input]
    if recipe.modality != "table":
        raise BadInput(
            f"mitigation.method = 'augment' needs to know what a row would be if it were about another group, and"
            f" nothing says that of recipe '{recipe.full_name}' ({recipe.modality}): its plugin must answer the hook"
            " augment; or choose another method"
        )
    if not inputs:
        raise BadInput(
            f"mitigation.method = 'augment' exchanges a table's sensitive columns where they are inputs, and"
            f" {', '.join(columns)} is none; the model cannot read it, so choose another method"
        )
    places: list[int] = []
    made: dict[str, list[Any]] = {name: [] for name in inputs}
    for column in inputs:
        values = list(rows[column])
        known = sorted({value for value in values if value is not None}, key=str)
        if len(known) > FEW_VALUES:
            raise BadInput(
                f"mitigation.method = 'augment' exchanges groups, and column '{column}' has {len(known)} values; give"
                " bands instead of numbers, or choose another method"
            )
        for place, value in enumerate(values):
            for other in known:
                if value is not None and other != value:
                    places.append(place)
                    for name in inputs:
                        made[name].append(other if name == column else rows[name][place])
    return _with_columns(rows.select(places), made)


def _with_columns(rows: Dataset, columns: dict[str, list[Any]]) -> Dataset:
    """The rows with these columns in place of their own, in the same order and of the same types."""
    import pyarrow as pa

    table = rows.with_format("arrow")[:] if len(rows) else rows.data.table
    for name, values in columns.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values, type=table.schema.field(name).type))
    return type(rows)(table, info=rows.info)


def augmented(splits: Splits, columns: list[str], augment: Augment, seed: int) -> Splits:
    """Train and validation with their rows of other groups after them, at most MOST_ADDED times as many."""
    rng = np.random.default_rng([seed, 7])
    return replace(
        splits,
        train=_added(splits.train, augment(splits.train, columns), rng),
        validation=_added(splits.validation, augment(splits.validation, columns), rng),
    )


def _added(rows: Dataset, made: Dataset, rng: np.random.Generator) -> Dataset:
    from datasets import concatenate_datasets

    if set(made.column_names) != set(rows.column_names):
        raise PluginFault("the hook augment gave rows with other columns than it was given")
    most = int(MOST_ADDED * len(rows))
    if len(made) > most:
        made = made.select(np.sort(rng.permutation(len(made))[:most]))
    return concatenate_datasets([rows, made.cast(rows.features)]) if len(made) else rows
